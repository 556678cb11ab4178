//! What our server is given changes, or what it writes to fails.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use tokio::time::sleep;

use crate::fixture::Fixture;
use crate::{machine, replicas};

/// A policy of every namespace changes, back and forth.
pub(super) async fn replace_policy(fixture: Arc<Fixture>) -> Instant {
    let folder = machine::folder().expect("to be inside");
    for number in 0..12 {
        let policy = json!({
            "apiVersion": "pod-hardener.dev/v1alpha1",
            "kind": "HardeningPolicy",
            "metadata": {"name": "changing"},
            "spec": {
                "selector": {"namespaces": ["faults-*"]},
                "rules": {"run-as-non-root": {"runAsUser": 1000 + number}},
            },
        });
        let file = folder.join("policy.json");
        std::fs::write(&file, policy.to_string()).expect("a file");
        fixture.kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]);
        sleep(Duration::from_millis(250)).await;
    }
    fixture.kubectl(&["delete", "hardeningpolicy", "changing"]);
    Instant::now()
}

/// The folder with the containers' logs is on a disk of its own, which is full.
pub(super) async fn fill_log(fixture: Arc<Fixture>) -> Instant {
    replicas::change(&fixture, &["set", "env"], &[TALKATIVE]).await;
    let file = fixture.node.logs().join("all-there-is");
    let filled = Command::new("dd").arg("if=/dev/zero").arg(format!("of={}", file.display())).output();
    assert!(!filled.expect("dd").status.success(), "there is room");
    sleep(Duration::from_secs(3)).await;
    std::fs::remove_file(&file).expect("to be removed");
    Instant::now()
}

/// Nobody reads what the containers write.
pub(super) async fn pause_containerd(fixture: Arc<Fixture>) -> Instant {
    replicas::change(&fixture, &["set", "env"], &[TALKATIVE]).await;
    let containerd = fixture.node.process("containerd");
    containerd.signal(Signal::STOP);
    sleep(Duration::from_secs(3)).await;
    containerd.signal(Signal::CONT);
    replicas::change(&fixture, &["set", "env"], &[AS_BEFORE]).await;
    Instant::now()
}

/// Kilobytes of log with every review.
const TALKATIVE: &str = "POD_HARDENER_LOG_LEVEL=trace";
const AS_BEFORE: &str = "POD_HARDENER_LOG_LEVEL-";
