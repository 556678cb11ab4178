//! Our own pods in the cluster.

use serde_json::Value;

use crate::cluster::{ADMIN, until};
use crate::fixture::Fixture;
use crate::installation::NAMESPACE;
use crate::node::is_ready;

/// The name in their certificate.
pub(crate) const SERVICE: &str = "pod-hardener.pod-hardener.svc";

/// For kubectl.
pub(crate) const DEPLOYMENT: [&str; 2] = ["deployment/pod-hardener", "--namespace=pod-hardener"];

/// As many as the manifests say.
pub(crate) const COUNT: usize = 2;

async fn pods(fixture: &Fixture) -> Vec<Value> {
    let path =
        format!("/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/name%3Dpod-hardener");
    let mut list = fixture.cluster.api(ADMIN).get(&path).await.expect("a list").object;
    list["items"].as_array_mut().map(std::mem::take).unwrap_or_default()
}

/// Their addresses, when all are there and none besides.
pub(crate) async fn addresses(fixture: &Fixture) -> Vec<String> {
    let mut found = Vec::new();
    until("our replicas are ready, and none is leaving", async || {
        found = pods(fixture).await;
        found.len() == COUNT && found.iter().all(is_ready)
    })
    .await;
    found.iter().map(|pod| pod["status"]["podIP"].as_str().expect("an address").to_owned()).collect()
}

/// Runs kubectl for the Deployment, and waits until every replica is as it then says.
pub(crate) async fn change(fixture: &Fixture, command: &[&str], args: &[&str]) {
    fixture.kubectl(&[command, &DEPLOYMENT, args].concat());
    fixture.kubectl(&[&["rollout", "status"][..], &DEPLOYMENT, &["--timeout=120s"]].concat());
    addresses(fixture).await;
}
