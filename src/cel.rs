//! Texts in CEL, for whatever writes policies for the API server.

use std::fmt::Write as _;

/// A text.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            // Writing to a string cannot fail.
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A list of texts.
pub(crate) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(text).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_where_they_end() {
        for (plain, written) in
            [("a", r"'a'"), ("it's", r"'it\'s'"), (r"a\", r"'a\\'"), ("a\nb", r"'a\u000ab'"), ("é", "'é'")]
        {
            assert_eq!(text(plain), written);
        }
        assert_eq!(list(["a", "b"]), "['a', 'b']");
        assert_eq!(list([]), "[]");
    }
}
