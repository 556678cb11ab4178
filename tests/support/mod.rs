//! What golden files and properties share: a pod through the engine, and a JSON Patch library as oracle.

use pod_hardener::harden::harden;
use pod_hardener::message;
use pod_hardener::policy::{Facts, PolicySet};
use pod_hardener::subject::{Reach, Subject};
use pod_hardener::view::Pod;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

/// When all of these tests happen.
pub(crate) const NOW: OffsetDateTime = datetime!(2027-01-01 12:00 UTC);

/// What came of a pod.
#[derive(Debug)]
pub(crate) struct Hardened {
    /// The pod with the patch applied.
    pub(crate) pod: Value,
    /// The operations.
    pub(crate) operations: Vec<Value>,
    /// What the user is told.
    pub(crate) warnings: Vec<String>,
    /// Whether an exemption was honoured for the pod or one of its containers.
    pub(crate) is_exempted: bool,
}

/// Hardens a new pod.
pub(crate) fn harden_pod(pod: &Value, policies: &PolicySet) -> Hardened {
    let bytes = serde_json::to_vec(pod).expect("JSON");
    let view: Pod<'_> = serde_json::from_slice(&bytes).expect("a pod");
    let subject = Subject::new(&view, Reach::Pod).expect("a spec");
    let hardened = harden(&subject, policies, Facts { namespace: "shop" }, NOW);
    let operations = hardened.patch.to_json();
    Hardened {
        pod: apply(pod, &operations),
        operations: serde_json::from_slice(&operations).expect("a list"),
        warnings: message::warnings(&hardened, &subject),
        is_exempted: !hardened.exemptions.rules().is_empty(),
    }
}

/// The document with a JSON Patch applied.
pub(crate) fn apply(document: &Value, operations: &[u8]) -> Value {
    let patch: json_patch::Patch = serde_json::from_slice(operations).expect("a JSON Patch");
    let mut document = document.clone();
    json_patch::patch(&mut document, &patch)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(operations)));
    document
}

/// The review that the API server sends when the pod is created.
pub(crate) fn creation(pod: &Value) -> Value {
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
pub(crate) fn debugging(pod: &Value, old: &Value) -> Value {
    let mut review = creation(pod);
    let request = &mut review["request"];
    request["operation"] = json!("UPDATE");
    request["subResource"] = json!("ephemeralcontainers");
    request["oldObject"] = old.clone();
    review
}

/// The list at a pointer; empty where there is none.
pub(crate) fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
