//! What golden files and properties share: a pod through the engine, and a JSON Patch library as oracle.

use std::sync::Arc;

use pod_hardener::facts::{Account, Facts, ImageVolumes, Limit, LimitScope, LimitedResource, Quota, Space};
use pod_hardener::harden::harden;
use pod_hardener::message;
use pod_hardener::policy::PolicySet;
use pod_hardener::posture::Posture;
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
    /// Where it stands on the ladder.
    #[allow(dead_code, reason = "not every target that shares this file looks at it")]
    pub(crate) posture: Option<Posture>,
    /// The rules from which an exemption was honoured for the pod or one of its containers.
    pub(crate) exempted: Vec<&'static str>,
}

/// What is known of the cluster, as the comment of a golden file or a strategy says it; `null`: nothing.
///
/// `limits` as in a LimitRange's spec; `quota` names what ResourceQuotas count, and scopes; `labels` and
/// `annotations` of the namespace; `account` with `bound`, `automount` and the keys of `annotations`;
/// `userNamespaces`: whether the nodes have them; `imageVolumes`: `no`, `without-user-namespace`, `everywhere`.
pub(crate) fn facts(known: &Value) -> Facts<'static> {
    if known.is_null() {
        return Facts::of_namespace("shop");
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(Into::into);
    let map = |value: &Value| {
        let entries = value.as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.as_str().into(), value.as_str().expect("a text").into())).collect()
    };
    let names: Vec<Box<str>> = list(&known["quota"]).iter().filter_map(text).collect();
    let counts = |name: String| names.iter().any(|counted| **counted == *name);
    let resources = LimitedResource::ALL.map(LimitedResource::as_str);
    let quota = Quota {
        requests: resources.map(|name| counts(format!("requests.{name}"))),
        limits: resources.map(|name| counts(format!("limits.{name}"))),
        by_best_effort: counts("BestEffort".to_owned()) || counts("NotBestEffort".to_owned()),
    };
    let limits = list(&known["limits"]);
    let limits = limits.iter().flat_map(|item| {
        LimitedResource::ALL.map(|resource| Limit {
            scope: if item["type"] == "Pod" { LimitScope::Pod } else { LimitScope::Container },
            resource,
            min: text(&item["min"][resource.as_str()]),
            max: text(&item["max"][resource.as_str()]),
            max_ratio: text(&item["maxLimitRequestRatio"][resource.as_str()]),
        })
    });
    let space = Space {
        labels: map(&known["labels"]),
        annotations: map(&known["annotations"]),
        limits: limits.collect(),
        quota,
    };
    let account = Account {
        bound: known["account"]["bound"] == true,
        automount: known["account"]["automount"].as_bool(),
        annotations: list(&known["account"]["annotations"]).iter().filter_map(text).collect(),
    };
    Facts {
        space: Some(Arc::new(space)),
        account: Some(Arc::new(account)),
        user_namespaces: known["userNamespaces"] == true,
        image_volumes: match known["imageVolumes"].as_str() {
            Some("everywhere") => ImageVolumes::Everywhere,
            Some("without-user-namespace") => ImageVolumes::WithoutUserNamespace,
            _ => ImageVolumes::No,
        },
        ..Facts::of_namespace("shop")
    }
}

/// Hardens a new pod.
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
        posture: hardened.posture,
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
