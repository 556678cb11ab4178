//! `pod-hardener report`

mod files;
mod live;
mod progress;
mod selector;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use kube::core::Selector;
use pod_hardener::policy::{self, Policy, PolicyError};
use pod_hardener::profiles::{self, ImageProfile};
use pod_hardener::report::{Report, write};
use time::OffsetDateTime;

use super::cluster::Cluster;
use super::{Exit, read_enough, say};

const HELP: &str = "\
Without paths the cluster is read, as the current context of the kubeconfig says: its namespace, unless -n or -A
names others. Nothing is written to it. Pods are counted at the workload that made them; a workload of which no pod
runs is judged by its template. Policies and profiles are those of the cluster, and those that --policy and
--profiles name, as the webhook has them.

With paths, or - for standard input, manifests are read as `harden` reads them. Namespaces that stand in them count:
their labels choose policies.

Output:
  table         for a terminal
  json          everything; `version` says in which shape
  markdown      for a merge request
  html          one file with charts, that needs nothing else
  sarif         SARIF 2.1.0, for what shows findings beside the code
  junit         JUnit XML, for what shows tests
  policyreport  PolicyReport objects of wgpolicyk8s.io/v1alpha2, for kubectl apply
  openreports   the same as Report objects of openreports.io/v1alpha1

Exit codes:
  0  done
  1  --check: something would change
  2  the command line is wrong, or the policy
  3  some input, or the cluster, could not be read (what could be is in the report); goes before 1

Examples:
  pod-hardener report -A
  pod-hardener report -A -o html > report.html
  pod-hardener report -n shop -l app=web --policy enforced
  helm template shop ./chart | pod-hardener report -n shop -
  pod-hardener report --check -o sarif manifests/ > report.sarif";

/// Report what would change where, and what stays insecure.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Files, directories (walked for .yaml, .yml, .json), or - for standard input; none: the cluster
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Exit with 1 if something would change
    #[arg(long)]
    check: bool,
    /// A preset (restricted, enforced, observe, safe), a policy file or a folder of them; unset: restricted, in a
    /// cluster its own policies
    #[arg(long, value_name = "NAME|FILE|FOLDER")]
    policy: Option<String>,
    /// Facts about images beside those that are built in: a file of ImageProfiles or a folder of them
    #[arg(long, value_name = "FILE|FOLDER")]
    profiles: Option<PathBuf>,
    /// Only this namespace; of files: the namespace of objects that name none
    #[arg(short, long)]
    namespace: Option<String>,
    /// All namespaces of the cluster
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "paths"])]
    all_namespaces: bool,
    /// Only pods with these labels, such as app=web,tier!=cache; of templates, the labels of their pods
    #[arg(short = 'l', long, value_parser = selector::parse)]
    selector: Option<Selector>,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// Everything
    Json,
    /// For a merge request
    Markdown,
    /// One file with charts
    Html,
    /// SARIF 2.1.0
    Sarif,
    /// JUnit XML
    Junit,
    /// PolicyReport objects of wgpolicyk8s.io/v1alpha2
    #[value(name = "policyreport")]
    PolicyReport,
    /// Report objects of openreports.io/v1alpha1
    #[value(name = "openreports")]
    OpenReports,
}

/// Policies and profiles that the command line names.
struct Named {
    policies: Vec<Policy>,
    profiles: Vec<ImageProfile>,
}

impl Named {
    fn load(args: &Args) -> Result<Self, PolicyError> {
        let policies = args.policy.as_deref().map(policy::load).transpose()?;
        let texts = args.profiles.as_deref().map(policy::Texts::read).transpose()?;
        Ok(Self {
            policies: policies.map(|set| set.policies().to_vec()).unwrap_or_default(),
            profiles: texts.map(|texts| profiles::load(&texts)).transpose()?.unwrap_or_default(),
        })
    }
}

/// A report, and whether all that was asked for is in it.
struct Made {
    report: Report,
    complete: bool,
}

pub(super) fn run(args: &Args, now: OffsetDateTime) -> anyhow::Result<Exit> {
    let named = match Named::load(args) {
        Ok(named) => named,
        Err(error) => {
            say::error(&error);
            return Ok(Exit::Usage);
        }
    };
    let made = if args.paths.is_empty() {
        args.cluster.run(async |client| live::report(&client, args, named, now).await)?
    } else {
        files::report(args, named, now)
    };
    read_enough(print(&made.report, args.output))?;
    Ok(match made {
        Made { complete: false, .. } => Exit::Unreadable,
        Made { report, .. } if args.check && report.changes() => Exit::WouldChange,
        Made { .. } => Exit::Done,
    })
}

fn print(report: &Report, format: Format) -> io::Result<()> {
    let mut out = BufWriter::new(anstream::stdout().lock());
    match format {
        Format::Table => write::table(report, &mut out)?,
        Format::Json => write::json(report, &mut out)?,
        Format::Markdown => write::markdown(report, &mut out)?,
        Format::Html => write::html(report, &mut out)?,
        Format::Sarif => write::sarif(report, &mut out)?,
        Format::Junit => write::junit(report, &mut out)?,
        Format::PolicyReport => write::policy_reports(report, write::Api::PolicyReport, &mut out)?,
        Format::OpenReports => write::policy_reports(report, write::Api::OpenReports, &mut out)?,
    }
    out.flush()
}
