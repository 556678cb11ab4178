//! Who is asked about a pod, and what follows from what is told.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::annotation::RefusalReason;
use crate::authority::policy::Settings;
use crate::cluster::{Check, Cluster, Owner};
use crate::policy::{PolicySet, parse};
use crate::review::{Question, Record, Reply, Told, World, reply};
use crate::rules::{RuleId, RuleSet};

const NOW: OffsetDateTime = datetime!(2027-01-10 12:00 UTC);
const UID: &str = "00010203-0405-0607-0809-0a0b0c0d0e0f";
const CHECKED_SINCE: i64 = 1_700_000_000;
const REPLICASETS: &str = "system:serviceaccount:kube-system:replicaset-controller";

fn cluster(check: bool, created: Option<i64>) -> Cluster {
    let cluster = Cluster::connected();
    if check {
        let since = OffsetDateTime::from_unix_timestamp(CHECKED_SINCE).expect("a time");
        cluster.check.store(Some(std::sync::Arc::new(Check {
            uid: "check-1".into(),
            since,
            settings: Settings::default(),
        })));
    }
    if let Some(created) = created {
        let uid = crate::cluster::parse_uid(UID).expect("a uid");
        cluster.owners.apply(uid, Owner { created, controller: None });
    }
    cluster
}

fn review(user: &str, annotations: &Value, owner: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop", "operation": "CREATE",
        "userInfo": {"username": user, "uid": "7", "groups": ["a", "b"], "extra": {"k": ["v"]}},
        "object": {"metadata": {"name": "p", "labels": {"app": "web"}, "annotations": annotations,
            "ownerReferences": owner}, "spec": {"containers": [{"name": "a"}]}}}})
}

fn owner(kind: &str) -> Value {
    let api_version = if kind == "Rollout" { "argoproj.io/v1alpha1" } else { "apps/v1" };
    json!([{"apiVersion": api_version, "kind": kind, "name": "x", "uid": UID, "controller": true}])
}

fn exempting() -> Value {
    json!({"pod-hardener.dev/exempt": "seccomp", "pod-hardener.dev/exempt-reason": "r"})
}

const RBAC: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: p}
spec: {exemptions: {authorization: rbac, trustedControllers: [rollouts]}}
";

fn ask_under(policies: &str, review: &Value, cluster: &Cluster, told: Told) -> Reply {
    let policies = PolicySet::new(parse("p", policies).expect("valid"));
    let world = World { policies: &policies, cluster, now: NOW, memory: None };
    reply(review.to_string().as_bytes(), &world, told).expect("a review")
}

fn ask(review: &Value, cluster: &Cluster, told: Told) -> Reply {
    ask_under(RBAC, review, cluster, told)
}

fn answered(reply: Reply) -> Record {
    match reply {
        Reply::Answer(answer) => answer.record,
        Reply::Ask(question) => panic!("asks {question:?}"),
    }
}

fn seccomp() -> RuleSet {
    [RuleId::seccomp].into_iter().collect()
}

fn told(may: RuleSet) -> Told {
    Told { may: Some(may), ..Told::default() }
}

#[test]
fn a_person_is_asked_about_and_only_where_the_pod_asks_for_something() {
    let cluster = cluster(true, None);
    let plain = review("jane", &json!({}), &Value::Null);
    assert!(answered(ask(&plain, &cluster, Told::default())).exempted.is_empty());
    let wants = review("jane", &exempting(), &Value::Null);
    let Reply::Ask(Question::May { requester, namespace, rules }) = ask(&wants, &cluster, Told::default())
    else {
        panic!("nobody is asked");
    };
    assert_eq!((namespace.as_str(), rules), ("shop", seccomp()));
    assert_eq!((requester.username.as_str(), requester.uid.as_str()), ("jane", "7"));
    assert_eq!((requester.groups.len(), &requester.extra["k"]), (2, &vec!["v".to_owned()]));
    assert_eq!(answered(ask(&wants, &cluster, told(seccomp()))).exempted, seccomp());
    let refused = answered(ask(&wants, &cluster, told(RuleSet::default())));
    assert_eq!(refused.refusals, [RefusalReason::Unauthorized]);
    assert!(refused.exempted.is_empty());
    let unreachable = Told { unreachable: true, ..told(RuleSet::default()) };
    let Reply::Answer(answer) = ask(&wants, &cluster, unreachable) else { panic!("asks again") };
    let body = String::from_utf8(answer.body).expect("UTF-8");
    assert!(body.contains("try again"), "{body}");
    // Nobody can be asked.
    let refused = answered(ask(&wants, &Cluster::default(), Told::default()));
    assert_eq!(refused.refusals, [RefusalReason::Unauthorized]);
    let trusted = review("rollouts", &exempting(), &owner("Rollout"));
    assert_eq!(answered(ask(&trusted, &cluster, Told::default())).exempted, seccomp());
}

#[test]
fn a_controllers_pod_is_trusted_while_its_template_was_checked() {
    let mut adopted = exempting();
    adopted["pod-hardener.dev/exempt-adopted"] = json!("check-1");
    let mut elsewhere = exempting();
    elsewhere["pod-hardener.dev/exempt-adopted"] = json!("check-0");
    for (name, check, created, annotations, honoured) in [
        ("younger", true, CHECKED_SINCE, exempting(), true),
        ("older", true, CHECKED_SINCE - 1, exempting(), false),
        ("no check", false, CHECKED_SINCE, exempting(), false),
        ("adopted", true, CHECKED_SINCE - 1, adopted.clone(), true),
        ("adopted under another", true, CHECKED_SINCE - 1, elsewhere, false),
        ("adopted without a check", false, CHECKED_SINCE - 1, adopted, false),
    ] {
        let wants = review(REPLICASETS, &annotations, &owner("ReplicaSet"));
        let record = answered(ask(&wants, &cluster(check, Some(created)), Told::default()));
        assert_eq!(!record.exempted.is_empty(), honoured, "{name}");
        let expected: &[RefusalReason] = if honoured { &[] } else { &[RefusalReason::Unverified] };
        assert_eq!(record.refusals, expected, "{name}");
    }
    for user in ["system:kube-controller-manager", "system:serviceaccount:kube-system:job-controller"] {
        let wants = review(user, &exempting(), &owner("ReplicaSet"));
        let record = answered(ask(&wants, &cluster(true, Some(CHECKED_SINCE)), Told::default()));
        assert_eq!(record.exempted, seccomp(), "{user}");
    }
}

#[test]
fn an_owner_that_is_not_known_yet_is_waited_for_once() {
    let wants = review(REPLICASETS, &exempting(), &owner("ReplicaSet"));
    let cluster = cluster(true, None);
    let asked = ask(&wants, &cluster, Told::default());
    assert!(matches!(asked, Reply::Ask(Question::Owner(uid)) if Some(uid) == crate::cluster::parse_uid(UID)));
    let record = answered(ask(&wants, &cluster, Told { waited: true, ..Told::default() }));
    assert_eq!(record.refusals, [RefusalReason::Unverified]);
}

#[test]
fn only_a_controller_with_a_checked_owner_counts_as_one() {
    let cluster = cluster(true, Some(CHECKED_SINCE));
    let mut unmanaged = owner("ReplicaSet");
    unmanaged[0]["controller"] = json!(false);
    for (user, owner) in [
        (REPLICASETS, Value::Null),
        (REPLICASETS, owner("Rollout")),
        (REPLICASETS, unmanaged),
        ("jane", owner("ReplicaSet")),
        ("system:serviceaccount:shop:replicaset-controller", owner("ReplicaSet")),
        ("system:serviceaccount:kube-system:other", owner("ReplicaSet")),
    ] {
        let asked = ask(&review(user, &exempting(), &owner), &cluster, Told::default());
        assert!(matches!(asked, Reply::Ask(Question::May { .. })), "{user} {owner}");
    }
}

#[test]
fn for_ephemeral_containers_the_requester_is_asked_about() {
    let cluster = cluster(true, Some(CHECKED_SINCE));
    for user in ["jane", "rollouts", REPLICASETS] {
        let mut wants = review(user, &exempting(), &owner("ReplicaSet"));
        let request = &mut wants["request"];
        request["operation"] = json!("UPDATE");
        request["subResource"] = json!("ephemeralcontainers");
        request["oldObject"] = request["object"].clone();
        request["object"]["spec"]["ephemeralContainers"] = json!([{"name": "debug"}]);
        assert!(matches!(ask(&wants, &cluster, Told::default()), Reply::Ask(Question::May { .. })), "{user}");
        assert_eq!(answered(ask(&wants, &cluster, told(seccomp()))).exempted, seccomp(), "{user}");
    }
}

const LABELLED: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: web}
spec: {rules: {seccomp: {mode: 'off'}}, selector: {podLabels: {app: web}}}
";

#[test]
fn a_weaker_policy_chosen_by_a_pod_label_is_asked_about() {
    let cluster = cluster(true, Some(CHECKED_SINCE));
    let chooses = review("jane", &json!({}), &Value::Null);
    let asked = ask_under(LABELLED, &chooses, &cluster, Told::default());
    assert!(matches!(asked, Reply::Ask(Question::May { rules, .. }) if rules == seccomp()));
    let under = |review: &Value, told| answered(ask_under(LABELLED, review, &cluster, told));
    assert_eq!(under(&chooses, told(seccomp())).policy, "web");
    let kept = under(&chooses, told(RuleSet::default()));
    assert_eq!((kept.policy.as_str(), kept.remarks.len()), ("restricted", 1));
    // Nobody with a name asks for a controller's pod.
    let made = review(REPLICASETS, &json!({}), &owner("ReplicaSet"));
    assert_eq!(under(&made, Told::default()).policy, "restricted");
}
