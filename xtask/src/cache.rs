//! Where built binaries are kept, so that `cargo clean` does not throw minutes of work away.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// `$XTASK_CACHE`, else `pod-hardener` in the user's cache folder.
pub(crate) fn folder() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(own) = set("XTASK_CACHE") {
        return std::path::absolute(own).context("XTASK_CACHE");
    }
    if let Some(shared) = set("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(shared).join("pod-hardener"));
    }
    match set("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".cache/pod-hardener")),
        None => bail!("neither XTASK_CACHE nor HOME is set: there is nowhere to build to"),
    }
}

/// A short name for everything that decides what a build makes.
pub(crate) fn key(files: &[&Path], recipe: &str) -> Result<String> {
    let mut hasher = Sha256::new();
    for file in files {
        let content = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        hasher.update(content.len().to_le_bytes());
        hasher.update(content);
    }
    hasher.update(recipe);
    let mut name = String::new();
    for byte in hasher.finalize().iter().take(6) {
        write!(name, "{byte:02x}")?;
    }
    Ok(name)
}
