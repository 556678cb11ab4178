//! `pod-hardener generate`

use std::io::{self, Write as _};

use pod_hardener::authority::policy::{self, Settings};
use pod_hardener::backstop;
use pod_hardener::manifest::to_yaml;
use pod_hardener::policy::{PolicySet, load, together};
use serde_json::Value;

use super::cluster::Cluster;
use super::policy_explain::sources;
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
    /// Write the backstop: a ValidatingAdmissionPolicy and its binding that deny pods that were not hardened
    #[command(after_help = "\
What the webhook would still change in a pod, the API server denies by itself, so that no pod gets around the webhook
while it is down. It is written for the policies that serve has: write and apply it again when those change; the
metric pod_hardener_backstop of the webhook says whether it has to be. Begin with --action warn or audit.

Examples:
  pod-hardener generate admission-policy | kubectl apply -f -
  pod-hardener generate admission-policy --policy policy.yaml --from-cluster --action audit | kubectl apply -f -")]
    AdmissionPolicy {
        /// The policy that serve has: a preset, a file or a folder
        #[arg(long, value_name = "NAME|FILE", default_value = "restricted")]
        policy: String,
        /// What becomes of a pod that is neither hardened nor exempted
        #[arg(long, value_enum, ignore_case = true, default_value_t = Consequence::Deny)]
        action: Consequence,
        /// Take the custom resources of the cluster too, as serve does
        #[arg(long)]
        from_cluster: bool,
        #[command(flatten)]
        cluster: Cluster,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Consequence {
    /// It is denied
    Deny,
    /// It passes, with a warning
    Warn,
    /// It passes, and the audit log says so
    Audit,
}

impl From<Consequence> for policy::Action {
    fn from(consequence: Consequence) -> Self {
        match consequence {
            Consequence::Deny => Self::Deny,
            Consequence::Warn => Self::Warn,
            Consequence::Audit => Self::Audit,
        }
    }
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
    match command {
        Command::ExemptionPolicy { policy, action } => {
            let settings = match load(policy) {
                Ok(policies) => Settings::of_all(&policies).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match settings {
                Ok(settings) => print(&policy::documents(&settings, (*action).into())),
                Err(error) => Ok(refuse(&error)),
            }
        }
        Command::AdmissionPolicy { policy, action, from_cluster, cluster } => {
            let named = match load(policy) {
                Ok(policies) => policies,
                Err(error) => return Ok(refuse(&error.to_string())),
            };
            let mut policies = named.policies().to_vec();
            if *from_cluster {
                let known = cluster.run(async |client| sources::ask(&client, &[]).await)?;
                known.notes.iter().for_each(|note| say::warning(note));
                policies = together(known.policies, policies);
            }
            print(&backstop::documents(&PolicySet::new(policies), (*action).into()))
        }
    }
}

fn refuse(error: &str) -> Exit {
    say::error(&error);
    Exit::Usage
}

fn print(documents: &[Value]) -> anyhow::Result<Exit> {
    let documents: Vec<String> = documents.iter().map(to_yaml).collect();
    io::stdout().lock().write_all(documents.join("---\n").as_bytes())?;
    Ok(Exit::Done)
}
