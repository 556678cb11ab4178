//! `cargo xtask test`: every test there is, from the quickest to the slowest.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::assets::{self, Release};
use crate::{browser, node, one_more_rule, run};

/// The line with which libtest, and runners like it, end.
const CLOSING_LINE: &str = "test result:";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut results = vec![workspace(args)?];
    for release in [&assets::NEWEST, &assets::OLDEST] {
        results.push(end_to_end(release, args)?);
    }
    results.push(on_a_node(args)?);
    results.push(with_one_more_rule(args)?);
    run::announce("what the test runners said");
    for step in &results {
        println!("{}:", step.name);
        for line in &step.closing_lines {
            println!("  {line}");
        }
    }
    let failed: Vec<&str> =
        results.iter().filter(|step| !step.passed).map(|step| step.name.as_str()).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

struct Step {
    name: String,
    passed: bool,
    closing_lines: Vec<String>,
}

/// All but the end-to-end tests, which get steps of their own.
fn workspace(args: &[String]) -> Result<Step> {
    let name = "unit, golden and property tests".to_owned();
    run::announce(&name);
    let mut command = run::cargo(&["test", "--workspace", "--no-fail-fast", "--"]);
    command.args(args).env(assets::VARIABLE, "later");
    let (passed, closing_lines) = run::watch(&mut command, CLOSING_LINE)?;
    Ok(Step { name, passed, closing_lines })
}

fn end_to_end(release: &'static Release, args: &[String]) -> Result<Step> {
    let name = format!("end-to-end tests on Kubernetes {}", release.minor);
    run::announce(&name);
    let folders = assets::path_list(assets::to_test(release)?)?;
    let mut command = run::cargo(&END_TO_END);
    command.args(args).env(assets::VARIABLE, folders);
    // What a browser shows does not depend on the cluster's version.
    let missing =
        if release.minor == assets::NEWEST.minor { look_for_browser(args, &mut command)? } else { None };
    let (passed, mut closing_lines) = run::watch(&mut command, CLOSING_LINE)?;
    let is_enough = missing.is_none() || std::env::var_os("CI").is_none();
    closing_lines.extend(missing.map(|reason| format!("SKIPPED: {} did not run: {reason}", browser::TEST)));
    Ok(Step { name, passed: passed && is_enough, closing_lines })
}

const END_TO_END: [&str; 6] = ["test", "--package", "pod-hardener", "--test", "e2e", "--"];

/// Gives the tests a browser if one of them needs it; why there is none, if so. In CI that is a failure.
fn look_for_browser(args: &[String], command: &mut Command) -> Result<Option<String>> {
    if !run::read(run::cargo(&END_TO_END).args(args).arg("--list"))?.contains(browser::TEST) {
        return Ok(None);
    }
    match browser::driver() {
        Ok(driver) => {
            command.env(browser::VARIABLE, driver);
            Ok(None)
        }
        Err(error) => {
            println!("\nSKIPPED: {} will not run: {error:#}\n", browser::TEST);
            Ok(Some(format!("{error:#}")))
        }
    }
}

/// The tests on a node that has these images.
pub(crate) fn on_node(images: Vec<PathBuf>) -> Result<Command> {
    let mut command = run::cargo(&NODE_TESTS);
    command.env(assets::VARIABLE, node::folders()?).env(node::IMAGES, assets::path_list(images)?);
    Ok(command)
}

/// Where there can be no node, that is said; in CI it is a failure.
fn on_a_node(args: &[String]) -> Result<Step> {
    let name = format!("tests on a node of Kubernetes {}", assets::NEWEST.minor);
    run::announce(&name);
    let list = run::read(run::cargo(&NODE_TESTS).args(args).arg("--list"))?;
    if !list.contains(": test") {
        // Nothing to build, and to start, a node for.
        return Ok(Step { name, passed: true, closing_lines: vec!["no test has such a name".to_owned()] });
    }
    if let Some(reason) = node::missing() {
        println!("\nSKIPPED: none of the tests on a node ran: {reason}\n");
        let passed = std::env::var_os("CI").is_none();
        return Ok(Step { name, passed, closing_lines: vec![format!("SKIPPED: {reason}")] });
    }
    let mut command = on_node(node::archives_to_test()?)?;
    command.args(args);
    let (passed, closing_lines) = run::watch(&mut command, CLOSING_LINE)?;
    Ok(Step { name, passed, closing_lines })
}

/// That a rule takes no more than CONTRIBUTING.md says.
fn with_one_more_rule(args: &[String]) -> Result<Step> {
    let name = "unit and golden tests with one more rule".to_owned();
    run::announce(&name);
    if !args.is_empty() && !args.iter().any(|arg| one_more_rule::NAME.contains(arg.as_str())) {
        return Ok(Step { name, passed: true, closing_lines: vec!["no test has such a name".to_owned()] });
    }
    let (passed, closing_lines) = one_more_rule::run(CLOSING_LINE)?;
    Ok(Step { name, passed, closing_lines })
}

/// Runs the tests on a node.
const NODE_TESTS: [&str; 6] = ["test", "--package", "pod-hardener", "--test", "node", "--"];
