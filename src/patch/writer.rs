//! Operations, written one after another.

use std::borrow::Cow;

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
    /// An object.
    Map(&'v [(&'v str, Value<'v>)]),
}

/// The operations so far, as JSON without the outer brackets.
#[derive(Debug, Clone, Default)]
pub struct PatchWriter {
    operations: Vec<u8>,
}

impl PatchWriter {
    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The operations, separated by commas.
    #[must_use]
    pub fn operations(&self) -> &[u8] {
        &self.operations
    }

    /// The operations as a JSON array.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        [b"[", self.operations.as_slice(), b"]"].concat()
    }

    /// `add` at a path made of safe names.
    pub fn add(&mut self, path: &str, value: &Value<'_>) {
        self.open("add", path);
        self.value(value);
        self.close();
    }

    /// `add` of a member whose name needs escaping.
    pub fn add_below(&mut self, path: &str, name: &str, value: &Value<'_>) {
        self.add(&join(path, name), value);
    }

    /// `remove` at a path made of safe names.
    pub fn remove(&mut self, path: &str) {
        self.open_bare("remove", path);
        self.operations.push(b'}');
    }

    /// `remove` of a member whose name needs escaping.
    pub fn remove_below(&mut self, path: &str, name: &str) {
        self.remove(&join(path, name));
    }

    /// Adds fields to an object: as one object where there is none, else one by one.
    pub fn merge(&mut self, path: &str, exists: bool, fields: &[(&str, Value<'_>)]) {
        if fields.is_empty() {
            return;
        }
        if !exists {
            self.add(path, &Value::Map(fields));
            return;
        }
        for (name, value) in fields {
            self.add(&format!("{path}/{name}"), value);
        }
    }

    /// Appends to a list: as a new list where there is none, else one by one.
    pub fn append(&mut self, path: &str, exists: bool, values: &[Value<'_>]) {
        if values.is_empty() {
            return;
        }
        if !exists {
            self.add(path, &Value::List(values));
            return;
        }
        for value in values {
            self.add(&format!("{path}/-"), value);
        }
    }

    /// Removes entries of a list, the last one first: each removal moves those behind it.
    pub fn remove_entries(&mut self, path: &str, indices: &[usize]) {
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        indices.dedup();
        for index in indices.iter().rev() {
            self.remove(&format!("{path}/{index}"));
        }
    }

    fn open(&mut self, op: &str, path: &str) {
        self.open_bare(op, path);
        self.operations.extend_from_slice(b",\"value\":");
    }

    fn open_bare(&mut self, op: &str, path: &str) {
        if !self.operations.is_empty() {
            self.operations.push(b',');
        }
        self.operations.extend_from_slice(b"{\"op\":\"");
        self.operations.extend_from_slice(op.as_bytes());
        self.operations.extend_from_slice(b"\",\"path\":");
        write_text(&mut self.operations, path);
    }

    fn close(&mut self) {
        self.operations.push(b'}');
    }

    fn value(&mut self, value: &Value<'_>) {
        let out = &mut self.operations;
        match value {
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Text(text) => write_text(out, text),
            Value::Texts(texts) => {
                self.list(texts.len(), |writer, index| write_text(&mut writer.operations, &texts[index]));
            }
            Value::List(values) => self.list(values.len(), |writer, index| writer.value(&values[index])),
            Value::Map(fields) => {
                out.push(b'{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        self.operations.push(b',');
                    }
                    write_text(&mut self.operations, name);
                    self.operations.push(b':');
                    self.value(value);
                }
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
    let plain = |b: u8| b >= 0x20 && b != b'"' && b != b'\\';
    out.push(b'"');
    if text.bytes().all(plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        for c in text.chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                c if u32::from(c) < 0x20 => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }
    out.push(b'"');
}

/// A JSON Pointer (RFC 6901) one name longer.
fn join(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
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
        writer.remove_entries("/a", &[1, 3, 1]);
        writer.add_below("/m", "a/b~c", &Value::Int(1));
        let json = String::from_utf8(writer.to_json()).expect("UTF-8");
        assert_eq!(
            json,
            r#"[{"op":"remove","path":"/a/3"},{"op":"remove","path":"/a/1"},{"op":"add","path":"/m/a~1b~0c","value":1}]"#
        );
    }
}
