use serde_json::{Value, json};

use super::*;
use crate::authority::policy::Settings;
use crate::cluster::{Check, Cluster};
use crate::policy::parse;

const NOW: OffsetDateTime = time::macros::datetime!(2027-01-01 12:00 UTC);

fn policies(spec: &str) -> PolicySet {
    let text = format!(
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: p}}\nspec: {spec}\n"
    );
    PolicySet::new(parse("p", &text).expect("a policy"))
}

const RBAC: &str = "{exemptions: {authorization: rbac}}";

/// A Deployment's creation by jane, changed.
fn review(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "name": "web", "namespace": "shop", "operation": "CREATE",
        "userInfo": {"username": "jane", "uid": "7", "groups": ["developers"], "extra": {"a": ["b"]}},
        "object": {"metadata": {"name": "web"}, "spec": {"template": template(&Value::Null)}},
        "oldObject": null, "dryRun": false}});
    change(&mut review["request"]);
    review.to_string().into_bytes()
}

fn template(annotations: &Value) -> Value {
    json!({"metadata": {"labels": {"app": "web"}, "annotations": annotations},
        "spec": {"containers": [{"name": "a", "image": "nginx"}]}})
}

fn exempting() -> Value {
    json!({"pod-hardener.dev/exempt": "seccomp,capabilities", "pod-hardener.dev/exempt-reason": "SHOP-1"})
}

fn exempted() -> Vec<u8> {
    review(|request| request["object"]["spec"]["template"] = template(&exempting()))
}

fn tell(body: &[u8], policies: &PolicySet, cluster: &Cluster, told: Told) -> Reply {
    validate(body, &World { policies, cluster, now: NOW, memory: None }, told).expect("a review")
}

fn answer(reply: Reply) -> (Value, Record) {
    let Reply::Answer(answer) = reply else { panic!("{reply:?}") };
    let mut body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    (body["response"].take(), answer.record)
}

/// The answer where nobody has to be asked.
fn ask(body: &[u8], spec: &str) -> (Value, Record) {
    answer(tell(body, &policies(spec), &Cluster::default(), Told::default()))
}

fn told(rules: impl IntoIterator<Item = RuleId>) -> Told {
    Told { may: Some(rules.into_iter().collect()), ..Told::default() }
}

fn warnings(response: &Value) -> Vec<&str> {
    response["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn a_workload_passes_unchanged_with_words_about_its_pods() {
    let (response, record) = ask(&review(|_| {}), "{}");
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(true)));
    assert_eq!((response.get("patch"), response.get("auditAnnotations")), (None, None));
    let warnings = warnings(&response);
    let head = "pod-hardener: pods of Deployment/web will be hardened by policy p: run-as-non-root";
    assert!(warnings.iter().any(|line| line.starts_with(head)), "{warnings:?}");
    assert!(warnings.iter().all(|line| line.chars().count() <= crate::message::LONGEST));
    assert_eq!((record.outcome, record.name.as_str()), (Outcome::Allowed, "web"));
}

#[test]
fn only_what_matters_is_said() {
    let quiet = |body: &[u8], spec: &str| {
        let (response, _) = ask(body, spec);
        assert_eq!(response["allowed"], true);
        assert!(warnings(&response).is_empty(), "{response}");
    };
    quiet(&review(|_| {}), "{workloadWarnings: false}");
    let all = json!({"pod-hardener.dev/exempt": "all", "pod-hardener.dev/exempt-reason": "x"});
    quiet(&review(|request| request["object"]["spec"]["template"] = template(&all)), "{}");
    // Scaled, or its status written: the template is the same.
    let update = |old: Value| {
        review(|request| {
            request["operation"] = json!("UPDATE");
            request["oldObject"] = json!({"metadata": {}, "spec": {"replicas": 1, "template": old}});
        })
    };
    quiet(&update(template(&Value::Null)), "{}");
    let (response, _) = ask(&update(template(&json!({"x": "y"}))), "{}");
    assert!(!warnings(&response).is_empty());
    // A pod is told of by the other endpoint.
    let pod = review(|request| {
        request["resource"] = json!({"group": "", "resource": "pods"});
        request["object"] = template(&Value::Null);
    });
    quiet(&pod, "{}");
    // A controller carries on what somebody else was told of.
    let replica_set = review(|request| {
        request["resource"]["resource"] = json!("replicasets");
        request["userInfo"] = json!({"username": "system:serviceaccount:kube-system:deployment-controller"});
        request["object"]["metadata"] = json!({"ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "controller": true}]});
    });
    quiet(&replica_set, RBAC);
}

#[test]
fn what_will_not_be_honoured_is_said() {
    let misspelt = json!({"pod-hardener.dev/exempt": "secomp", "pod-hardener.dev/exempt-reason": "x"});
    let body = review(|request| request["object"]["spec"]["template"] = template(&misspelt));
    let (response, _) = ask(&body, "{}");
    let first = warnings(&response)[0].to_owned();
    assert!(first.starts_with("pod-hardener: pods of Deployment/web: annotation"), "{first}");
    assert!(first.contains("did you mean \"seccomp\"?"), "{first}");
}

#[test]
fn whether_somebody_may_exempt_is_asked() {
    let cluster = Cluster::default();
    let Reply::Ask(question) = tell(&exempted(), &policies(RBAC), &cluster, Told::default()) else {
        panic!("nothing was asked");
    };
    let Question::May { requester, namespace, rules } = question else { panic!("{question:?}") };
    assert_eq!(
        (requester.username.as_str(), requester.uid.as_str(), namespace.as_str()),
        ("jane", "7", "shop")
    );
    assert_eq!(requester.groups, ["developers"]);
    assert_eq!(requester.extra, [("a".to_owned(), vec!["b".to_owned()])].into());
    assert_eq!(rules, [RuleId::seccomp, RuleId::capabilities].into_iter().collect());
    // Where policy wants nobody's word, nobody is asked.
    let (response, _) = ask(&exempted(), "{}");
    assert_eq!((&response["allowed"], response.get("auditAnnotations")), (&json!(true), None));
}

#[test]
fn who_may_not_exempt_is_denied_with_what_would_allow_it() {
    let (policies, cluster) = (policies(RBAC), Cluster::default());
    let (response, record) = answer(tell(&exempted(), &policies, &cluster, told([RuleId::capabilities])));
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(403)));
    let message = response["status"]["message"].as_str().expect("a message");
    for part in [
        "\"jane\"",
        "exempt from seccomp in namespace \"shop\"",
        "verbs: [exempt], apiGroups: [pod-hardener.dev], resources: [rules], resourceNames: [seccomp]",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let audit = json!({"policy": "p", "exempting": "capabilities,seccomp", "not-allowed": "seccomp"});
    assert_eq!((record.outcome, &response["auditAnnotations"]), (Outcome::Denied, &audit));

    let both = told([RuleId::seccomp, RuleId::capabilities]);
    let (response, record) = answer(tell(&exempted(), &policies, &cluster, both));
    assert_eq!((&response["allowed"], record.outcome), (&json!(true), Outcome::Allowed));

    let unreachable = Told { unreachable: true, ..told([]) };
    let (response, _) = answer(tell(&exempted(), &policies, &cluster, unreachable));
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(503)));
    assert!(response["status"]["message"].as_str().is_some_and(|text| text.contains("try again")));
}

#[test]
fn every_kind_is_asked_about_and_trusted_controllers_are_not() {
    let kinds = [
        ("", "pods", "/object"),
        ("", "replicationcontrollers", "/object/spec/template"),
        ("apps", "deployments", "/object/spec/template"),
        ("apps", "replicasets", "/object/spec/template"),
        ("apps", "statefulsets", "/object/spec/template"),
        ("apps", "daemonsets", "/object/spec/template"),
        ("batch", "jobs", "/object/spec/template"),
        ("batch", "cronjobs", "/object/spec/jobTemplate/spec/template"),
    ];
    for (group, resource, place) in kinds {
        let body = |change: &dyn Fn(&mut Value)| {
            review(|request| {
                request["resource"] = json!({"group": group, "version": "v1", "resource": resource});
                request["object"] = json!({"metadata": {}, "spec": {"jobTemplate": {"spec": {}}}});
                if place == "/object/spec/template" {
                    request["object"]["spec"]["template"] = template(&exempting());
                } else if place == "/object" {
                    request["object"] = template(&exempting());
                } else {
                    request["object"]["spec"]["jobTemplate"]["spec"]["template"] = template(&exempting());
                }
                change(request);
            })
        };
        let is_asked = |change: &dyn Fn(&mut Value), spec: &str| {
            let reply = tell(&body(change), &policies(spec), &Cluster::default(), Told::default());
            matches!(reply, Reply::Ask(_))
        };
        assert!(is_asked(&|_| {}, RBAC), "{resource}");
        let owned = |request: &mut Value| {
            request["object"]["metadata"]["ownerReferences"] = json!([
                {"apiVersion": "batch/v1", "kind": "Job", "controller": true}]);
        };
        assert!(is_asked(&owned, RBAC), "{resource}: anybody can say of whom it is");
        let by =
            |name: &'static str| move |request: &mut Value| request["userInfo"]["username"] = json!(name);
        let controller = by("system:serviceaccount:kube-system:job-controller");
        assert!(is_asked(&controller, RBAC), "{resource}: it is of no checked kind");
        let carried_on = |request: &mut Value| {
            owned(request);
            controller(request);
        };
        assert!(!is_asked(&carried_on, RBAC), "{resource}");
        let trusting = "{exemptions: {authorization: rbac, trustedControllers: [rollouts]}}";
        assert!(!is_asked(&by("rollouts"), trusting), "{resource}");
    }
}

#[test]
fn namespaces_are_judged_by_the_policy_that_they_have() {
    let body = review(|request| {
        request["resource"] = json!({"group": "", "resource": "namespaces"});
        request["object"] = json!({"metadata": {"name": "web", "annotations": exempting()}, "spec": {}});
    });
    let reply = tell(&body, &policies(RBAC), &Cluster::default(), Told::default());
    let Reply::Ask(Question::May { namespace, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!(namespace, "web");
}

#[test]
fn what_is_not_looked_at_passes() {
    let changes: [fn(&mut Value); 4] = [
        |request| request["operation"] = json!("DELETE"),
        |request| request["subResource"] = json!("scale"),
        |request| request["object"] = Value::Null,
        |request| {
            request["resource"] = json!({"group": "", "resource": "pods"});
            request["userInfo"]["groups"] = json!(["system:nodes"]);
            request["object"] = template(&exempting());
            request["object"]["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("x");
        },
    ];
    for change in changes {
        let (response, record) = ask(&review(change), RBAC);
        assert_eq!((&response["allowed"], record.outcome), (&json!(true), Outcome::Skipped));
    }
}

#[test]
fn what_cannot_be_read_falls_under_policy() {
    let body = review(|request| request["object"]["spec"]["template"]["spec"]["containers"] = json!(5));
    let (response, record) = ask(&body, RBAC);
    assert_eq!((&response["allowed"], record.outcome), (&json!(true), Outcome::FailedOpen));
    let said = warnings(&response)[0].to_owned();
    assert!(said.contains("whether its exemptions are allowed could not be checked"), "{said}");
    let many = review(|request| {
        request["object"]["spec"]["template"]["spec"]["containers"] = vec![json!({}); 2_001].into()
    });
    let (response, record) = ask(&many, RBAC);
    assert_eq!((&response["allowed"], record.outcome), (&json!(false), Outcome::FailedClosed));
    let (response, record) = ask(&body, "{onError: deny, exemptions: {authorization: rbac}}");
    assert_eq!((&response["allowed"], record.outcome), (&json!(false), Outcome::FailedClosed));
}

#[test]
fn bodies_that_are_no_review() {
    let wrong = |body: &[u8]| {
        let world = World { policies: &policies("{}"), cluster: &Cluster::default(), now: NOW, memory: None };
        validate(body, &world, Told::default()).expect_err("an error").reason()
    };
    assert_eq!(wrong(b"{"), "malformed");
    assert_eq!(wrong(b"{}"), "kind");
    assert_eq!(
        wrong(&review(|request| request["resource"]["resource"] = json!("services"))),
        "not-validated"
    );
    assert_eq!(wrong(&review(|request| request["uid"] = json!(""))), "no-uid");
}

#[test]
fn exemptions_are_promised_only_where_they_will_be_honoured() {
    let since = time::macros::datetime!(2026-06-01 00:00 UTC);
    let check = || Check { uid: "vap".into(), since, settings: Settings::default() };
    let grants = |change: fn(&mut Value), check: Option<Check>, spec: &str| {
        let body = review(|request| {
            request["object"]["spec"]["template"] = template(&exempting());
            change(request);
        });
        let request = open(&body).expect("a review");
        let kind = kind(&request).expect("a kind");
        let object = Object::read(kind, request.object.expect("an object").text()).expect("an object");
        let pod = object.pod().expect("a pod").expect("a template");
        let (policies, cluster) = (policies(spec), Cluster::connected());
        cluster.check.store(check.map(std::sync::Arc::new));
        let world = World { policies: &policies, cluster: &cluster, now: NOW, memory: None };
        Case { request: &request, kind, object: &object, pod: &pod, old: None, world: &world }
            .grants(&policies.policies()[0])
            .0
    };
    let old: fn(&mut Value) =
        |request| request["object"]["metadata"]["creationTimestamp"] = json!("2026-05-01T00:00:00Z");
    let adopted: fn(&mut Value) = |request| {
        request["object"]["metadata"]["creationTimestamp"] = json!("2026-05-01T00:00:00Z");
        request["object"]["spec"]["template"]["metadata"]["annotations"]["pod-hardener.dev/exempt-adopted"] =
            json!("vap");
    };
    assert_eq!(grants(|_| {}, None, "{}"), Grants::Trusted);
    assert_eq!(grants(|_| {}, None, RBAC), Grants::Unverified);
    assert_eq!(grants(|_| {}, Some(check()), RBAC), Grants::Trusted);
    assert_eq!(grants(old, Some(check()), RBAC), Grants::Unverified);
    assert_eq!(grants(adopted, Some(check()), RBAC), Grants::Trusted);
}
