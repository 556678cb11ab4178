//! `pod-hardener exemptions`

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write as _};

use anyhow::Context as _;
use pod_hardener::annotation::DEFAULT_PREFIX;
use pod_hardener::inventory::stored::{self, Row};
use time::OffsetDateTime;

use super::cluster::{Cluster, Scope};
use super::print::{self, Output};
use super::{Exit, say};

/// Show the exemptions in a cluster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List every exemption: in templates of workloads, in namespaces, and of running pods
    #[command(after_help = "\
Examples:
  pod-hardener exemptions list
  pod-hardener exemptions list -A -o wide
  pod-hardener exemptions list -n shop -l app=web -o json")]
    List(Args),
    /// List those that have ended or end soon
    #[command(after_help = "\
Exit codes:
  0  none ends soon
  1  one does, or has ended
  3  the cluster could not be read

Example:
  pod-hardener exemptions expiring -A --days 14")]
    Expiring {
        #[command(flatten)]
        args: Args,
        /// How many days ahead
        #[arg(long, default_value_t = 7)]
        days: u32,
    },
}

/// What to show, and from where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    scope: Scope,
    /// How to print them
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// The prefix of the annotations, where policy names another
    #[arg(long, default_value = DEFAULT_PREFIX)]
    annotation_prefix: String,
}

pub(super) fn run(command: &Command, now: OffsetDateTime) -> anyhow::Result<Exit> {
    let (args, days) = match command {
        Command::List(args) => (args, None),
        Command::Expiring { args, days } => (args, Some(i64::from(*days))),
    };
    let mut rows = args.cluster.run(async |client| {
        let (namespace, selector) = (args.scope.namespace(&client), args.scope.selector());
        stored::read(&client, namespace, selector, &args.annotation_prefix, now)
            .await
            .context("reading the exemptions")
    })?;
    if let Some(days) = days {
        rows.retain(|row| row.days_left.is_some_and(|left| left < days));
    }
    print(&rows, args.output)?;
    Ok(if days.is_some() && !rows.is_empty() { Exit::WouldChange } else { Exit::Done })
}

fn print(rows: &[Row], output: Output) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if print::value(&mut out, rows, output)? {
        return Ok(out.flush()?);
    }
    match output {
        Output::Name => {
            let names: BTreeSet<String> = rows.iter().map(name).collect();
            names.iter().try_for_each(|name| writeln!(out, "{}", say::printable(name)))?;
        }
        _ if rows.is_empty() => writeln!(out, "no exemptions")?,
        Output::Wide => {
            let head =
                ["NAMESPACE", "KIND", "NAME", "CONTAINER", "RULES", "UNTIL", "DAYS", "PODS", "BY", "REASON"];
            print::table(
                &mut out,
                head,
                rows.iter().map(|row| {
                    let [namespace, kind, name, rules, until, days, pods, reason] = cells(row);
                    let container = row.container.clone().unwrap_or_default();
                    [namespace, kind, name, container, rules, until, days, pods, row.by.clone(), reason]
                }),
            )?;
        }
        _ => {
            let head = ["NAMESPACE", "KIND", "NAME", "RULES", "UNTIL", "DAYS", "PODS", "REASON"];
            print::table(&mut out, head, rows.iter().map(cells))?;
        }
    }
    Ok(out.flush()?)
}

fn cells(row: &Row) -> [String; 8] {
    [
        row.namespace.clone(),
        row.kind.clone(),
        row.name.clone(),
        row.rules.clone(),
        row.until.clone(),
        row.days_left.map_or_else(String::new, |days| days.to_string()),
        row.pods.to_string(),
        row.reason.clone(),
    ]
}

/// As `kubectl get -o name` has it: `deployment.apps/web`.
fn name(row: &Row) -> String {
    let group = match row.kind.as_str() {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => ".apps",
        "Job" | "CronJob" => ".batch",
        _ => "",
    };
    format!("{}{group}/{}", row.kind.to_ascii_lowercase(), row.name)
}
