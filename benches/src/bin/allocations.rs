//! Allocations of one review: apart from `engine`, because counting them costs time.

use std::alloc::System;
use std::hint::black_box;
use std::process::ExitCode;

use pod_hardener::metrics::Endpoint;
use pod_hardener::page::Recent;
use pod_hardener::policy::{PolicySet, Preset};
use pod_hardener::review::{self, AdmissionReview};
use pod_hardener_bench::review::{hardened, plain};
use pod_hardener_bench::table::{Options, Table, Target};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use time::OffsetDateTime;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse()?;
    let policies = PolicySet::from(Preset::Restricted);
    let mut table = Table::default();
    for containers in [1, 3, 10, 50] {
        report("plain", containers, &plain(containers), &policies, &mut table);
        report("hardened", containers, &hardened(containers, &policies)?, &policies, &mut table);
    }
    report_kept(&plain(3), &policies, &mut table);
    Ok(table.finish(options))
}

/// What the status page adds to a review, once the room for decisions is full.
fn report_kept(body: &[u8], policies: &PolicySet, table: &mut Table) {
    let recent = Recent::default();
    let now = OffsetDateTime::UNIX_EPOCH;
    let dropped = || drop(black_box(review::answer(body, policies, now)));
    let kept = || {
        if let Ok(answer) = review::answer(body, policies, now) {
            recent.keep(Endpoint::Mutate, black_box(answer).record, now);
        }
    };
    (0..256).for_each(|_| kept());
    let (without, with) = (count(dropped), count(kept));
    let name = "plain pod, 3 containers: allocations that keeping the decision for the status page adds";
    table.row(name, with.0 - without.0, "", Target::None, &format!("{} bytes", with.1 - without.1));
}

fn report(kind: &str, containers: usize, body: &[u8], policies: &PolicySet, table: &mut Table) {
    let parse = count(|| drop(black_box(AdmissionReview::parse(body))));
    let answer = count(|| drop(black_box(review::answer(body, policies, OffsetDateTime::UNIX_EPOCH))));
    let name = format!("{kind} pod, {containers} containers: allocations of one answer");
    let detail = format!("{} bytes; parse alone {} and {} bytes", answer.1, parse.0, parse.1);
    table.row(&name, answer.0, "", Target::None, &detail);
}

/// How often, and how many bytes; growing in place counts as another time.
#[allow(clippy::cast_precision_loss)]
fn count(work: impl Fn()) -> (f64, f64) {
    work();
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    ((change.allocations + change.reallocations) as f64, change.bytes_allocated as f64)
}
