//! What people are told: short lines for kubectl's warnings and the command line.

use crate::harden::Hardened;
use crate::rules::{Finding, Mode, Place, RuleId, RuleResult};
use crate::subject::Subject;

/// The longest warning, in characters: the API server cuts longer ones.
pub const LONGEST: usize = 256;
/// All warnings of one answer together, in characters.
pub const LONGEST_TOGETHER: usize = 4096;

const WHO: &str = "pod-hardener";

/// Lines for whoever applied the pod: what was not honoured, what stays insecure, what was changed.
/// Each is at most [`LONGEST`] characters, all together at most [`LONGEST_TOGETHER`].
#[must_use]
pub fn warnings(hardened: &Hardened<'_>, subject: &Subject<'_, '_>) -> Vec<String> {
    lines(hardened, subject, WHO, ": hardened")
}

/// The same of a workload, whose pods are still to come: `of` says which, such as `Deployment/web`.
#[must_use]
pub fn warnings_of_pods(hardened: &Hardened<'_>, subject: &Subject<'_, '_>, of: &str) -> Vec<String> {
    lines(hardened, subject, &format!("{WHO}: pods of {of}"), " will be hardened")
}

fn lines(hardened: &Hardened<'_>, subject: &Subject<'_, '_>, who: &str, verb: &str) -> Vec<String> {
    let mut lines = Lines { finished: Vec::with_capacity(8), characters: 0 };
    for refusal in &hardened.refusals {
        let key = &refusal.key;
        lines.push(format!("{who}: annotation {key} is not honoured: {}", refusal.message));
    }
    for remark in &hardened.remarks {
        lines.push(format!("{WHO}: {}", remark.message));
    }
    if !hardened.annotated {
        lines.push(format!("{who}: the pod's annotations are full: hardened without a note in them"));
    }
    for result in [RuleResult::Impossible, RuleResult::Observed, RuleResult::Lowered, RuleResult::Replaced] {
        for rule in hardened.results.of(result).iter() {
            lines.push(describe(hardened, subject, who, rule, result));
        }
    }
    changes(hardened, [who, verb, " by policy ", &hardened.policy.name, ": "], &mut lines);
    lines.finished
}

#[derive(Default)]
struct Lines {
    finished: Vec<String>,
    characters: usize,
}

impl Lines {
    /// Takes a line where there is room for it.
    fn push(&mut self, line: String) {
        let line = shorten(line);
        let characters = if line.is_ascii() { line.len() } else { line.chars().count() };
        if self.characters + characters <= LONGEST_TOGETHER {
            self.characters += characters;
            self.finished.push(line);
        }
    }
}

/// At most [`LONGEST`] characters on one line.
pub(crate) fn shorten(mut line: String) -> String {
    // Most lines are plain ASCII, which is quick to see.
    let odd = line.bytes().fold(false, |found, b| found | !(0x20..0x7f).contains(&b));
    if odd && line.contains(char::is_control) {
        line = line.replace(char::is_control, " ");
    }
    let last = if line.len() > LONGEST { line.char_indices().nth(LONGEST - 1) } else { None };
    if let Some((end, _)) = last.filter(|(end, last)| end + last.len_utf8() < line.len()) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Without control characters: a manifest does not get to move anybody's cursor.
#[must_use]
pub fn printable(text: &str) -> String {
    let replace = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    text.chars().map(replace).collect()
}

/// What stays insecure although a rule in force is against it, as a line a rule.
pub(crate) fn unrepaired(hardened: &Hardened<'_>, subject: &Subject<'_, '_>) -> Vec<String> {
    let rules = hardened.results.of(RuleResult::Impossible);
    rules.iter().map(|rule| describe(hardened, subject, WHO, rule, RuleResult::Impossible)).collect()
}

/// One rule's findings of one result, as a line.
fn describe(
    hardened: &Hardened<'_>,
    subject: &Subject<'_, '_>,
    who: &str,
    rule: RuleId,
    result: RuleResult,
) -> String {
    let verdict = match (result, hardened.policy.mode(rule)) {
        (RuleResult::Replaced, _) => "replaced",
        (RuleResult::Impossible, _) => "cannot be repaired",
        (RuleResult::Lowered, _) => "not applied",
        (_, Mode::Observe) => "observed",
        _ => "left as its author wrote it",
    };
    let mut line = String::with_capacity(LONGEST);
    line.extend([who, ": ", rule.as_str(), " ", verdict, ": "]);
    let findings = hardened.findings.iter().filter(|found| found.rule == rule && found.result == result);
    for (number, finding) in findings.enumerate() {
        if line.len() > LONGEST {
            break;
        }
        if number > 0 {
            line.push_str("; ");
        }
        place(&mut line, finding, subject);
    }
    line
}

fn place(line: &mut String, finding: &Finding<'_>, subject: &Subject<'_, '_>) {
    let note = &finding.note;
    line.push_str(note.text);
    line.push_str(&note.value);
    if let Place::Container(number) = finding.place {
        line.push_str(" in ");
        line.push_str(&subject.slots[number].view.name);
    }
}

/// What was set where it was unset: as many rules on a line as fit.
fn changes(hardened: &Hardened<'_>, head: [&str; 5], lines: &mut Lines) {
    let mut line = String::with_capacity(LONGEST);
    for rule in hardened.results.of(RuleResult::Injected).iter() {
        let found = |found: &&Finding<'_>| found.rule == rule && found.result == RuleResult::Injected;
        let Some(finding) = hardened.findings.iter().find(found) else { continue };
        let note = &finding.note;
        let length = rule.as_str().len() + note.text.len() + note.value.len() + 5;
        if !line.is_empty() && line.len() + length > LONGEST {
            lines.push(std::mem::replace(&mut line, String::with_capacity(LONGEST)));
        }
        if line.is_empty() {
            line.extend(head);
        } else {
            line.push_str(", ");
        }
        line.extend([rule.as_str(), " (", note.text, &note.value, ")"]);
    }
    if !line.is_empty() {
        lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_characters_and_hold_no_control_characters() {
        let line = shorten("ä".repeat(300));
        assert_eq!(line.chars().count(), LONGEST);
        assert!(line.ends_with('…'));
        assert_eq!(shorten("ä".repeat(LONGEST)).chars().count(), LONGEST);
        assert_eq!(shorten("a\nb".to_owned()), "a b");
    }

    #[test]
    fn all_together_stay_below_the_limit() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.push("x".repeat(200));
        }
        assert_eq!(lines.finished.len(), LONGEST_TOGETHER / 200);
    }
}
