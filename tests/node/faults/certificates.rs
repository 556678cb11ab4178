//! Certificates change: one from files, then those that the webhook manages itself.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::processes;
use crate::cluster::{ADMIN, until};
use crate::fixture::Fixture;
use crate::{installation, machine, replicas, tls};

/// Within a minute all of it is renewed, and a leader that stops is succeeded.
const QUICK: [(&str, &str); 4] = [
    ("POD_HARDENER_CERTIFICATE_LIFETIME", "15s"),
    ("POD_HARDENER_AUTHORITY_LIFETIME", "45s"),
    ("POD_HARDENER_CERTIFICATE_LEASE", "3s"),
    ("POD_HARDENER_CERTIFICATE_POLL", "500ms"),
];

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/pod-hardener/leases/pod-hardener-certificates";

fn secret() -> String {
    format!("/api/v1/namespaces/{}/secrets/pod-hardener-tls", installation::NAMESPACE)
}

/// Another certificate, by the same authority. It is over when both replicas show it.
pub(super) async fn replace(fixture: Arc<Fixture>) -> Instant {
    let folder = machine::folder().expect("to be inside");
    let authority = fixture.cluster.authority();
    let files = authority.issue_for("next", &[replicas::SERVICE], &folder);
    let api = fixture.cluster.api(ADMIN);
    let path = secret();
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

/// From now on the webhook manages its certificates itself, as the overlay says.
pub(super) async fn manage(fixture: &Fixture) {
    let folder = machine::folder().expect("to be inside").join("self-managed");
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    installation::copy(&manifests, &folder.join("manifests"));
    let env: Vec<Value> = QUICK.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let container = json!({"name": "pod-hardener", "env": env});
    let patch = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "pod-hardener", "namespace": installation::NAMESPACE},
        "spec": {"template": {"spec": {"containers": [container]}}},
    });
    let overlay = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["manifests/overlays/self-managed"],
        "images": installation::images(),
        "patches": [{"patch": patch.to_string()}],
    });
    std::fs::write(folder.join("kustomization.yaml"), overlay.to_string()).expect("a file");
    // What is in it is by another authority.
    fixture.kubectl(&["delete", "secret", "pod-hardener-tls", "--namespace", installation::NAMESPACE]);
    fixture.kubectl(&["apply", "-k", folder.to_str().expect("UTF-8")]);
    fixture.kubectl(&[&["rollout", "status"][..], &replicas::DEPLOYMENT, &["--timeout=120s"]].concat());
    replicas::addresses(fixture).await;
}

/// The certificate and the authority are renewed in their time.
pub(super) async fn rotate(fixture: Arc<Fixture>) -> Instant {
    let api = fixture.cluster.api(ADMIN);
    let path = secret();
    for key in ["tls.crt", "ca.crt"] {
        let before = api.get(&path).await.expect("a Secret").object["data"][key].take();
        until(&format!("{key} is another"), async || {
            api.get(&path).await.is_ok_and(|secret| secret.object["data"][key] != before)
        })
        .await;
    }
    Instant::now()
}

/// The replica that renews certificates hangs, and comes back when another has its place.
pub(super) async fn pause_leader(fixture: Arc<Fixture>) -> Instant {
    let api = fixture.cluster.api(ADMIN);
    let leader = async || {
        let lease = api.get(LEASE).await.expect("a Lease").object;
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    };
    let before = leader().await;
    // The pod's name, and what tells two runs of it apart.
    let process = processes::of(before.split('_').next().unwrap_or_default());
    kill_process(process, Signal::STOP).expect("a process");
    until("another leads", async || leader().await != before).await;
    sleep(Duration::from_secs(3)).await;
    kill_process(process, Signal::CONT).expect("a process");
    Instant::now()
}
