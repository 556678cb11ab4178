//! `cargo xtask test`: every test there is, from the quickest to the slowest.

use anyhow::{Result, bail};

use crate::assets::{self, Release};
use crate::run;

/// The line with which libtest, and runners like it, end.
const CLOSING_LINE: &str = "test result:";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut results = vec![workspace(args)?];
    for release in [&assets::NEWEST, &assets::OLDEST] {
        results.push(end_to_end(release, args)?);
    }
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
    let folders = assets::folders(release)?;
    let mut command = run::cargo(&["test", "--package", "pod-hardener", "--test", "e2e", "--"]);
    command.args(args).env(assets::VARIABLE, folders);
    let (passed, closing_lines) = run::watch(&mut command, CLOSING_LINE)?;
    Ok(Step { name, passed, closing_lines })
}
