//! A server in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pod_hardener::metrics::Metrics;
use pod_hardener::policy::{self, PolicySet};
use pod_hardener::serve::{Ended, Server};
use pod_hardener::settings::{ClusterMode, Settings, Span};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::Client;

/// No test waits longer for anything.
const LONGEST: Duration = Duration::from_secs(30);

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONGEST, what).await.expect("took too long")
}

pub(crate) fn milliseconds(number: u64) -> Span {
    Span(Duration::from_millis(number))
}

/// Free ports.
pub(crate) fn settings() -> Settings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Settings { listen: any, admin: any, cluster: ClusterMode::Off, ..Settings::default() }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
    /// The certificate that it made, if it did.
    pub(crate) pem: Option<String>,
    pub(crate) signals: mpsc::Sender<()>,
    pub(crate) task: JoinHandle<Ended>,
}

pub(crate) async fn start(settings: Settings) -> Running {
    let policies = policy::load(&settings.policy).unwrap();
    start_with(settings, policies).await
}

pub(crate) async fn start_with(settings: Settings, policies: PolicySet) -> Running {
    let server = Server::bind(settings, policies).await.unwrap();
    let (signals, receiver) = mpsc::channel(2);
    Running {
        address: server.address(),
        admin: server.admin_address(),
        metrics: server.metrics(),
        pem: server.certificate().map(str::to_owned),
        signals,
        task: tokio::spawn(server.run(receiver)),
    }
}

impl Running {
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address, self.pem.as_deref().unwrap()).await.unwrap()
    }

    /// A series' value.
    pub(crate) fn value(&self, series: &str) -> i64 {
        let text = self.metrics.render().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no series {series}")).parse().unwrap()
    }

    /// Waits until a series has that value.
    pub(crate) async fn reaches(&self, series: &str, value: i64) {
        within(async {
            while self.value(series) != value {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    pub(crate) fn rejected(&self, reason: &str) -> i64 {
        self.value(&format!("pod_hardener_requests_rejected_total{{reason=\"{reason}\"}}"))
    }

    pub(crate) async fn stop(self) -> Ended {
        self.signals.send(()).await.unwrap();
        within(self.task).await.unwrap()
    }

    /// A review is answered: whatever happened before, the server lives.
    pub(crate) async fn lives(&self) {
        let answer = self.client().await.post(&bytes(&review())).await.unwrap();
        assert_eq!(answer.status, 200);
    }
}

/// A review of a plain pod.
pub(crate) fn review() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web",
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "jane", "groups": ["system:authenticated"]},
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"containers": [{"name": "web", "image": "shop"}]},
            },
            "oldObject": null,
            "dryRun": false,
        },
    })
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}
