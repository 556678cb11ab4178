//! Our server, and its registration with the API server.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::api::Api;
use crate::cluster::{ADMIN, Cluster, until, until_ok};
use crate::process::{Process, free_ports};

/// The label by which a namespace says which of the servers hardens its pods.
pub(crate) const LABEL: &str = "pod-hardener-e2e";

/// The label by which a namespace says that what people do in it is validated too.
pub(crate) const VALIDATED: &str = "pod-hardener-e2e-validated";

/// One running `pod-hardener serve`, registered for the namespaces that carry its name.
pub(crate) struct Webhook {
    process: Process,
    port: u16,
    admin: u16,
}

/// How a webhook is registered.
pub(crate) struct Registration<'a> {
    pub(crate) name: &'a str,
    pub(crate) url: String,
    pub(crate) label: (&'a str, &'a str),
    pub(crate) failure_policy: &'a str,
    pub(crate) timeout_seconds: u64,
}

/// How one of our servers runs, and how the API server is to treat it.
pub(crate) struct Settings<'a> {
    pub(crate) name: &'a str,
    pub(crate) args: Vec<String>,
    pub(crate) failure_policy: &'a str,
    pub(crate) timeout_seconds: u64,
}

impl Webhook {
    pub(crate) async fn start(cluster: &Cluster, settings: Settings<'_>) -> Self {
        Self::start_in(cluster, settings, &[]).await
    }

    /// With these variables in its environment, such as `NAME=value`.
    pub(crate) async fn start_in(cluster: &Cluster, settings: Settings<'_>, environment: &[&str]) -> Self {
        let name = settings.name;
        let [port, admin] = free_ports();
        let files = cluster.authority().issue(name, cluster.folder());
        let mut words: Vec<String> = environment.iter().map(|variable| (*variable).to_owned()).collect();
        words.extend([
            env!("CARGO_BIN_EXE_pod-hardener").to_owned(),
            "serve".to_owned(),
            format!("--listen=127.0.0.1:{port}"),
            format!("--admin=127.0.0.1:{admin}"),
            format!("--tls-cert={}", files.certificate.display()),
            format!("--tls-key={}", files.key.display()),
        ]);
        words.extend(settings.args);
        let process = Process::start(name, Path::new("/usr/bin/env"), &words, cluster.folder());
        let webhook = Self { process, port, admin };
        until(&format!("the webhook {name} is ready"), async || {
            webhook.process.assert_running();
            webhook.admin("/readyz").await.is_some_and(|(code, _)| code == 200)
        })
        .await;
        let registration = Registration {
            name,
            url: format!("https://127.0.0.1:{port}/mutate"),
            label: (LABEL, name),
            failure_policy: settings.failure_policy,
            timeout_seconds: settings.timeout_seconds,
        };
        register(cluster, &registration).await;
        webhook
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// What the admin listener answers: the status, and the text. `None` while nobody listens.
    pub(crate) async fn admin(&self, path: &str) -> Option<(u16, String)> {
        ask_admin(self.admin, path).await
    }

    /// The port of the admin listener.
    pub(crate) const fn admin_port(&self) -> u16 {
        self.admin
    }

    /// The value of a series, by its name with its labels.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.admin("/metrics").await?;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }
}

/// Registers the validating endpoint of a server, for those of its namespaces that say so.
pub(crate) async fn register_validation(cluster: &Cluster, name: &str, webhook: &Webhook) {
    let rule = |group: &str, operations: &[&str], resources: &[&str]| {
        json!({
            "apiGroups": [group], "apiVersions": ["v1"], "scope": "*",
            "operations": operations, "resources": resources,
        })
    };
    let both = &["CREATE", "UPDATE"];
    let object = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": format!("validating.{name}.pod-hardener.dev"),
            "clientConfig": {
                "url": format!("https://127.0.0.1:{}/validate", webhook.port),
                "caBundle": BASE64_STANDARD.encode(cluster.authority().pem()),
            },
            "rules": [
                rule("", both, &["pods", "replicationcontrollers", "namespaces"]),
                rule("", &["UPDATE"], &["pods/ephemeralcontainers"]),
                rule("apps", both, &["deployments", "replicasets", "statefulsets", "daemonsets"]),
                rule("batch", both, &["jobs", "cronjobs"]),
            ],
            "namespaceSelector": {"matchLabels": {LABEL: name, VALIDATED: "yes"}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "NoneOnDryRun",
            "failurePolicy": "Fail",
            "timeoutSeconds": 10,
        }],
    });
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let created = cluster.api(ADMIN).create(path, &object).await;
    created.expect("a ValidatingWebhookConfiguration");
}

/// Registers a mutating webhook, as a cluster's administrator would.
pub(crate) async fn register(cluster: &Cluster, registration: &Registration<'_>) {
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    let object = configuration(cluster, registration);
    let created = cluster.api(ADMIN).create(path, &object).await;
    created.expect("a MutatingWebhookConfiguration");
}

fn configuration(cluster: &Cluster, registration: &Registration<'_>) -> Value {
    let (label, value) = registration.label;
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": registration.name},
        "webhooks": [{
            "name": format!("{}.pod-hardener.dev", registration.name),
            "clientConfig": {
                "url": registration.url,
                "caBundle": BASE64_STANDARD.encode(cluster.authority().pem()),
            },
            "rules": [
                {
                    "apiGroups": [""], "apiVersions": ["v1"], "scope": "Namespaced",
                    "operations": ["CREATE"], "resources": ["pods"],
                },
                {
                    "apiGroups": [""], "apiVersions": ["v1"], "scope": "Namespaced",
                    "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"],
                },
            ],
            "namespaceSelector": {"matchLabels": {label: value}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "NoneOnDryRun",
            "failurePolicy": registration.failure_policy,
            "timeoutSeconds": registration.timeout_seconds,
            "reinvocationPolicy": "IfNeeded",
        }],
    })
}

/// Creating a configuration returns before every API server has seen it.
pub(crate) async fn until_called(api: &Api, namespace: &str, is_mutated: impl Fn(&Value) -> bool) {
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let pod = crate::pods::plain("until-called");
    until_ok(&format!("the webhook is called in {namespace}"), async || {
        match api.create(&path, &pod).await {
            Ok(accepted) if is_mutated(&accepted.object) => Ok(()),
            Ok(_) => Err("the pod is admitted as it was sent".to_owned()),
            Err(refused) => Err(refused.message),
        }
    })
    .await;
}

/// Plain HTTP/1.0: one request there, one answer back.
pub(crate) async fn ask_admin(port: u16, path: &str) -> Option<(u16, String)> {
    ask_admin_with(port, path, "").await
}

/// The same with one more header, if it is not empty.
pub(crate) async fn ask_admin_with(port: u16, path: &str, header: &str) -> Option<(u16, String)> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let more = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
}
