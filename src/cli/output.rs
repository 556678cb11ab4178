//! What `harden` prints.

mod diff;
mod summary;

use std::io::{self, Write};

use pod_hardener::manifest::{Outcome, Syntax, Workload};
use pod_hardener::rules::{RuleResult, RuleSet};
use serde_json::{Value, json};

use super::harden::Hardened;
use summary::Totals;

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// The manifests, hardened
    Yaml,
    /// The same as JSON
    Json,
    /// RFC 6902 operations, one line for each changed document
    Patch,
    /// A unified diff for each changed file
    Diff,
    /// What each rule did, for people
    Summary,
    /// What would change, one line for each workload: what `--check` prints
    #[value(skip)]
    Changes,
}

/// Where the output goes.
pub(super) struct Sink<W> {
    format: Format,
    out: W,
    /// Whether anything was written, and whether that ended with a line.
    written: Option<bool>,
    totals: Totals,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(format: Format, out: W) -> Self {
        Self { format, out, written: None, totals: Totals::default() }
    }

    /// Prints one file.
    pub(super) fn write(&mut self, file: &Hardened<'_, '_>) -> io::Result<()> {
        match self.format {
            Format::Yaml => self.yaml(file),
            Format::Json => self.json(file),
            Format::Patch => self.patch(file),
            Format::Diff => diff::write(&mut self.out, file),
            Format::Summary => summary::write(&mut self.out, file, &mut self.totals),
            Format::Changes => self.changes(file),
        }
    }

    /// Prints what comes at the end.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.format == Format::Summary {
            self.totals.write(&mut self.out)?;
        }
        self.out.flush()
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        if !text.is_empty() {
            self.written = Some(text.ends_with('\n'));
        }
        self.out.write_all(text.as_bytes())
    }

    /// Ends a line that the file before left open.
    fn end_line(&mut self) -> io::Result<()> {
        if self.written == Some(false) { self.put("\n") } else { Ok(()) }
    }

    fn yaml(&mut self, file: &Hardened<'_, '_>) -> io::Result<()> {
        let changed = file.outcomes.iter().any(|outcome| outcome.after.is_some());
        // JSON documents follow one another without a mark, which YAML needs between them.
        let marked = file.manifest.syntax == Syntax::Json && changed;
        for (number, (document, outcome)) in documents(file).enumerate() {
            let text = document.yaml(outcome);
            if self.written.is_some() && (marked || number == 0) && !begins_with_marker(&text) {
                self.end_line()?;
                self.put("---\n")?;
            } else if number == 0 {
                self.end_line()?;
            }
            self.put(&text)?;
        }
        Ok(())
    }

    fn json(&mut self, file: &Hardened<'_, '_>) -> io::Result<()> {
        for (document, outcome) in documents(file) {
            let Some(text) = document.json(outcome) else { continue };
            if !text.starts_with(char::is_whitespace) {
                self.end_line()?;
            }
            self.put(&text)?;
        }
        Ok(())
    }

    fn patch(&mut self, file: &Hardened<'_, '_>) -> io::Result<()> {
        for (document, outcome) in documents(file) {
            let (Some(value), false) = (document.value(), outcome.operations.is_empty()) else { continue };
            let line = patch_line(file.name, value, outcome);
            self.put(&format!("{line}\n"))?;
        }
        Ok(())
    }

    fn changes(&mut self, file: &Hardened<'_, '_>) -> io::Result<()> {
        for workload in file.outcomes.iter().flat_map(|outcome| &outcome.workloads) {
            if workload.changed {
                let rules = names(changed_rules(workload));
                let rules =
                    if rules.is_empty() { "the annotation that says what was hardened" } else { &rules };
                self.put(&format!("{}: {}: would change: {rules}\n", file.name, workload.label()))?;
            }
        }
        Ok(())
    }
}

fn documents<'m>(
    file: &Hardened<'m, 'm>,
) -> impl Iterator<Item = (&'m pod_hardener::manifest::Document<'m>, &'m Outcome)> {
    file.manifest.documents.iter().zip(file.outcomes)
}

/// Whether a YAML text brings its own `---`.
fn begins_with_marker(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let first = lines.find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    first.is_none_or(|line| line.starts_with("---") || line.starts_with('%'))
}

fn patch_line(name: &str, document: &Value, outcome: &Outcome) -> Value {
    let text = |pointer: &str| document.pointer(pointer).filter(|value| value.is_string());
    let mut line = json!({ "file": name });
    for (field, value) in [
        ("apiVersion", text("/apiVersion")),
        ("kind", text("/kind")),
        ("namespace", text("/metadata/namespace")),
        ("name", text("/metadata/name")),
    ] {
        if let Some(value) = value {
            line[field] = value.clone();
        }
    }
    line["patch"] = Value::Array(outcome.operations.clone());
    line
}

/// The rules that set or replaced something.
fn changed_rules(workload: &Workload) -> RuleSet {
    let results = &workload.results;
    results.of(RuleResult::Injected).union(results.of(RuleResult::Replaced))
}

/// Their names, with commas.
fn names(rules: RuleSet) -> String {
    rules.iter().map(|rule| rule.as_str()).collect::<Vec<_>>().join(", ")
}
