//! The plan as a JSON Patch (RFC 6902), written straight to bytes.

mod container;
mod pod;
mod writer;

pub(crate) use writer::write_text;
pub use writer::{PatchWriter, Path, Value};

use crate::plan::Plan;
use crate::subject::Subject;

/// A JSON Patch whose paths start at the pod.
#[derive(Debug, Clone)]
pub struct Patch {
    writer: PatchWriter,
}

impl Patch {
    /// The operations that carry out a plan.
    #[must_use]
    pub fn new(subject: &Subject<'_, '_>, plan: &Plan<'_>) -> Self {
        let mut writer = PatchWriter::for_containers(subject.slots.len());
        pod::write(&mut writer, subject, &plan.pod);
        for (slot, edits) in subject.slots.iter().zip(&plan.containers) {
            container::write(&mut writer, slot, edits);
        }
        pod::write_volumes(&mut writer, subject, &plan.pod);
        Self { writer }
    }

    /// Adds an annotation to the pod.
    pub fn annotate(&mut self, subject: &Subject<'_, '_>, key: &str, value: &str) {
        let writer = &mut self.writer;
        let annotation = [(key, Value::Text(value))];
        match &subject.pod.metadata {
            None => writer.add(&["/metadata"], &Value::Map(&[("annotations", Value::Map(&annotation))])),
            Some(metadata) if metadata.annotations.is_none() => {
                writer.add(&["/metadata/annotations"], &Value::Map(&annotation));
            }
            Some(_) => writer.add_below("/metadata/annotations", key, &annotation[0].1),
        }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    /// The operations as a JSON array.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        self.writer.clone().into_json()
    }

    /// The operations as a JSON array, without a copy.
    #[must_use]
    pub fn into_json(self) -> Vec<u8> {
        self.writer.into_json()
    }
}
