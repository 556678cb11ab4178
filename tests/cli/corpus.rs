//! Manifests that others wrote.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::run_with;

/// Every manifest below a directory, in order.
fn manifests(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            manifests(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json") {
            found.push(path);
        }
    }
}

fn stream(json: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(json).into_iter().map(|value| value.expect("JSON")).collect()
}

fn check(text: &str, policy: &str, path: &Path) {
    let harden = |input: &str, arguments: &[&str]| {
        let run = run_with(&[&["harden", "-q", "--policy", policy], arguments].concat(), input);
        assert_eq!(run.code, 0, "{}: {}", path.display(), run.stderr);
        run.stdout
    };
    let yaml = harden(text, &[]);
    let json = harden(text, &["-o", "json"]);
    // Observing reads and changes nothing.
    let observe = |input: &str, arguments: &[&str]| {
        run_with(&[&["harden", "-q", "--policy", "observe"], arguments].concat(), input).stdout
    };
    assert_eq!(observe(text, &[]), text, "{}", path.display());
    assert_eq!(stream(&json), stream(&observe(&yaml, &["-o", "json"])), "{}", path.display());
    assert_eq!(harden(&yaml, &[]), yaml, "{}: a second pass changes it", path.display());
    let comments = |text: &str| text.lines().filter(|line| line.trim_start().starts_with('#')).count();
    assert_eq!(comments(&yaml), comments(text), "{}: comments are lost", path.display());
    let patch = harden(text, &["-o", "patch"]);
    assert_eq!(patch.is_empty(), yaml == text, "{}", path.display());
}

#[test]
fn every_manifest_of_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/public");
    if !corpus.is_dir() {
        // Not by a macro: the test harness would swallow that.
        writeln!(std::io::stderr(), "SKIPPED: {} is not there", corpus.display()).expect("stderr");
        return;
    }
    let mut paths = Vec::new();
    manifests(&corpus, &mut paths);
    assert!(paths.len() > 100, "the corpus is there, but not whole: {} files", paths.len());
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a manifest");
        for policy in ["restricted", "enforced"] {
            check(&text, policy, &path);
        }
    }
}
