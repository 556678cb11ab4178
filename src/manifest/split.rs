//! A file as the documents it is made of. Put together again they are the file, byte for byte.

use super::json;
use super::node::Tree;
use super::{ManifestError, yaml};

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// YAML, one document or several between `---`.
    Yaml,
    /// JSON, one document or a stream of them.
    Json,
}

impl Syntax {
    /// As kubectl guesses: what begins with `{` and can be read as JSON is JSON.
    #[must_use]
    pub fn guess(text: &str) -> Self {
        let looks = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        if looks && json::stream(text).is_ok() { Self::Json } else { Self::Yaml }
    }
}

/// A part of a file.
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    /// The line of the file on which it begins.
    pub(super) line: usize,
    /// What it says; nothing where there are only comments.
    pub(super) tree: Result<Option<Tree>, ManifestError>,
}

/// Takes a file apart.
pub(super) fn split(text: &str, syntax: Syntax) -> Result<Vec<Part<'_>>, ManifestError> {
    let parts = match syntax {
        Syntax::Yaml => split_yaml(text),
        Syntax::Json => split_json(text)?,
    };
    let mut line = 1;
    let mut out = Vec::with_capacity(parts.len());
    for text in parts {
        let tree = match syntax {
            Syntax::Yaml => yaml::read(text, line),
            Syntax::Json => json::read(text, line).map(Some),
        };
        out.push(Part { text, line, tree });
        line += text.matches('\n').count();
    }
    Ok(out)
}

/// A document begins at a line `---`, or behind a line `...`; directives belong to the document behind them.
fn split_yaml(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if is_marker(line, "---") && at > start && !is_preamble(&text[start..at]) {
            parts.push(&text[start..at]);
            start = at;
        }
        at += line.len();
        if is_marker(line, "...") {
            parts.push(&text[start..at]);
            start = at;
        }
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

fn is_marker(line: &str, marker: &str) -> bool {
    let rest = line.trim_start_matches('\u{feff}').strip_prefix(marker);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Directives, with comments and empty lines around them.
fn is_preamble(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    text.lines().any(|line| line.starts_with('%'))
        && lines.all(|line| line.starts_with(['%', '#']) || line.trim().is_empty())
}

/// The space between two documents belongs to the second, the space at the end to the last.
fn split_json(text: &str) -> Result<Vec<&str>, ManifestError> {
    let mut ends = json::stream(text)?;
    if let Some(last) = ends.last_mut() {
        *last = text.len();
    }
    let mut start = 0;
    let mut parts = Vec::with_capacity(ends.len());
    for end in ends {
        parts.push(&text[start..end]);
        start = end;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_whole() {
        for (text, count) in [
            ("", 0),
            ("a: 1\n", 1),
            ("a: 1\n---\nb: 2", 2),
            ("# licence\n---\na: 1\n---\n---\nb: 2\n", 4),
            ("---\r\na: 1\r\n---\r\nb: 2\r\n", 2),
            ("%YAML 1.2\n---\na: 1\n", 1),
            ("a: 1\n...\n# c\n%YAML 1.2\n---\nb: 1\n", 2),
            ("a: |\n  ---\n  x\n", 1),
            ("a: 1\n--- # two\nb: 1\n", 2),
            ("a: 1\n---b: 1\n", 1),
            ("\u{feff}---\na: 1\n", 1),
        ] {
            let parts = split_yaml(text);
            assert_eq!(parts.concat(), text);
            assert_eq!(parts.len(), count, "{text:?}");
        }
        let stream = "\n{\"a\":1} {}\n\n[]  \n";
        let parts = split_json(stream).expect("JSON");
        assert_eq!(parts, ["\n{\"a\":1}", " {}", "\n\n[]  \n"]);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let parts = split("a: 1\n---\nb: 2\n---\nc: [\n", Syntax::Yaml).expect("split");
        assert_eq!(parts.iter().map(|part| part.line).collect::<Vec<_>>(), [1, 2, 4]);
        let error = parts[2].tree.as_ref().expect_err("a bracket is open");
        assert!(error.line >= 5, "{error}");
    }

    #[test]
    fn json_is_guessed_where_it_is_json() {
        assert_eq!(Syntax::guess(" {\"a\": 1}"), Syntax::Json);
        assert_eq!(Syntax::guess("{a: 1}"), Syntax::Yaml);
        assert_eq!(Syntax::guess("a: 1"), Syntax::Yaml);
    }
}
