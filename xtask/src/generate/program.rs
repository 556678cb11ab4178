//! What the built program itself says.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::run;

/// What a command wrote.
pub(super) struct Said {
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs `pod-hardener` as whoever has set nothing: no terminal, no variables.
pub(super) fn run(args: &[&str]) -> Result<Said> {
    let mut words = vec!["run", "--quiet", "--package", "pod-hardener", "--bin", "pod-hardener", "--"];
    words.extend(args);
    let mut command = run::cargo(&words);
    for (name, _) in std::env::vars_os() {
        let ours = name.to_string_lossy().starts_with("POD_HARDENER_");
        if ours || name == "CLICOLOR_FORCE" {
            command.env_remove(name);
        }
    }
    // How wide help texts are.
    command.env("COLUMNS", "100").stdin(Stdio::null());
    let line = args.join(" ");
    let output = command.output().with_context(|| format!("cannot run `pod-hardener {line}`"))?;
    let text = |bytes| String::from_utf8(bytes).with_context(|| format!("`pod-hardener {line}`"));
    let said = Said { stdout: text(output.stdout)?, stderr: text(output.stderr)? };
    if !output.status.success() {
        bail!("`pod-hardener {line}` failed: {}\n{}", output.status, said.stderr);
    }
    Ok(said)
}
