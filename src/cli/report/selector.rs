//! Label selectors, as kubectl takes them.

use std::collections::BTreeSet;

use kube::core::{Expression, Selector};

/// Reads `app=web,tier!=cache,env in (a,b),env notin (c),owner,!legacy`.
pub(super) fn parse(text: &str) -> Result<Selector, String> {
    parts(text)
        .into_iter()
        .map(expression)
        .collect::<Result<_, _>>()
        .map(|all: Vec<Expression>| all.into_iter().collect())
}

/// What commas outside of brackets divide.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn expression(part: &str) -> Result<Expression, String> {
    let part = part.trim();
    if let Some(list) = part.strip_suffix(')') {
        let (head, values) = list.split_once('(').ok_or_else(|| wrong(part))?;
        let values: BTreeSet<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => Ok(Expression::In(self::key(key, part)?, values)),
            (Some(key), Some("notin"), None) => Ok(Expression::NotIn(self::key(key, part)?, values)),
            _ => Err(wrong(part)),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Expression::NotEqual(self::key(key, part)?, self::value(value, part)?));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Expression::Equal(self::key(key, part)?, self::value(value, part)?));
    }
    match part.strip_prefix('!') {
        Some(key) => Ok(Expression::DoesNotExist(self::key(key, part)?)),
        None => Ok(Expression::Exists(self::key(part, part)?)),
    }
}

fn key(key: &str, part: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let key = key.trim();
    if !key.is_empty() && key.chars().all(is_fine) { Ok(key.to_owned()) } else { Err(wrong(part)) }
}

fn value(value: &str, part: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let value = value.trim();
    if value.chars().all(is_fine) { Ok(value.to_owned()) } else { Err(wrong(part)) }
}

fn wrong(part: &str) -> String {
    format!("`{part}` is no selector: write app=web, app!=web, app in (a,b), app notin (a,b), app or !app")
}

#[cfg(test)]
mod tests {
    use kube::core::SelectorExt as _;

    use super::parse;

    #[test]
    fn selectors_match_as_kubectls_do() {
        let labels = [("app", "web"), ("env", "a"), ("example.com/owner", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        for (text, expected) in [
            ("app=web", true),
            ("app==web,env!=b", true),
            ("app = web , env in (a, b)", true),
            ("env notin (a,b)", false),
            ("tier notin (a)", true),
            ("example.com/owner", true),
            ("!tier,!env", false),
            ("app=", false),
        ] {
            assert_eq!(parse(text).expect(text).matches(&labels), expected, "{text}");
        }
        for text in ["", "app=web,", "a b", "app in a", "app near (a)", "(a)", "app=a=b", "!"] {
            assert!(parse(text).expect_err(text).contains("is no selector"), "{text}");
        }
    }
}
