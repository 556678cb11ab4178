//! `pod-hardener policy`

use std::io::{self, Write as _};

use anyhow::Context as _;
use pod_hardener::docs::schema::policy_schema;
use pod_hardener::manifest::to_yaml;
use pod_hardener::policy::{self, HardeningPolicy, Policy};

use super::policy_explain::{self, HELP as EXPLAIN_HELP};
use super::{Exit, say};

/// Show and check policies.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print a policy with every mode written out, as a file that --policy takes
    #[command(after_help = "\
Examples:
  pod-hardener policy show > policy.yaml
  pod-hardener policy show enforced
  pod-hardener policy show ./policy.yaml")]
    Show {
        /// A preset (restricted, enforced, observe, safe) or a file
        #[arg(value_name = "NAME|FILE", default_value = "restricted")]
        policy: String,
    },
    /// Say whether policy files, or the files of folders, are valid, and what is wrong with them
    #[command(after_help = "\
Exit codes:
  0  all are valid
  3  one is not

Example:
  pod-hardener policy validate policies/*.yaml
  pod-hardener policy validate ./mounted-config-map/")]
    Validate {
        /// Policy files, or folders of them
        #[arg(required = true, value_name = "FILE|FOLDER")]
        files: Vec<String>,
    },
    /// Say which policy a namespace or a pod falls under, and why
    #[command(after_help = EXPLAIN_HELP)]
    Explain(policy_explain::Args),
    /// Print the JSON Schema of policy files
    #[command(after_help = "\
Example:
  pod-hardener policy schema > hardeningpolicy.schema.json")]
    Schema,
}

pub(super) fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show { policy } => show(policy),
        Command::Validate { files } => validate(files),
        Command::Explain(args) => policy_explain::run(args),
        Command::Schema => {
            io::stdout().lock().write_all(policy_schema().as_bytes())?;
            Ok(Exit::Done)
        }
    }
}

fn show(name: &str) -> anyhow::Result<Exit> {
    let policies = match policy::load(name) {
        Ok(policies) => policies,
        Err(error) => {
            say::error(&error);
            return Ok(Exit::Usage);
        }
    };
    let mut out = String::new();
    for policy in policies.policies() {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        let document = HardeningPolicy::from(policy);
        let document = serde_json::to_value(document).context("writing the policy")?;
        out.push_str(&to_yaml(&document));
    }
    io::stdout().lock().write_all(out.as_bytes())?;
    Ok(Exit::Done)
}

fn validate(files: &[String]) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for file in files {
        match policy::load(file) {
            Ok(policies) => {
                let names: Vec<&str> =
                    policies.policies().iter().map(|policy: &Policy| policy.name.as_str()).collect();
                writeln!(io::stdout().lock(), "{file}: valid: {}", names.join(", "))?;
            }
            Err(error) => {
                say::error(&error);
                exit = Exit::Unreadable;
            }
        }
    }
    Ok(exit)
}
