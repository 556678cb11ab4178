//! What Debian packages bring, where it is simpler to install than to build.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::run;

/// Something to be there, and the package that brings it.
pub(crate) struct Want {
    /// A program's name, or a file's path.
    pub(crate) what: &'static str,
    pub(crate) package: &'static str,
}

/// Installs what is missing, where that is possible.
pub(crate) fn need(wants: &[Want]) -> Result<()> {
    let missing: Vec<&str> =
        wants.iter().filter(|want| !is_here(want.what)).map(|want| want.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !is_here("apt-get") || !run::is_root() {
        bail!("missing (by the names of their Debian packages): {packages}");
    }
    println!("installing {packages}");
    run::check(apt_get().args(["update", "--quiet"]))?;
    run::check(apt_get().args(["install", "--quiet", "--yes", "--no-install-recommends"]).args(missing))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether there is such a program, or such a file.
pub(crate) fn is_here(what: &str) -> bool {
    if what.starts_with('/') {
        return Path::new(what).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Not every shell has the system's own folders in its path.
    let system = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(what).is_file())
}
