//! What our server is given changes, or what it writes to fails.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;
use serde_json::json;
use tokio::time::sleep;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::cluster::{ADMIN, until};
use crate::fixture::Fixture;
use crate::{installation, machine, replicas, tls};

/// Another certificate, by the same authority. It is over when both replicas show it.
pub(super) async fn replace_certificate(fixture: Arc<Fixture>) -> Instant {
    let folder = machine::folder().expect("to be inside");
    let authority = fixture.cluster.authority();
    let files = authority.issue_for("next", &[replicas::SERVICE], &folder);
    let api = fixture.cluster.api(ADMIN);
    let path = format!("/api/v1/namespaces/{}/secrets/pod-hardener-tls", installation::NAMESPACE);
    let mut secret = api.get(&path).await.expect("a Secret").object;
    for (key, file) in [("tls.crt", &files.certificate), ("tls.key", &files.key)] {
        secret["data"][key] = json!(BASE64_STANDARD.encode(std::fs::read(file).expect("a file")));
    }
    api.replace(&path, &secret).await.expect("to be replaced");
    let expected = CertificateDer::from_pem_file(&files.certificate).expect("a certificate");
    for address in replicas::addresses(&fixture).await {
        let peer = tls::Peer::new(&address, replicas::SERVICE, authority.pem().as_bytes());
        until("the replica shows the new certificate", async || {
            peer.certificate().await.is_some_and(|shown| shown == *expected)
        })
        .await;
    }
    Instant::now()
}

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
