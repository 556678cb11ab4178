//! A control plane with a namespace for each way that a pod can go.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pod_hardener::policy::{PolicySet, Preset};
use pod_hardener_bench::load::{Post, Target};
use pod_hardener_bench::program::{Identity, Server};
use pod_hardener_bench::review::{answer_with, manifest, patch, review};
use serde_json::{Value, json};

use crate::api::{Accepted, Api};
use crate::cluster::{ADMIN, Binaries, Cluster, until, until_ok};

/// Of the pods that are sent.
pub(crate) const CONTAINERS: [usize; 3] = [1, 3, 10];

/// Folders, as in `PATH`, with the binaries of Kubernetes: the end-to-end tests' own variable.
const ASSETS: &str = "E2E_ASSETS";
const LABEL: &str = "pod-hardener-bench";

const NONE: &str = "none";
const ONE_FIELD: &str = "one-field";
const OURS: &str = "ours";
const MAP: &str = "map";

/// The namespaces of one round: no webhook, the null webhook that sets one field, the null webhook with the patch
/// that ours would give, ours, and the API server's own policy.
pub(crate) fn namespaces(containers: usize) -> [String; 5] {
    [NONE.into(), ONE_FIELD.into(), null(containers), OURS.into(), MAP.into()]
}

/// A constant patch fits pods of one shape only.
fn null(containers: usize) -> String {
    format!("null-{containers}")
}

/// Everything that runs.
pub(crate) struct Setup {
    /// The API server.
    pub(crate) target: Target,
    webhooks: Vec<Server>,
    cluster: Cluster,
    api: Api,
}

impl Setup {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let assets =
            std::env::var_os(ASSETS).with_context(|| format!("no {ASSETS}: use cargo xtask bench"))?;
        let cluster = Cluster::start(&Binaries(std::env::split_paths(&assets).collect())).await;
        let target = Target::new(address(&cluster)?, cluster.authority().der())?;
        let api = cluster.api(ADMIN);
        let mut setup = Self { target, webhooks: Vec::new(), cluster, api };
        setup.webhooks().await?;
        setup.policy().await?;
        setup.check().await?;
        Ok(setup)
    }

    pub(crate) fn stop(self) {
        self.cluster.stop();
    }

    async fn webhooks(&mut self) -> anyhow::Result<()> {
        let files = self.cluster.authority().issue("webhook", self.cluster.folder());
        let authority = self.cluster.authority().der();
        let identity = Identity { certificate: files.certificate, key: files.key, authority };
        self.namespace(NONE).await?;
        let ours = Server::ours(&identity, self.cluster.folder())?;
        self.register(OURS, ours).await?;
        let one_field =
            json!([{"op": "add", "path": "/spec/automountServiceAccountToken", "value": false}]).to_string();
        let one_field = Server::null(&answer_with(one_field.as_bytes()), &identity, self.cluster.folder())?;
        self.register(ONE_FIELD, one_field).await?;
        for containers in CONTAINERS {
            let pod = self.send(NONE, containers).await?.object;
            let patch = patch(&review(&pod), &PolicySet::from(Preset::Restricted))?.context("no patch")?;
            let server = Server::null(&answer_with(&patch), &identity, self.cluster.folder())?;
            self.register(&null(containers), server).await?;
        }
        Ok(())
    }

    async fn register(&mut self, name: &str, mut server: Server) -> anyhow::Result<()> {
        server.connect().await?;
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": format!("{name}.pod-hardener.dev"),
                "clientConfig": {
                    "url": format!("https://{}/mutate", server.address),
                    "caBundle": STANDARD.encode(self.cluster.authority().pem()),
                },
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "namespaceSelector": {"matchLabels": {LABEL: name}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "NoneOnDryRun",
                // A webhook that fails shall end the benchmark, not speed it up.
                "failurePolicy": "Fail",
                "reinvocationPolicy": "IfNeeded",
            }],
        });
        self.object("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", &configuration)
            .await?;
        self.webhooks.push(server);
        self.namespace(name).await
    }

    async fn policy(&self) -> anyhow::Result<()> {
        const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": MAP},
            "spec": {
                "failurePolicy": "Fail",
                "reinvocationPolicy": "IfNeeded",
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
                ]},
                "mutations": [{
                    // An ApplyConfiguration may not touch atomic lists, such as `capabilities.drop`.
                    "patchType": "JSONPatch",
                    "jsonPatch": {"expression": include_str!("policy.cel")},
                }],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": MAP},
            "spec": {
                "policyName": MAP,
                "matchResources": {"namespaceSelector": {"matchLabels": {LABEL: MAP}}},
            },
        });
        self.object(&format!("{GROUP}/mutatingadmissionpolicies"), &policy).await?;
        self.object(&format!("{GROUP}/mutatingadmissionpolicybindings"), &binding).await?;
        self.namespace(MAP).await
    }

    async fn namespace(&self, name: &str) -> anyhow::Result<()> {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: name}},
        });
        self.object("/api/v1/namespaces", &namespace).await?;
        // The controller manager makes the account without which there are no pods.
        until(&format!("pods can be created in {name}"), async || {
            let path = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
            self.api.get(&path).await.is_ok()
        })
        .await;
        Ok(())
    }

    async fn object(&self, path: &str, object: &Value) -> anyhow::Result<()> {
        let created = self.api.create(path, object).await;
        created.map_err(|refused| anyhow::anyhow!("{path}: {}", refused.message))?;
        Ok(())
    }

    async fn send(&self, namespace: &str, containers: usize) -> anyhow::Result<Accepted> {
        let pod = manifest("bench", namespace, containers);
        let answer = self.api.create(&pods(namespace), &pod).await;
        answer.map_err(|refused| anyhow::anyhow!("in {namespace}: {}", refused.message))
    }

    /// That each way does to the pod what it is to be measured at; registrations take a moment to be seen.
    async fn check(&self) -> anyhow::Result<()> {
        for containers in CONTAINERS {
            for namespace in namespaces(containers) {
                until_ok(&format!("pods are as they should be in {namespace}"), async || {
                    let answer =
                        self.send(&namespace, containers).await.map_err(|error| error.to_string())?;
                    let pod = &answer.object;
                    if is_as_expected(&namespace, containers, pod) { Ok(()) } else { Err(pod.to_string()) }
                })
                .await;
            }
        }
        Ok(())
    }
}

fn is_as_expected(namespace: &str, containers: usize, pod: &Value) -> bool {
    let listed = pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let hardened = |container: &Value| {
        container["securityContext"]["readOnlyRootFilesystem"] == true
            && container["resources"]["limits"]["memory"].is_string()
            && container["volumeMounts"].as_array().is_some_and(|mounts| mounts.iter().any(is_tmp))
    };
    let automount = &pod["spec"]["automountServiceAccountToken"];
    let count = listed.iter().filter(|container| hardened(container)).count();
    match namespace {
        NONE => automount.is_null() && count == 0,
        ONE_FIELD => automount == false && count == 0,
        _ => automount == false && count == containers,
    }
}

fn is_tmp(mount: &Value) -> bool {
    mount["mountPath"] == "/tmp"
}

/// A request to create a pod, of which nothing is stored.
pub(crate) fn create(namespace: &str, containers: usize) -> anyhow::Result<Arc<Post>> {
    let pod = manifest("bench", namespace, containers).to_string();
    Post::new(&pods(namespace), Some(ADMIN), pod.into_bytes())
}

fn pods(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods?dryRun=All")
}

fn address(cluster: &Cluster) -> anyhow::Result<SocketAddr> {
    let file = std::fs::read(cluster.folder().join(format!("{ADMIN}.kubeconfig")))?;
    let config: Value = serde_json::from_slice(&file)?;
    let url = config.pointer("/clusters/0/cluster/server").and_then(Value::as_str).context("no server")?;
    Ok(url.trim_start_matches("https://").parse()?)
}
