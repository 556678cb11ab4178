//! Known vulnerabilities of the dependencies, where they can be looked up without a network.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::run;

pub(crate) fn check() -> Result<()> {
    run::announce("advisories on the dependencies");
    let home = cargo_home();
    let has = |folder: &str| home.as_ref().is_some_and(|home| home.join(folder).is_dir());
    if has("advisory-db") && is_here("cargo-audit") {
        return run::check(&mut run::cargo(&["audit", "--no-fetch", "--deny=warnings"]));
    }
    if has("advisory-dbs") && is_here("cargo-deny") {
        return run::check(&mut run::cargo(&["deny", "--offline", "check", "advisories"]));
    }
    println!(
        "SKIPPED: advisories were NOT checked. That needs cargo-audit or cargo-deny, and the \
         advisory database they once fetched (advisory-db or advisory-dbs in cargo's home)."
    );
    Ok(())
}

fn cargo_home() -> Option<PathBuf> {
    let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    own.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

fn is_here(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
