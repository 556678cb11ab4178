//! `cargo xtask generate [--check]`: what is written from the code, so that it cannot say something else.

mod chart;
mod monitoring;
pub(crate) mod parts;
mod policies;
mod program;
mod reference;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run;

/// The command that mends whatever `--check` finds.
const COMMAND: &str = "cargo xtask generate";

/// One generated file.
struct Page {
    /// Below the workspace's root.
    path: String,
    text: String,
}

/// Writes every generated file, or checks that each is fresh.
pub(crate) fn run(check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for page in pages()? {
        let path = run::root().join(&page.path);
        if read(&path)?.as_deref() == Some(page.text.as_str()) {
            continue;
        }
        if !check {
            write(&path, &page.text)?;
            println!("wrote {}", page.path);
        }
        stale.push(page.path);
    }
    if check && !stale.is_empty() {
        bail!("not as the code says: {}\nrun `{COMMAND}` and commit what it writes", stale.join(", "));
    }
    Ok(())
}

fn pages() -> Result<Vec<Page>> {
    let mut pages = policies::pages()?;
    pages.extend(monitoring::pages()?);
    pages.extend(reference::pages()?);
    pages.extend(parts::pages()?);
    Ok(pages)
}

/// A file's text; `None` where there is no file.
fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
