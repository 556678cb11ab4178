//! The engine, applied to the pods of a document.

use serde_json::Value;
use time::OffsetDateTime;

use super::template::{self, Place};
use super::{Document, ManifestError, json};
use crate::facts::Facts;
use crate::harden::{Results, harden};
use crate::message;
use crate::policy::PolicySet;
use crate::subject::{Reach, Subject};
use crate::view::Pod;

/// What came of a document.
#[derive(Debug)]
pub struct Outcome {
    /// Its pods and pod templates, in order.
    pub workloads: Vec<Workload>,
    /// RFC 6902 operations relative to the document.
    pub operations: Vec<Value>,
    /// The document with these applied, if there are any.
    pub after: Option<Value>,
}

/// What came of one pod or pod template.
#[derive(Debug)]
pub struct Workload {
    /// The kind that holds it.
    pub kind: String,
    /// The namespace of that, if known.
    pub namespace: Option<String>,
    /// The name of that; may be empty.
    pub name: String,
    /// The JSON Pointer to it in the document; empty for a pod that is the document.
    pub pointer: String,
    /// The policy by which it was hardened.
    pub policy: String,
    /// The rules by what came of them.
    pub results: Results,
    /// Lines for people.
    pub warnings: Vec<String>,
    /// Whether anything is to change.
    pub changed: bool,
}

impl Workload {
    /// `Kind/name`
    #[must_use]
    pub fn label(&self) -> String {
        let name = if self.name.is_empty() { "(no name)" } else { &self.name };
        format!("{}/{name}", self.kind)
    }
}

impl Document<'_> {
    /// Hardens every pod and pod template of the document.
    ///
    /// `namespace` is for objects that name none.
    ///
    /// # Errors
    /// Where a pod cannot be read as one: the place of the field, and what is wrong with it.
    pub fn harden(
        &self,
        policies: &PolicySet,
        namespace: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Outcome, ManifestError> {
        let mut outcome = Outcome { workloads: Vec::new(), operations: Vec::new(), after: None };
        let Some(tree) = &self.tree else { return Ok(outcome) };
        for place in template::places(&tree.value) {
            let mut place = place;
            place.namespace = place.namespace.or_else(|| namespace.map(str::to_owned));
            self.harden_place(&tree.value, place, policies, now, &mut outcome)?;
        }
        if !outcome.operations.is_empty() {
            outcome.after = Some(self.apply(&tree.value, &outcome.operations)?);
        }
        Ok(outcome)
    }

    fn harden_place(
        &self,
        document: &Value,
        place: Place,
        policies: &PolicySet,
        now: OffsetDateTime,
        outcome: &mut Outcome,
    ) -> Result<(), ManifestError> {
        let pod = document.pointer(&place.pointer).unwrap_or(document).to_string();
        let view: Pod<'_> =
            serde_json::from_str(&pod).map_err(|error| self.error_in_pod(&pod, &place, &error))?;
        // Without a spec there is nothing to harden; the API server says so better than we could.
        let Some(subject) = Subject::new(&view, Reach::Pod) else { return Ok(()) };
        let facts = Facts::of_namespace(place.namespace.as_deref().unwrap_or_default());
        let hardened = harden(&subject, policies, &facts, now);
        let operations =
            operations(&hardened.patch.to_json(), &place.pointer).map_err(|error| self.internal(&error))?;
        outcome.workloads.push(Workload {
            warnings: message::warnings(&hardened, &subject),
            policy: hardened.policy.name.clone(),
            results: hardened.results,
            changed: !operations.is_empty(),
            kind: place.kind,
            namespace: place.namespace,
            name: place.name,
            pointer: place.pointer,
        });
        outcome.operations.extend(operations);
        Ok(())
    }

    fn apply(&self, before: &Value, operations: &[Value]) -> Result<Value, ManifestError> {
        let patch: json_patch::Patch = serde_json::from_value(Value::Array(operations.to_vec()))
            .map_err(|error| self.internal(&error))?;
        let mut after = before.clone();
        json_patch::patch(&mut after, &patch).map_err(|error| self.internal(&error))?;
        Ok(after)
    }

    fn internal(&self, error: &dyn std::error::Error) -> ManifestError {
        let message = format!("a fault in pod-hardener, nothing was changed: {error}");
        ManifestError::at(self.text, 0, self.line, message)
    }

    /// The field of the document at which the pod could not be read.
    fn error_in_pod(&self, pod: &str, place: &Place, error: &serde_json::Error) -> ManifestError {
        let plain = json::error_at(pod, 1, error);
        let below = json::path_at(pod, error.column().saturating_sub(1));
        let pointer = format!("{}{below}", place.pointer);
        let offset = self.tree.as_ref().map_or(0, |tree| tree.root.at(&pointer).span.start);
        let field = pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~");
        let message = format!("{}/{}: {field}: {}", place.kind, place.name, plain.message);
        ManifestError::at(self.text, offset, self.line, message)
    }
}

/// The engine's operations, relative to the document.
fn operations(patch: &[u8], pointer: &str) -> Result<Vec<Value>, serde_json::Error> {
    let mut operations: Vec<Value> = serde_json::from_slice(patch)?;
    for operation in &mut operations {
        if let Some(Value::String(path)) = operation.get_mut("path") {
            path.insert_str(0, pointer);
        }
    }
    Ok(operations)
}
