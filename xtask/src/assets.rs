//! The Kubernetes binaries that the end-to-end tests run against.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cache, golang, run};

/// Where the end-to-end tests and the benchmarks find the binaries.
pub(crate) const VARIABLE: &str = "E2E_ASSETS";

/// One Kubernetes version, built from a Go module of its own.
pub(crate) struct Release {
    pub(crate) minor: &'static str,
    version: &'static str,
    binaries: &'static [Binary],
}

struct Binary {
    name: &'static str,
    package: &'static str,
    /// The module that has it, where that is not the release's own.
    of: Option<&'static Release>,
}

/// The newest supported version.
pub(crate) const NEWEST: Release = Release {
    minor: "1.37",
    version: "v1.37.2",
    binaries: &[
        own("etcd", "go.etcd.io/etcd/server/v3"),
        own("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        own("kube-controller-manager", CONTROLLER_MANAGER),
        own("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ],
};

/// The oldest supported version. The controller manager may not be newer than its API server,
/// nor kubectl more than one minor version away from it; etcd is the same for both.
pub(crate) const OLDEST: Release = Release {
    minor: "1.34",
    version: "v1.34.4",
    binaries: &[
        own("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        own("kube-controller-manager", CONTROLLER_MANAGER),
        own("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        // Last: the folder that it is in has newer ones of the others.
        Binary { name: "etcd", package: "go.etcd.io/etcd/server/v3", of: Some(&NEWEST) },
    ],
};

const CONTROLLER_MANAGER: &str = "k8s.io/kubernetes/cmd/kube-controller-manager";

const fn own(name: &'static str, package: &'static str) -> Binary {
    Binary { name, package, of: None }
}

/// `cargo xtask assets`.
pub(crate) fn print_folders() -> Result<()> {
    for release in [&NEWEST, &OLDEST] {
        let folders = folders(release)?;
        println!("{}: {}", release.minor, folders.to_string_lossy());
    }
    Ok(())
}

/// The folders, as in `PATH`, that together hold every binary of this release. What is missing
/// is built first.
pub(crate) fn folders(release: &'static Release) -> Result<OsString> {
    let given = given(release);
    let mut folders: Vec<PathBuf> = Vec::new();
    for binary in release.binaries {
        let folder = match &given {
            Some(folder) if folder.join(binary.name).is_file() => folder.clone(),
            _ => built(release, binary)?,
        };
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    std::env::join_paths(folders).context("a folder's name that cannot be part of a path list")
}

/// `KUBEBUILDER_ASSETS`, where its API server is of this release.
fn given(release: &Release) -> Option<PathBuf> {
    let folder = std::env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty())?;
    let folder = std::path::absolute(folder).ok()?;
    let version = run::read(Command::new(folder.join("kube-apiserver")).arg("--version"));
    let version = version.unwrap_or_else(|error| format!("{error:#}"));
    if version.starts_with(&format!("Kubernetes v{}.", release.minor)) {
        return Some(folder);
    }
    println!(
        "KUBEBUILDER_ASSETS is not used for {}: its kube-apiserver says {}",
        release.minor,
        version.trim()
    );
    None
}

/// The cache's folder with this binary in it.
fn built(release: &'static Release, binary: &Binary) -> Result<PathBuf> {
    let release = binary.of.unwrap_or(release);
    let module = run::root().join(format!("tests/kubernetes/v{}", release.minor));
    let ldflags = ldflags(release);
    let key = cache::key(&[&module.join("go.mod"), &module.join("go.sum")], &ldflags)?;
    let folder = cache::folder()?.join("kubernetes").join(format!("{}-{key}", release.version));
    let target = folder.join(binary.name);
    if !Path::new(&target).is_file() {
        println!("building {} of Kubernetes {} (the first time takes minutes)", binary.name, release.version);
        golang::build(&module, binary.package, &ldflags, &target)?;
    }
    Ok(folder)
}

/// Without these a Kubernetes binary takes itself for `v0.0.0-master`.
fn ldflags(release: &Release) -> String {
    let variable = "k8s.io/component-base/version";
    let (major, minor) = release.minor.split_once('.').unwrap_or((release.minor, ""));
    format!(
        "-s -w -X {variable}.gitVersion={} -X {variable}.gitMajor={major} \
         -X {variable}.gitMinor={minor} -X {variable}.gitTreeState=clean",
        release.version
    )
}
