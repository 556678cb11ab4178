//! Running other programs from the workspace's root.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Announces one step of a longer command.
pub(crate) fn announce(step: &str) {
    println!("\n==> {step}");
}

/// The cargo that runs this, in the workspace's root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_xtask(name)) {
        command.env_remove(name);
    }
    command
}

/// What `cargo run` says of xtask: build scripts look at these names (ring's does), so that everything above them would be built
/// anew whenever cargo is called now by itself and now by xtask.
fn is_of_xtask(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Runs to the end; an exit code other than zero is an error.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", line(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", line(command));
    }
    Ok(())
}

/// Runs to the end and returns what it wrote to its standard output.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", line(command)))?;
    if !output.status.success() {
        bail!("{} failed: {}", line(command), output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} wrote something that is no UTF-8", line(command)))
}

/// Runs to the end, passes its standard output on as it comes, and returns whether it
/// succeeded with those lines that begin with `prefix`.
pub(crate) fn watch(command: &mut Command, prefix: &str) -> Result<(bool, Vec<String>)> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", line(command)))?;
    let mut found = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for text in BufReader::new(stdout).lines() {
            let text = text.with_context(|| format!("cannot read from {}", line(command)))?;
            println!("{text}");
            if text.starts_with(prefix) {
                found.push(text);
            }
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {}", line(command)))?;
    Ok((status.success(), found))
}

/// Whether this is root. `id` asks the system; a library for one number would be too much.
pub(crate) fn is_root() -> bool {
    read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    format!("`{}`", words.join(" "))
}
