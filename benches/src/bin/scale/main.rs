//! A server that knows a large cluster: how long it takes to know it, in how much memory, and whether reviews are as
//! fast as those of a server that knows an empty one. And how long a report of all of it takes.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use pod_hardener_bench::load::{Amount, Post, Target as Address};
use pod_hardener_bench::program::{Identity, Server};
use pod_hardener_bench::review::plain;
use pod_hardener_bench::room::Room;
use pod_hardener_bench::rounds::{Variant, interleave};
use pod_hardener_bench::table::{Options, Table, Target, short};
use serde_json::Value;
use tokio::net::TcpStream;

mod objects;
mod report;

#[path = "../../../../tests/e2e/api.rs"]
#[allow(dead_code, clippy::expect_used, reason = "the end-to-end tests' own, which panic")]
mod api;
#[path = "../../../../tests/e2e/certificates.rs"]
#[allow(dead_code, clippy::expect_used, reason = "the end-to-end tests' own, which panic")]
mod certificates;
#[path = "../../../../tests/e2e/cluster.rs"]
#[allow(dead_code, clippy::expect_used, clippy::panic, reason = "the end-to-end tests' own, which panic")]
mod cluster;
#[path = "../../../../tests/e2e/process.rs"]
#[allow(dead_code, clippy::expect_used, clippy::panic, reason = "the end-to-end tests' own, which panic")]
mod process;

use cluster::{ADMIN, Binaries, Cluster};
use objects::Size;

/// Folders, as in `PATH`, with the binaries of Kubernetes: the end-to-end tests' own variable.
const ASSETS: &str = "E2E_ASSETS";
/// What the Deployment's memory is limited to.
const LIMIT: u64 = 64 << 20;
/// How long a long body is, and how many connections send them.
const FLOOD: (usize, usize) = (2 << 20, 200);
/// The longest that a start may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(300);
/// So many namespaces are asked for in turn: no processor's cache holds them all by chance.
const NAMESPACES_ASKED: usize = 500;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse()?;
    let assets = std::env::var_os(ASSETS).with_context(|| format!("no {ASSETS}: use cargo xtask bench"))?;
    let binaries = Binaries(std::env::split_paths(&assets).collect());
    let size = if options.quick { Size::SMALL } else { Size::LARGE };
    let [full, empty] = [Cluster::bare(&binaries, &[]).await, Cluster::bare(&binaries, &[]).await];
    objects::fill(&Address::new(address(&full)?, full.authority().der())?, size).await?;

    let mut table = Table::default();
    let measured = measure(&full, &empty, size, options, &mut table).await;
    full.stop();
    empty.stop();
    let code = table.finish(options);
    measured.map(|()| code)
}

async fn measure(
    full: &Cluster,
    empty: &Cluster,
    size: Size,
    options: Options,
    table: &mut Table,
) -> anyhow::Result<()> {
    report::measure(&full.kubeconfig(ADMIN), size, options, table)?;
    let nothing = start(empty, None).await?;
    let room = Room::new(LIMIT);
    let knowing = start(full, room.as_ref()).await?;
    let what = format!("{} objects", size.kept());
    let detail = format!("{} ms with an empty cluster", short(milliseconds(nothing.took)));
    table.row(
        &format!("start until ready, {what}"),
        milliseconds(knowing.took),
        " ms",
        Target::None,
        &detail,
    );
    latency(&knowing, &nothing, size, options, table).await?;
    tokio::time::sleep(Duration::from_secs(if options.quick { 1 } else { 180 })).await;
    memory(&knowing, &nothing, &what, table)?;
    limited(&knowing, room.as_ref(), size, options, table).await
}

/// One server that knows all of its cluster.
struct Knowing {
    server: Server,
    took: Duration,
    /// Resident when it had just become ready.
    resident: u64,
}

async fn start(cluster: &Cluster, room: Option<&Room>) -> anyhow::Result<Knowing> {
    let files = cluster.authority().issue("webhook", cluster.folder());
    let authority = cluster.authority().der();
    let identity = Identity { certificate: files.certificate, key: files.key, authority };
    let begin = Instant::now();
    let (mut server, admin) = Server::knowing(&cluster.kubeconfig(ADMIN), &identity, cluster.folder(), room)?;
    server.connect().await?;
    while ask(admin, "/readyz").await.is_none() {
        anyhow::ensure!(begin.elapsed() < PATIENCE, "it never knew the cluster");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let took = begin.elapsed();
    let guards = |metrics: String| metrics.contains("\npod_hardener_guard_leader 1\n");
    while !ask(admin, "/metrics").await.is_some_and(guards) {
        anyhow::ensure!(begin.elapsed() < PATIENCE, "it never led the guard");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(Knowing { resident: server.resident()?, server, took })
}

/// What a page of the admin listener says; `None` where it is not well, or not there yet.
async fn ask(admin: SocketAddr, path: &str) -> Option<String> {
    let ask = async {
        let stream = TcpStream::connect(admin).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move { drop(connection.await) });
        let request = hyper::Request::get(path).header("host", "localhost").body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let is_well = response.status().is_success();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::Ok(is_well.then(|| String::from_utf8_lossy(&body).into_owned()))
    };
    ask.await.ok().flatten()
}

async fn latency(
    knowing: &Knowing,
    nothing: &Knowing,
    size: Size,
    options: Options,
    table: &mut Table,
) -> anyhow::Result<()> {
    for containers in [1, 3] {
        for connections in [1, 32] {
            let post = Post::in_turn("/mutate?timeout=10s", None, reviews(containers, size)?)?;
            let of = |server: &Server| Variant::new(server.target.clone(), post.clone());
            let mut variants = [of(&knowing.server), of(&nothing.server)];
            let (rounds, time) = if options.quick { (3, 200) } else { (25, 500) };
            let amount = Amount { connections, time: Duration::from_millis(time), requests: 100_000 };
            interleave(&mut variants, rounds, amount).await?;
            let [full, empty] = &variants;
            let detail = format!(
                "p50 {} / {} ms, p99 {} / {} ms",
                short(full.p50()),
                short(empty.p50()),
                short(full.p99()),
                short(empty.p99())
            );
            let name =
                format!("{containers} containers, {connections} connections: p50, large / empty cluster");
            table.row(&name, full.latency_ratio(empty), "", Target::AtMost(1.1), &detail);
        }
    }
    Ok(())
}

/// The same pod in many namespaces.
fn reviews(containers: usize, size: Size) -> anyhow::Result<Vec<Vec<u8>>> {
    let review: Value = serde_json::from_slice(&plain(containers))?;
    let step = (size.namespaces / NAMESPACES_ASKED).max(1);
    let in_namespace = |number| {
        let mut review = review.clone();
        for field in ["/request/namespace", "/request/object/metadata/namespace"] {
            if let Some(namespace) = review.pointer_mut(field) {
                *namespace = objects::namespace(number).into();
            }
        }
        review.to_string().into_bytes()
    };
    Ok((0..size.namespaces).step_by(step).map(in_namespace).collect())
}

fn memory(knowing: &Knowing, nothing: &Knowing, what: &str, table: &mut Table) -> anyhow::Result<()> {
    let [later, before] = [knowing.server.resident()?, nothing.server.resident()?];
    let detail = format!(
        "{} MB when just ready; {} MB with an empty cluster",
        short(megabytes(knowing.resident)),
        short(megabytes(before))
    );
    table.row(&format!("resident memory, {what}"), megabytes(later), " MB", Target::None, &detail);
    let most = megabytes(knowing.server.most_resident()?);
    table.row(
        "the most that was resident",
        most,
        " MB",
        Target::AtMost(64.0),
        "since the start, reviews included",
    );
    Ok(())
}

/// Within the Deployment's limit on memory: the load that it is made for, then far too much.
async fn limited(
    knowing: &Knowing,
    room: Option<&Room>,
    size: Size,
    options: Options,
    table: &mut Table,
) -> anyhow::Result<()> {
    let most = || match room {
        Some(room) => room.most(),
        None => knowing.server.most_resident(),
    };
    let whose = room.map_or(
        "resident: this user may make no control groups",
        |_| "counted by the kernel for a container",
    );
    let seconds = if options.quick { 1 } else { 60 };
    let ordinary = Post::in_turn("/mutate?timeout=10s", None, reviews(3, size)?)?;
    let amount =
        |connections, seconds| Amount { connections, time: Duration::from_secs(seconds), requests: 0 };
    let target = &knowing.server.target;
    let steady = target.pace(&ordinary, 500, amount(32, seconds)).await?;
    let detail = format!("{} per s for {seconds} s, all answered; {whose}", short(steady.per_second));
    table.row(
        "most memory, start and 500 reviews a second",
        mebibytes(most()?),
        " MiB",
        Target::AtMost(64.0),
        &detail,
    );

    let mut long = plain(3);
    long.resize(FLOOD.0, b' ');
    let long = Post::new("/mutate?timeout=10s", None, long)?;
    let seconds = if options.quick { 1 } else { 20 };
    let (flood, beside) = tokio::join!(
        target.flood(&long, amount(FLOOD.1, seconds)),
        target.pace(&ordinary, 100, amount(8, seconds)),
    );
    let (counts, beside) = (flood?, beside?);
    let counts: Vec<String> = counts.iter().map(|(status, count)| format!("{count} × {status}")).collect();
    let detail =
        format!("{}; beside it {} ordinary ones, all answered", counts.join(", "), beside.latencies.len());
    let what = format!("most memory, {} connections with bodies of {} MiB", FLOOD.1, FLOOD.0 >> 20);
    table.row(&what, mebibytes(most()?), " MiB", Target::AtMost(64.0), &detail);
    if let Some(room) = room {
        #[allow(clippy::cast_precision_loss)]
        table.row(
            "killed for its memory",
            room.kills()? as f64,
            "",
            Target::AtMost(0.0),
            "with a limit of 64 MiB",
        );
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn address(cluster: &Cluster) -> anyhow::Result<SocketAddr> {
    let file = std::fs::read(cluster.kubeconfig(ADMIN))?;
    let config: Value = serde_json::from_slice(&file)?;
    let url = config.pointer("/clusters/0/cluster/server").and_then(Value::as_str).context("no server")?;
    Ok(url.trim_start_matches("https://").parse()?)
}
