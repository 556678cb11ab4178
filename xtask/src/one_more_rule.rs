//! One rule more, in a copy of the project, as CONTRIBUTING.md says: a rule takes its file, a line in the registry and its
//! fixture; documentation and fixtures that list all rules are written by commands. Then the tests have to pass.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run;

/// What the step is called, for who runs only some.
pub(crate) const NAME: &str = "one_more_rule";

/// Where the copy is made, below `target`.
const FOLDER: &str = "one-more-rule";
/// What is no source of anything.
const LEFT_OUT: [&str; 2] = ["target", ".git"];
/// The module and the name of the rule.
const RULE: (&str, &str) = ("image_tag", "image-tag");

/// Those that know all rules, and need neither cluster nor node. The corpus stands beside the project, not beside the copy; it was
/// run through before.
const TESTS: [&str; 16] = [
    "test",
    "--package",
    "pod-hardener",
    "--no-fail-fast",
    "--lib",
    "--test",
    "golden",
    "--test",
    "cli",
    "--test",
    "manifests",
    "--test",
    "policies",
    "--",
    "--skip",
    "corpus",
];

/// Adds the rule, and returns whether the tests pass, with their closing lines.
///
/// # Errors
/// When the copy cannot be made, or the commands fail that write what lists all rules.
pub(crate) fn run(prefix: &str) -> Result<(bool, Vec<String>)> {
    let copy = run::root().join("target").join(FOLDER);
    make(&copy)?;
    add_rule(&copy)?;
    let cargo = |args: &[&str]| {
        let mut command = run::cargo(args);
        // A folder for what is built stays, so that only what changed is built again; debugging symbols would fill the disk.
        command.current_dir(&copy).env("CARGO_TARGET_DIR", copy.with_extension("target"));
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    };
    let mut update = cargo(&[
        "test",
        "--quiet",
        "--package",
        "pod-hardener",
        "--test",
        "golden",
        "--test",
        "cli",
        "--",
        "--skip",
        "corpus",
    ]);
    run::check(update.env("UPDATE_GOLDEN", "1"))?;
    run::check(&mut cargo(&["xtask", "generate"]))?;
    run::watch(&mut cargo(&TESTS), prefix)
}

fn make(copy: &Path) -> Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    }
    fs::create_dir_all(copy).with_context(|| format!("cannot make {}", copy.display()))?;
    let root = run::root();
    let entries = fs::read_dir(&root).with_context(|| format!("cannot list {}", root.display()))?;
    let entries = entries.collect::<std::io::Result<Vec<_>>>()?;
    let sources = entries.iter().filter(|entry| LEFT_OUT.iter().all(|name| entry.file_name() != *name));
    // Times are kept: cargo goes by them.
    run::check(Command::new("cp").arg("-a").args(sources.map(fs::DirEntry::path)).arg(copy))
}

fn add_rule(copy: &Path) -> Result<()> {
    let (module, name) = RULE;
    let example = copy.join("tests").join("one_more_rule");
    let fixtures = copy.join("tests/fixtures").join(name);
    fs::create_dir_all(&fixtures)?;
    fs::copy(example.join("reported.yaml"), fixtures.join("reported.yaml"))?;
    fs::copy(example.join(format!("{module}.rs")), copy.join(format!("src/rules/{module}.rs")))?;
    let registry = copy.join("src/rules/mod.rs");
    let text = fs::read_to_string(&registry)?;
    let (head, tail) = text.split_once("\nregistry! {\n").context("src/rules/mod.rs has no registry")?;
    let (rules, tail) = tail.split_once("\n}\n").context("the registry has no end")?;
    let text = format!("{head}\nregistry! {{\n{rules}\n    {module} = \"{name}\",\n}}\n{tail}");
    fs::write(&registry, text).with_context(|| format!("cannot write {}", registry.display()))
}
