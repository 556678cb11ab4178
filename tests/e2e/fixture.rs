//! What every test gets: one cluster, our servers, and namespaces to work in.

use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::api::{Accepted, Answer, Api};
use crate::certificates::Authority;
use crate::cluster::{ADMIN, Binaries, Cluster, until};
use crate::process::Process;
use crate::selection;
use crate::webhook::{LABEL, Settings, Webhook, register_validation, until_called};
use crate::{least_privilege, pods};

/// The annotation by which a pod says that it was hardened.
pub(crate) const HARDENED: &str = "pod-hardener.dev/hardened";

/// The timeout of the webhook whose server gets stopped.
pub(crate) const OUTAGE_TIMEOUT_SECONDS: u64 = 2;

/// The account of the server that knows the cluster.
pub(crate) const WEBHOOK: &str = "webhook";

pub(crate) struct Fixture {
    /// For tests that need a cluster of their own.
    pub(crate) binaries: Binaries,
    pub(crate) cluster: Cluster,
    webhooks: Vec<(Server, Webhook)>,
    namespaces: AtomicU32,
}

/// Who hardens the pods of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// Nobody: the namespace is excluded by the webhook's `namespaceSelector`.
    None,
    /// The policy that is built in.
    BuiltIn,
    /// `--policy enforced`.
    Enforced,
    /// The policy that is built in, and what the cluster knows.
    Knowing,
    /// Several policies, and what the cluster knows.
    Choosing,
    /// A server that one test stops; `failurePolicy: Ignore`.
    Outage,
    /// A server that answers only to who has a certificate of the authority that the API server's is of.
    ClientCa,
    /// A server that answers only to who has a certificate of an authority unknown here.
    StrangeCa,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::BuiltIn => "built-in",
            Self::Enforced => "enforced",
            Self::Knowing => "knowing",
            Self::Choosing => "choosing",
            Self::Outage => "outage",
            Self::ClientCa => "client-ca",
            Self::StrangeCa => "strange-ca",
        }
    }

    fn settings(self, cluster: &Cluster) -> Settings<'static> {
        let ca = |name: &str, pem: &str| {
            let file = cluster.folder().join(name);
            std::fs::write(&file, pem).expect("a certificate file");
            vec![format!("--client-ca={}", file.display())]
        };
        let args = match self {
            Self::Enforced => vec!["--policy=enforced".to_owned()],
            Self::Knowing => vec![format!("--kubeconfig={}", cluster.kubeconfig(WEBHOOK).display())],
            Self::Choosing => {
                let policies = cluster.folder().join("choosing.yaml");
                std::fs::write(&policies, selection::POLICIES).expect("a policy file");
                vec![
                    format!("--kubeconfig={}", cluster.kubeconfig(WEBHOOK).display()),
                    format!("--policy={}", policies.display()),
                ]
            }
            Self::ClientCa => ca("known-authority.pem", &cluster.authority().pem()),
            Self::StrangeCa => ca("strange-authority.pem", &Authority::new("strange").pem()),
            Self::None | Self::BuiltIn | Self::Outage => Vec::new(),
        };
        let (failure_policy, timeout_seconds) = match self {
            Self::Outage => ("Ignore", OUTAGE_TIMEOUT_SECONDS),
            _ => ("Fail", 10),
        };
        Settings { name: self.name(), args, failure_policy, timeout_seconds }
    }
}

/// Those that the API server can call.
const HARDENING: [Server; 6] =
    [Server::BuiltIn, Server::Enforced, Server::Knowing, Server::Choosing, Server::Outage, Server::ClientCa];

impl Fixture {
    pub(crate) async fn start(binaries: &Binaries) -> Self {
        let cluster = Cluster::start(binaries).await;
        // All that it may do is what the manifests' role says.
        least_privilege::account(&cluster, WEBHOOK, &least_privilege::grants()).await;
        let mut webhooks = Vec::new();
        for server in HARDENING.into_iter().chain([Server::StrangeCa]) {
            webhooks.push((server, Webhook::start(&cluster, server.settings(&cluster)).await));
        }
        let (binaries, namespaces) = (binaries.clone(), AtomicU32::new(0));
        let fixture = Self { binaries, cluster, webhooks, namespaces };
        for server in [Server::Knowing, Server::Choosing] {
            register_validation(&fixture.cluster, server.name(), fixture.webhook(server)).await;
        }
        for server in HARDENING {
            let namespace = fixture.namespace(server, &[]).await;
            until_called(&namespace.api, &namespace.name, |pod| pods::annotation(pod, HARDENED).is_some())
                .await;
        }
        fixture
    }

    /// A namespace whose pods this server hardens, gone again after `test`.
    pub(crate) async fn with_temp_namespace<T>(
        &self,
        server: Server,
        labels: &[(&str, &str)],
        test: impl AsyncFnOnce(&Namespace) -> T,
    ) -> T {
        let namespace = self.namespace(server, labels).await;
        let outcome = test(&namespace).await;
        let path = format!("/api/v1/namespaces/{}", namespace.name);
        namespace.api.delete(&path).await.expect("a deletion");
        outcome
    }

    async fn namespace(&self, server: Server, labels: &[(&str, &str)]) -> Namespace {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        self.namespace_of(&format!("e2e-{}-{number}", server.name()), server.name(), labels).await
    }

    /// A namespace of that name whose pods the server of that name hardens.
    pub(crate) async fn namespace_of(&self, name: &str, server: &str, labels: &[(&str, &str)]) -> Namespace {
        let mut object = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {LABEL: server}},
        });
        for (label, value) in labels {
            object["metadata"]["labels"][label] = json!(value);
        }
        let api = self.cluster.api(ADMIN);
        api.create("/api/v1/namespaces", &object).await.expect("a namespace");
        let path = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        until(&format!("{name} has its default service account"), async || api.get(&path).await.is_ok())
            .await;
        Namespace { name: name.to_owned(), api }
    }

    /// Runs kubectl in a namespace.
    pub(crate) fn kubectl(&self, namespace: &Namespace, args: &[&str]) -> Output {
        let mut command = self.cluster.kubectl(args);
        command.arg("--namespace").arg(&namespace.name);
        command.output().expect("kubectl")
    }

    /// The process of one of our servers.
    pub(crate) fn process(&self, server: Server) -> &Process {
        self.webhook(server).process()
    }

    /// One of our servers.
    pub(crate) fn webhook(&self, server: Server) -> &Webhook {
        let found = self.webhooks.iter().find(|(this, _)| *this == server);
        &found.expect("a server that was started").1
    }

    /// Ends every process.
    pub(crate) fn stop(&self) {
        for (_, webhook) in &self.webhooks {
            webhook.process().stop();
        }
        self.cluster.stop();
    }
}

/// A namespace, seen by its administrator or by somebody else.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) api: Api,
}

impl Namespace {
    /// The same namespace, used by another user.
    pub(crate) fn seen_by(&self, fixture: &Fixture, user: &str) -> Self {
        Self { name: self.name.clone(), api: fixture.cluster.api(user) }
    }

    /// `/api/v1/namespaces/NAME/RESOURCE`
    pub(crate) fn path(&self, resource: &str) -> String {
        format!("/api/v1/namespaces/{}/{resource}", self.name)
    }

    /// A node that nobody runs, with that label; what it can is in its status.
    pub(crate) async fn node(&self, label: &str, pool: &str, user_namespaces: bool) {
        let handlers = json!([{"name": "", "features": {"userNamespaces": user_namespaces}}]);
        self.node_of(label, pool, json!({"runtimeHandlers": handlers})).await;
    }

    /// A node that nobody runs, with that label and that status.
    pub(crate) async fn node_of(&self, label: &str, pool: &str, status: Value) {
        let name = format!("{}-{pool}", self.name);
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {label: name}},
            "status": status,
        });
        self.api.create("/api/v1/nodes", &node).await.expect("a node");
    }

    /// Creates the pod, but for keeping it.
    pub(crate) async fn try_pod(&self, pod: &Value) -> Answer {
        self.api.create(&self.path("pods?dryRun=All"), pod).await
    }

    /// The pod as the API server admits it; nothing is kept.
    pub(crate) async fn admits(&self, pod: &Value) -> Accepted {
        match self.try_pod(pod).await {
            Ok(accepted) => accepted,
            Err(refused) => panic!("{} refused in {}: {refused:?}", pod["metadata"], self.name),
        }
    }

    /// The API server's reason to refuse the pod.
    pub(crate) async fn refuses(&self, pod: &Value) -> String {
        match self.try_pod(pod).await {
            Ok(accepted) => panic!("admitted in {}: {}", self.name, accepted.object),
            Err(refused) => refused.message,
        }
    }

    /// Creates an object of the core group, and keeps it.
    pub(crate) async fn create(&self, resource: &str, object: &Value) -> Accepted {
        let created = self.api.create(&self.path(resource), object).await;
        created.unwrap_or_else(|refused| panic!("{} refused: {refused:?}", object["metadata"]))
    }
}
