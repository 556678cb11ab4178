//! Relative paths in what programs say, as applications have them that keep what is theirs beside the program.
//!
//! A working directory is often the image's word, which the API does not show. Then it is taken to be where the program's
//! own files are, by the trace that is said with the error, else the usual one: that helps or does not, and does no harm.

use super::path;
use crate::plan::normalize;

/// How the names of programs' sources end.
const SOURCES: [&str; 10] = [".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".ru", ".php", ".pl", ".lua"];

/// Where others' sources are.
const OTHERS: [&str; 11] = [
    "/usr/lib/",
    "/usr/share/",
    "/usr/local/lib/",
    "/usr/bin/",
    "/usr/local/bin/",
    "/lib/",
    "/node_modules/",
    "/site-packages/",
    "/dist-packages/",
    "/gems/",
    "/vendor/",
];

/// Directories in which a program's sources are, below the one that it runs in.
const PARTS: [&str; 7] = ["src", "lib", "bin", "dist", "build", "config", "public"];

/// The working directory of most images of applications, and of those that Rails makes a Dockerfile for.
const USUAL: (&str, &str) = ("/app", "/rails");

/// Words before a path that is to be written, or to be made.
const VERBS: [&str; 8] = ["open", "mkdir", "create", "touch", "write", "unlink", "rename", "remove"];

/// The directory that has to be writable, as a line says it that names a relative path; `place` is where the phrase stands
/// that says what went wrong.
pub(super) fn directory(
    message: &str,
    line: &str,
    place: (usize, usize),
    working_dir: Option<&str>,
) -> Option<String> {
    below(message, php(line).or_else(|| named(line, place))?, working_dir)
}

/// The directory of a file that PHP could not open.
pub(super) fn of_php(message: &str, working_dir: Option<&str>) -> Option<String> {
    below(message, message.lines().rev().find_map(php)?, working_dir)
}

/// The directory below the program's own, or that itself, in which a relative path is.
fn below(message: &str, path: &str, working_dir: Option<&str>) -> Option<String> {
    let base = match working_dir.filter(|said| !said.is_empty()) {
        Some(said) => {
            Some(normalize(said).into_owned()).filter(|base| base == "/" || path::is_plain(base))?
        }
        None => of_program(message).unwrap_or_else(|| usual(message).to_owned()),
    };
    let makes = ["mkdir", "makedirs", "createDirector"].iter().any(|word| message.contains(word));
    let first = match path.split_once('/') {
        Some((first, _)) => Some(first),
        None if makes => Some(path),
        None => None,
    };
    Some(first.map_or_else(|| base.clone(), |first| format!("{}/{first}", base.trim_end_matches('/'))))
}

/// The path that a line is about: in quotes behind the phrase or before it, else the word that it is said of.
fn named(line: &str, (at, end): (usize, usize)) -> Option<&str> {
    let (before, behind) = (line.get(..at)?, line.get(end..)?);
    let path = quoted_first(behind)
        .or_else(|| ruby(behind))
        .or_else(|| quoted_last(before))
        .or_else(|| said_of(before))?;
    plain(path)
}

/// `fopen(log/x): Failed to open stream: …`
fn php(line: &str) -> Option<&str> {
    let (call, _) = line
        .split_once("): ")
        .filter(|(_, rest)| rest.to_ascii_lowercase().starts_with("failed to open stream"))?;
    plain(call.rsplit_once('(')?.1)
}

fn plain(path: &str) -> Option<&str> {
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    is_plain(path).then_some(path)
}

const QUOTES: [char; 5] = ['\'', '"', '`', '‘', '’'];

/// `: 'log/x'`, `, open 'log/x'`
fn quoted_first(behind: &str) -> Option<&str> {
    let mut parts = behind.splitn(3, QUOTES);
    let (between, inside, _) = (parts.next()?, parts.next()?, parts.next()?);
    (between.split_whitespace().count() <= 2).then_some(inside)
}

/// `"log/x" failed (30: …`
fn quoted_last(before: &str) -> Option<&str> {
    let mut parts = before.rsplitn(3, QUOTES);
    let (between, inside, _) = (parts.next()?, parts.next()?, parts.next()?);
    let is_near = between.replace("failed", "").chars().all(|c| c.is_ascii_digit() || " :()[]".contains(c));
    is_near.then_some(inside)
}

/// `… @ rb_sysopen - log/x`
fn ruby(behind: &str) -> Option<&str> {
    let (_, path) = behind.strip_prefix(" @ ")?.split_once(" - ")?;
    path.split_whitespace().next()
}

/// `open log/x: …`, `FileNotFoundException: log/x (…`
fn said_of(before: &str) -> Option<&str> {
    let words = before.trim_end_matches([' ', ':', '(']);
    let mut words = words.split_whitespace().rev();
    let (path, verb) = (words.next()?, words.next().unwrap_or_default());
    let verb = verb.trim_end_matches(':').to_ascii_lowercase();
    let is_verb = VERBS.iter().any(|known| verb.ends_with(known));
    let says_it = ["mkdir", "exception"].iter().any(|word| verb.ends_with(word));
    let looks_like_one = says_it || path.contains('/') || (is_verb && path.contains('.'));
    looks_like_one.then_some(path)
}

/// Nothing that could be read in two ways, nor leads out of where it begins.
fn is_plain(path: &str) -> bool {
    !path.starts_with(['-', '/']) && !path.contains('~') && path::is_plain(&format!("/{path}"))
}

fn usual(message: &str) -> &'static str {
    let is_ruby = ["Errno::", ".rb:"].iter().any(|word| message.contains(word));
    if is_ruby { USUAL.1 } else { USUAL.0 }
}

/// Where the program's own files are: the directory that all have in common which the message names.
pub(super) fn of_program(message: &str) -> Option<String> {
    let own = path::all(message).filter(|path| {
        let is_source = SOURCES.iter().any(|end| path.ends_with(end));
        is_source && !OTHERS.iter().any(|others| path.contains(others))
    });
    let mut common: Option<Vec<&str>> = None;
    for path in own {
        let parts: Vec<&str> = path.rsplit_once('/')?.0.split('/').skip(1).collect();
        common = Some(match common {
            None => parts,
            Some(known) => known
                .into_iter()
                .zip(parts)
                .take_while(|(one, other)| one == other)
                .map(|(one, _)| one)
                .collect(),
        });
    }
    let mut common = common?;
    while common.len() > 1 && common.last().is_some_and(|last| PARTS.contains(last)) {
        common.pop();
    }
    (!common.is_empty()).then(|| format!("/{}", common.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ_ONLY: &str = "read-only file system";
    const PYTHON: &str = "Traceback (most recent call last):\n  File \"/app/notes.py\", line 4, in <module>\n    \
        os.makedirs(\"instance\", exist_ok=True)\n  File \"/usr/lib/python3.11/os.py\", line 225, in makedirs\n";

    fn of(message: &str, working_dir: Option<&str>) -> Option<String> {
        let line =
            message.lines().find(|line| line.to_ascii_lowercase().contains(READ_ONLY)).expect("a line");
        let at = line.to_ascii_lowercase().find(READ_ONLY).expect("a phrase");
        directory(message, line, (at, at + READ_ONLY.len()), working_dir)
    }

    #[test]
    fn below_the_program_or_where_the_pod_says() {
        let error = "Read-only file system";
        for (message, expected) in [
            (format!("{PYTHON}OSError: [Errno 30] {error}: 'instance'"), Some("/app/instance")),
            (format!("  File \"/app/x.py\", line 4\nOSError: [Errno 30] {error}: 'notes.db'"), Some("/app")),
            (
                format!("Error: EROFS: {READ_ONLY}, mkdir './uploads'\n    at /srv/web/src/server.js:3:4\n"),
                Some("/srv/web/uploads"),
            ),
            (
                format!(
                    "/rails/config.ru:2:in `initialize': {error} @ rb_sysopen - log/a/b.log (Errno::EROFS)\n\tfrom \
                     /usr/lib/ruby/x.rb:3:in `y'"
                ),
                Some("/rails/log"),
            ),
            (format!("/a/one/x.php:3 /a/two/y.php\nfopen('cache/x'): {error}"), Some("/a/cache")),
            // Nobody says where.
            (format!("open data/x: {READ_ONLY}"), Some("/app/data")),
            (format!("  File \"/usr/lib/python3/x.py\"\nOSError: {error}: 'x'"), Some("/app")),
            (format!("/x.py: OSError: {error}: 'x'"), Some("/app")),
            (format!("x.ru:2: {error} @ rb_sysopen - log/x (Errno::EROFS)"), Some("/rails/log")),
        ] {
            assert_eq!(of(&message, None).as_deref(), expected, "{message}");
        }
        for (line, expected) in [
            (format!("open data/x: {READ_ONLY}"), Some("/work/data")),
            (format!("open ./x.db: {READ_ONLY}"), Some("/work")),
            (format!("mkdir: cannot create directory ‘data’: {error}"), Some("/work/data")),
            (format!("sh: 1: cannot create out.txt: {error}"), Some("/work")),
            (format!("java.io.FileNotFoundException: logs/x.log ({error})"), Some("/work/logs")),
            (format!("mkdir data: {READ_ONLY}"), Some("/work/data")),
            (
                format!(
                    "java.nio.file.FileSystemException: logs: {error}\n\tat java.nio.file.Files.createDirectory(F.java:7)"
                ),
                Some("/work/logs"),
            ),
            (
                format!(
                    "PHP Warning:  fopen(cache/x): Failed to open stream: {error} in /app/public/x.php on line 3"
                ),
                Some("/work/cache"),
            ),
            (format!("it is a {READ_ONLY}"), None),
            (format!("attempt to write a {READ_ONLY}"), None),
            (format!("open ../x: {READ_ONLY}"), None),
            (format!("open a/../../x: {READ_ONLY}"), None),
            (format!("open a//x: {READ_ONLY}"), None),
            (format!("open 'a b/x': {READ_ONLY}"), None),
            (format!("{error}: '-x/y'"), None),
        ] {
            assert_eq!(of(&line, Some("/work")).as_deref(), expected, "{line}");
        }
        for odd in ["/a b", "/${HOME}", "/\u{202e}"] {
            assert_eq!(of(&format!("open data/x: {READ_ONLY}"), Some(odd)), None, "{odd}");
        }
    }
}
