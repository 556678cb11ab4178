//! What Debian packages bring, where it is simpler to install than to build.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

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
    // Its own user may not write where we unpack.
    command.args(["--option", "APT::Sandbox::User=root"]);
    command
}

/// Unpacks a package into a folder that is not there yet, for its programs alone: nothing is installed, so no service of
/// it starts, and no root is needed where the lists of packages are fresh.
pub(crate) fn unpack(package: &str, target: &Path) -> Result<()> {
    if !is_here("apt-get") || !is_here("dpkg-deb") {
        bail!("missing (by the name of its Debian package): {package}");
    }
    println!("fetching {package}");
    // Beside its final place, and with the process in its name: whole or not at all.
    let unfinished = target.with_extension(format!("unfinished-{}", std::process::id()));
    std::fs::create_dir_all(&unfinished)
        .with_context(|| format!("cannot create {}", unfinished.display()))?;
    let download = || run::check(apt_get().args(["download", "--quiet", package]).current_dir(&unfinished));
    if download().is_err() {
        run::check(apt_get().args(["update", "--quiet"]))?;
        download()?;
    }
    let entries = std::fs::read_dir(&unfinished)?;
    let archive = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "deb"));
    let archive = archive.with_context(|| format!("apt-get brought no {package}"))?;
    run::check(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&unfinished))?;
    std::fs::remove_file(&archive)?;
    std::fs::rename(&unfinished, target).with_context(|| format!("cannot put {} in place", target.display()))
}

/// Whether there is such a program, or such a file.
pub(crate) fn is_here(what: &str) -> bool {
    if what.starts_with('/') {
        return Path::new(what).exists();
    }
    folder_of(what).is_some()
}

/// The first folder that has such a program.
pub(crate) fn folder_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Not every shell has the system's own folders in its path.
    let system = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(system).find(|folder| folder.join(program).is_file())
}
