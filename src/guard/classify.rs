//! Why a container came to its end, from what its status says and from nothing else.
//!
//! What the table does not know is unexplained. A message is written by the workload, so the most that believing it can
//! do is what [`super::remedy`] allows.

mod path;
mod relative;
mod table;
#[cfg(test)]
mod tests;

pub(super) use path::SHARED;

use super::Cause;
use crate::rules::{RuleId, RuleSet};
use table::{Path, REASONS, Row, TABLE, WITHOUT_REASON, Where};

/// So much of what is said is looked at, from its end, in bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// How a container came to its end, or why it was not started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Death<'a> {
    /// `Error`, `OOMKilled`, `CreateContainerConfigError`, …
    pub reason: &'a str,
    /// `None` while it waits to be started.
    pub exit_code: Option<i32>,
    /// The signal that ended it, where the runtime says so.
    pub signal: Option<i32>,
    /// What the runtime says, or the program: its termination message, or the end of its log.
    pub message: &'a str,
    /// The working directory that the pod names.
    pub working_dir: Option<&'a str>,
}

/// Why it came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// In a word.
    pub cause: Cause,
    /// The directory that it should have been able to write to, where it named one.
    pub directory: Option<String>,
}

impl Explained {
    pub(super) const fn of(cause: Cause) -> Self {
        Self { cause, directory: None }
    }

    /// Whether more words would tell nothing new.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        match self.cause {
            Cause::Unexplained | Cause::Silent | Cause::NeverReady => false,
            Cause::ReadOnly | Cause::Permission | Cause::Write => self.directory.is_some(),
            _ => true,
        }
    }
}

/// The reason that stands for a container that runs and was never ready: the guard's own word.
pub(super) const NEVER_READY: &str = "NeverReady";

/// Without these rules a container is as its image makes it.
pub(super) const LOWERED: [RuleId; 3] =
    [RuleId::run_as_non_root, RuleId::capabilities, RuleId::read_only_root_filesystem];

/// Words that name another cause: somebody else does not answer, or is not to be found.
const ELSEWHERE: [&str; 16] = [
    "connection refused",
    "connection reset",
    "connection timed out",
    "econnrefused",
    "etimedout",
    "enotfound",
    "eai_again",
    "no such host",
    "no route to host",
    "host is unreachable",
    "name resolution",
    "name or service not known",
    "unknown host",
    "i/o timeout",
    "deadline exceeded",
    "address already in use",
];

/// Reasons with which a runtime says that the program itself could not be started.
const NOT_STARTED: [&str; 5] =
    ["StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError", "PostStartHookError"];

/// Explains an end of a container to which these rules were applied.
#[must_use]
pub fn classify(death: &Death<'_>, applied: RuleSet) -> Explained {
    if death.reason == "OOMKilled" {
        return only_by(Cause::OutOfMemory, &[RuleId::resources], applied);
    }
    let lower = death.message.to_ascii_lowercase();
    if death.reason == "CreateContainerConfigError" {
        let cause = if lower.contains("has non-numeric user") {
            Cause::NamedUser
        } else if lower.contains("image will run as root") {
            Cause::RootImage
        } else {
            Cause::Unexplained
        };
        return only_by(cause, &[RuleId::run_as_non_root], applied);
    }
    if let Some(explained) = by_message(tail(death.message, LONGEST), death.working_dir, applied) {
        // A program that its user may not even read is helped by no writable directory.
        let started = !NOT_STARTED.contains(&death.reason);
        return Explained { directory: explained.directory.filter(|_| started), ..explained };
    }
    if death.reason == NEVER_READY {
        return only_by(Cause::NeverReady, &LOWERED, applied);
    }
    if is_silent(death) {
        return only_by(Cause::Silent, &LOWERED, applied);
    }
    Explained::of(Cause::Unexplained)
}

/// Whether one of these rules may have brought about an end that nothing explains: it was applied, and the container
/// does not name another cause.
#[must_use]
pub fn may_be_hardening(death: &Death<'_>, applied: RuleSet, by: &[RuleId]) -> bool {
    let lower = tail(death.message, LONGEST).to_ascii_lowercase();
    let failed = death.reason == NEVER_READY || (death.exit_code.is_some() && death.reason != "OOMKilled");
    failed
        && by.iter().any(|rule| applied.contains(*rule))
        && !ELSEWHERE.iter().any(|word| lower.contains(word))
}

fn only_by(cause: Cause, by: &[RuleId], applied: RuleSet) -> Explained {
    let may_be = by.iter().any(|rule| applied.contains(*rule));
    Explained::of(if may_be { cause } else { Cause::Unexplained })
}

/// It ended well and should not have ended, or badly without a word. Who was killed may not have had the time for one.
fn is_silent(death: &Death<'_>) -> bool {
    let killed = death.signal.is_some_and(|signal| signal != 0);
    match death.exit_code {
        Some(0) => true,
        Some(1..=127) => death.message.trim().is_empty() && !killed && death.reason == "Error",
        _ => false,
    }
}

/// The end of a message, cut between characters.
pub(super) fn tail(message: &str, most: usize) -> &str {
    let mut start = message.len().saturating_sub(most);
    while !message.is_char_boundary(start) {
        start += 1;
    }
    &message[start..]
}

/// By the words of the system, and only where there are none by those of the program alone.
fn by_message(message: &str, working_dir: Option<&str>, applied: RuleSet) -> Option<Explained> {
    let by = |table| Said::new(message, table, applied).explained(working_dir);
    // What stands in the root directory may be anything, an address's path even.
    let names_one = |found: &Explained| found.directory.as_deref().is_some_and(|directory| directory != "/");
    by(TABLE).or_else(|| by(WITHOUT_REASON).filter(names_one))
}

/// What was said, and the rows that may explain it.
struct Said<'m> {
    message: &'m str,
    rows: Vec<&'static Row>,
}

impl<'m> Said<'m> {
    fn new(message: &'m str, table: &'static [Row], applied: RuleSet) -> Self {
        let lower = message.to_ascii_lowercase();
        let rows = table.iter().filter(|row| row.by.iter().any(|rule| applied.contains(*rule)));
        // What may stand anywhere is looked for once.
        let rows = rows.filter(|row| !row.is_anywhere() || row.with.iter().any(|word| lower.contains(word)));
        Self { message, rows: rows.collect() }
    }

    /// The row that fits a line, and where its phrase stands.
    fn fits(&self, line: &str) -> Option<(&'static Row, (usize, usize))> {
        self.rows.iter().find_map(|row| Some((*row, row.at(line)?)))
    }

    /// By the last line that a row fits.
    fn explained(&self, working_dir: Option<&str>) -> Option<Explained> {
        let lines: Vec<&str> = self.message.lines().collect();
        let fitting = lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, self.fits(line)?.0)));
        let (at, row) = fitting?;
        let directory = match row.path {
            Path::Ignored => self.of_lines(row.cause, path::directory),
            Path::Program => relative::of_program(self.message),
            Path::Inside => self.inside(row.cause, &lines[at..], working_dir),
        };
        Some(Explained { cause: row.cause, directory })
    }

    fn inside(&self, cause: Cause, lines: &[&str], working_dir: Option<&str>) -> Option<String> {
        // Node writes the path on a line of its own, where it closes with what it knows of an error.
        let apart = || self.message.lines().rev().map(str::trim).find(|line| line.starts_with("path: '"));
        // Others say the cause, and on the next line of what.
        let next = || lines.get(1).filter(|_| !path::is_named(lines[0]));
        self.of_lines(cause, path::directory)
            .or_else(|| path::directory(apart()?, 0, 0))
            .or_else(|| {
                self.of_lines(cause, |line, at, end| {
                    relative::directory(self.message, line, (at, end), working_dir)
                })
            })
            .or_else(|| path::directory(next()?, 0, 0))
            // PHP warns that it could not make a directory, and then that it is not there.
            .or_else(|| relative::of_php(self.message, working_dir))
    }

    /// What a line of the same cause names, the last one first: what was said first may name the directory, and what was
    /// said last only the cause.
    fn of_lines(&self, cause: Cause, named: impl Fn(&str, usize, usize) -> Option<String>) -> Option<String> {
        self.message.lines().rev().find_map(|line| {
            let (row, (at, end)) = self.fits(line)?;
            (row.cause == cause && row.path == Path::Inside).then(|| named(line, at, end))?
        })
    }
}

impl Row {
    const fn is_anywhere(&self) -> bool {
        matches!(self.where_, Where::Anywhere | Where::AnywhereWithoutPath)
    }

    /// Where the phrase stands in a line that this row is about.
    fn at(&self, line: &str) -> Option<(usize, usize)> {
        // Only ASCII changes, so places stay.
        let lower = line.to_ascii_lowercase();
        let found = self.phrases.iter().filter_map(|phrase| Some((lower.find(phrase)?, phrase.len())));
        // Ruby closes with the error's name, behind what it is about.
        let (at, length) = found.filter(|(at, _)| !lower[..*at].ends_with("errno::")).max()?;
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let named = match self.where_ {
            Where::LineWithPath => path::is_named(line) && !has(REASONS),
            Where::LineWithoutPath | Where::AnywhereWithoutPath => !path::is_named(line),
            Where::Line | Where::Anywhere => true,
        };
        let with = self.is_anywhere() || self.with.is_empty() || has(self.with);
        (named && with).then_some((at, at + length))
    }
}
