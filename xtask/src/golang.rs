//! Building programs of Go modules.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cache, run};

const INSTALL: &str = "install Go (https://go.dev/doc/install), or point KUBEBUILDER_ASSETS at a \
     folder with etcd, kube-apiserver, kube-controller-manager and kubectl";

/// A program of a Go module, and how it is built.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    /// What it is part of, with its version: a folder in the cache, and for people.
    pub(crate) of: &'a str,
    pub(crate) package: &'a str,
    pub(crate) module: PathBuf,
    /// The module's files that decide what comes out.
    pub(crate) inputs: &'a [&'a str],
    pub(crate) tags: &'a str,
    pub(crate) ldflags: &'a str,
}

impl Program<'_> {
    /// The cache's folder with this program in it, built first where it is missing.
    pub(crate) fn built(&self) -> Result<PathBuf> {
        let inputs: Vec<PathBuf> = self.inputs.iter().map(|name| self.module.join(name)).collect();
        let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
        let key = cache::key(&inputs, &format!("{}{}", self.ldflags, self.tags))?;
        let folder = cache::folder()?.join(format!("{}-{key}", self.of));
        let target = folder.join(self.name);
        if !target.is_file() {
            println!("building {} of {} (the first time takes minutes)", self.name, self.of);
            self.build(&target)?;
        }
        Ok(folder)
    }

    /// Whole or not at all.
    fn build(&self, target: &Path) -> Result<()> {
        require(&self.module)?;
        let parent = target.parent().context("a target without a folder")?;
        std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        // Beside its final place, so that the rename cannot leave half a program behind, and with
        // the process in its name, so that two builds at once do not write to one file.
        let unfinished = target.with_extension(format!("unfinished-{}", std::process::id()));
        run::check(
            Command::new("go")
                .current_dir(&self.module)
                .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"])
                .arg(format!("-tags={}", self.tags))
                .arg(format!("-ldflags={}", self.ldflags))
                .arg("-o")
                .arg(&unfinished)
                .arg(self.package),
        )?;
        std::fs::rename(&unfinished, target)
            .with_context(|| format!("cannot put {} in place", target.display()))
    }
}

/// Says what to do where `go` is missing, or older than the module asks for.
fn require(folder: &Path) -> Result<()> {
    let Ok(output) = Command::new("go").args(["env", "GOVERSION"]).output() else {
        bail!("building Kubernetes needs `go`, which is not here: {INSTALL}");
    };
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let file = folder.join("go.mod");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let wanted = text
        .lines()
        .find_map(|line| line.strip_prefix("go "))
        .with_context(|| format!("{} names no Go version", file.display()))?;
    // A newer Go can fetch the toolchain that a module asks for, unless told not to.
    let fetches = run::read(Command::new("go").args(["env", "GOTOOLCHAIN"]))?;
    if numbers(&found) < numbers(wanted) && fetches.trim() == "local" {
        bail!("building Kubernetes needs Go {wanted} or newer, and `go` is {found}: {INSTALL}");
    }
    Ok(())
}

fn numbers(version: &str) -> Vec<u32> {
    version.trim_start_matches("go").split('.').map_while(|part| part.parse().ok()).collect()
}
