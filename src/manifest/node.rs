//! Where everything in a document stands: the tree beside the values, with byte ranges instead of them.

use std::ops::Range;

use serde_json::Value;

/// A parsed document: its value and where each part of it stands.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) root: Node,
    pub(super) value: Value,
    /// Keys that a mapping holds twice (the last one counts), with the byte where they stand.
    pub(super) duplicates: Vec<(usize, String)>,
}

/// How a mapping or list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// With indentation.
    Block,
    /// With brackets.
    Flow,
}

/// A part of a document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// For block mappings and lists only the start is exact: see [`Node::end`].
    pub(super) span: Range<usize>,
    pub(super) content: Content,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Scalar,
    /// `|` or `>`
    BlockScalar,
    /// `*name`
    Alias,
    Map(Style, Vec<Entry>),
    List(Style, Vec<Node>),
}

/// A key of a mapping and its value; a merge key has no name.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Option<String>,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

impl Node {
    /// The byte behind the last one that belongs to the node, without trailing space, lines and comments.
    pub(super) fn end(&self, text: &str) -> usize {
        match &self.content {
            Content::Map(Style::Block, entries) => {
                entries.last().map_or(self.span.end, |entry| entry.value.end(text))
            }
            Content::List(Style::Block, items) => items.last().map_or(self.span.end, |item| item.end(text)),
            Content::BlockScalar => block_scalar_end(text, &self.span),
            Content::Scalar | Content::Alias | Content::Map(..) | Content::List(..) => self.span.end,
        }
    }

    /// Where the dash stands of an item of a block list: before it on its line, perhaps with an anchor between.
    pub(super) fn dash(&self, text: &str) -> Option<usize> {
        let line_start = text[..self.span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let mut before = &text[line_start..self.span.start];
        loop {
            before = before.trim_end_matches(' ');
            let token = before.rfind(' ').map_or(0, |space| space + 1);
            match &before[token..] {
                "-" => return Some(line_start + token),
                property if property.starts_with(['&', '!']) => before = &before[..token],
                _ => return None,
            }
        }
    }

    /// The node at a JSON Pointer, or the nearest one above it.
    pub(super) fn at<'n>(&'n self, pointer: &str) -> &'n Self {
        let mut node = self;
        for token in pointer.split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            let next = match &node.content {
                Content::Map(_, entries) => entries
                    .iter()
                    .rfind(|entry| entry.key.as_deref() == Some(name.as_str()))
                    .map(|entry| &entry.value),
                Content::List(_, items) => name.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            let Some(next) = next else { break };
            node = next;
        }
        node
    }
}

/// With `+` in the header the empty lines at the end are part of the text.
fn block_scalar_end(text: &str, span: &Range<usize>) -> usize {
    let written = &text[span.clone()];
    let header = written.lines().next().unwrap_or_default();
    let keeps = header.split('#').next().is_some_and(|header| header.contains('+'));
    let trimmed = match written.rfind('\n') {
        // The span may reach into the indentation of what follows.
        Some(newline) if keeps && written[newline..].trim().is_empty() => {
            let line = &written[..newline];
            line.strip_suffix('\r').unwrap_or(line)
        }
        _ => written.trim_end(),
    };
    span.start + trimmed.len()
}
