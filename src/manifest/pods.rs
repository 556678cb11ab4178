//! The pods of a document, for who only looks at them.

use serde_json::Value;

use super::node::Tree;
use super::template::{self, Place};
use super::{Document, ManifestError};

/// A pod or pod template of a document.
#[derive(Debug, Clone)]
pub struct PodIn {
    /// The version of what holds it.
    pub api_version: String,
    /// The kind of that.
    pub kind: String,
    /// The name of that; may be empty.
    pub name: String,
    /// The namespace of that, if it says.
    pub namespace: Option<String>,
    /// The line of the file on which that begins.
    pub line: usize,
    /// What has the pod's `metadata` and `spec`.
    pub pod: Value,
}

impl Document<'_> {
    /// Its pods and pod templates, in order.
    #[must_use]
    pub fn pods(&self) -> Vec<PodIn> {
        let Some(Tree { root, value: document, .. }) = &self.tree else { return Vec::new() };
        let places = template::places(document).into_iter();
        let line = |place: &Place| {
            let start = root.at(&place.object).span.start;
            ManifestError::at(self.text, start, self.line, "").line
        };
        places
            .map(|place| PodIn {
                line: line(&place),
                pod: document.pointer(&place.pointer).unwrap_or(document).clone(),
                api_version: place.api_version,
                kind: place.kind,
                name: place.name,
                namespace: place.namespace,
            })
            .collect()
    }

    /// The line of the file on which its first key stands.
    #[must_use]
    pub fn first_line(&self) -> usize {
        let is_content = |line: &str| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#') && !line.starts_with("---") && !line.starts_with('%')
        };
        self.line + self.text.lines().position(is_content).unwrap_or_default()
    }
}
