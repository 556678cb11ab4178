use serde_json::{Value, json};

use super::*;

/// A pod with one container `app`, whose status has this beside its name.
fn pod(state: &Value) -> Value {
    let mut status = json!({"name": "app", "image": "app:1", "imageID": "app@sha256:1", "restartCount": 1});
    for (field, value) in state.as_object().expect("an object") {
        status[field] = value.clone();
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "web-1", "namespace": "shop", "uid": "u", "resourceVersion": "7",
            "creationTimestamp": "2027-01-01T00:00:00Z",
            "annotations": {"pod-hardener.dev/hardened": "restricted: seccomp"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r",
                "controller": true}],
        },
        "spec": {
            "unknown": [1], "restartPolicy": "Always", "securityContext": {"runAsUser": 65532},
            "containers": [{"name": "app", "image": "app:1", "resources": {"limits": {"memory": "1Gi"}}}],
        },
        "status": {"phase": "Running", "startTime": "2027-01-01T00:00:01Z", "containerStatuses": [status]},
    })
}

fn terminated(code: i32, message: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": "Error", "message": message, "finishedAt": "2027-01-01T00:00:09Z"}})
}

fn apply(pods: &mut Pods, pod: &Value) -> Option<Failure> {
    let pod: Read = serde_json::from_value(pod.clone()).expect("a pod");
    pods.apply(&pod, false, &mut Users::default())
}

/// A pod whose container has ended with this message, after so many restarts.
pub(crate) fn failing(restarts: i32, message: &str) -> Failure {
    let mut pod = pod(&json!({"state": terminated(1, message)}));
    pod["status"]["containerStatuses"][0]["restartCount"] = json!(restarts);
    apply(&mut Pods::default(), &pod).expect("a failure")
}

fn fails(pod: &Value) -> Option<(Option<i32>, String)> {
    let failure = apply(&mut Pods::default(), pod)?;
    let death = failure.death();
    Some((death.exit_code, death.message.to_owned()))
}

#[test]
fn how_a_container_came_to_its_end() {
    let back_off = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
    let config = json!({"waiting": {"reason": "CreateContainerConfigError", "message": "non-numeric"}});
    let found = |code: Option<i32>, message: &str| Some((code, message.to_owned()));
    for (state, expected) in [
        (json!({"state": terminated(2, "m")}), found(Some(2), "m")),
        (json!({"state": back_off, "lastState": terminated(3, "m")}), found(Some(3), "m")),
        (json!({"state": config}), found(None, "non-numeric")),
        (json!({"state": terminated(0, "")}), found(Some(0), "")),
        (json!({"state": {"running": {}}, "lastState": terminated(3, "m")}), None),
        (json!({"state": {"waiting": {"reason": "ContainerCreating"}}}), None),
        (json!({"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no"}}}), None),
        (json!({"state": {}}), None),
        (json!({}), None),
    ] {
        assert_eq!(fails(&pod(&state)), expected, "{state}");
    }
}

#[test]
fn what_is_no_failure_of_ours() {
    let base = || pod(&json!({"state": terminated(2, "m")}));
    assert!(fails(&base()).is_some());
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut pod = base();
        change(&mut pod);
        fails(&pod)
    };
    assert_eq!(changed(&|pod| pod["metadata"]["annotations"] = json!({})), None, "not hardened");
    assert_eq!(changed(&|pod| pod["metadata"]["deletionTimestamp"] = json!("2027-01-01T00:00:00Z")), None);
    assert_eq!(changed(&|pod| pod["status"]["reason"] = json!("Evicted")), None);
    assert_eq!(changed(&|pod| pod["status"] = Value::Null), None);
    // Who is done is done.
    let done = |policy: &str| {
        let mut pod = pod(&json!({"state": terminated(0, "")}));
        pod["spec"]["restartPolicy"] = json!(policy);
        fails(&pod).is_none()
    };
    assert!(done("Never") && done("OnFailure") && !done("Always"));
    let init = |policy: Value| {
        let mut pod = pod(&json!({"state": {"waiting": {"reason": "PodInitializing"}}}));
        pod["spec"]["initContainers"] = json!([{"name": "i", "restartPolicy": policy}]);
        pod["status"]["initContainerStatuses"] = json!([{"name": "i", "state": terminated(0, "")}]);
        fails(&pod).is_some()
    };
    assert!(!init(Value::Null));
    assert!(init(json!("Always")), "a sidecar");
}

#[test]
fn what_is_kept_of_a_failure() {
    let failure =
        apply(&mut Pods::default(), &pod(&json!({"state": terminated(2, "m")}))).expect("a failure");
    assert_eq!((failure.namespace.as_str(), failure.name.as_str()), ("shop", "web-1"));
    assert_eq!((failure.user, failure.memory.as_deref()), (Some(65532), Some("1Gi")));
    assert_eq!((failure.digest.as_str(), failure.restarts), ("app@sha256:1", 1));
    assert_eq!(failure.hardened, ["pod-hardener.dev/hardened"]);
    assert_eq!(failure.owner.expect("an owner").name, "web");
    let long = "ä".repeat(10_000);
    let failure = apply(&mut Pods::default(), &pod(&json!({"state": terminated(2, &long)})));
    assert!(failure.expect("a failure").death().message.len() <= 4096);
}

#[test]
fn a_log_is_heard_where_the_status_does_not_tell_why() {
    let all = RuleSet::all();
    let of = |reason: &str, code: Option<i32>, message: &str| Failure {
        reason: reason.to_owned(),
        exit_code: code,
        ..failing(1, message)
    };
    for (failure, expected) in [
        (of("Completed", Some(0), ""), true),
        (of(NEVER_READY, None, ""), true),
        (Failure { proven: true, ..of(NEVER_READY, None, "") }, false),
        (of("Error", Some(1), "  from /usr/bin/puma:25"), true),
        (of("Error", Some(1), "Permission denied"), true),
        (of("Error", Some(1), "open /data/x: permission denied"), false),
        (of("Error", Some(1), "bind: permission denied"), false),
        // There is no log of what did not begin.
        (of("CreateContainerConfigError", None, "secret \"x\" not found"), false),
    ] {
        assert_eq!(failure.has_more_to_say(all), expected, "{failure:?}");
    }
    let mut failure = of("Error", Some(1), "Permission denied");
    failure.hear("beginning", all);
    assert_eq!(failure.death().message, "Permission denied", "it tells less");
    failure.hear("open /data/x: permission denied\nbye", all);
    assert_eq!(failure.death().message, "open /data/x: permission denied\nbye");
}

#[test]
fn each_end_is_looked_at_once() {
    let mut pods = Pods::default();
    let back_off = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    assert!(apply(&mut pods, &pod(&json!({"state": terminated(2, "m")}))).is_some());
    assert!(apply(&mut pods, &pod(&json!({"state": terminated(2, "m")}))).is_none());
    let later = json!({"state": back_off, "lastState": terminated(2, "m")});
    assert!(apply(&mut pods, &pod(&later)).is_none(), "the same end");
    let mut again = pod(&later);
    again["status"]["containerStatuses"][0]["restartCount"] = json!(2);
    assert!(apply(&mut pods, &again).is_some());
    let current = pods.current("u", 0).expect("known");
    assert!(current.fails && current.resource_version == "7");
    assert!(apply(&mut pods, &pod(&json!({"state": {"running": {}}}))).is_none());
    assert!(!pods.current("u", 0).expect("known").fails);
    pods.begin();
    pods.listed();
    assert!(pods.is_empty());
}

#[test]
fn for_how_long_a_pod_was_ready() {
    let ready = |status: &str, at: &str| {
        let mut pod = pod(&json!({"state": {"running": {}}}));
        let condition =
            json!({"type": "Ready", "status": status, "lastTransitionTime": format!("2027-01-01T00:{at}Z")});
        pod["status"]["conditions"] = json!([condition]);
        pod
    };
    let start = 1_798_761_600;
    let longest = |pods: &Pods| pods.current("u", start + 3600).expect("known").longest_ready;
    let mut pods = Pods::default();
    apply(&mut pods, &ready("False", "00:01"));
    assert_eq!(longest(&pods), 0);
    apply(&mut pods, &ready("True", "10:00"));
    apply(&mut pods, &ready("False", "10:20"));
    assert_eq!(longest(&pods), 20);
    let mut late = Pods::default();
    apply(&mut late, &ready("False", "10:20"));
    assert_eq!(longest(&late), 620, "it may have been ready all the time");
}

#[test]
fn a_pod_that_runs_and_is_never_ready_fails_in_time() {
    let start = 1_798_761_600;
    let running = |ready: bool, since: &str| {
        let mut pod =
            pod(&json!({"state": {"running": {"startedAt": "2027-01-01T00:00:05Z"}}, "ready": ready}));
        pod["spec"]["containers"][0]["readinessProbe"] =
            json!({"exec": {}, "initialDelaySeconds": 3, "periodSeconds": 2, "failureThreshold": 1});
        let status = if ready { "True" } else { "False" };
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": status, "lastTransitionTime": format!("2027-01-01T00:{since}Z")}]);
        pod
    };
    let unready = |pods: &mut Pods, at: i64| {
        pods.unready(start + at, |_| 60).into_iter().map(|failure| failure.proven).collect::<Vec<_>>()
    };
    let mut pods = Pods::default();
    assert!(apply(&mut pods, &running(false, "00:01")).is_none(), "not yet");
    assert_eq!(
        unready(&mut pods, 69),
        [] as [bool; 0],
        "five seconds until it began, five that its probe takes, sixty"
    );
    let found = pods.unready(start + 70, |_| 60);
    assert_eq!((found.len(), found[0].death().reason), (1, "NeverReady"));
    assert!(pods.current("u", 0).expect("known").fails);
    apply(&mut pods, &running(false, "00:01"));
    assert_eq!(unready(&mut pods, 99), [] as [bool; 0], "looked at already");
    assert_eq!(unready(&mut pods, 100), [false], "and once more");
    apply(&mut pods, &running(true, "02:00"));
    assert_eq!(unready(&mut pods, 1000), [] as [bool; 0]);
    assert!(!pods.current("u", 0).expect("known").fails);
    apply(&mut pods, &running(false, "03:00"));
    assert_eq!(unready(&mut pods, 2000), [] as [bool; 0], "it was ready");
    // Another one like it: whatever it waits for, hardening is not it.
    let mut other = running(false, "00:01");
    other["metadata"]["uid"] = json!("other");
    apply(&mut pods, &other);
    assert_eq!(unready(&mut pods, 2000), [true]);
    let mut crashes = pod(&json!({"state": terminated(2, "m")}));
    crashes["metadata"]["uid"] = json!("third");
    assert!(apply(&mut pods, &crashes).expect("a failure").proven);
    // Without a probe nobody knows.
    let mut silent = running(false, "00:01");
    silent["spec"]["containers"][0]["readinessProbe"] = Value::Null;
    let mut pods = Pods::default();
    apply(&mut pods, &silent);
    assert_eq!(unready(&mut pods, 2000), [] as [bool; 0]);
    // Not all of a cluster that is never ready.
    let mut one: Read = serde_json::from_value(running(false, "00:01")).expect("a pod");
    for number in 0..MOST_UNREADY + 10 {
        one.metadata.uid = Some(number.to_string());
        pods.apply(&one, false, &mut Users::default());
    }
    assert_eq!(unready(&mut pods, 2000).len(), MOST_UNREADY);
}

#[test]
fn users_are_seen_where_nobody_chose() {
    let mut users = Users::default();
    let mut running = pod(&json!({"state": {"running": {}}, "user": {"linux": {"uid": 999, "gid": 999}}}));
    let mut see = |pod: &Value| {
        let pod: Read = serde_json::from_value(pod.clone()).expect("a pod");
        Pods::default().apply(&pod, false, &mut users);
        users.of("shop", "app:1")
    };
    assert_eq!(see(&running), None);
    running["spec"]["securityContext"] = Value::Null;
    running["metadata"]["annotations"] = json!({});
    assert_eq!(see(&running), Some(999));
}

#[test]
fn memory_is_bounded() {
    let mut pods = Pods::default();
    let one = pod(&json!({"state": {"running": {}}}));
    let mut one: Read = serde_json::from_value(one).expect("a pod");
    for number in 0..MOST + 10 {
        one.metadata.uid = Some(number.to_string());
        pods.apply(&one, false, &mut Users::default());
    }
    assert_eq!(pods.len(), MOST);
    assert_eq!(pods.current(&(MOST + 1).to_string(), 0), None, "not known, so never evicted");
}
