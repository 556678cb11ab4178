//! Ordinary servers, hardened: do they still run? Each is run by a Deployment, with a readiness probe that uses it.
//!
//! `cargo xtask test` does so with those that are quick; `cargo xtask workloads` with all of them, in every way, and
//! makes of the same docs/workloads.md.

#[allow(dead_code, reason = "what an image is made of is the business of `cargo xtask`")]
mod file;
mod go;
mod look;
mod matrix;
mod way;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::OnceCell;

use crate::cluster::{ADMIN, until_ok};
use crate::fixture::Fixture;
use crate::{Test, test};
use file::File;
use way::Way;

const POLICIES: &str = "/apis/pod-hardener.dev/v1alpha1/hardeningpolicies";

/// Those of the quick ones whose facts are built in.
const KNOWN: [&str; 4] = ["memcached", "mosquitto", "nginx", "redis"];

pub(crate) fn tests() -> Vec<Test> {
    let prepared = Arc::new(OnceCell::new());
    if matrix::is_wanted() {
        return vec![test("running::matrix", move |fixture| async move {
            prepared.get_or_init(async || prepare(&fixture, &Way::ALL).await).await;
            matrix::run(&fixture);
        })];
    }
    let quick = files().into_iter().filter(|(_, file)| file.quick);
    let each = quick.map(|(name, file)| {
        let prepared = Arc::clone(&prepared);
        let test_name: &'static str = Box::leak(format!("running::{name}").into_boxed_str());
        test(test_name, move |fixture| async move {
            prepared.get_or_init(async || prepare(&fixture, &QUICK).await).await;
            keeps_running(&fixture, &name, &file).await;
        })
    });
    each.collect()
}

/// The ways in which the quick ones are run.
const QUICK: [Way; 3] = [Way::Unmodified, Way::BuiltIn, Way::Heal];

async fn keeps_running(fixture: &Fixture, name: &str, file: &File) {
    let unmodified = go::go(fixture, name, file, Way::Unmodified).await;
    assert!(unmodified.running && unmodified.posture == "none", "{unmodified:?}");
    if KNOWN.contains(&name) {
        let built_in = go::go(fixture, name, file, Way::BuiltIn).await;
        assert!(built_in.running && built_in.posture == "full", "{built_in:?}");
    }
    let healed = go::go(fixture, name, file, Way::Heal).await;
    assert!(healed.running && healed.steps.len() <= 6 && !healed.ready_evicted, "{healed:?}");
}

/// Every workload that there is.
fn files() -> BTreeMap<String, File> {
    file::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workloads")).expect("workloads")
}

/// A namespace and a policy for each way.
async fn prepare(fixture: &Fixture, ways: &[Way]) {
    let api = fixture.cluster.api(ADMIN);
    for way in ways {
        let name = way.namespace();
        let policy = json!({
            "apiVersion": "pod-hardener.dev/v1alpha1", "kind": "HardeningPolicy", "metadata": {"name": name},
            "spec": way.policy(),
        });
        api.create(POLICIES, &policy).await.expect("a policy");
        fixture.namespace(&name).await;
    }
    for way in ways {
        let path = format!("{POLICIES}/{}", way.namespace());
        until_ok("the policy is in force", async || {
            let policy = api.get(&path).await.map_err(|refused| refused.message)?.object;
            if policy["status"]["conditions"][0]["status"] == "True" {
                Ok(())
            } else {
                Err(policy.to_string())
            }
        })
        .await;
    }
}
