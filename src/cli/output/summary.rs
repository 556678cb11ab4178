//! `-o summary`

use std::io::{self, Write};

use pod_hardener::manifest::Workload;
use pod_hardener::rules::RuleResult;

use super::{Hardened, names};
use crate::cli::say::printable;

/// What is listed, most wanted first; what was secure from the start is not.
const LISTED: [RuleResult; 6] = [
    RuleResult::Injected,
    RuleResult::Replaced,
    RuleResult::Observed,
    RuleResult::Impossible,
    RuleResult::Exempted,
    RuleResult::Lowered,
];

/// Over all files.
#[derive(Debug, Default)]
pub(super) struct Totals {
    files: usize,
    workloads: usize,
    changed: usize,
    results: [usize; LISTED.len()],
}

/// What came of the workloads of a file; a file without any is only counted.
pub(super) fn write(out: &mut impl Write, file: &Hardened<'_, '_>, totals: &mut Totals) -> io::Result<()> {
    totals.files += 1;
    let workloads: Vec<&Workload> = file.outcomes.iter().flat_map(|outcome| &outcome.workloads).collect();
    if workloads.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", file.name)?;
    for workload in workloads {
        totals.workloads += 1;
        totals.changed += usize::from(workload.changed);
        write_workload(out, workload, totals)?;
    }
    writeln!(out)
}

fn write_workload(out: &mut impl Write, workload: &Workload, totals: &mut Totals) -> io::Result<()> {
    let namespace = workload.namespace.as_ref().map_or_else(String::new, |name| format!(" in {name}"));
    let verdict = if workload.changed { "changes" } else { "stays as it is" };
    let heading = format!("{}{namespace}: {verdict}, policy {}", workload.label(), workload.policy);
    writeln!(out, "  {}", printable(&heading))?;
    for (result, count) in LISTED.into_iter().zip(&mut totals.results) {
        let rules = workload.results.of(result);
        *count += rules.iter().count();
        if !rules.is_empty() {
            writeln!(out, "    {:<11} {}", result.as_str(), names(rules))?;
        }
    }
    Ok(())
}

impl Totals {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { files, workloads, changed, results } = self;
        writeln!(out, "Files: {files}; workloads: {workloads}; changing: {changed}.")?;
        let results: Vec<String> = LISTED
            .iter()
            .zip(results)
            .map(|(result, count)| format!("{} {count}", result.as_str()))
            .collect();
        writeln!(out, "Rules, counted once for each workload: {}.", results.join(", "))
    }
}
