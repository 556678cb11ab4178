//! Packets to the replicas are dropped, without a word to anybody.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::fixture::Fixture;
use crate::replicas;

/// How long.
const OUTAGE: Duration = Duration::from_secs(3);

pub(super) async fn drop_to_one(fixture: Arc<Fixture>) -> Instant {
    drop_to(&fixture, 1).await
}

pub(super) async fn drop_to_both(fixture: Arc<Fixture>) -> Instant {
    drop_to(&fixture, 2).await
}

/// Probes go to another port: nobody takes the pods out of the Service.
async fn drop_to(fixture: &Fixture, count: usize) -> Instant {
    let addresses = replicas::addresses(fixture).await;
    let rule = format!("ip daddr {{ {} }} tcp dport 8443 drop", addresses[..count].join(", "));
    nft("add table ip faults");
    // Behind kube-proxy, which has put a pod's address in the Service's place.
    nft("add chain ip faults output { type filter hook output priority 0; }");
    nft(&format!("add rule ip faults output {rule}"));
    sleep(OUTAGE).await;
    nft("delete table ip faults");
    Instant::now()
}

/// In the machine's own network namespace.
fn nft(command: &str) {
    let status = Command::new("nft").arg(command).status().expect("nft");
    assert!(status.success(), "nft {command}: {status}");
}
