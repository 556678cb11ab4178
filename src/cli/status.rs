//! `pod-hardener status`

use std::io::{self, BufWriter, Write};

use anyhow::Context as _;
use pod_hardener::annotation::DEFAULT_PREFIX;
use pod_hardener::inventory::overview::{self, Overview, Server, Which};
use pod_hardener::posture::Posture;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::cluster::{Cluster, Scope};
use super::print::{self, Output};
use super::{Exit, plugin, say};

const HELP: &str = "\
Pods are told by the annotation that the webhook leaves on them. Without a mark are those that
are older than the webhook, that are out of its reach, or that needed nothing.

Exit codes:
  0  done; what could not be read is named on standard error
  2  the command line is wrong
  3  the pods could not be read

Examples:
  pod-hardener status -A
  pod-hardener status -n shop -o wide
  pod-hardener status -A -l app=web -o json";

/// How a cluster stands.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    scope: Scope,
    /// How to print it; wide: every pod, name: the pods without a mark
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// The prefix of the annotations, where policy names another
    #[arg(long, default_value = DEFAULT_PREFIX)]
    annotation_prefix: String,
}

pub(super) fn run(args: &Args, now: OffsetDateTime) -> anyhow::Result<Exit> {
    let each = matches!(args.output, Output::Wide | Output::Name);
    let overview = args.cluster.run(async |client| {
        let which = Which {
            namespace: args.scope.namespace(&client),
            selector: args.scope.selector(),
            prefix: &args.annotation_prefix,
            each,
        };
        overview::read(&client, which).await.context("reading the pods")
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    if print::value(&mut out, &overview, args.output)? {
        out.flush()?;
        return Ok(Exit::Done);
    }
    if args.output == Output::Name {
        let unmarked = overview.pods.iter().filter(|pod| pod.posture.is_none());
        for pod in unmarked {
            writeln!(out, "pod/{}", say::printable(&pod.name))?;
        }
    } else {
        server(&mut out, &overview.server, now)?;
        policies(&mut out, &overview)?;
        pods(&mut out, &overview, args.output == Output::Wide)?;
        out.flush()?;
        overview.unread.iter().for_each(|unread| say::warning(&format!("not read: {unread}")));
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn server(out: &mut impl Write, server: &Server, now: OffsetDateTime) -> io::Result<()> {
    if server.registered.is_empty() {
        writeln!(out, "The webhook is not registered: no pod is hardened.")?;
    }
    let rows = server.registered.iter().map(|registered| {
        let timeout = format!("{}s", registered.timeout_seconds);
        [registered.name.clone(), registered.kind.to_owned(), registered.failure_policy.clone(), timeout]
    });
    if !server.registered.is_empty() {
        print::table(out, ["WEBHOOK", "KIND", "FAILURE POLICY", "TIMEOUT"], rows)?;
        writeln!(out)?;
    }
    if !server.replicas.is_empty() {
        let rows = server.replicas.iter().map(|replica| {
            let leads = server.certificate_leader.as_ref() == Some(&replica.name);
            let role = if leads { "manages the certificate" } else { "" };
            let ready = if replica.ready { "yes" } else { "no" };
            [replica.name.clone(), ready.to_owned(), replica.image.clone(), role.to_owned()]
        });
        print::table(out, ["REPLICA", "READY", "IMAGE", ""], rows)?;
        writeln!(out)?;
    }
    let ends = [("certificate", &server.certificate_until), ("authority", &server.authority_until)];
    let known = ends.iter().filter_map(|(what, until)| Some((what, until.as_ref()?)));
    let rows: Vec<[String; 3]> = known
        .map(|(what, until)| {
            let end = OffsetDateTime::parse(until, &Rfc3339).ok();
            let days = end.map(|end| (end - now).whole_days().to_string()).unwrap_or_default();
            [(*what).to_owned(), until.clone(), days]
        })
        .collect();
    if !rows.is_empty() {
        print::table(out, ["CERTIFICATE", "UNTIL", "DAYS"], rows)?;
        writeln!(out)?;
    }
    Ok(())
}

fn policies(out: &mut impl Write, overview: &Overview) -> io::Result<()> {
    if !overview.policies.is_empty() {
        let rows = overview.policies.iter().map(|policy| {
            [
                policy.name.clone(),
                policy.accepted.clone(),
                policy.replicas.to_string(),
                policy.message.clone(),
            ]
        });
        print::table(out, ["POLICY", "ACCEPTED", "REPLICAS", "MESSAGE"], rows)?;
        writeln!(out)?;
    }
    if !overview.profiles.is_empty() {
        let rows = overview.profiles.iter().map(|profile| {
            [profile.name.clone(), profile.source.clone(), profile.posture.clone(), profile.images.join(",")]
        });
        print::table(out, ["PROFILE", "SOURCE", "POSTURE", "IMAGES"], rows)?;
        writeln!(out)?;
    }
    Ok(())
}

fn pods(out: &mut impl Write, overview: &Overview, each: bool) -> io::Result<()> {
    if overview.namespaces.is_empty() {
        return writeln!(out, "no pods; with -A those of all namespaces are looked at");
    }
    if each {
        let rows = overview.pods.iter().map(|pod| {
            let posture = pod.posture.map(Posture::as_str).unwrap_or_default().to_owned();
            let exempted = if pod.exempted { "yes" } else { "" }.to_owned();
            let policy = pod.policy.clone().unwrap_or_default();
            [pod.namespace.clone(), pod.name.clone(), policy, posture, exempted, pod.rules.clone()]
        });
        return print::table(out, ["NAMESPACE", "POD", "POLICY", "POSTURE", "EXEMPTED", "RULES"], rows);
    }
    let rows = overview.namespaces.iter().map(|space| {
        let [pods, full, isolated, safe, unmarked, exempted] =
            [space.pods, space.full, space.isolated, space.safe, space.unmarked, space.exempted]
                .map(|count| count.to_string());
        [space.namespace.clone(), pods, full, isolated, safe, unmarked, exempted]
    });
    print::table(out, ["NAMESPACE", "PODS", "FULL", "ISOLATED", "SAFE", "UNMARKED", "EXEMPTED"], rows)?;
    let unmarked: usize = overview.namespaces.iter().map(|space| space.unmarked).sum();
    if unmarked > 0 {
        let name = plugin::name();
        writeln!(out, "\n{unmarked} without a mark: `{name} status --help` says what that means")?;
    }
    Ok(())
}
