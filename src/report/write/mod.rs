//! A report in each of its formats.

mod html;
mod json;
mod junit;
mod markdown;
mod policy_report;
mod sarif;
mod table;

pub use html::html;
pub use json::json;
pub use junit::junit;
pub use markdown::markdown;
pub use policy_report::{Api, policy_reports};
pub use sarif::sarif;
pub use table::table;

use super::{Risk, Summary, WHO, Workload};
use crate::rules::{RuleId, RuleResult, Source};

/// So many rows of what can be very long are shown to people; JSON has them all.
const MOST_ROWS: usize = 20;

/// Results as people read them, those first that they look for.
const SHOWN: [RuleResult; RuleResult::ALL.len()] = [
    RuleResult::AlreadySecure,
    RuleResult::Injected,
    RuleResult::Replaced,
    RuleResult::Exempted,
    RuleResult::Lowered,
    RuleResult::Observed,
    RuleResult::Impossible,
];

/// A result in words.
const fn words(result: RuleResult) -> &'static str {
    match result {
        RuleResult::Injected => "would be set",
        RuleResult::Replaced => "would be replaced",
        RuleResult::AlreadySecure => "secure already",
        RuleResult::Exempted => "exempted",
        RuleResult::Observed => "stays: policy only observes it",
        RuleResult::Impossible => "stays: cannot be repaired",
        RuleResult::Lowered => "stays: the image could not live with it",
    }
}

/// The findings of one rule with one result, as a line: what, and in which containers.
fn line(workload: &Workload, rule: RuleId, result: RuleResult) -> String {
    let found = workload.findings.iter().filter(|found| found.rule == rule && found.result == result);
    let parts = by_container(found.map(|found| (found.note.as_str(), found.container.as_deref())));
    let parts = parts.into_iter().map(|(note, containers)| {
        if containers.is_empty() { note.to_owned() } else { format!("{note} in {}", containers.join(", ")) }
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// What speaks for it that a workload breaks, the strongest first, a line a piece.
fn evidence(workload: &Workload) -> Vec<String> {
    let mut risks: Vec<&Risk> = workload.risks.iter().collect();
    risks.sort_by_key(|risk| std::cmp::Reverse(risk.likelihood));
    let parts =
        by_container(risks.into_iter().map(|risk| (risk.evidence.as_str(), risk.container.as_deref())));
    let line = |(evidence, containers): (&str, Vec<&str>)| {
        if containers.is_empty() {
            evidence.to_owned()
        } else {
            format!("{}: {evidence}", containers.join(", "))
        }
    };
    parts.into_iter().map(line).collect()
}

/// What is said of several containers in the same words, once.
fn by_container<'t>(said: impl Iterator<Item = (&'t str, Option<&'t str>)>) -> Vec<(&'t str, Vec<&'t str>)> {
    let mut parts: Vec<(&str, Vec<&str>)> = Vec::new();
    for (words, container) in said {
        let at = parts.iter().position(|(known, _)| *known == words).unwrap_or_else(|| {
            parts.push((words, Vec::new()));
            parts.len() - 1
        });
        parts[at].1.extend(container);
    }
    parts
}

/// `1 workload`, `2 workloads`
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// How many pods there are, to stand behind the workloads; nothing where none was looked at.
fn pods(summary: &Summary) -> String {
    if summary.pods == 0 { String::new() } else { format!(" ({})", counted(summary.pods, "pod")) }
}

/// What can be said of a count that became another.
fn change(before: usize, after: usize) -> String {
    if before == after { "–".to_owned() } else { format!("{before} → {after}") }
}

/// How much a rule matters where it is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Low,
    Medium,
    High,
}

impl Severity {
    /// High is what already `baseline` forbids.
    fn of(rule: RuleId) -> Self {
        let names = |level: &str| {
            let mut sources = rule.meta().sources.iter();
            sources.any(|source| matches!(source, Source::PodSecurity(of, _) if *of == level))
        };
        match (names("baseline"), names("restricted")) {
            (true, _) => Self::High,
            (false, true) => Self::Medium,
            (false, false) => Self::Low,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
