//! The binaries that the end-to-end tests run against, and those that make a node.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::golang::Program;
use crate::{helm, node, prometheus, run};

/// Where the end-to-end tests and the benchmarks find the binaries.
pub(crate) const VARIABLE: &str = "E2E_ASSETS";

/// One Kubernetes version, built from a Go module of its own.
pub(crate) struct Release {
    pub(crate) minor: &'static str,
    version: &'static str,
    binaries: &'static [Binary],
}

/// A program of a release.
pub(crate) struct Binary {
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

/// What makes a node of the newest version, beside its control plane.
pub(crate) const NODE: &[Binary] = &[
    own("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    own("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    own("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
];

const CONTROLLER_MANAGER: &str = "k8s.io/kubernetes/cmd/kube-controller-manager";

const fn own(name: &'static str, package: &'static str) -> Binary {
    Binary { name, package, of: None }
}

/// `cargo xtask assets`.
pub(crate) fn print_folders() -> Result<()> {
    for release in [&NEWEST, &OLDEST] {
        println!("{}: {}", release.minor, path_list(to_test(release)?)?.to_string_lossy());
    }
    match node::missing() {
        None => {
            println!("node: {}", node::folders()?.to_string_lossy());
            println!("images: {}", path_list(node::archives_to_test()?)?.to_string_lossy());
        }
        Some(reason) => println!("node: none, because {reason}"),
    }
    Ok(())
}

/// The folders that together hold every binary of this release's control plane. What is
/// missing is built first.
pub(crate) fn folders(release: &'static Release) -> Result<Vec<PathBuf>> {
    folders_of(release, release.binaries)
}

/// The same, and what is installed with; with the newest version also a Prometheus, which one version is enough for.
pub(crate) fn to_test(release: &'static Release) -> Result<Vec<PathBuf>> {
    let mut all = [folders(release)?, helm::folders()?].concat();
    if release.minor == NEWEST.minor {
        match prometheus::folder() {
            Ok(folder) => all.push(folder),
            Err(error) if std::env::var_os("CI").is_some() => return Err(error.context("no Prometheus")),
            // The tests that need it say so, too.
            Err(error) => println!("there will be no tests with Prometheus: {error:#}"),
        }
    }
    Ok(all)
}

/// The folders that together hold these binaries of this release.
pub(crate) fn folders_of(release: &'static Release, binaries: &[Binary]) -> Result<Vec<PathBuf>> {
    let given = given(release);
    let mut folders: Vec<PathBuf> = Vec::new();
    for binary in binaries {
        let folder = match &given {
            Some(folder) if folder.join(binary.name).is_file() => folder.clone(),
            _ => built(release, binary)?,
        };
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// As in `PATH`.
pub(crate) fn path_list(paths: Vec<PathBuf>) -> Result<OsString> {
    std::env::join_paths(paths).context("a name that cannot be part of a path list")
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
    Program {
        name: binary.name,
        of: &format!("kubernetes/{}", release.version),
        package: binary.package,
        module: run::root().join(format!("tests/kubernetes/v{}", release.minor)),
        inputs: &["go.mod", "go.sum"],
        tags: "",
        ldflags: &ldflags(release),
    }
    .built()
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
