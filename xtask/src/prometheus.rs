//! Prometheus and promtool: what is here, or else Debian's.

use std::path::PathBuf;

use anyhow::Result;

use crate::{cache, packages};

/// The folder that has both.
pub(crate) fn folder() -> Result<PathBuf> {
    let installed = packages::folder_of("prometheus").filter(|folder| folder.join("promtool").is_file());
    if let Some(folder) = installed {
        return Ok(folder);
    }
    let unpacked = cache::folder()?.join("prometheus/debian");
    let programs = unpacked.join("usr/bin");
    if !programs.join("promtool").is_file() {
        packages::unpack("prometheus", &unpacked)?;
    }
    Ok(programs)
}
