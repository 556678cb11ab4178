//! Reads JSON documents with their places, and lays JSON out anew without touching what it says.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ManifestError;
use super::node::{Content, Entry, Node, Style, Tree};

/// Reads the one JSON value in a text.
pub(super) fn read(text: &str, first_line: usize) -> Result<Tree, ManifestError> {
    let describe = |error: serde_json::Error| error_at(text, first_line, &error);
    let value = serde_json::from_str(text).map_err(describe)?;
    let raw: &RawValue = serde_json::from_str(text).map_err(describe)?;
    let mut duplicates = Vec::new();
    let root = node(raw, text, &mut duplicates).map_err(describe)?;
    Ok(Tree { root, value, duplicates })
}

/// serde_json's error with the line of the file.
pub(super) fn error_at(text: &str, first_line: usize, error: &serde_json::Error) -> ManifestError {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message);
    let line_start =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let offset = line_start + error.column().saturating_sub(1);
    ManifestError::at(text, offset.min(text.len()), first_line, message)
}

/// Where the documents of a stream end.
pub(super) fn stream(text: &str) -> Result<Vec<usize>, ManifestError> {
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut ends = Vec::new();
    while let Some(document) = documents.next() {
        document.map_err(|error| error_at(text, 1, &error))?;
        ends.push(documents.byte_offset());
    }
    Ok(ends)
}

/// A JSON value, one level deep.
enum Shallow<'t> {
    Object(Vec<(Raw<'t>, &'t RawValue)>),
    Array(Vec<&'t RawValue>),
}

/// A key, as written and as meant.
struct Raw<'t> {
    written: &'t RawValue,
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { written: <&RawValue>::deserialize(deserializer)? })
    }
}

struct ShallowVisitor;

impl<'de> Visitor<'de> for ShallowVisitor {
    type Value = Shallow<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Shallow<'de>, M::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Shallow::Object(fields))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Shallow<'de>, S::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Shallow::Array(items))
    }
}

impl<'de> Deserialize<'de> for Shallow<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShallowVisitor)
    }
}

fn span(raw: &RawValue, text: &str) -> std::ops::Range<usize> {
    let start = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + raw.get().len()
}

fn node(
    raw: &RawValue,
    text: &str,
    duplicates: &mut Vec<(usize, String)>,
) -> Result<Node, serde_json::Error> {
    let content = if raw.get().starts_with(['{', '[']) {
        match serde_json::from_str(raw.get())? {
            Shallow::Object(fields) => Content::Map(Style::Flow, entries(fields, text, duplicates)?),
            Shallow::Array(items) => {
                let items: Result<_, _> =
                    items.into_iter().map(|item| node(item, text, duplicates)).collect();
                Content::List(Style::Flow, items?)
            }
        }
    } else {
        Content::Scalar
    };
    Ok(Node { span: span(raw, text), content })
}

fn entries(
    fields: Vec<(Raw<'_>, &RawValue)>,
    text: &str,
    duplicates: &mut Vec<(usize, String)>,
) -> Result<Vec<Entry>, serde_json::Error> {
    let mut entries = Vec::with_capacity(fields.len());
    let mut seen = std::collections::HashSet::new();
    for (key, value) in fields {
        let key_span = span(key.written, text);
        let name: String = serde_json::from_str(key.written.get())?;
        if !seen.insert(name.clone()) {
            duplicates.push((key_span.start, name.clone()));
        }
        entries.push(Entry { key: Some(name), key_span, value: node(value, text, duplicates)? });
    }
    Ok(entries)
}

/// The JSON Pointer to the innermost value around a byte.
pub(super) fn path_at(text: &str, offset: usize) -> String {
    let mut path = String::new();
    let Ok(tree) = read(text, 1) else { return path };
    let mut node = &tree.root;
    loop {
        let next = match &node.content {
            Content::Map(_, entries) => entries
                .iter()
                .find(|entry| (entry.key_span.start..entry.value.span.end).contains(&offset))
                .and_then(|entry| Some((pointer_token(entry.key.as_deref()?), &entry.value))),
            Content::List(_, items) => items
                .iter()
                .enumerate()
                .find(|(_, item)| item.span.contains(&offset))
                .map(|(index, item)| (index.to_string(), item)),
            _ => None,
        };
        let Some((token, inner)) = next else { return path };
        path.push('/');
        path.push_str(&token);
        node = inner;
    }
}

fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Lays a JSON text out over lines: only the space between its tokens changes.
pub(super) fn pretty(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_text, mut escaped, mut opened) = (0_usize, false, false, false);
    for c in text.chars() {
        if in_text {
            out.push(c);
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        if opened != closes {
            break_line(&mut out, depth);
        }
        opened = matches!(c, '{' | '[');
        out.push(c);
        match c {
            '{' | '[' => depth += 1,
            ',' => break_line(&mut out, depth),
            ':' => out.push(' '),
            '"' => in_text = true,
            _ => {}
        }
    }
    out.push('\n');
    out
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pretty_is_what_serde_json_writes_and_keeps_numbers() {
        let value = serde_json::json!({"a": [], "b": {}, "c": [1, {"d": "x\"{,}:\\"}, [[]]], "e": null});
        let expected = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
        assert_eq!(pretty(&value.to_string()), expected);
        assert_eq!(pretty(&expected), expected);
        assert_eq!(
            pretty("{\"n\":123456789012345678901234.10}"),
            "{\n  \"n\": 123456789012345678901234.10\n}\n"
        );
    }

    #[test]
    fn spans_are_where_the_text_stands() {
        let text = " {\"a\" : [ 1 , {\"b\\u0063\":true}] }";
        let tree = read(text, 1).expect("JSON");
        let at = |pointer: &str| &text[tree.root.at(pointer).span.clone()];
        assert_eq!(at("/a/0"), "1");
        assert_eq!(at("/a/1/bc"), "true");
        assert_eq!(at("/a"), "[ 1 , {\"b\\u0063\":true}]");
    }

    #[test]
    fn errors_have_the_line_of_the_file() {
        let error = read("\n{\"a\":\n  x}", 5).expect_err("no JSON");
        assert_eq!((error.line, error.column), (7, 3));
        assert_eq!(error.message, "expected value");
    }
}
