//! Golden files: `fixtures/<rule>/<case>.yaml` holds a pod, the pod as it comes out, and what is told.
//!
//! The comment on top says by which policy: `mode: enforce` (the rule of that folder alone), `rules: {…}` (these
//! alone), with parameters from `spec: {…}` (as in a policy file); or `policy: enforced` (a preset). In
//! `facts: {…}` is what is known of the cluster (see `support`). In
//! `fixtures/reviews` the first document is an AdmissionReview, the second its response with the patch decoded.
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes what comes out; review the difference before committing it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pod_hardener::policy::{self, PolicySet, Preset};
use pod_hardener::review;
use pod_hardener::rules::{Mode, RuleId};
use serde_json::{Value, json};
use support::{NOW, facts, harden_where};

/// Folders that are not named after a rule.
const OTHERS: [&str; 3] = ["exemptions", "reviews", "tuning"];

/// A golden file, taken apart.
struct Case {
    path: PathBuf,
    /// The comment on top and the first document, as written.
    head: String,
    /// The documents after the first.
    expected: Vec<Value>,
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("readable");
        let mut documents = text.split("\n---\n");
        let head = documents.next().expect("a first document").trim_end().to_owned();
        let expected = documents.map(|text| parse(path, text)).collect();
        Self { path: path.to_owned(), head, expected }
    }

    fn folder(&self) -> &str {
        self.path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a folder")
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let comments = self.head.lines().map_while(|line| line.strip_prefix('#'));
        comments.filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':')).map(str::trim).next()
    }

    fn policies(&self) -> PolicySet {
        if let Some(preset) = self.setting("policy") {
            return PolicySet::from(Preset::find(preset).expect("a preset"));
        }
        let spec = self.setting("spec").unwrap_or("{}");
        let head = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: test}\n";
        let policies = policy::parse("test", &format!("{head}spec: {spec}\n"));
        let mut policies = policies.unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let modes: BTreeMap<String, Mode> = match (self.setting("rules"), self.setting("mode")) {
            (Some(rules), _) => serde_saphyr::from_str(rules).expect("rules and their modes"),
            (_, Some(mode)) => {
                [(self.folder().to_owned(), serde_saphyr::from_str(mode).expect("a mode"))].into()
            }
            _ => panic!("{}: by which policy?", self.path.display()),
        };
        let mode = |rule: &RuleId| modes.get(rule.as_str()).copied().unwrap_or(Mode::Off);
        policies[0].modes = RuleId::ALL.iter().map(mode).collect();
        PolicySet::new(policies)
    }

    /// The documents that come out.
    fn run(&self) -> Vec<Value> {
        let input = parse(&self.path, &self.head);
        if self.folder() == "reviews" {
            return vec![respond(&input, &self.policies())];
        }
        let known = self.setting("facts").map_or(Value::Null, |known| parse(&self.path, known));
        let harden = |pod: &Value| harden_where(pod, &self.policies(), &facts(&known));
        let hardened = harden(&input);
        let again = harden(&hardened.pod);
        assert!(
            again.operations.is_empty(),
            "{}: a second pass: {:?}",
            self.path.display(),
            again.operations
        );
        let told = json!({"exempted": hardened.exempted, "warnings": hardened.warnings});
        vec![hardened.pod, told]
    }

    fn write(&self, documents: &[Value]) {
        let mut text = format!("{}\n", self.head);
        for document in documents {
            let yaml = serde_saphyr::to_string(document).expect("YAML");
            write!(text, "---\n{}\n", yaml.trim_end()).expect("a string takes all");
        }
        fs::write(&self.path, text).expect("writable");
    }
}

fn parse(path: &Path, text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The response, with its patch decoded.
fn respond(review: &Value, policies: &PolicySet) -> Value {
    let body = serde_json::to_vec(review).expect("JSON");
    let answer = review::answer(&body, policies, NOW).expect("an answer");
    let mut response: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let mut response = response["response"].take();
    if let Some(patch) = response.get_mut("patch") {
        let json = STANDARD.decode(patch.as_str().expect("a string")).expect("base64");
        *patch = serde_json::from_slice(&json).expect("a JSON Patch");
    }
    response
}

fn entries(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn what_comes_out_is_what_was_reviewed() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = String::new();
    for path in entries(&fixtures()).iter().flat_map(|folder| entries(folder)) {
        let case = Case::read(&path);
        let documents = case.run();
        if documents == case.expected {
            continue;
        }
        if update {
            case.write(&documents);
            continue;
        }
        let shown = documents.iter().map(|document| serde_saphyr::to_string(document).expect("YAML"));
        let shown: Vec<String> = shown.collect();
        write!(wrong, "\n{}:\n{}", path.display(), shown.join("---\n")).expect("a string takes all");
    }
    assert!(wrong.is_empty(), "other than expected (UPDATE_GOLDEN=1 writes them):{wrong}");
}

/// A rule without a golden file fails here; so does a folder that no rule is named after.
#[test]
fn every_rule_has_a_golden_file() {
    let mut expected: Vec<&str> = RuleId::ALL.iter().map(|rule| rule.as_str()).chain(OTHERS).collect();
    expected.sort_unstable();
    let folders = entries(&fixtures());
    let found: Vec<&str> = folders.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(found, expected);
    for folder in folders {
        assert!(!entries(&folder).is_empty(), "{} is empty", folder.display());
    }
}
