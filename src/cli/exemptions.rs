//! `pod-hardener exemptions`

use std::io::{self, Write as _};

use anyhow::Context as _;
use pod_hardener::annotation::DEFAULT_PREFIX;
use pod_hardener::inventory::stored::{self, Row};
use time::OffsetDateTime;

use super::cluster::Cluster;
use super::{Exit, say};

/// Show the exemptions in a cluster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List every exemption: in templates of workloads, in namespaces, and of running pods
    #[command(after_help = "\
Examples:
  pod-hardener exemptions list
  pod-hardener exemptions list -n shop -o json")]
    List(Args),
    /// List those that have ended or end soon
    #[command(after_help = "\
Exit codes:
  0  none ends soon
  1  one does, or has ended
  3  the cluster could not be read

Example:
  pod-hardener exemptions expiring --days 14")]
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
    /// Only of this namespace; unset: of all
    #[arg(short, long)]
    namespace: Option<String>,
    /// How to print them
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// The prefix of the annotations, where policy names another
    #[arg(long, default_value = DEFAULT_PREFIX)]
    annotation_prefix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One array
    Json,
}

pub(super) fn run(command: &Command, now: OffsetDateTime) -> anyhow::Result<Exit> {
    let (args, days) = match command {
        Command::List(args) => (args, None),
        Command::Expiring { args, days } => (args, Some(i64::from(*days))),
    };
    let mut rows = args.cluster.run(async |client| {
        stored::read(&client, args.namespace.as_deref(), &args.annotation_prefix, now)
            .await
            .context("reading the exemptions")
    })?;
    if let Some(days) = days {
        rows.retain(|row| row.days_left.is_some_and(|left| left < days));
    }
    print(&rows, args.output)?;
    Ok(if days.is_some() && !rows.is_empty() { Exit::WouldChange } else { Exit::Done })
}

const HEAD: [&str; 10] =
    ["NAMESPACE", "KIND", "NAME", "CONTAINER", "RULES", "UNTIL", "DAYS", "PODS", "BY", "REASON"];

fn print(rows: &[Row], output: Output) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if output == Output::Json {
        serde_json::to_writer_pretty(&mut out, rows)?;
        writeln!(out)?;
        return Ok(());
    }
    if rows.is_empty() {
        writeln!(out, "no exemptions")?;
        return Ok(());
    }
    let cells = rows.iter().map(|row| {
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { say::printable(text) };
        [
            or_dash(&row.namespace),
            or_dash(&row.kind),
            or_dash(&row.name),
            or_dash(row.container.as_deref().unwrap_or_default()),
            or_dash(&row.rules),
            or_dash(&row.until),
            row.days_left.map_or_else(|| "-".to_owned(), |days| days.to_string()),
            row.pods.to_string(),
            or_dash(&row.by),
            or_dash(&row.reason),
        ]
    });
    let table: Vec<[String; HEAD.len()]> = std::iter::once(HEAD.map(str::to_owned)).chain(cells).collect();
    let width =
        |column: usize| table.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    for line in &table {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
        writeln!(out, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}
