//! `pod-hardener generate`

use std::io::{self, Write as _};

use pod_hardener::authority::policy::{self, Settings};
use pod_hardener::manifest::to_yaml;

use super::{Exit, say};

/// Write manifests for the cluster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Write the check of exemptions: a ValidatingAdmissionPolicy and its binding
    #[command(after_help = "\
The API server itself asks RBAC, so there is nothing to run and nothing to go around. It is written for the
annotation prefix, `pinImages` and `trustedControllers` of the policies with `authorization: rbac`; write and
apply it again when those change.

Example:
  pod-hardener generate exemption-policy --policy policy.yaml | kubectl apply -f -")]
    ExemptionPolicy {
        /// The policy that serve has: a preset, a file or a folder
        #[arg(long, value_name = "NAME|FILE", default_value = "restricted")]
        policy: String,
        /// What becomes of a change that the requester may not make
        #[arg(long, value_enum, ignore_case = true, default_value_t = Action::Deny)]
        action: Action,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Action {
    /// It is denied; only then the pods of checked templates are trusted
    Deny,
    /// It passes, with a warning
    Warn,
    /// It passes, and the audit log says so
    Audit,
}

impl From<Action> for policy::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::Deny => Self::Deny,
            Action::Warn => Self::Warn,
            Action::Audit => Self::Audit,
        }
    }
}

pub(super) fn run(command: &Command) -> anyhow::Result<Exit> {
    let Command::ExemptionPolicy { policy, action } = command;
    let settings = match pod_hardener::policy::load(policy) {
        Ok(policies) => Settings::of_all(&policies).map_err(|error| error.to_string()),
        Err(error) => Err(format!("{error}")),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            say::error(&error);
            return Ok(Exit::Usage);
        }
    };
    let [check, binding] = policy::documents(&settings, (*action).into());
    let text = format!("{}---\n{}", to_yaml(&check), to_yaml(&binding));
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}
