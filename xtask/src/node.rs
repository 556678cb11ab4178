//! What a real node is made of: kubelet, containerd, runc, network plugins, and images.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::golang::Program;
use crate::images::{Platform, Profile};
use crate::packages::{self, Want};
use crate::{assets, images, run};

/// Where the node's tests find the archives of images.
pub(crate) const IMAGES: &str = "NODE_IMAGES";

const CONTAINERD: &str = "v2.4.2";
const RUNC: &str = "v1.5.2";

/// Where Debian has the network plugins.
const NETWORK_PLUGINS: &str = "/usr/lib/cni";

const PACKAGES: &[Want] = &[
    Want { what: "/usr/lib/cni/ptp", package: "containernetworking-plugins" },
    Want { what: "ip", package: "iproute2" },
    Want { what: "nft", package: "nftables" },
    Want { what: "setpriv", package: "util-linux" },
];

const TO_BUILD_RUNC: &[Want] = &[
    Want { what: "pkg-config", package: "pkg-config" },
    Want { what: "/usr/include/seccomp.h", package: "libseccomp-dev" },
];

/// Why there can be no node here, if so.
pub(crate) fn missing() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("a node needs Linux".to_owned());
    }
    if !run::is_root() {
        return Some("a node needs root".to_owned());
    }
    let mut namespaces = Command::new("unshare");
    namespaces.args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "true"]);
    if let Err(error) = run::read(&mut namespaces) {
        return Some(format!("a node needs namespaces of its own: {error:#}"));
    }
    packages::need(PACKAGES).err().map(|error| format!("{error:#}"))
}

/// The folders, as in `PATH`, that together hold every program. What is missing is built first.
pub(crate) fn folders() -> Result<OsString> {
    let mut folders = assets::to_test(&assets::NEWEST)?;
    folders.extend(assets::folders_of(&assets::NEWEST, assets::NODE)?);
    for name in ["containerd", "containerd-shim-runc-v2", "ctr"] {
        folders.push(containerd(name)?);
    }
    folders.push(runc()?);
    folders.push(NETWORK_PLUGINS.into());
    folders.dedup();
    assets::path_list(folders)
}

/// The archives of the images that every node has.
pub(crate) fn archives() -> Result<Vec<PathBuf>> {
    Ok(vec![
        images::pause()?,
        images::busybox()?,
        images::content()?,
        images::pod_hardener(Profile::Quick, Platform::default())?,
    ])
}

/// The same, and those of the workloads that the tests run.
pub(crate) fn archives_to_test() -> Result<Vec<PathBuf>> {
    let mut workloads = images::workloads::all()?;
    workloads.retain(|_, workload| workload.quick);
    let mut archives = archives()?;
    archives.extend(images::workloads::archives(&workloads)?);
    Ok(archives)
}

fn containerd(name: &str) -> Result<PathBuf> {
    Program {
        name,
        of: &format!("containerd/{CONTAINERD}"),
        package: &format!("github.com/containerd/containerd/v2/cmd/{name}"),
        module: run::root().join("tests/containerd"),
        inputs: &["go.mod", "go.sum"],
        tags: "",
        ldflags: &format!("-s -w -X github.com/containerd/containerd/v2/version.Version={CONTAINERD}"),
    }
    .built()
}

/// With seccomp, which needs the C library: without it a seccomp profile is an error.
fn runc() -> Result<PathBuf> {
    packages::need(TO_BUILD_RUNC)?;
    Program {
        name: "runc",
        of: &format!("runc/{RUNC}"),
        package: "github.com/opencontainers/runc",
        module: run::root().join("tests/runc"),
        inputs: &["go.mod", "go.sum"],
        tags: "seccomp",
        ldflags: "-s -w",
    }
    .built()
}
