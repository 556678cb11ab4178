//! AdmissionReviews: in as the API server sends them, out as it takes them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pod_hardener::cluster::Cluster;
use pod_hardener::policy::{PolicySet, Preset};
use pod_hardener::review::{Answer, Outcome, Remembered, Reply, Told, World, answer, reply};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::pods::{debugged_pod, pod};
use crate::policies::policy;
use crate::support::{NOW, apply};
use crate::values::Document;
use crate::{any_pod, api_server, config, effective, harden_pod, list, none, untouched};

/// The review that the API server sends when the pod is created.
fn creation(pod: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "", "namespace": "shop", "operation": "CREATE",
            "userInfo": {"username": "jane", "groups": ["system:authenticated"]},
            "object": pod, "oldObject": null, "dryRun": false,
        },
    })
}

/// The review that the API server sends when `kubectl debug` adds ephemeral containers to `old`.
fn debugging(pod: &Value, old: &Value) -> Value {
    let mut review = creation(pod);
    let request = &mut review["request"];
    request["operation"] = json!("UPDATE");
    request["subResource"] = json!("ephemeralcontainers");
    request["oldObject"] = old.clone();
    review
}

fn respond(review: &Value, policies: &PolicySet) -> (Value, Answer) {
    let body = serde_json::to_vec(review).expect("JSON");
    let answer = answer(&body, policies, NOW).expect("an answer");
    let document: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(document["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(document["kind"], "AdmissionReview");
    (document["response"].clone(), answer)
}

/// The operations of a response: with `patchType`, or neither.
fn operations(response: &Value) -> Option<Vec<u8>> {
    let patch = response.get("patch");
    let kind = response.get("patchType").map(|kind| kind.as_str().expect("a string"));
    assert_eq!(kind, patch.map(|_| "JSONPatch"));
    patch.map(|patch| STANDARD.decode(patch.as_str().expect("a string")).expect("base64"))
}

/// An answer's body, by whoever remembers what it answered before.
fn remembering(review: &Value, remembered: &Remembered, policies: &Arc<PolicySet>) -> String {
    let memory = Some(remembered.under(policies));
    let world = World { policies, cluster: &Cluster::default(), now: NOW, memory };
    match reply(review.to_string().as_bytes(), &world, Told::default()).expect("a review") {
        Reply::Answer(answer) => String::from_utf8(answer.body).expect("text"),
        Reply::Ask(question) => panic!("{question:?}"),
    }
}

fn worked_out(review: &Value, policies: &PolicySet) -> String {
    String::from_utf8(respond(review, policies).1.body).expect("text")
}

/// Where the values stand that hold no others.
fn leaves(value: &Value, pointer: &str) -> Vec<String> {
    let below = |key: &str, value: &Value| {
        leaves(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")))
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().flat_map(|(key, value)| below(key, value)).collect()
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().flat_map(|(number, value)| below(&number.to_string(), value)).collect()
        }
        _ => vec![pointer.to_owned()],
    }
}

/// Something that may stand somewhere in a pod.
fn leaf() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(1000),
        json!(""),
        json!("ALL"),
        json!("Unconfined"),
        json!("kube-api-access-ab1cd"),
        json!({}),
        json!([]),
    ])
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn the_webhook_does_what_the_engine_does(pod in any_pod(), policy in policy(), uid in "[ -~ä\u{1}]{1,40}") {
        let mut review = creation(&pod);
        review["request"]["uid"] = json!(uid);
        let (response, answer) = respond(&review, &policy);
        let hardened = harden_pod(&pod, &policy);
        prop_assert_eq!(&response["uid"], &json!(uid));
        prop_assert_eq!(&response["allowed"], true);
        let patched = operations(&response).map_or_else(|| pod.0.clone(), |operations| apply(&pod, &operations));
        prop_assert_eq!(patched, hardened.pod);
        let expected = if hardened.operations.is_empty() { Outcome::Unchanged } else { Outcome::Patched };
        prop_assert_eq!(answer.record.outcome, expected);
        prop_assert_eq!(list(&response, "/warnings").len(), hardened.warnings.len());
        for (_, value) in response["auditAnnotations"].as_object().into_iter().flatten() {
            prop_assert!(value.is_string());
        }
    }

    #[test]
    fn remembering_changes_no_answer(
        pod in any_pod(), policy in policy(), at in any::<prop::sample::Index>(), value in leaf(),
    ) {
        let policies = Arc::new(PolicySet::clone(&policy));
        let remembered = Remembered::default();
        let known = creation(&pod);
        for _ in 0..3 {
            prop_assert_eq!(remembering(&known, &remembered, &policies), worked_out(&known, &policies));
        }
        // Nearly the same pod, but not quite: it is not to get the answer of the other.
        let mut other = known;
        let leaves = leaves(&other["request"]["object"], "/request/object");
        *other.pointer_mut(&leaves[at.index(leaves.len())]).expect("a leaf") = value;
        for _ in 0..3 {
            prop_assert_eq!(remembering(&other, &remembered, &policies), worked_out(&other, &policies));
        }
    }

    #[test]
    fn only_new_ephemeral_containers_change((known, pod) in debugged_pod().prop_map(|(known, pod)| (known, Document(pod))), policy in policy()) {
        let mut old = pod.0.clone();
        old["spec"]["ephemeralContainers"].as_array_mut().expect("a list").truncate(known);
        let (response, _) = respond(&debugging(&pod, &old), &policy);
        let Some(operations) = operations(&response) else { return Ok(()) };
        let patched = apply(&pod, &operations);
        let operations: Vec<Value> = serde_json::from_slice(&operations).expect("a list");
        none(&untouched::beyond_reach(&operations, known, &pod))?;
        none(&untouched::Operations::new(&operations).unexplained(&pod, &patched))?;
        none(&effective::weaker(&pod, &patched))?;
        if api_server::invalid(&pod).is_empty() {
            none(&api_server::invalid(&patched))?;
        }
        let (again, _) = respond(&debugging(&patched, &old), &policy);
        prop_assert!(again.get("patch").is_none(), "a second pass: {}", again);
    }

    #[test]
    fn truncated_bodies_are_errors_and_no_panics(pod in pod().prop_map(Document), cut in any::<prop::sample::Index>()) {
        let body = serde_json::to_vec(&creation(&pod)).expect("JSON");
        let cut = cut.index(body.len());
        let error = answer(&body[..cut], &PolicySet::from(Preset::Restricted), NOW).expect_err("truncated");
        prop_assert_eq!(error.reason(), "malformed");
    }

    #[test]
    fn any_bytes_are_no_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let error = answer(&bytes, &PolicySet::from(Preset::Restricted), NOW).expect_err("noise");
        prop_assert_eq!(error.reason(), "malformed");
    }
}

fn plain() -> Value {
    creation(&json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}}))
}

#[test]
fn what_is_no_review_of_a_pod_has_its_reason() {
    let with = |pointer: &str, value: Value| {
        let mut review = plain();
        *review.pointer_mut(pointer).expect("there") = value;
        review
    };
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let policies = PolicySet::from(Preset::Restricted);
    for (reason, body) in [
        ("kind", with("/kind", json!("Pod")).to_string()),
        ("version", with("/apiVersion", json!("admission.k8s.io/v1beta1")).to_string()),
        ("no-request", with("/request", Value::Null).to_string()),
        ("no-uid", with("/request/uid", json!("")).to_string()),
        ("not-a-pod", with("/request/resource/resource", json!("deployments")).to_string()),
        ("not-a-pod", with("/request/resource/group", json!("apps")).to_string()),
        ("no-object", with("/request/object", Value::Null).to_string()),
        ("malformed", "[]".to_owned()),
        ("malformed", "null".to_owned()),
        ("malformed", deep(100_000)),
        ("malformed", format!("{} {{}}", plain())),
    ] {
        let error = answer(body.as_bytes(), &policies, NOW).expect_err(reason);
        assert_eq!(error.reason(), reason, "{error}");
    }
}

/// A pod that nobody can read passes unchanged, with a warning: the API server refuses it with its own words.
#[test]
fn an_unreadable_pod_fails_open_with_a_warning() {
    let policies = PolicySet::from(Preset::Restricted);
    for containers in [json!(5), json!([{"name": "a", "securityContext": {"runAsUser": "root"}}])] {
        let mut review = plain();
        review["request"]["object"]["spec"]["containers"] = containers;
        let (response, answer) = respond(&review, &policies);
        assert_eq!(answer.record.outcome, Outcome::FailedOpen);
        assert_eq!(response["allowed"], true);
        assert_eq!(operations(&response), None);
        assert_eq!(list(&response, "/warnings").len(), 1);
    }
}

/// Mutation precedes validation: what the API server will refuse must not fail here.
#[test]
fn pods_that_the_api_server_will_refuse_are_answered() {
    let policies = PolicySet::from(Preset::Enforced);
    for spec in [
        json!({"containers": null}),
        json!({}),
        json!({"containers": [], "initContainers": null, "volumes": null, "ephemeralContainers": []}),
        json!({"containers": [{"name": ""}, {"name": ""}]}),
        json!({"containers": [{"name": "a", "resources": {"requests": {"cpu": "lots"}}}]}),
    ] {
        let (response, answer) = respond(&creation(&json!({"spec": spec})), &policies);
        assert_eq!(response["allowed"], true);
        assert_ne!(answer.record.outcome, Outcome::FailedOpen, "{spec}");
    }
}

/// The annotation of a mirror pod can be forged; the group of its requester cannot.
#[test]
fn a_mirror_pod_needs_annotation_and_group() {
    let policies = PolicySet::from(Preset::Restricted);
    for (annotation, group, skipped) in [
        ("kubernetes.io/config.mirror", "system:nodes", true),
        ("kubernetes.io/config.mirror", "system:authenticated", false),
        ("kubernetes.io/config.hash", "system:nodes", false),
    ] {
        let mut review = plain();
        review["request"]["object"]["metadata"]["annotations"] = json!({annotation: "x"});
        review["request"]["userInfo"]["groups"] = json!(["a", group]);
        let (response, answer) = respond(&review, &policies);
        assert_eq!(answer.record.outcome == Outcome::Skipped, skipped, "{annotation} {group}");
        assert_eq!(operations(&response).is_none(), skipped, "{annotation} {group}");
    }
}

/// Only creations, and only updates of ephemeral containers.
#[test]
fn other_operations_pass_untouched() {
    let policies = PolicySet::from(Preset::Enforced);
    for (operation, sub_resource) in [
        ("UPDATE", ""),
        ("UPDATE", "status"),
        ("UPDATE", "resize"),
        ("CREATE", "binding"),
        ("DELETE", ""),
        ("CONNECT", "exec"),
    ] {
        let mut review = plain();
        review["request"]["operation"] = json!(operation);
        review["request"]["subResource"] = json!(sub_resource);
        let (response, answer) = respond(&review, &policies);
        assert_eq!(answer.record.outcome, Outcome::Skipped, "{operation} {sub_resource}");
        assert_eq!(operations(&response), None);
        assert_eq!(response["uid"], review["request"]["uid"]);
    }
}
