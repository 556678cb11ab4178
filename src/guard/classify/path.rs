//! Paths in what programs say. A program may say anything: only plain absolute paths are taken.

use crate::plan::normalize;

/// The longest path that a mount may have.
const LONGEST: usize = 255;

/// Directories that many programs share: a directory in one of them is better made writable than they.
pub(in crate::guard) const SHARED: [&str; 13] = [
    "/",
    "/home",
    "/mnt",
    "/opt",
    "/run",
    "/srv",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/lock",
    "/var/log",
    "/var/run",
    "/var/spool",
];

/// The directory that has to be writable, as a line says it; `at` is where the phrase begins that says what went wrong,
/// and `end` where it ends. `None` where the line names none that can be read without doubt.
pub(super) fn directory(line: &str, at: usize, end: usize) -> Option<String> {
    let Found { start, text: path } = named(line, at, end)?;
    let lower = line.to_ascii_lowercase();
    let before = lower[..start].trim_end_matches(['"', '\'', '`', '‘', '“']);
    let path_is_directory = path.ends_with('/')
        || [" dir ", " dir: ", "directory ", "directory: "].iter().any(|word| before.ends_with(word));
    let creates = ["mkdir", "create directory", "creating directory", "createdirectory", "create_dir"];
    let creates = creates.iter().any(|word| lower.contains(word));
    let clean = path.trim_end_matches('/');
    let parent = match clean.rsplit_once('/')? {
        ("", _) => "/",
        (parent, _) => parent,
    };
    let directory = match (creates, path_is_directory) {
        (true, _) if SHARED.contains(&parent) => clean,
        (false, true) => clean,
        _ => parent,
    };
    (!directory.is_empty()).then(|| directory.to_owned())
}

/// Whether a line names any absolute path.
pub(super) fn is_named(line: &str) -> bool {
    Found::all(line).next().is_some()
}

/// Every plain absolute path in a text.
pub(super) fn all(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(Found::all).map(|found| found.text).filter(|path| is_plain(path))
}

/// The path that a line is about: behind the phrase where that introduces one, as Python, Node and Ruby say it; else
/// the last one before it, else the first one behind it.
fn named(line: &str, at: usize, end: usize) -> Option<Found<'_>> {
    let behind = line.get(end..).unwrap_or_default();
    // PHP closes with where it is said.
    let says_it = |found: &Found<'_>| line[found.start + found.text.len()..].starts_with(" on line ");
    let after = Found::all(line).find(|found| found.start >= end && !says_it(found));
    let before = Found::all(line).filter(|found| found.start < at).last();
    // Behind these there is nothing but what it is about: a path before them is where it is said.
    let is_it = [": '", ": \"", " @ "].iter().any(|start| behind.starts_with(start));
    let found = if is_it {
        after
    } else if behind.starts_with(", ") {
        after.or(before)
    } else {
        before.or(after)
    }?;
    is_plain(found.text).then_some(found)
}

/// A path and where it stands.
struct Found<'l> {
    start: usize,
    text: &'l str,
}

impl<'l> Found<'l> {
    fn all(line: &'l str) -> impl Iterator<Item = Self> {
        let mut from = 0;
        std::iter::from_fn(move || {
            loop {
                let start = from + line.get(from..)?.find('/')?;
                let before = line[..start].chars().next_back();
                let text = text_at(line, start, before);
                from = start + text.len().max(1);
                // What follows a letter is relative, and two slashes behind a colon are of an address.
                let begins = before.is_none_or(|c| c.is_whitespace() || "'\"`‘“([{=:,<>".contains(c));
                let address = text.starts_with("//") && before == Some(':');
                if begins && !address && text.len() > 1 {
                    return Some(Self { start, text });
                }
            }
        })
    }
}

/// What stands from a slash on: to the closing quote, or to the end of the word.
fn text_at(line: &str, start: usize, before: Option<char>) -> &str {
    let rest = &line[start..];
    let close = match before {
        Some('\'') => Some('\''),
        Some('"') => Some('"'),
        Some('`' | '‘') => Some('\''),
        Some('“') => Some('”'),
        _ => None,
    };
    // GNU opens with ‘ and closes with ’, elder programs open with ` and close with '.
    let closes = |c: char| close == Some(c) || (close == Some('\'') && c == '’');
    let quoted = close.and_then(|_| rest.find(closes));
    let ends = |c: char| c.is_whitespace() || "'\"`‘’“”()[]{}<>:;,".contains(c);
    let end = quoted.unwrap_or_else(|| rest.find(ends).unwrap_or(rest.len()));
    // What is said of it may be in the quotes, too.
    let end = rest[..end].find(": ").unwrap_or(end);
    // Quotes in JSON are escaped.
    let text = rest[..end].trim_end_matches('\\');
    if quoted.is_some() { text } else { text.trim_end_matches('.') }
}

/// Nothing that could be read in two ways.
pub(super) fn is_plain(path: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@=~".contains(&byte);
    let clean = path.strip_suffix('/').unwrap_or(path);
    path.len() <= LONGEST && path.bytes().all(known) && clean.len() > 1 && *normalize(clean) == *clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        let lower = line.to_ascii_lowercase();
        let phrase = ["read-only file system", "permission denied", "erofs", "eacces"]
            .into_iter()
            .find(|phrase| lower.contains(phrase))
            .expect("a phrase");
        let at = lower.find(phrase).expect("a phrase");
        directory(line, at, at + phrase.len())
    }

    #[test]
    fn the_directory_that_a_line_is_about() {
        for (line, expected) in [
            ("sh: 1: cannot create /var/lib/app.db: Read-only file system", Some("/var/lib")),
            ("/entrypoint.sh: line 5: /data/x: Read-only file system", Some("/data")),
            ("open /data/x/y: read-only file system", Some("/data/x")),
            ("OSError: [Errno 30] Read-only file system: '/data/x'", Some("/data")),
            ("/app/m.py: OSError: [Errno 30] Read-only file system: '/data/x'", Some("/data")),
            (
                "/a/m.rb:3:in `initialize': Read-only file system @ rb_sysopen - /d/x (Errno::EROFS)",
                Some("/d"),
            ),
            ("Error: EROFS: read-only file system, open '/data/x'", Some("/data")),
            ("java.io.FileNotFoundException: /data/x.log (Read-only file system)", Some("/data")),
            ("Cannot open /data/x: Read-only file system at /app/x.pl line 3.", Some("/data")),
            ("mkdir: cannot create directory ‘/var/lib/x’: Read-only file system", Some("/var/lib/x")),
            ("mkdir: cannot create directory `/srv/a/b': Permission denied", Some("/srv/a")),
            ("could not open directory \"/var/lib/pg/data\": Permission denied", Some("/var/lib/pg/data")),
            ("bind() to unix:/run/x.sock failed (13: Permission denied)", Some("/run")),
            (r#"{"msg":"open \"/data/x\": permission denied"}"#, Some("/data")),
            ("cannot store ('/d/a/b.dat~: Permission denied')", Some("/d/a")),
            ("fopen(x/y): Failed to open stream: Permission denied in /app/x.php on line 3", None),
            ("/a/m.rb:3:in `initialize': Permission denied @ rb_sysopen - d/x (Errno::EACCES)", None),
            ("/x: Permission denied", Some("/")),
            ("data/x: Permission denied", None),
            ("./data/x: Permission denied", None),
            ("GET http://host/data/x: Permission denied", None),
            ("\"/a b/c\": Permission denied", None),
            ("/a/../etc/x: Permission denied", None),
            ("/a//b: Permission denied", None),
            ("/a/%2e%2e/b: Permission denied", None),
            ("/ä/b: Permission denied", None),
            ("/: Permission denied", None),
            ("Permission denied", None),
        ] {
            assert_eq!(of(line).as_deref(), expected, "{line}");
        }
        assert_eq!(of(&format!("/{}/x: Permission denied", "a".repeat(300))), None);
    }
}
