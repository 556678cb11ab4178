//! What tests put on a page.

use serde_json::json;
use time::OffsetDateTime;

use crate::policy::Preset;
use crate::review::{Record, answer};

/// What became of a plain pod of that name.
pub(crate) fn record(name: &str) -> Record {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "operation": "CREATE", "namespace": "shop", "name": name,
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": {"metadata": {"name": name}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
        },
    });
    let body = review.to_string();
    let answer = answer(body.as_bytes(), &Preset::Restricted.into(), OffsetDateTime::UNIX_EPOCH);
    answer.expect("an answer").record
}
