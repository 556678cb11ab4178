//! The checks that need no cluster.

use anyhow::Result;

use crate::{advisories, licences, run, sbom, tls};

pub(crate) fn fmt() -> Result<()> {
    run::announce("formatting");
    run::check(&mut run::cargo(&["fmt", "--all", "--", "--check"]))
}

pub(crate) fn clippy() -> Result<()> {
    run::announce("clippy");
    let args = ["clippy", "--workspace", "--all-targets", "--locked"];
    run::check(run::cargo(&args).args(["--", "--deny", "warnings"]))
}

pub(crate) fn deps() -> Result<()> {
    tls::check()?;
    licences::check()?;
    sbom::check()?;
    advisories::check()
}
