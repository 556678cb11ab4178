//! Alerts and dashboards by the programs that will read them, and by the table of metrics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use pod_hardener::metrics::{Kind, TABLE};
use serde_json::Value;

use super::alerts::{self, ALERTS};
use super::dashboards;
use crate::golang::Program;
use crate::{prometheus, run};

/// Runs a program, which is to succeed.
fn succeeds(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&said));
}

/// What cannot be had here is said, and is a failure in CI.
fn had<T>(what: &str, found: anyhow::Result<T>) -> Option<T> {
    found
        .inspect_err(|error| {
            assert!(std::env::var_os("CI").is_none(), "no {what}: {error:#}");
            eprintln!("SKIPPED: there is no {what}: {error:#}");
        })
        .ok()
}

/// A folder of this process' own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pod-hardener-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_alert_fires_when_it_should_and_rests_when_it_should() {
    let Some(programs) = had("Prometheus", prometheus::folder()) else { return };
    let folder = Folder::new("alerts");
    let rules = folder.write("alerts.yaml", &alerts::rule_file());
    let tests = folder.write("alerts.test.yaml", &alerts::test_file("alerts.yaml"));
    let promtool = || Command::new(programs.join("promtool"));
    succeeds(promtool().args(["check", "rules", "--lint-fatal"]).arg(rules));
    succeeds(promtool().args(["test", "rules"]).arg(tests));
}

#[test]
fn dashboards_are_what_grafana_reads() {
    let program = Program {
        name: "check-dashboards",
        of: "grafana",
        package: ".",
        module: run::root().join("tests/grafana"),
        inputs: &["go.mod", "go.sum", "main.go"],
        tags: "",
        ldflags: "-s -w",
    };
    let Some(program) = had("Go", program.built()) else { return };
    let folder = Folder::new("dashboards");
    let check = |name: &str, text: &str| {
        let mut command = Command::new(program.join("check-dashboards"));
        command.arg(folder.write(name, text));
        command
    };
    for (name, text) in dashboards::files().expect("JSON") {
        succeeds(&mut check(&name, &text));
        // And what it does not know it does not take.
        for (known, unknown) in
            [("graphTooltip", "tooltips"), ("legendFormat", "legend"), ("colorMode", "colour")]
        {
            let broken = text.replace(&format!("\"{known}\""), &format!("\"{unknown}\""));
            let output = check("broken.json", &broken).output().expect("the check");
            assert!(!output.status.success(), "{name}: {unknown} is taken");
        }
    }
}

/// The names of our metrics in a query.
fn named(query: &str) -> BTreeSet<&str> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = query.split(|letter| !is_word(letter));
    words.filter(|word| word.starts_with("pod_hardener_") || word.starts_with("process_")).collect()
}

fn is_known(name: &str) -> bool {
    TABLE.iter().any(|family| match name.strip_prefix(family.name) {
        Some("") => true,
        Some("_bucket" | "_sum" | "_count") => family.kind == Kind::Histogram,
        _ => false,
    })
}

#[test]
fn what_is_asked_for_is_there() {
    let alerts = ALERTS.iter().map(|alert| alert.expr.to_owned());
    let tried = ALERTS
        .iter()
        .flat_map(|alert| [alert.fires, alert.rests].concat())
        .map(|(series, _)| series.to_owned());
    let examples = TABLE.iter().map(|family| family.query());
    for query in
        alerts.chain(tried).chain(dashboards::queries().map(|(_, query)| query.to_owned())).chain(examples)
    {
        for name in named(&query) {
            assert!(is_known(name), "{name} in {query}");
        }
    }
}

#[test]
fn labels_and_their_values_are_those_of_the_table() {
    let alerts = ALERTS.iter().map(|alert| alert.expr.to_owned());
    for query in alerts.chain(dashboards::queries().map(|(_, query)| query.to_owned())) {
        for family in TABLE {
            for (_, selector) in query.split(family.name).skip(1).filter_map(|rest| {
                rest.strip_prefix('{')?.split_once('}').map(|(inside, _)| (family, inside))
            }) {
                for matcher in selector.split("\",") {
                    let (label, value) = matcher.split_once('=').expect("a matcher");
                    let label = label.trim_end_matches('!');
                    let known = family.labels.iter().find(|known| known.name == label);
                    let known =
                        known.unwrap_or_else(|| panic!("{} has no label {label}: {query}", family.name));
                    for value in value.trim_start_matches('~').trim_matches('"').split('|') {
                        assert!(
                            (known.values)().contains(&value),
                            "{} has no {label}={value}: {query}",
                            family.name
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let folder = run::root().join("docs/runbooks");
    let name = |path: &Path| path.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
    let pages = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let pages: BTreeSet<String> =
        pages.filter_map(|page| name(&page)).filter(|name| name != "README").collect();
    let alerts: BTreeSet<String> = ALERTS.iter().map(|alert| alert.name.to_owned()).collect();
    assert_eq!(pages, alerts);
    for alert in ALERTS {
        let text = std::fs::read_to_string(folder.join(format!("{}.md", alert.name))).expect("a page");
        for part in ["## What it means", "## What to look at", "## What to do"] {
            assert!(text.contains(part), "{} has no part {part:?}", alert.name);
        }
    }
}

#[test]
fn panels_name_alerts_that_are_there_and_do_not_overlap() {
    for (name, text) in dashboards::files().expect("JSON") {
        let dashboard: Value = serde_json::from_str(&text).expect("JSON");
        let (mut taken, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for panel in dashboard["panels"].as_array().expect("panels") {
            let title = &panel["title"];
            assert!(ids.insert(panel["id"].as_u64()), "{name}: {title} has another's id");
            for link in panel["links"].as_array().into_iter().flatten() {
                assert!(ALERTS.iter().any(|alert| link["title"] == alert.name), "{name}: {link}");
            }
            let at = |side: &str| panel["gridPos"][side].as_u64().expect("a place");
            assert!(at("x") + at("w") <= 24, "{name}: {title} is too wide");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{name}: {title} lies on another");
                }
            }
        }
    }
}
