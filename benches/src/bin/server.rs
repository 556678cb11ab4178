//! `pod-hardener serve` against the null webhook, under the same load.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pod_hardener::policy::{PolicySet, Preset};
use pod_hardener_bench::load::{Amount, Post};
use pod_hardener_bench::program::{Identity, Server};
use pod_hardener_bench::review::{plain, replicas, rest_of_answer, strangers};
use pod_hardener_bench::rounds::{Variant, interleave};
use pod_hardener_bench::stats::median;
use pod_hardener_bench::table::{Options, Table, Target, short};

#[path = "../../../tests/e2e/certificates.rs"]
#[allow(dead_code, clippy::expect_used, reason = "the end-to-end tests' own, which panic")]
mod certificates;

const MEGABYTE: f64 = 1e6;
const PATH: &str = "/mutate?timeout=10s";

/// Containers of a pod, and the part of the null webhook's throughput that is to be reached.
const SHAPES: [(usize, f64); 3] = [(1, 0.85), (3, 0.85), (10, 0.7)];

/// What the reviews are of.
#[derive(Clone, Copy)]
enum Pods {
    /// Replicas of one template, of which the answer is remembered.
    Replicas,
    /// Each of another template.
    Strangers,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse()?;
    let folder = tempfile::tempdir()?;
    let authority = certificates::Authority::new("pod-hardener-bench");
    let files = authority.issue("server", folder.path());
    let identity = Identity { certificate: files.certificate, key: files.key, authority: authority.der() };
    let mut table = Table::default();
    for pods in [Pods::Replicas, Pods::Strangers] {
        for (containers, target) in SHAPES {
            for connections in [1, 32] {
                let case = Case { pods, containers, connections, target };
                throughput(&identity, folder.path(), case, options, &mut table).await?;
            }
        }
    }
    memory(&identity, folder.path(), options, &mut table).await?;
    start(&identity, folder.path(), options, &mut table).await?;
    Ok(table.finish(options))
}

struct Case {
    pods: Pods,
    containers: usize,
    connections: usize,
    target: f64,
}

async fn throughput(
    identity: &Identity,
    folder: &Path,
    Case { pods, containers, connections, target }: Case,
    options: Options,
    table: &mut Table,
) -> anyhow::Result<()> {
    let (reviews, of, target) = match pods {
        Pods::Replicas => (replicas(containers), "replicas", Target::AtLeast(target)),
        Pods::Strangers => (strangers(containers), "all different", Target::None),
    };
    // Byte for byte as long as ours: what is compared is the work, not the network.
    let rest = rest_of_answer(&plain(containers), &PolicySet::from(Preset::Restricted))?;
    let mut servers = [Server::ours(identity, folder)?, Server::null(&rest, identity, folder)?];
    let post = Post::in_turn(PATH, None, reviews)?;
    let mut variants = Vec::new();
    for server in &mut servers {
        server.connect().await?;
        variants.push(Variant::new(server.target.clone(), Arc::clone(&post)));
    }
    let (rounds, time) = if options.quick { (3, 200) } else { (15, 700) };
    let amount = Amount { connections, time: Duration::from_millis(time), requests: 100_000 };
    interleave(&mut variants, rounds, amount).await?;
    let ([ours, null], [our_server, null_server]) = (&variants[..], &servers) else { return Ok(()) };
    let detail = format!(
        "{} / {} per s; p50 {} / {} ms, p99 {} / {} ms; processor {} / {} s per 100,000",
        short(ours.per_second()),
        short(null.per_second()),
        short(ours.p50()),
        short(null.p50()),
        short(ours.p99()),
        short(null.p99()),
        short(our_server.processor_time()? / ours.requests() * 1e5),
        short(null_server.processor_time()? / null.requests() * 1e5),
    );
    let name = format!("{containers} containers, {of}, {connections} connections: throughput, ours / null");
    table.row(&name, ours.throughput_ratio(null), "", target, &detail);
    Ok(())
}

/// Resident memory after reviews of every shape.
async fn memory(
    identity: &Identity,
    folder: &Path,
    options: Options,
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut server = Server::ours(identity, folder)?;
    server.connect().await?;
    let idle = megabytes(server.resident()?);
    let reviews = if options.quick { 3_000 } else { 100_000 };
    for (containers, _) in SHAPES {
        // Each twice, so that as much is remembered as there is room for.
        let bodies = strangers(containers).into_iter().flat_map(|review| [review.clone(), review]);
        let post = Post::in_turn(PATH, None, bodies.collect())?;
        let amount =
            Amount { connections: 32, time: Duration::from_secs(120), requests: reviews / SHAPES.len() + 1 };
        server.target.load(&post, amount).await?;
    }
    let loaded = megabytes(server.resident()?);
    let detail = format!("{} MB idle; reviews of 1, 3 and 10 containers, 32 connections", short(idle));
    let name = format!("resident memory after {reviews} reviews");
    table.row(&name, loaded, " MB", Target::AtMost(20.0), &detail);
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}

/// From the start of the process to the first answer.
async fn start(
    identity: &Identity,
    folder: &Path,
    options: Options,
    table: &mut Table,
) -> anyhow::Result<()> {
    let post = Post::new(PATH, None, plain(1))?;
    let mut times = Vec::new();
    for _ in 0..if options.quick { 3 } else { 31 } {
        let begin = Instant::now();
        let mut server = Server::ours(identity, folder)?;
        let mut connection = server.connect().await?;
        connection.ask(&post).await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let detail = format!("median of {} starts, process start to answered review", times.len());
    table.row("start to first answer", median(&mut times), " ms", Target::AtMost(50.0), &detail);
    Ok(())
}
