//! Changes a document where it must change and nowhere else: comments, order, quotes and layout stay.
//!
//! The values before and after are compared, and each difference becomes a splice in the text. What cannot be
//! expressed so is refused, and the caller writes the document anew; he also reads the result back and compares
//! it, so an error here costs comments and never correctness.

use std::ops::Range;

use serde_json::{Map, Value};

use super::emit::{self, Layout};
use super::node::{Content, Entry, Node, Style};

mod sequence;

/// A part of the text and what stands there instead.
struct Splice {
    range: Range<usize>,
    text: String,
}

/// The text with `before` changed to `after`; `None` where that cannot be done in place.
pub(super) fn edit(
    text: &str,
    root: &Node,
    (before, after): (&Value, &Value),
    layout: Layout,
    json: bool,
) -> Option<String> {
    let mut editor = Editor { text, layout, json, splices: Vec::new() };
    editor.change(root, before, after)?;
    editor.apply()
}

struct Editor<'t> {
    text: &'t str,
    layout: Layout,
    /// Whether the text is to stay JSON.
    json: bool,
    splices: Vec<Splice>,
}

impl Editor<'_> {
    fn apply(mut self) -> Option<String> {
        // What is inserted where something is removed comes first. Stable: of two insertions at one place the inner
        // one was made first and stays first.
        self.splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
        let mut out = String::with_capacity(self.text.len() + 1024);
        let mut done = 0;
        for splice in &self.splices {
            out.push_str(self.text.get(done..splice.range.start)?);
            out.push_str(&splice.text);
            done = splice.range.end;
        }
        out.push_str(self.text.get(done..)?);
        Some(out)
    }

    fn splice(&mut self, range: Range<usize>, text: String) {
        self.splices.push(Splice { range, text });
    }

    /// Changes inside a mapping or list; `None` where the whole must be replaced.
    fn change(&mut self, node: &Node, before: &Value, after: &Value) -> Option<()> {
        match (&node.content, before, after) {
            (Content::Map(style, entries), Value::Object(before), Value::Object(after)) => {
                self.change_map(*style, entries, before, after)
            }
            (Content::List(style, items), Value::Array(before), Value::Array(after)) => {
                self.change_list(*style, items, before, after)
            }
            _ => None,
        }
    }

    fn change_map(
        &mut self,
        style: Style,
        entries: &[Entry],
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Option<()> {
        let explicit = |key: &str| entries.iter().rposition(|entry| entry.key.as_deref() == Some(key));
        let removed = before.keys().filter(|key| !after.contains_key(*key));
        let gone: Vec<usize> = removed.map(|key| explicit(key)).collect::<Option<_>>()?;
        // The last entry that stays is where new ones go behind; without one there is no place to stand.
        let last = (0..entries.len()).rev().find(|index| !gone.contains(index))?;
        for index in &gone {
            self.remove_entry(style, entries, *index)?;
        }
        for (index, entry) in entries.iter().enumerate() {
            let Some(key) = entry.key.as_deref().filter(|key| explicit(key) == Some(index)) else { continue };
            if let (Some(before), Some(after)) = (before.get(key), after.get(key)) {
                self.change_value(style, entry, before, after)?;
            }
        }
        let new = after.iter().filter(|(key, value)| {
            before.get(*key) != Some(*value) && explicit(key).is_none_or(|index| gone.contains(&index))
        });
        let new: Vec<(&String, &Value)> = new.collect();
        self.insert_entries(style, &entries[last], &new)
    }

    fn change_value(&mut self, style: Style, entry: &Entry, before: &Value, after: &Value) -> Option<()> {
        if before == after {
            return Some(());
        }
        let mark = self.splices.len();
        if self.change(&entry.value, before, after).is_some() {
            return Some(());
        }
        self.splices.truncate(mark);
        self.replace_value(style, entry, after)
    }

    fn replace_value(&mut self, style: Style, entry: &Entry, after: &Value) -> Option<()> {
        let span = &entry.value.span;
        let end = entry.value.end(self.text);
        let in_line = !matches!(after, Value::Object(_) | Value::Array(_)) || !self.is_line_end(end);
        if style == Style::Flow || in_line {
            let space = if span.is_empty() { " " } else { "" };
            let text = format!("{space}{}", self.in_line(after));
            self.splice(span.start..end, text);
            return Some(());
        }
        let colon = self.text[entry.key_span.end..span.start].find(':')?;
        let mut text = String::new();
        emit::behind_key(&mut text, after, self.column(entry.key_span.start)?, self.layout);
        self.splice(entry.key_span.end + colon + 1..end, text);
        Some(())
    }

    fn insert_entries(&mut self, style: Style, last: &Entry, new: &[(&String, &Value)]) -> Option<()> {
        if new.is_empty() {
            return Some(());
        }
        let mut text = String::new();
        if style == Style::Flow {
            for (key, value) in new {
                text.push_str(", ");
                if self.text[last.key_span.clone()].starts_with('"') {
                    text.push_str(&Value::from(key.as_str()).to_string());
                } else {
                    emit::text(&mut text, key, true);
                }
                text.push_str(": ");
                text.push_str(&self.in_line(value));
            }
            let end = last.value.span.end;
            self.splice(end..end, text);
            return Some(());
        }
        let indent = self.column(last.key_span.start)?;
        for (key, value) in new {
            self.new_line(&mut text, indent);
            emit::text(&mut text, key, false);
            text.push(':');
            emit::behind_key(&mut text, value, indent, self.layout);
        }
        let end = self.line_end(last.value.end(self.text));
        self.splice(end..end, text);
        Some(())
    }

    fn remove_entry(&mut self, style: Style, entries: &[Entry], index: usize) -> Option<()> {
        let entry = &entries[index];
        let start = entry.key_span.start;
        let end = entry.value.end(self.text);
        let next = entries.get(index + 1).map(|next| next.key_span.start);
        if style == Style::Flow {
            let before = index.checked_sub(1).map(|before| entries[before].value.span.end);
            return self.remove_flow(start..end, before, next);
        }
        if self.is_line_start(start) {
            self.remove_lines(start, end);
        } else {
            // It shares its line with the dash of a list, which the next key takes over.
            self.splice(start..next?, String::new());
        }
        Some(())
    }

    /// Removes one of several from between brackets, with one comma.
    fn remove_flow(&mut self, range: Range<usize>, before: Option<usize>, next: Option<usize>) -> Option<()> {
        let range = match (before, next) {
            (_, Some(next)) => range.start..next,
            (Some(before), None) => before..range.end,
            (None, None) => return None,
        };
        self.splice(range, String::new());
        Some(())
    }

    /// Removes whole lines: each with the line break before it, so that the end of the last one stays a place where
    /// something can be inserted.
    fn remove_lines(&mut self, start: usize, end: usize) {
        let end = self.line_end(end);
        match self.line_start(start).checked_sub(1) {
            Some(before) => {
                let before = if self.text[..before].ends_with('\r') { before - 1 } else { before };
                self.splice(before..end, String::new());
            }
            None => {
                let behind = self.text[end..].find('\n').map_or(end, |newline| end + newline + 1);
                self.splice(0..behind, String::new());
            }
        }
    }

    fn in_line(&self, value: &Value) -> String {
        if self.json {
            return value.to_string();
        }
        let mut text = String::new();
        emit::flow(&mut text, value);
        text
    }

    fn new_line(&self, out: &mut String, indent: usize) {
        out.push_str(self.layout.newline);
        out.extend(std::iter::repeat_n(' ', indent));
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Where the line break begins.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        if end > at && self.text[..end].ends_with('\r') { end - 1 } else { end }
    }

    fn is_line_start(&self, at: usize) -> bool {
        self.text[self.line_start(at)..at].bytes().all(|c| c == b' ')
    }

    fn is_line_end(&self, at: usize) -> bool {
        self.text[at..self.line_end(at)].trim().is_empty()
    }

    /// The indentation of what stands there; dashes before it count like spaces, anything else is not ours to edit.
    fn column(&self, at: usize) -> Option<usize> {
        let before = &self.text[self.line_start(at)..at];
        before.bytes().all(|c| matches!(c, b' ' | b'-')).then_some(before.len())
    }
}
