//! Manifests: files of Kubernetes objects, and the pods in them.
//!
//! A file is split into documents. Those without a pod are never touched: the bytes that came are the bytes that
//! go. In the others the engine's operations are carried out on the values, and the text is edited only where the
//! values differ ([`Outcome::yaml`], [`Outcome::json`]). Values are read as kubectl reads them.

mod edit;
mod emit;
mod error;
mod harden;
mod json;
mod node;
mod pods;
mod render;
mod scalar;
mod split;
mod template;
mod yaml;

pub use error::ManifestError;
pub use harden::{Outcome, Workload};
pub use pods::PodIn;
pub use render::to_yaml;
pub use split::Syntax;

use node::Tree;
use serde_json::Value;

/// A file, taken apart.
#[derive(Debug)]
pub struct Manifest<'t> {
    /// What it is written in.
    pub syntax: Syntax,
    /// Its documents, in order: together they are the file, byte for byte.
    pub documents: Vec<Document<'t>>,
}

/// A document of a file.
#[derive(Debug)]
pub struct Document<'t> {
    /// Its text, with the `---` and the comments before it.
    pub text: &'t str,
    /// The line of the file on which it begins.
    pub line: usize,
    syntax: Syntax,
    tree: Option<Tree>,
}

impl<'t> Manifest<'t> {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that cannot be read in it, each with its place.
    pub fn read(text: &'t str, syntax: Syntax) -> Result<Self, Vec<ManifestError>> {
        let parts = split::split(text, syntax).map_err(|error| vec![error])?;
        let (mut documents, mut errors) = (Vec::with_capacity(parts.len()), Vec::new());
        for part in parts {
            match part.tree {
                Ok(tree) => documents.push(Document { text: part.text, line: part.line, syntax, tree }),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { syntax, documents }) } else { Err(errors) }
    }
}

impl Document<'_> {
    /// What it says; nothing where there are only comments.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.tree.as_ref().map(|tree| &tree.value)
    }

    /// Keys that a mapping in it holds twice: the last one counts, and its author should know.
    pub fn duplicate_keys(&self) -> impl Iterator<Item = ManifestError> {
        let duplicates = self.tree.iter().flat_map(|tree| &tree.duplicates);
        duplicates.map(|(offset, key)| {
            let message = format!("the key `{key}` stands here a second time; the last one counts");
            ManifestError::at(self.text, *offset, self.line, message)
        })
    }
}
