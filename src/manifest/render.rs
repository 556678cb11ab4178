//! A hardened document as text.

use std::borrow::Cow;

use serde_json::Value;

use super::edit::edit;
use super::emit::{self, Layout};
use super::node::{Content, Node, Style, Tree};
use super::{Document, Outcome, Syntax, json, yaml};

impl Document<'_> {
    /// The document as YAML. Unchanged it is what it was; changed YAML keeps its comments, order and style,
    /// changed JSON becomes YAML.
    #[must_use]
    pub fn yaml(&self, outcome: &Outcome) -> Cow<'_, str> {
        let (Some(tree), Some(after)) = (&self.tree, &outcome.after) else { return Cow::Borrowed(self.text) };
        let layout = Layout { newline: self.newline(), list_indent: list_indent(&tree.root, self.text) };
        if self.syntax == Syntax::Json {
            return Cow::Owned(rewrite(after, layout));
        }
        let edited = edit(self.text, &tree.root, (&tree.value, after), layout, false);
        let edited = edited.filter(|text| {
            yaml::read(text, 1).is_ok_and(|read| read.is_some_and(|read| read.value == *after))
        });
        Cow::Owned(edited.unwrap_or_else(|| self.rewritten(tree, after, layout)))
    }

    /// The document as JSON. Unchanged JSON is what it was; changed JSON is laid out over lines, with every
    /// number and text as its author wrote it. `None` where YAML has nothing but comments, or an empty document.
    #[must_use]
    pub fn json(&self, outcome: &Outcome) -> Option<Cow<'_, str>> {
        let tree = self.tree.as_ref()?;
        let after = outcome.after.as_ref();
        if self.syntax == Syntax::Yaml {
            if tree.value.is_null() {
                return None;
            }
            return Some(Cow::Owned(json::pretty(&after.unwrap_or(&tree.value).to_string())));
        }
        let Some(after) = after else { return Some(Cow::Borrowed(self.text)) };
        let layout = Layout { newline: "\n", list_indent: 0 };
        let edited = edit(self.text, &tree.root, (&tree.value, after), layout, true);
        let edited = edited.filter(|text| json::read(text, 1).is_ok_and(|read| read.value == *after));
        Some(Cow::Owned(json::pretty(&edited.unwrap_or_else(|| after.to_string()))))
    }

    /// The document in the syntax that it had.
    #[must_use]
    pub fn same_syntax(&self, outcome: &Outcome) -> Cow<'_, str> {
        match self.syntax {
            Syntax::Yaml => self.yaml(outcome),
            Syntax::Json => self.json(outcome).unwrap_or(Cow::Borrowed(self.text)),
        }
    }

    /// Written anew: what stands before the first key is kept, comments behind it are not.
    fn rewritten(&self, tree: &Tree, after: &Value, layout: Layout) -> String {
        let head = &self.text[..tree.root.span.start];
        let mut out = head.trim_end_matches([' ', '\t']).to_owned();
        if !out.is_empty() && !out.ends_with('\n') && out != "\u{feff}" {
            out.push_str(layout.newline);
        }
        out.push_str(&rewrite(after, layout));
        out
    }

    fn newline(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }
}

/// A value as a YAML document of its own.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    rewrite(value, Layout { newline: "\n", list_indent: 0 })
}

fn rewrite(value: &Value, layout: Layout) -> String {
    let mut out = String::new();
    emit::block(&mut out, value, 0, layout);
    out.push_str(layout.newline);
    out
}

/// How the document indents its lists: as the first one in it.
fn list_indent(root: &Node, text: &str) -> usize {
    first_list_indent(root, text).unwrap_or(0)
}

fn first_list_indent(node: &Node, text: &str) -> Option<usize> {
    let column = |at: usize| at - text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    match &node.content {
        Content::Map(_, entries) => entries.iter().find_map(|entry| match &entry.value.content {
            Content::List(Style::Block, items) => {
                let dash = items.first()?.dash(text)?;
                Some(if column(dash) > column(entry.key_span.start) { 2 } else { 0 })
            }
            _ => first_list_indent(&entry.value, text),
        }),
        Content::List(_, items) => items.iter().find_map(|item| first_list_indent(item, text)),
        Content::Scalar | Content::BlockScalar | Content::Alias => None,
    }
}
