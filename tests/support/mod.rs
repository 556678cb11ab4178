//! What golden files and properties share: a pod through the engine, and a JSON Patch library as oracle.

use pod_hardener::facts::Facts;
use pod_hardener::harden::harden;
use pod_hardener::message;
use pod_hardener::policy::PolicySet;
use pod_hardener::rules::RuleId;
use pod_hardener::subject::{Reach, Subject};
use pod_hardener::view::Pod;
use serde_json::Value;
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
    /// The rules from which an exemption was honoured for the pod or one of its containers.
    pub(crate) exempted: Vec<&'static str>,
}

/// Hardens a new pod.
pub(crate) fn harden_pod(pod: &Value, policies: &PolicySet) -> Hardened {
    harden_where(pod, policies, &Facts::of_namespace("shop"))
}

/// Hardens a new pod of which more is known than the namespace's name.
pub(crate) fn harden_where(pod: &Value, policies: &PolicySet, facts: &Facts<'_>) -> Hardened {
    let bytes = serde_json::to_vec(pod).expect("JSON");
    let view: Pod<'_> = serde_json::from_slice(&bytes).expect("a pod");
    let subject = Subject::new(&view, Reach::Pod).expect("a spec");
    let hardened = harden(&subject, policies, facts, NOW);
    let operations = hardened.patch.to_json();
    Hardened {
        pod: apply(pod, &operations),
        operations: serde_json::from_slice(&operations).expect("a list"),
        warnings: message::warnings(&hardened, &subject),
        exempted: hardened.exemptions.rules().iter().map(RuleId::as_str).collect(),
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
