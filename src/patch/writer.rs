//! Operations, written one after another.

use std::borrow::Cow;
use std::io::Write as _;

use crate::view::is_plain;

/// A value to write.
#[derive(Debug, Clone, Copy)]
pub enum Value<'v> {
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A string.
    Text(&'v str),
    /// Strings.
    Texts(&'v [Cow<'v, str>]),
    /// Values.
    List(&'v [Value<'v>]),
    /// An object of these fields.
    Map(&'v [Field<'v>]),
    /// An object of one field, whose name may need escaping.
    Member(&'v str, &'v Value<'v>),
}

/// A field to write, or none: its name, one of our own that needs no escaping, and its value.
pub type Field<'v> = Option<(&'v str, Value<'v>)>;

/// A path, in parts that are written one after another: our own names, which need no escaping.
pub type Path<'p> = &'p [&'p str];

/// How an operation begins, up to its path.
const ADD: &[u8] = br#"{"op":"add","path":""#;
const REMOVE: &[u8] = br#"{"op":"remove","path":""#;

/// The operations so far: a JSON array that is not closed yet.
#[derive(Debug, Clone)]
pub struct PatchWriter {
    operations: Vec<u8>,
}

impl Default for PatchWriter {
    fn default() -> Self {
        let mut operations = Vec::with_capacity(2048);
        operations.push(b'[');
        Self { operations }
    }
}

impl PatchWriter {
    /// With room for what is commonly written about so many containers.
    #[must_use]
    pub fn for_containers(count: usize) -> Self {
        let mut operations = Vec::with_capacity(768 + 768 * count);
        operations.push(b'[');
        Self { operations }
    }

    /// The length of what was written, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.operations.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.operations.len() == 1
    }

    /// The operations as a JSON array.
    #[must_use]
    pub fn into_json(mut self) -> Vec<u8> {
        self.operations.push(b']');
        self.operations
    }

    /// `add` at a path.
    pub fn add(&mut self, path: Path<'_>, value: &Value<'_>) {
        self.add_with(path, |writer| writer.value(value));
    }

    /// `add` at a path of a value that is written by a function.
    pub fn add_with(&mut self, path: Path<'_>, write: impl FnOnce(&mut Self)) {
        self.open(ADD, path);
        self.operations.extend_from_slice(b"\",\"value\":");
        write(self);
        self.operations.push(b'}');
    }

    /// `add` of a member whose name needs escaping.
    pub fn add_below(&mut self, path: Path<'_>, name: &str, value: &Value<'_>) {
        self.open(ADD, path);
        self.member(name);
        self.operations.extend_from_slice(b"\",\"value\":");
        self.value(value);
        self.operations.push(b'}');
    }

    /// `remove` at a path.
    pub fn remove(&mut self, path: Path<'_>) {
        self.open(REMOVE, path);
        self.operations.extend_from_slice(b"\"}");
    }

    /// `remove` of a member whose name needs escaping.
    pub fn remove_below(&mut self, path: Path<'_>, name: &str) {
        self.open(REMOVE, path);
        self.member(name);
        self.operations.extend_from_slice(b"\"}");
    }

    /// Adds fields to an object: as one object where there is none, else one by one.
    pub fn merge(&mut self, path: [&str; 2], exists: bool, fields: &[Field<'_>]) {
        if !exists {
            if fields.iter().any(Option::is_some) {
                self.add(&path, &Value::Map(fields));
            }
            return;
        }
        for (name, value) in fields.iter().flatten() {
            self.add(&[path[0], path[1], "/", name], value);
        }
    }

    /// Appends to a list: as a new list where there is none, else one by one.
    pub fn append<T>(&mut self, path: [&str; 2], exists: bool, entries: &[T], write: impl Fn(&mut Self, &T)) {
        if entries.is_empty() {
            return;
        }
        if !exists {
            self.add_with(&path, |writer| {
                writer.list(entries.len(), |writer, index| write(writer, &entries[index]));
            });
            return;
        }
        for entry in entries {
            self.add_with(&[path[0], path[1], "/-"], |writer| write(writer, entry));
        }
    }

    /// Removes entries of a list, the last one first: each removal moves those behind it.
    pub fn remove_entries(&mut self, path: [&str; 2], indices: &[usize]) {
        let mut indices = Cow::Borrowed(indices);
        if !indices.is_sorted_by(|one, next| one < next) {
            let indices = indices.to_mut();
            indices.sort_unstable();
            indices.dedup();
        }
        for index in indices.iter().rev() {
            self.open(REMOVE, &[path[0], path[1], "/"]);
            self.operations.extend_from_slice(itoa::Buffer::new().format(*index).as_bytes());
            self.operations.extend_from_slice(b"\"}");
        }
    }

    /// A name as the last part of a JSON Pointer (RFC 6901) inside a JSON string.
    fn member(&mut self, name: &str) {
        let out = &mut self.operations;
        out.push(b'/');
        for part in name.split_inclusive(['~', '/']) {
            let (text, escaped) = match (part.strip_suffix('~'), part.strip_suffix('/')) {
                (Some(text), _) => (text, "~0"),
                (_, Some(text)) => (text, "~1"),
                _ => (part, ""),
            };
            write_escaped(out, text);
            out.extend_from_slice(escaped.as_bytes());
        }
    }

    fn open(&mut self, head: &[u8], path: Path<'_>) {
        let out = &mut self.operations;
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(head);
        for part in path {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// A value, where one belongs.
    pub fn value(&mut self, value: &Value<'_>) {
        let out = &mut self.operations;
        match value {
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
            Value::Text(text) => write_text(out, text),
            Value::Texts(texts) => {
                self.list(texts.len(), |writer, index| write_text(&mut writer.operations, &texts[index]));
            }
            Value::List(values) => self.list(values.len(), |writer, index| writer.value(&values[index])),
            Value::Map(fields) => {
                out.push(b'{');
                for (index, (name, value)) in fields.iter().flatten().enumerate() {
                    if index > 0 {
                        self.operations.push(b',');
                    }
                    self.operations.push(b'"');
                    self.operations.extend_from_slice(name.as_bytes());
                    self.operations.extend_from_slice(b"\":");
                    self.value(value);
                }
                self.operations.push(b'}');
            }
            Value::Member(name, value) => {
                out.push(b'{');
                write_text(out, name);
                out.push(b':');
                self.value(value);
                self.operations.push(b'}');
            }
        }
    }

    fn list(&mut self, length: usize, mut entry: impl FnMut(&mut Self, usize)) {
        self.operations.push(b'[');
        for index in 0..length {
            if index > 0 {
                self.operations.push(b',');
            }
            entry(self, index);
        }
        self.operations.push(b']');
    }
}

/// A JSON string, escaped where it must be.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    if is_plain(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            c if u32::from(c) < 0x20 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_serde_json_reads_them() {
        for text in ["plain", "a\"b\\c", "\n\t\u{1}", "ä€😀", ""] {
            let mut out = Vec::new();
            write_text(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }
    }

    #[test]
    fn removals_go_from_the_end() {
        let mut writer = PatchWriter::default();
        writer.remove_entries(["/a", ""], &[1, 3, 1]);
        writer.add_below(&["/m"], "a/b~c", &Value::Int(1));
        let json = String::from_utf8(writer.into_json()).expect("UTF-8");
        assert_eq!(
            json,
            r#"[{"op":"remove","path":"/a/3"},{"op":"remove","path":"/a/1"},{"op":"add","path":"/m/a~1b~0c","value":1}]"#
        );
    }
}
