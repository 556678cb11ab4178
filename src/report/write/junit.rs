//! JUnit XML: for CI systems that show test results. A workload is a class, a rule a test.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{WHO, line, words};
use crate::html::escape;
use crate::report::{Report, Workload};
use crate::rules::{RuleId, RuleResult, RuleSet};

/// Results that count, the one that says most first.
const COUNTS: [RuleResult; 6] = [
    RuleResult::Impossible,
    RuleResult::Observed,
    RuleResult::Replaced,
    RuleResult::Injected,
    RuleResult::Lowered,
    RuleResult::Exempted,
];

/// Writes every rule of every workload as a test: it fails where something would change or stays insecure, and is
/// skipped where it is exempted or not applied.
///
/// # Errors
/// When the output does not take it.
pub fn junit(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut suites: BTreeMap<&str, Vec<&Workload>> = BTreeMap::new();
    for workload in &report.workloads {
        let place = &workload.place;
        suites.entry(place.file.as_deref().unwrap_or(&place.namespace)).or_default().push(workload);
    }
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"{WHO}\">")?;
    for (name, workloads) in suites {
        suite(name, &workloads, out)?;
    }
    writeln!(out, "</testsuites>")
}

fn suite(name: &str, workloads: &[&Workload], out: &mut impl Write) -> io::Result<()> {
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    for workload in workloads {
        for rule in rules(workload).iter() {
            tests += 1;
            match worst(workload, rule) {
                None => {}
                Some(RuleResult::Exempted | RuleResult::Lowered) => skipped += 1,
                Some(_) => failures += 1,
            }
        }
    }
    writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
        escape(name)
    )?;
    for workload in workloads {
        for rule in rules(workload).iter() {
            test(workload, rule, out)?;
        }
    }
    writeln!(out, "  </testsuite>")
}

fn test(workload: &Workload, rule: RuleId, out: &mut impl Write) -> io::Result<()> {
    let class = workload.full_name();
    write!(out, "    <testcase classname=\"{}\" name=\"{rule}\"", escape(&class))?;
    if let (Some(file), Some(line)) = (&workload.place.file, workload.place.line) {
        write!(out, " file=\"{}\" line=\"{line}\"", escape(file))?;
    }
    let Some(result) = worst(workload, rule) else { return writeln!(out, "/>") };
    let message = format!("{}: {}", words(result), line(workload, rule, result));
    let message = escape(&message);
    match result {
        RuleResult::Exempted | RuleResult::Lowered => {
            writeln!(out, "><skipped message=\"{message}\"/></testcase>")
        }
        _ => {
            let advice = escape(rule.meta().live_with);
            writeln!(
                out,
                "><failure type=\"{}\" message=\"{message}\">{advice}</failure></testcase>",
                result.as_str()
            )
        }
    }
}

/// The rules that policy looked at.
fn rules(workload: &Workload) -> RuleSet {
    COUNTS.iter().fold(workload.secure, |rules, result| rules.union(workload.of(*result)))
}

fn worst(workload: &Workload, rule: RuleId) -> Option<RuleResult> {
    COUNTS.into_iter().find(|result| workload.of(*result).contains(rule))
}
