//! Reviews in, answers out.

use serde_json::{Value, json};
use time::OffsetDateTime;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::*;
use crate::policy::{Policy, Preset};

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn review(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "ns", "operation": "CREATE", "userInfo": {"username": "me", "groups": ["system:authenticated"]},
        "object": {"metadata": {"generateName": "web-"}, "spec": {"containers": [{"name": "a"}]}},
        "oldObject": null, "dryRun": false}});
    change(&mut review);
    review.to_string().into_bytes()
}

fn ask(body: &[u8]) -> (Value, Record) {
    let answer = answer(body, &Preset::Restricted.into(), NOW).expect("an answer");
    (serde_json::from_slice(&answer.body).expect("JSON"), answer.record)
}

fn patch(answer: &Value) -> Option<Value> {
    let text = answer.pointer("/response/patch")?.as_str()?;
    assert_eq!(answer.pointer("/response/patchType"), Some(&json!("JSONPatch")));
    let bytes = STANDARD.decode(text).expect("base64");
    Some(serde_json::from_slice(&bytes).expect("a patch"))
}

#[test]
fn a_pod_is_patched_with_words() {
    let (answer, record) = ask(&review(|_| {}));
    assert_eq!(answer["response"]["uid"], "u-1");
    assert_eq!(answer["response"]["allowed"], true);
    assert!(patch(&answer).is_some_and(|patch| patch.as_array().is_some_and(|ops| ops.len() > 3)));
    assert_eq!(answer["response"]["auditAnnotations"]["policy"], "restricted");
    let warning = answer["response"]["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with("pod-hardener: hardened by policy restricted: "), "{warning}");
    assert_eq!((record.outcome, record.name.as_str()), (Outcome::Patched, "web-"));
}

#[test]
fn the_second_answer_has_no_patch() {
    let mut object = json!({"metadata": {"generateName": "web-"}, "spec": {"containers": [{"name": "a"}]}});
    let (answer, _) = ask(&review(|_| {}));
    let ops: json_patch::Patch = serde_json::from_value(patch(&answer).expect("a patch")).expect("a patch");
    json_patch::patch(&mut object, &ops).expect("applies");
    let (answer, record) = ask(&review(|review| review["request"]["object"] = object));
    assert_eq!(patch(&answer), None);
    assert_eq!(answer["response"].get("patchType"), None);
    assert_eq!(record.outcome, Outcome::Unchanged);
}

#[test]
fn a_mirror_pod_needs_annotation_and_group() {
    let mirror = json!({"annotations": {"kubernetes.io/config.mirror": "x"}});
    let forged = review(|review| review["request"]["object"]["metadata"] = mirror.clone());
    assert_eq!(ask(&forged).1.outcome, Outcome::Patched);
    let real = review(|review| {
        review["request"]["object"]["metadata"] = mirror;
        review["request"]["userInfo"]["groups"] = json!(["system:nodes"]);
    });
    assert_eq!(ask(&real).1.outcome, Outcome::Skipped);
    let other = review(|review| review["request"]["userInfo"]["groups"] = json!(["system:nodes"]));
    assert_eq!(ask(&other).1.outcome, Outcome::Patched);
}

#[test]
fn only_new_ephemeral_containers_are_touched() {
    let body = review(|review| {
        let request = &mut review["request"];
        request["operation"] = json!("UPDATE");
        request["subResource"] = json!("ephemeralcontainers");
        let tmp = json!([{"name": "tmp-a", "mountPath": "/tmp"}]);
        let spec = json!({"containers": [{"name": "a", "volumeMounts": tmp}],
            "volumes": [{"name": "tmp-a", "emptyDir": {}}],
            "ephemeralContainers": [{"name": "old"}]});
        request["oldObject"] = json!({"spec": spec});
        request["object"] = json!({"spec": spec});
        request["object"]["spec"]["ephemeralContainers"] =
            json!([{"name": "old"}, {"name": "new", "targetContainerName": "a"}]);
    });
    let (answer, _) = ask(&body);
    let ops = patch(&answer).expect("a patch");
    let paths: Vec<&str> =
        ops.as_array().expect("a list").iter().filter_map(|op| op["path"].as_str()).collect();
    assert_eq!(
        paths,
        ["securityContext", "volumeMounts", "terminationMessagePolicy"]
            .map(|field| format!("/spec/ephemeralContainers/1/{field}"))
    );
    let context = &ops[0]["value"];
    assert_eq!(context["runAsUser"], 65532);
    assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
    assert_eq!(context["seccompProfile"], json!({"type": "RuntimeDefault"}));
}

#[test]
fn other_operations_pass() {
    for (operation, sub_resource) in
        [("UPDATE", Value::Null), ("DELETE", Value::Null), ("CREATE", json!("binding"))]
    {
        let body = review(|review| {
            review["request"]["operation"] = json!(operation);
            review["request"]["subResource"] = sub_resource;
        });
        assert_eq!(ask(&body).1.outcome, Outcome::Skipped);
    }
}

#[test]
fn bodies_that_are_no_review() {
    let wrong = |body: &[u8]| answer(body, &Preset::Restricted.into(), NOW).expect_err("an error").reason();
    assert_eq!(wrong(b""), "malformed");
    assert_eq!(wrong(b"[]"), "malformed");
    assert_eq!(wrong(b"{\"kind\":"), "malformed");
    assert_eq!(wrong(b"{}"), "kind");
    assert_eq!(wrong(&review(|review| review["kind"] = json!("Pod"))), "kind");
    assert_eq!(wrong(&review(|review| review["apiVersion"] = json!("admission.k8s.io/v1beta1"))), "version");
    assert_eq!(wrong(&review(|review| review["request"] = Value::Null)), "no-request");
    assert_eq!(wrong(&review(|review| review["request"]["uid"] = json!(""))), "no-uid");
    assert_eq!(
        wrong(&review(
            |review| review["request"]["resource"] = json!({"group": "apps", "resource": "deployments"})
        )),
        "not-a-pod"
    );
    assert_eq!(wrong(&review(|review| review["request"]["object"] = Value::Null)), "no-object");
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    let deep = "[".repeat(100_000);
    assert!(answer(deep.as_bytes(), &Preset::Restricted.into(), NOW).is_err());
}

#[test]
fn a_pod_that_cannot_be_read_falls_under_policy() {
    let body = review(|review| review["request"]["object"]["spec"]["containers"] = json!(5));
    let (allowed, record) = ask(&body);
    assert_eq!(allowed["response"]["allowed"], true);
    assert_eq!(allowed["response"].get("patch"), None);
    assert!(allowed["response"]["warnings"][0].is_string());
    assert_eq!(record.outcome, Outcome::FailedOpen);
    let mut document = Preset::Restricted.document();
    document.spec.on_error = OnError::Deny;
    let policies = PolicySet::new(vec![Policy::resolve(document)]);
    let denied = answer(&body, &policies, NOW).expect("an answer");
    assert_eq!(denied.record.outcome, Outcome::FailedClosed);
    let denied: Value = serde_json::from_slice(&denied.body).expect("JSON");
    assert_eq!(denied["response"]["allowed"], false);
    assert!(denied["response"]["status"]["message"].is_string());
}

#[test]
fn more_than_is_read_is_denied_whatever_policy_says() {
    let labels: serde_json::Map<_, _> = (0..20_001).map(|i| (i.to_string(), json!(""))).collect();
    let body = review(|review| review["request"]["object"]["metadata"]["labels"] = Value::Object(labels));
    let (denied, record) = ask(&body);
    assert_eq!((&denied["response"]["allowed"], record.outcome), (&json!(false), Outcome::FailedClosed));
}
