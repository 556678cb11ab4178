//! Every dependency's licence is one that we allow.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

use crate::run;

/// One SPDX identifier a line; `#` begins a comment.
const ALLOWED: &str = include_str!("../licences-allowed.txt");

pub(crate) fn check() -> Result<()> {
    run::announce("licences of the dependencies");
    let args = ["metadata", "--format-version=1", "--locked"];
    let metadata: Value = serde_json::from_str(&run::read(&mut run::cargo(&args))?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata without packages")?;
    // A package without a source is one of ours.
    let foreign: Vec<&Value> = packages.iter().filter(|package| !package["source"].is_null()).collect();
    let allowed = allowed(ALLOWED);
    let refused: Vec<String> = foreign.iter().filter_map(|package| refusal(package, &allowed)).collect();
    if !refused.is_empty() {
        bail!("licences that xtask/licences-allowed.txt does not have:\n  {}", refused.join("\n  "));
    }
    println!("{} packages, every licence allowed", foreign.len());
    Ok(())
}

fn allowed(list: &str) -> Vec<&str> {
    list.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Why this package may not be used, where it may not.
fn refusal(package: &Value, allowed: &[&str]) -> Option<String> {
    let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
    let licence = text(&package["license"]);
    // LAX reads the `MIT/Apache-2.0` that old packages write.
    match Expression::parse_mode(licence, ParseMode::LAX) {
        Ok(expression) if expression.evaluate(|term| permits(term, allowed)) => None,
        Ok(_) => Some(format!("{name}: {licence}")),
        Err(error) => Some(format!("{name}: {licence:?} cannot be read: {}", error.reason)),
    }
}

fn permits(term: &LicenseReq, allowed: &[&str]) -> bool {
    let term = term.to_string();
    allowed.contains(&term.as_str())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{allowed, refusal};
    use serde_json::json;

    fn is_refused(licence: &str) -> bool {
        let list = allowed("MIT\nApache-2.0 # ours\n\nApache-2.0 WITH LLVM-exception\n");
        let package = json!({"name": "a", "version": "1.0.0", "license": licence});
        refusal(&package, &list).is_some()
    }

    #[test]
    fn one_alternative_is_enough_and_each_of_a_conjunction_is_needed() {
        assert!(!is_refused("MIT"));
        assert!(!is_refused("GPL-3.0-only OR MIT"));
        assert!(!is_refused("GPL-3.0/MIT"));
        assert!(!is_refused("Apache-2.0 WITH LLVM-exception"));
        assert!(is_refused("GPL-3.0-only AND MIT"));
        assert!(is_refused("GPL-3.0-only"));
    }

    #[test]
    fn no_licence_and_no_sense_are_refused() {
        assert!(is_refused(""));
        assert!(is_refused("as you like it"));
    }
}
