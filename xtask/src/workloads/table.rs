//! What was found of workloads, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::images::workloads::WAYS;

/// As `tests/node/running/go.rs` writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Outcome {
    running: bool,
    posture: String,
    steps: Vec<String>,
    ready_evicted: bool,
    why: String,
}

/// What was found, by workload and way.
pub(super) type Found = BTreeMap<(String, &'static str), Outcome>;

pub(super) fn read(results: &Path, names: &[String]) -> Result<Found> {
    let mut found = Found::new();
    for name in names {
        for way in WAYS {
            let file = results.join(name).join(format!("{way}.json"));
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let outcome =
                serde_json::from_str(&text).with_context(|| format!("cannot read {}", file.display()))?;
            found.insert((name.clone(), way), outcome);
        }
    }
    Ok(found)
}

pub(super) fn text(found: &Found, names: &[String]) -> String {
    let mut text = String::new();
    let all = |way: &'static str| found.iter().filter(move |((_, other), _)| *other == way).map(|(_, it)| it);
    let _ = writeln!(text, "| way | running | in posture `full` |\n| --- | --- | --- |");
    for way in WAYS {
        let running = all(way).filter(|it| it.running).count();
        let full = match way {
            "unmodified" | "naive" => String::new(),
            _ => all(way).filter(|it| it.running && it.posture == "full").count().to_string(),
        };
        let _ = writeln!(text, "| `{way}` | {running} of {} | {full} |", all(way).count());
    }
    let evicted = found.values().filter(|it| it.ready_evicted).count();
    let _ = writeln!(text, "\nPods evicted that had been ready: {evicted}.\n");
    let _ = writeln!(text, "| workload | {} |", WAYS.map(|way| format!("`{way}`")).join(" | "));
    let _ = writeln!(text, "| --- |{}", " --- |".repeat(WAYS.len()));
    for name in names {
        let cells =
            WAYS.map(|way| found.get(&(name.clone(), way)).map_or_else(String::new, |it| cell(way, it)));
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    for (way, title) in [
        ("full", "What the API says of those that `full` takes down, with no facts about their images"),
        ("built-in", "Those that `built-in` takes down"),
        ("suggest", "Those that no approved suggestion helped"),
        ("heal", "Those that `heal` did not help"),
        ("both", "Those that do not run with what is built in and the guard"),
        ("isolated", "Those that `isolated` takes down"),
        ("safe", "Those that `safe` takes down"),
        ("unmodified", "Those that do not run here at all"),
    ] {
        let down = names.iter().filter_map(|name| Some((name, found.get(&(name.clone(), way))?)));
        let lines: Vec<String> = down
            .filter(|(_, it)| !it.running)
            .map(|(name, it)| format!("- {name}: {}\n", quoted(&it.why)))
            .collect();
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{title}:\n\n{}", lines.concat().trim_end());
        }
    }
    text
}

fn cell(way: &str, outcome: &Outcome) -> String {
    if !outcome.running {
        return "**down**".to_owned();
    }
    match (way, outcome.steps.len()) {
        ("unmodified" | "naive", _) => "runs".to_owned(),
        (_, 0) => outcome.posture.clone(),
        (_, 1) => format!("{}, 1 step", outcome.posture),
        (_, steps) => format!("{}, {steps} steps", outcome.posture),
    }
}

/// What is said of an end, in characters.
const LONGEST: usize = 160;

/// How it ended, and what was said last, in a line. What a program said stays what it is.
fn quoted(why: &str) -> String {
    let mut lines = why.lines().filter(|line| !line.trim().is_empty());
    let how = lines.next().unwrap_or_default();
    let line = lines.next_back().map_or_else(|| how.to_owned(), |last| format!("{how}: {}", last.trim()));
    let plain = line.chars().map(|c| if c == '`' { '\'' } else { c });
    format!("`{}`", plain.take(LONGEST).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_down_is_told_with_its_reason() {
        let outcome = |running, posture: &str, steps: &[&str], why: &str| Outcome {
            running,
            posture: posture.to_owned(),
            steps: steps.iter().map(|step| (*step).to_owned()).collect(),
            why: why.to_owned(),
            ready_evicted: false,
        };
        let found = Found::from([
            (("a".to_owned(), "full"), outcome(false, "", &[], "Error 1\nbegin\nno `x`\n")),
            (("a".to_owned(), "heal"), outcome(true, "isolated", &["one", "two"], "")),
        ]);
        let text = text(&found, &["a".to_owned()]);
        assert!(text.contains("| `full` | 0 of 1 | 0 |"), "{text}");
        assert!(text.contains("| a |  |  |  |  | **down** |  |  | isolated, 2 steps |  |"), "{text}");
        assert!(text.contains("- a: `Error 1: no 'x'`\n"), "{text}");
    }
}
