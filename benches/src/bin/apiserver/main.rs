//! Pods through a real API server: no webhook, the null webhook, ours, and the API server's own policy in CEL.

use std::process::ExitCode;
use std::time::Duration;

use pod_hardener_bench::load::Amount;
use pod_hardener_bench::rounds::{Variant, interleave};
use pod_hardener_bench::table::{Options, Table, Target, short};

mod setup;

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

use setup::{CONTAINERS, Setup};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse()?;
    let setup = Setup::start().await?;
    let mut table = Table::default();
    for containers in CONTAINERS {
        for at_once in [1, 8, 32] {
            let figures = measure(&setup, containers, at_once, options).await?;
            report(&figures, containers, at_once, &mut table);
        }
    }
    setup.stop();
    Ok(table.finish(options))
}

/// The same pod by every way; in the order of [`Setup::namespaces`].
struct Figures {
    none: Variant,
    one_field: Variant,
    null: Variant,
    ours: Variant,
    map: Variant,
}

async fn measure(
    setup: &Setup,
    containers: usize,
    at_once: usize,
    options: Options,
) -> anyhow::Result<Figures> {
    let mut variants = Vec::new();
    for namespace in setup::namespaces(containers) {
        variants.push(Variant::new(setup.target.clone(), setup::create(&namespace, containers)?));
    }
    let (rounds, time) = if options.quick { (1, 200) } else { (9, 1_000) };
    let amount = Amount { connections: at_once, time: Duration::from_millis(time), requests: 20_000 };
    interleave(&mut variants, rounds, amount).await?;
    let variants = <[Variant; 5]>::try_from(variants);
    let [none, one_field, null, ours, map] = variants.map_err(|_| anyhow::anyhow!("five variants"))?;
    Ok(Figures { none, one_field, null, ours, map })
}

fn report(figures: &Figures, containers: usize, at_once: usize, table: &mut Table) {
    let Figures { none, one_field, null, ours, map } = figures;
    let name = format!("{containers} containers, {at_once} at once:");
    let all = [("none", none), ("one field", one_field), ("null", null), ("ours", ours), ("map", map)];
    let list = |figure: fn(&Variant) -> f64| {
        all.map(|(name, variant)| format!("{name} {}", short(figure(variant)))).join(", ")
    };
    let latencies = format!("{} ms", list(Variant::p50));
    let throughputs = format!("{} per s", list(Variant::per_second));
    let near = if containers <= 3 { Target::AtMost(1.1) } else { Target::None };
    table.row(
        &format!("{name} p50, ours / map"),
        ours.latency_ratio(map),
        "",
        Target::AtMost(1.0),
        &latencies,
    );
    table.row(&format!("{name} p50, ours / null"), ours.latency_ratio(null), "", near, "");
    table.row(&format!("{name} p50, ours / one field"), ours.latency_ratio(one_field), "", Target::None, "");
    let throughput = ours.throughput_ratio(map);
    table.row(&format!("{name} throughput, ours / map"), throughput, "", Target::AtLeast(1.0), &throughputs);
    table.row(&format!("{name} throughput, null / ours"), null.throughput_ratio(ours), "", near, "");
}
