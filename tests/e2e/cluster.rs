//! etcd, an API server and a controller manager, on free ports of 127.0.0.1.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::api::Api;
use crate::certificates::{Authority, signing_keys};
use crate::process::{Process, free_ports};

/// The users of the cluster: token and name are the same.
pub(crate) const ADMIN: &str = "admin";
/// May do what the cluster role `edit` allows.
pub(crate) const DEVELOPER: &str = "developer";
/// Two who may write whatever makes pods; a test may allow the first to exempt.
pub(crate) const ALLOWED: &str = "allowed";
pub(crate) const REFUSED: &str = "refused";
/// A kubelet, in the group `system:nodes`.
pub(crate) const NODE: &str = "system:node:node-1";

/// The address of the Service `kubernetes`, by which pods of a real node reach the API server: the
/// first in its range.
const SERVICE: &str = "10.0.0.1";

/// The binaries that the tests need, by the folders (as in `PATH`) that have them.
#[derive(Clone)]
pub(crate) struct Binaries(pub(crate) Vec<PathBuf>);

impl Binaries {
    pub(crate) fn find(&self, name: &str) -> PathBuf {
        let mut candidates = self.0.iter().map(|folder| folder.join(name));
        candidates.find(|file| file.is_file()).unwrap_or_else(|| panic!("no {name} in {:?}", self.0))
    }
}

pub(crate) struct Cluster {
    // In the order in which they end.
    processes: Vec<Process>,
    kubectl: PathBuf,
    url: String,
    authority: Authority,
    folder: TempDir,
}

impl Cluster {
    /// Starts it and waits until it can run pods' admission: all but the kubelet's part.
    pub(crate) async fn start(binaries: &Binaries) -> Self {
        Self::start_with(binaries, &[]).await
    }

    /// The same, with more arguments for the API server.
    pub(crate) async fn start_with(binaries: &Binaries, more: &[&str]) -> Self {
        let mut cluster = Self::bare(binaries, more).await;
        let args = cluster.controller_manager_args();
        cluster.run(binaries, "kube-controller-manager", &args);
        cluster.allow_developer().await;
        cluster.allow_writers().await;
        cluster
    }

    /// Only etcd and an API server: nobody makes anything of the objects. `more` are arguments of the API server.
    pub(crate) async fn bare(binaries: &Binaries, more: &[&str]) -> Self {
        let folder = TempDir::with_prefix("pod-hardener-e2e-").expect("a temporary folder");
        let [etcd_client, etcd_peer, port] = free_ports();
        let etcd_url = format!("http://127.0.0.1:{etcd_client}");
        let mut cluster = Self {
            processes: Vec::new(),
            kubectl: binaries.find("kubectl"),
            url: format!("https://127.0.0.1:{port}"),
            authority: Authority::new("pod-hardener-e2e"),
            folder,
        };
        cluster.run(binaries, "etcd", &cluster.etcd_args(&etcd_url, etcd_peer));
        // Only once: programs that start meanwhile read it.
        cluster.write("ca.crt", &cluster.authority.pem());
        cluster.write_kubeconfig(ADMIN, ADMIN);
        cluster.write_kubeconfig(DEVELOPER, DEVELOPER);
        let (private, public) = signing_keys(cluster.folder());
        let mut args = cluster.api_server_args(&etcd_url, port, &private, &public);
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        cluster.run(binaries, "kube-apiserver", &args);
        cluster.until_ready().await;
        cluster
    }

    /// Ends the API server; etcd keeps what it knows.
    pub(crate) fn stop_api_server(&self) {
        self.process("kube-apiserver").stop();
    }

    /// Starts it again, and waits for it.
    pub(crate) async fn start_api_server(&self) {
        self.process("kube-apiserver").start_again();
        self.until_ready().await;
    }

    /// One of its programs.
    pub(crate) fn process(&self, name: &str) -> &Process {
        self.processes.iter().find(|process| process.name() == name).expect("a program of the cluster")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the API server is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn api(&self, user: &str) -> Api {
        Api::new(&self.url, self.authority.der(), user, None)
    }

    /// The administrator, acting as somebody without a token.
    pub(crate) fn api_as(&self, user: &str) -> Api {
        Api::new(&self.url, self.authority.der(), ADMIN, Some(user))
    }

    /// The real kubectl, as the admin unless an argument says otherwise.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .arg(format!("--kubeconfig={}", self.kubeconfig(ADMIN).display()))
            .arg("--request-timeout=60s")
            .args(args)
            // Its cache of what the API server offers goes with everything else.
            .env("HOME", self.folder());
        command
    }

    pub(crate) fn version(&self) -> String {
        let output = self.kubectl(&["version"]).output().expect("kubectl");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().find_map(|line| line.strip_prefix("Server Version: "));
        version.unwrap_or("of an unknown version").to_owned()
    }

    /// The minor version of the API server.
    pub(crate) fn minor(&self) -> u32 {
        let version = self.version();
        let minor = version.strip_prefix("v1.").and_then(|rest| rest.split('.').next()?.parse().ok());
        minor.unwrap_or_else(|| panic!("{version} is no version"))
    }

    /// Ends every process. An API server whose etcd is gone hangs, so etcd is last.
    pub(crate) fn stop(&self) {
        self.processes.iter().for_each(Process::stop);
    }

    /// Leaves the folder with the logs where it is, and says where.
    pub(crate) fn keep_logs(self) -> PathBuf {
        let Self { processes, folder, .. } = self;
        drop(processes);
        folder.keep()
    }

    fn run(&mut self, binaries: &Binaries, name: &str, args: &[String]) {
        let process = Process::start(name, &binaries.find(name), args, self.folder.path());
        self.processes.insert(0, process);
    }

    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder().join(format!("{user}.kubeconfig"))
    }

    /// A kubeconfig of this name, for who has the token.
    pub(crate) fn write_kubeconfig(&self, user: &str, token: &str) {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": {
                "server": self.url,
                "certificate-authority": self.folder().join("ca.crt"),
            }}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": user}}],
            "current-context": "e2e",
        });
        std::fs::write(self.kubeconfig(user), config.to_string()).expect("a kubeconfig file");
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let file = self.folder().join(name);
        std::fs::write(&file, content).expect("a file");
        file
    }

    fn etcd_args(&self, client: &str, peer_port: u16) -> Vec<String> {
        let peer = format!("http://127.0.0.1:{peer_port}");
        vec![
            format!("--data-dir={}", self.folder().join("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            // Nothing here is to outlive the machine.
            "--unsafe-no-fsync".to_owned(),
        ]
    }

    fn api_server_args(&self, etcd: &str, port: u16, private: &Path, public: &Path) -> Vec<String> {
        let tokens = format!(
            "{ADMIN},{ADMIN},1,\"system:masters\"\n{DEVELOPER},{DEVELOPER},2\n\
             {NODE},{NODE},3,\"system:nodes\"\n{ALLOWED},{ALLOWED},4\n{REFUSED},{REFUSED},5\n"
        );
        let tokens = self.write("tokens.csv", &tokens);
        let serving = self.authority.issue_for("kube-apiserver", &["127.0.0.1", SERVICE], self.folder());
        vec![
            format!("--etcd-servers={etcd}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            format!("--tls-cert-file={}", serving.certificate.display()),
            format!("--tls-private-key-file={}", serving.key.display()),
            format!("--token-auth-file={}", tokens.display()),
            format!("--admission-control-config-file={}", self.admission_config().display()),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", public.display()),
            format!("--service-account-signing-key-file={}", private.display()),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--allow-privileged=true".to_owned(),
            // Nobody reaches it by the Service `kubernetes`, which may not name 127.0.0.1.
            "--endpoint-reconciler-type=none".to_owned(),
        ]
    }

    /// Gives the API server a certificate to present to webhooks.
    fn admission_config(&self) -> PathBuf {
        let client = self.authority.issue("webhook-client", self.folder());
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "users": [{"name": "*", "user": {
                "client-certificate": client.certificate,
                "client-key": client.key,
            }}],
        });
        let kubeconfig = self.write("webhook-client.kubeconfig", &kubeconfig.to_string());
        let config = json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AdmissionConfiguration",
            "plugins": [{"name": "MutatingAdmissionWebhook", "configuration": {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "WebhookAdmissionConfiguration",
                "kubeConfigFile": kubeconfig,
            }}],
        });
        self.write("admission.json", &config.to_string())
    }

    fn controller_manager_args(&self) -> Vec<String> {
        let private = self.folder().join("service-accounts.key");
        vec![
            format!("--kubeconfig={}", self.kubeconfig(ADMIN).display()),
            format!("--service-account-private-key-file={}", private.display()),
            format!("--root-ca-file={}", self.folder().join("ca.crt").display()),
            "--leader-elect=false".to_owned(),
            // As real clusters do: each controller is a user of its own, none is an administrator.
            "--use-service-account-credentials=true".to_owned(),
            "--secure-port=0".to_owned(),
        ]
    }

    async fn until_ready(&self) {
        let api = self.api(ADMIN);
        until("the API server is ready", async || {
            self.processes.iter().for_each(Process::assert_running);
            api.get("/readyz").await.is_ok()
        })
        .await;
    }

    async fn allow_developer(&self) {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": DEVELOPER},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit",
            },
            "subjects": [{
                "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": DEVELOPER,
            }],
        });
        let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        self.api(ADMIN).create(path, &binding).await.expect("a role binding");
    }
}

impl Cluster {
    async fn allow_writers(&self) {
        let group = "rbac.authorization.k8s.io";
        let role = json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "ClusterRole",
            "metadata": {"name": "writer"},
            "rules": [{"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["*"]}],
        });
        let user = |name: &str| json!({"apiGroup": group, "kind": "User", "name": name});
        let binding = json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "writer"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "writer"},
            "subjects": [user(ALLOWED), user(REFUSED)],
        });
        for (resource, object) in [("clusterroles", role), ("clusterrolebindings", binding)] {
            let path = format!("/apis/{group}/v1/{resource}");
            self.api(ADMIN).create(&path, &object).await.expect("what writers may do");
        }
    }
}

/// Asks again and again until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    until_ok(what, async || is_so().await.then_some(()).ok_or_else(|| "it is not so".to_owned())).await;
}

/// Tries again and again until it works. Nothing here should take long; a slow machine may.
pub(crate) async fn until_ok(what: &str, mut attempt: impl AsyncFnMut() -> Result<(), String>) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while let Err(reason) = attempt().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}: {reason}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
