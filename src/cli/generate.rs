//! `pod-hardener generate`

use std::io::{self, Write as _};

use pod_hardener::authority::policy::{self, Settings};
use pod_hardener::backstop;
use pod_hardener::manifest::to_yaml;
use pod_hardener::native::Native;
use pod_hardener::policy::{PolicySet, load, together};
use serde_json::Value;
use time::Date;
use time::macros::format_description;

use super::cluster::Cluster;
use super::policy_explain::sources;
use super::{Exit, say};

/// Write manifests for the cluster.
#[derive(Debug, clap::Subcommand)]
#[allow(clippy::enum_variant_names, reason = "they are the names of the subcommands")]
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
        /// What becomes of a change that the requester may not make; only where it is denied, the pods of checked
        /// templates are trusted
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
        #[arg(long, value_enum, ignore_case = true, default_value_t = Action::Deny)]
        action: Action,
        /// A namespace in which nothing is denied, such as that of the cluster's network; may be repeated
        #[arg(long, value_name = "NAMESPACE")]
        leave_out: Vec<String>,
        /// Take the custom resources of the cluster too, as serve does
        #[arg(long)]
        from_cluster: bool,
        #[command(flatten)]
        cluster: Cluster,
    },
    /// Write the hardening as the API server's own: a MutatingAdmissionPolicy and its binding
    #[command(after_help = "\
For Kubernetes 1.36 and later, instead of the webhook or beside it: there is nothing to run. It does what CEL can
express; how it differs stands at the head of what is written, and in docs/native.md.

Example:
  pod-hardener generate mutating-admission-policy --policy policy.yaml | kubectl apply -f -")]
    MutatingAdmissionPolicy {
        /// The policy: a preset, or a file with one
        #[arg(long, value_name = "NAME|FILE", default_value = "restricted")]
        policy: String,
        /// Takes this day for today, since CEL knows no clock: honours exemptions that end later, until it is written
        /// anew [default: honours none that ends]
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
        as_of: Option<Date>,
    },
}

fn date(text: &str) -> Result<Date, String> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]"));
    date.map_err(|_| "write a date, such as 2027-01-31".to_owned())
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Action {
    /// It is denied
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
    let documents = match command {
        Command::ExemptionPolicy { policy, action } => exemption_policy(policy, *action),
        Command::AdmissionPolicy { policy, action, leave_out, from_cluster, cluster } => {
            let cluster = from_cluster.then_some(cluster);
            admission_policy(policy, *action, leave_out, cluster)?
        }
        Command::MutatingAdmissionPolicy { policy, as_of } => mutating_admission_policy(policy, *as_of),
    };
    match documents {
        Ok(text) => io::stdout().lock().write_all(text.as_bytes())?,
        Err(error) => {
            say::error(&error);
            return Ok(Exit::Usage);
        }
    }
    Ok(Exit::Done)
}

fn exemption_policy(policy: &str, action: Action) -> Result<String, String> {
    let policies = load(policy).map_err(|error| error.to_string())?;
    let settings = Settings::of_all(&policies).map_err(|error| error.to_string())?;
    Ok(text(&policy::documents(&settings, action.into())))
}

fn admission_policy(
    policy: &str,
    action: Action,
    leave_out: &[String],
    cluster: Option<&Cluster>,
) -> anyhow::Result<Result<String, String>> {
    let named = match load(policy) {
        Ok(policies) => policies,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut policies = named.policies().to_vec();
    if let Some(cluster) = cluster {
        let known = cluster.run(async |client| sources::ask(&client, &[]).await)?;
        known.notes.iter().for_each(|note| say::warning(note));
        policies = together(known.policies, policies);
    }
    Ok(Ok(text(&backstop::documents(&PolicySet::new(policies), action.into(), leave_out))))
}

fn mutating_admission_policy(policy: &str, as_of: Option<Date>) -> Result<String, String> {
    let policies = load(policy).map_err(|error| error.to_string())?;
    let [one] = policies.policies() else {
        return Err(format!("{policy} holds {} policies: name a file with one", policies.policies().len()));
    };
    let native = Native::new(one, as_of);
    let documents: Vec<String> = native.documents().map(to_yaml).collect();
    Ok(native.head(one) + &documents.join("---\n"))
}

fn text(documents: &[Value]) -> String {
    let documents: Vec<String> = documents.iter().map(to_yaml).collect();
    documents.join("---\n")
}
