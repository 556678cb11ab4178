//! Hands what is to be told of a pod to the teller: on whose workload it is to be told is read only then.

use serde::Deserialize;

use crate::review::{Note, Record};
use crate::telling::{About, Reason, Tale, Teller};
use crate::view::{Controller, Text};

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    uid: Option<Text<'a>>,
    #[serde(borrow, default, rename = "ownerReferences")]
    controller: Controller<'a>,
}

/// Tells the owner of the pod in a review's body what is to be told.
pub(super) fn tell(teller: &Teller, body: &[u8], record: &Record) {
    if record.notes.is_empty() || record.dry_run {
        return;
    }
    let Some(about) = about(body, &record.namespace) else { return };
    for note in &record.notes {
        let (reason, note) = match note {
            Note::ExemptionRefused(note) => (Reason::ExemptionRefused, note),
            Note::NotHardened(note) => (Reason::NotHardened, note),
        };
        teller.tell(Tale { about: about.clone(), reason, note: note.clone() });
    }
}

/// The pod's controller, or the pod itself; `None` while it has no name, for then nobody would find it.
fn about(body: &[u8], namespace: &str) -> Option<About> {
    let review: Review<'_> = serde_json::from_slice(body).ok()?;
    let metadata = review.request.object.metadata;
    let owned = |text: &Text<'_>| text.as_str().to_owned();
    let namespace = namespace.to_owned();
    if let Some(owner) = &metadata.controller.0 {
        return Some(About {
            api_version: owned(&owner.api_version),
            kind: owned(&owner.kind),
            namespace,
            name: owned(&owner.name),
            uid: owned(&owner.uid),
        });
    }
    let name = metadata.name.as_ref().filter(|name| !name.is_empty())?;
    Some(About {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace,
        name: owned(name),
        uid: metadata.uid.as_ref().map(owned).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(metadata: &Value) -> Option<(String, String)> {
        let body =
            json!({"kind": "AdmissionReview", "request": {"uid": "u", "object": {"metadata": metadata}}});
        about(body.to_string().as_bytes(), "shop").map(|about| (about.kind, about.name))
    }

    #[test]
    fn the_controller_is_told_or_else_the_pod() {
        let owners = json!([{"kind": "Other", "name": "o"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": true}]);
        let found = |kind: &str, name: &str| Some((kind.to_owned(), name.to_owned()));
        let metadata = json!({"generateName": "web-1-", "ownerReferences": owners});
        assert_eq!(of(&metadata), found("ReplicaSet", "web-1"));
        assert_eq!(of(&json!({"name": "bare", "ownerReferences": null})), found("Pod", "bare"));
        assert_eq!(of(&json!({"generateName": "bare-"})), None);
        assert_eq!(of(&Value::Null), None);
    }
}
