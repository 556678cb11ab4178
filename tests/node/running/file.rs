//! `tests/workloads/NAME.yaml`: a server as its usual image is, and how it is seen to work. Read here, and by
//! `cargo xtask`, which makes the images.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// The ways in which a workload is run, in the order of the table.
pub(crate) const WAYS: [&str; 9] =
    ["unmodified", "naive", "safe", "isolated", "full", "built-in", "suggest", "heal", "both"];

/// A workload.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct File {
    /// The name of the image that it is made as.
    pub(crate) image: String,
    /// From Debian.
    pub(crate) packages: Vec<String>,
    /// A script for a shell in the image, before its packages are there: users whose ids the image is known for.
    #[serde(default)]
    pub(crate) before: String,
    /// Files by path; those that begin with `#!` can be executed.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// A script for a shell in the image, when all else is there.
    #[serde(default)]
    pub(crate) setup: String,
    /// How the image starts.
    #[serde(default)]
    pub(crate) config: Config,
    /// A script for a shell in the container that uses the service, and succeeds if that works.
    pub(crate) probe: String,
    /// Whether `cargo xtask test` runs it too.
    #[serde(default)]
    pub(crate) quick: bool,
}

/// As in an image's configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Config {
    pub(crate) user: String,
    pub(crate) workdir: String,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) cmd: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) volumes: Vec<String>,
    /// TCP, but for those of DNS.
    pub(crate) ports: Vec<u16>,
}

/// Every workload in a folder, by name.
pub(crate) fn read(folder: &Path) -> Result<BTreeMap<String, File>, String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let Some(name) = name.filter(|_| path.extension().is_some_and(|end| end == "yaml")) else { continue };
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let file = serde_saphyr::from_str(&text).map_err(|error| failed(&path, &error))?;
        files.insert(name, file);
    }
    Ok(files)
}
