//! The plan as a JSON Patch (RFC 6902), written straight to bytes.

mod container;
mod copier;
mod pod;
mod writer;

pub(crate) use writer::write_text;
pub use writer::{Field, PatchWriter, Path, Value};

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
        if plan.fall_back_to_logs && !(writer.is_empty() && plan.copiers.is_empty()) {
            container::write_fallback(&mut writer, subject);
        }
        // At the end: what is put before the other init containers moves them.
        copier::write(&mut writer, subject, plan);
        Self { writer }
    }

    /// Adds an annotation and a label to the pod.
    pub fn note(
        &mut self,
        subject: &Subject<'_, '_>,
        annotation: Option<(&str, &str)>,
        label: Option<(&str, &str)>,
    ) {
        let writer = &mut self.writer;
        let metadata = subject.pod.metadata.as_ref();
        let has_annotations = metadata.is_some_and(|metadata| metadata.annotations.is_some());
        let has_labels = metadata.is_some_and(|metadata| metadata.labels.is_some());
        let notes = [("annotations", has_annotations, annotation), ("labels", has_labels, label)];
        let mut exists = metadata.is_some();
        for (field, has, note) in notes {
            let Some((key, value)) = note else { continue };
            let value = Value::Text(value);
            let object = Value::Member(key, &value);
            if !exists {
                writer.add(&["/metadata"], &Value::Map(&[Some((field, object))]));
            } else if has {
                writer.add_below(&["/metadata/", field], key, &value);
            } else {
                writer.add(&["/metadata/", field], &object);
            }
            exists = true;
        }
    }

    /// The length of the operations in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.writer.bytes()
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
