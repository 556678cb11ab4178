//! The backstop, in namespaces of its own: `pod-hardener generate admission-policy`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::api::Api;
use crate::cluster::ADMIN;
use crate::fixture::Fixture;
use crate::{load, machine};

const NAME: &str = "pod-hardener-backstop";

/// The label of namespaces in which it is in force.
const LABEL: &str = "example.com/backstop";

/// Until the API server goes by a policy: it looks every second.
const LAG: Duration = Duration::from_secs(3);

/// How many pods the ReplicaSet makes.
const REPLICAS: u64 = 20;

/// A namespace in which it is in force.
pub(super) async fn namespace(fixture: &Fixture, name: &str) -> String {
    let namespace = fixture.namespace(name).await.name;
    fixture.kubectl(&["label", "namespace", &namespace, &format!("{LABEL}=on")]);
    let api = fixture.cluster.api(ADMIN);
    let binding = format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{NAME}");
    if api.get(&binding).await.is_err() {
        install(fixture);
    }
    sleep(LAG).await;
    namespace
}

fn install(fixture: &Fixture) {
    let program = Path::new(env!("CARGO_BIN_EXE_pod-hardener"));
    let written = Command::new(program).args(["generate", "admission-policy"]).output().expect("the program");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let file = machine::folder().expect("to be inside").join("backstop.yaml");
    std::fs::write(&file, written.stdout).expect("a file");
    fixture.kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]);
    let only_there = json!({
        "spec": {"matchResources": {"namespaceSelector": {"matchLabels": {LABEL: "on"}}}},
    });
    let patch = format!("--patch={only_there}");
    fixture.kubectl(&["patch", "validatingadmissionpolicybinding", NAME, "--type=merge", &patch]);
}

/// A controller that goes on trying.
pub(super) struct ReplicaSet {
    api: Api,
    pub(super) namespace: String,
    path: String,
}

impl ReplicaSet {
    /// Made while the fault lasts, so that what is refused has to be made anew.
    pub(super) async fn create(fixture: Arc<Fixture>, namespace: String) -> Self {
        let api = fixture.cluster.api(ADMIN);
        let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
        let mut template = load::template();
        let labels = json!({"app": "anew"});
        template["metadata"]["labels"] = labels.clone();
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": "anew"},
            "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template},
        });
        // The API server may be what is not there.
        while api.create(&path, &object).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
        Self { api, namespace, path: format!("{path}/anew") }
    }

    /// When all its pods were there.
    pub(super) async fn complete(&self) -> Instant {
        loop {
            let found = self.api.get(&self.path).await;
            if found.is_ok_and(|found| found.object["status"]["replicas"] == REPLICAS) {
                return Instant::now();
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// All pods of the namespace.
    pub(super) async fn pods(&self) -> Vec<Value> {
        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let mut list = self.api.get(&path).await.expect("a list").object;
        list["items"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    /// With its pods.
    pub(super) async fn delete(&self) {
        self.api.delete(&self.path).await.expect("to be deleted");
    }
}
