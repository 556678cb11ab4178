//! All workloads in all ways, several at once; what is known already is not done again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::file::File;
use super::go::{Outcome, go};
use super::way::Way;
use crate::fixture::Fixture;

/// Set by `cargo xtask workloads`: a folder for what is found, a file for each workload and way …
const RESULTS: &str = "WORKLOADS_RESULTS";
/// … the names of the workloads and of the ways, separated by commas; none: all …
const NAMES: &str = "WORKLOADS_NAMES";
const WAYS: &str = "WORKLOADS_WAYS";
/// … and how many are run at once.
const AT_ONCE: &str = "WORKLOADS_AT_ONCE";

pub(super) fn is_wanted() -> bool {
    std::env::var_os(RESULTS).is_some()
}

struct Job<'f> {
    name: &'f str,
    file: &'f File,
    way: Way,
    target: PathBuf,
    digest: String,
}

/// To be called where it may wait: each is run on a thread.
pub(super) fn run(fixture: &Fixture) {
    let results = PathBuf::from(std::env::var_os(RESULTS).expect("a folder"));
    let files = super::files();
    let (names, ways) = (listed(NAMES), listed(WAYS));
    let is_wanted = |list: &[String], name: &str| list.is_empty() || list.iter().any(|other| other == name);
    let mut jobs = Vec::new();
    for way in Way::ALL.into_iter().filter(|way| is_wanted(&ways, way.name())) {
        for (name, file) in files.iter().filter(|(name, _)| is_wanted(&names, name)) {
            let target = results.join(name).join(format!("{}.json", way.name()));
            let digest = digest(fixture, name, way);
            if !is_known(&target, &digest) {
                jobs.push(Job { name, file, way, target, digest });
            }
        }
    }
    println!("{} to do", jobs.len());
    let at_once = std::env::var(AT_ONCE).ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let (next, handle) = (AtomicUsize::new(0), Handle::current());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = handle.block_on(go(fixture, job.name, job.file, job.way));
                    write(job, &outcome);
                }
            });
        }
    });
}

fn listed(variable: &str) -> Vec<String> {
    let text = std::env::var(variable).unwrap_or_default();
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// What decides the outcome: the workload's image, and ours where it has to do with it.
fn digest(fixture: &Fixture, name: &str, way: Way) -> String {
    let key = |image: &str| {
        let file = fixture.image(image).file_name().expect("a file").to_string_lossy().into_owned();
        file.trim_end_matches(".oci.tar").rsplit('-').next().expect("a key").to_owned()
    };
    let workload = key(&format!("workload-{name}-"));
    if way.is_without_us() { workload } else { format!("{workload}-{}", key("pod-hardener-")) }
}

fn is_known(target: &Path, digest: &str) -> bool {
    let known = std::fs::read_to_string(target).unwrap_or_default();
    serde_json::from_str(&known).is_ok_and(|known: Value| known["digest"] == digest)
}

fn write(job: &Job<'_>, outcome: &Outcome) {
    let state = if outcome.running { outcome.posture.as_str() } else { "DOWN" };
    println!(
        "{:>10} {:<20} {state} after {} s {:?} {}",
        job.way.name(),
        job.name,
        outcome.seconds,
        outcome.steps,
        outcome.why
    );
    let mut object = json!(outcome);
    object["digest"] = json!(job.digest);
    std::fs::create_dir_all(job.target.parent().expect("a folder")).expect("a folder");
    std::fs::write(&job.target, format!("{object:#}\n")).expect("a result");
}
