//! Writes values as YAML that kubectl reads back as the same values.

use serde_json::Value;

use super::scalar::is_plain_text;

/// How a document is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// `\n` or `\r\n`
    pub(super) newline: &'static str,
    /// How much further than its key a list is indented: 0 or 2.
    pub(super) list_indent: usize,
}

/// A value behind `key:`, with the space or the line before it.
pub(super) fn behind_key(out: &mut String, value: &Value, indent: usize, layout: Layout) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            line(out, indent + 2, layout);
            block(out, value, indent + 2, layout);
        }
        Value::Array(items) if !items.is_empty() => {
            line(out, indent + layout.list_indent, layout);
            block(out, value, indent + layout.list_indent, layout);
        }
        Value::String(text) if is_literal(text) => {
            out.push(' ');
            literal(out, text, indent + 2, layout);
        }
        _ => {
            out.push(' ');
            flow(out, value);
        }
    }
}

/// A value in block style; its first line stands where the text so far ends.
pub(super) fn block(out: &mut String, value: &Value, indent: usize, layout: Layout) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (number, (name, value)) in fields.iter().enumerate() {
                if number > 0 {
                    line(out, indent, layout);
                }
                text(out, name, false);
                out.push(':');
                behind_key(out, value, indent, layout);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    line(out, indent, layout);
                }
                out.push_str("- ");
                block(out, item, indent + 2, layout);
            }
        }
        Value::String(text) if is_literal(text) => literal(out, text, indent, layout),
        _ => flow(out, value),
    }
}

/// A value on one line.
pub(super) fn flow(out: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            out.push('{');
            for (number, (name, value)) in fields.iter().enumerate() {
                separate(out, number);
                text(out, name, true);
                out.push_str(": ");
                flow(out, value);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                separate(out, number);
                flow(out, item);
            }
            out.push(']');
        }
        Value::String(content) => text(out, content, true),
        other => out.push_str(&other.to_string()),
    }
}

fn separate(out: &mut String, number: usize) {
    if number > 0 {
        out.push_str(", ");
    }
}

fn line(out: &mut String, indent: usize, layout: Layout) {
    out.push_str(layout.newline);
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A text: plain where nobody can misread it, else in double quotes as JSON has them.
pub(super) fn text(out: &mut String, content: &str, in_flow: bool) {
    if is_plain(content, in_flow) {
        out.push_str(content);
    } else {
        out.push_str(&quoted(content));
    }
}

/// JSON's quotes, with everything escaped that YAML takes for a line break or refuses.
fn quoted(content: &str) -> String {
    let mut out = String::with_capacity(content.len() + 2);
    for c in Value::from(content).to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// Only what every reader, of YAML 1.1 and 1.2, takes for the text that it is.
fn is_plain(content: &str, in_flow: bool) -> bool {
    let Some(first) = content.chars().next() else { return false };
    let inner = |c: char| match c {
        ',' | '[' | ']' | '{' | '}' => !in_flow,
        ' ' | '_' | '-' | '.' | '/' | '=' | '+' | '(' | ')' | ';' | '@' | '$' | '~' | '*' | '%' => true,
        c => c.is_ascii_alphanumeric(),
    };
    // `host:port` is one word in a block; a colon at the end or before a space is a key's.
    let colons =
        content.split(':').skip(1).all(|rest| !in_flow && !rest.is_empty() && !rest.starts_with(' '));
    (first.is_ascii_alphanumeric() || matches!(first, '/' | '_' | '.' | '('))
        && content.chars().all(|c| c == ':' || inner(c))
        && colons
        && !content.ends_with(' ')
        && !content.starts_with("...")
        && is_plain_text(content)
        && !is_sexagesimal(content)
}

/// `12:30` is a number to YAML 1.1, though not to kubectl; and so are dates something of their own.
fn is_sexagesimal(content: &str) -> bool {
    content
        .bytes()
        .all(|c| c.is_ascii_digit() || matches!(c, b':' | b'.' | b'_' | b'-' | b'+' | b'T' | b'Z' | b' '))
}

/// Whether a text of several lines can stand behind `|`.
fn is_literal(content: &str) -> bool {
    let printable =
        |c: char| c == '\n' || !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'));
    content.trim_end_matches('\n').contains('\n')
        && content.chars().all(printable)
        && !content.starts_with([' ', '\n'])
        && content.lines().all(|line| !line.ends_with(' '))
}

fn literal(out: &mut String, content: &str, indent: usize, layout: Layout) {
    out.push('|');
    let body = content.strip_suffix('\n');
    match body {
        None => out.push('-'),
        Some(body) if body.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    for written in body.unwrap_or(content).split('\n') {
        if written.is_empty() {
            out.push_str(layout.newline);
        } else {
            line(out, indent, layout);
            out.push_str(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(value: &Value, list_indent: usize) -> String {
        let mut out = String::new();
        block(&mut out, value, 0, Layout { newline: "\n", list_indent });
        out.push('\n');
        out
    }

    #[test]
    fn block_style_as_people_write_it() {
        let value = json!({"a": {"b": [{"c": 1, "d": [[]]}, "x"]}, "e": {}, "f": "1", "g": "p\nq\n"});
        let expected = "a:\n  b:\n  - c: 1\n    d:\n    - []\n  - x\ne: {}\nf: \"1\"\ng: |\n  p\n  q\n";
        assert_eq!(written(&value, 0), expected);
        assert!(written(&value, 2).contains("  b:\n    - c: 1\n      d:\n        - []\n"));
    }

    #[test]
    fn everything_written_is_read_back() {
        let texts = [
            "",
            " ",
            "a",
            "yes",
            "Y",
            "null",
            "~",
            "1",
            "0644",
            "1e3",
            "1_0",
            "12:30",
            "2001-01-01",
            "a: b",
            "a:b",
            "a:",
            "- a",
            "-",
            "--",
            "---",
            "...",
            "# a",
            "a #b",
            "a#b",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "{a",
            "[a",
            "a,b",
            "a]",
            "a}",
            "'a'",
            "\"a\"",
            "a'b",
            "\\",
            "\t",
            "a\tb",
            " a",
            "a ",
            "a\nb",
            "a\nb\n",
            "a\n\nb\n\n",
            "\na\nb",
            " a\nb",
            "a \nb",
            "a\r\nb",
            "ä",
            "😀",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{7f}",
            "\u{0}",
            "<<",
            "=",
            "?",
            "? a",
            "|",
            ">",
            "/tmp",
            "a/b:1.2@sha256:ff",
            "$(VAR)",
            "0x1F",
            "0o7",
            ".inf",
            ".5",
            "+1",
            "-1",
            "a\u{0}\nb",
        ];
        for text in texts {
            for value in [
                json!({"k": text}),
                json!({text: [text, {text: text}]}),
                json!([text]),
                json!([[text, 1.5], {"a": [{}]}, null, true]),
            ] {
                for list_indent in [0, 2] {
                    let yaml = written(&value, list_indent);
                    let tree = super::super::yaml::read(&yaml, 1).expect(&yaml).expect("a document");
                    assert_eq!(tree.value, value, "{yaml}");
                }
                let mut line = String::new();
                flow(&mut line, &value);
                let tree = super::super::yaml::read(&line, 1).expect(&line).expect("a document");
                assert_eq!(tree.value, value, "{line}");
            }
        }
    }
}
