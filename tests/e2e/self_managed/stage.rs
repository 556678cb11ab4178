//! A cluster of its own, what the manifests' overlay says installed in it, and replicas behind their Service.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, rustls};

use crate::api::Api;
use crate::cluster::{ADMIN, Cluster, until_ok};
use crate::fixture::{Fixture, HARDENED};
use crate::pods;
use crate::process::{Process, free_ports};
use crate::webhook::{ask_admin, until_called};

pub(super) const SECRET: &str = "/api/v1/namespaces/pod-hardener/secrets/pod-hardener-tls";
pub(super) const LEASE: &str =
    "/apis/coordination.k8s.io/v1/namespaces/pod-hardener/leases/pod-hardener-certificates";
pub(super) const KINDS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
/// The replicas, to the API server.
const ACCOUNT: &str = "system:serviceaccount:pod-hardener:pod-hardener";
/// By which the API server calls the Service.
const NAME: &str = "pod-hardener.pod-hardener.svc";
/// Where pods are made.
pub(super) const SHOP: &str = "shop";

pub(super) fn configuration(kind: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{kind}/pod-hardener")
}

/// Ports, and whether who listens there is ready.
type Backends = Arc<Mutex<Vec<(u16, Arc<AtomicBool>)>>>;

/// One server.
pub(super) struct Replica {
    pub(super) process: Process,
    pub(super) listen: u16,
    pub(super) admin: u16,
    ready: Arc<AtomicBool>,
}

impl Replica {
    /// What its probe is told.
    pub(super) async fn readiness(&self) -> Result<String, String> {
        self.process.assert_running();
        let (code, text) = ask_admin(self.admin, "/readyz?verbose").await.ok_or("no answer")?;
        if code == 200 { Ok(text) } else { Err(text) }
    }

    pub(super) async fn metric(&self, series: &str) -> f64 {
        let text = timeout(Duration::from_secs(1), ask_admin(self.admin, "/metrics")).await;
        let Ok(Some((_, text))) = text else { return 0.0 };
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no {series}"))
    }

    pub(super) async fn leads(&self) -> bool {
        self.metric("pod_hardener_certificate_leader").await > 0.0
    }
}

pub(super) struct Stage {
    pub(super) cluster: Cluster,
    pub(super) api: Api,
    pub(super) replicas: Vec<Replica>,
    objects: Vec<Value>,
    settings: Vec<String>,
    kubeconfig: PathBuf,
    backends: Backends,
    port: u16,
    /// With what the API server notes of our requests.
    audit: TempDir,
}

impl Stage {
    /// All but the webhook configurations and the replicas. `settings` are variables of their environment.
    pub(super) async fn new(fixture: &Fixture, settings: &[&str]) -> Self {
        let audit = TempDir::with_prefix("pod-hardener-audit-").expect("a folder");
        let policy = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata", "users": [ACCOUNT]}, {"level": "None"}]});
        let [policy_file, log] = ["policy.json", "audit.log"].map(|name| audit.path().join(name));
        std::fs::write(&policy_file, policy.to_string()).expect("a file");
        let args = [
            format!("--audit-policy-file={}", policy_file.display()),
            format!("--audit-log-path={}", log.display()),
        ];
        let cluster = Cluster::bare(&fixture.binaries, &args.each_ref().map(String::as_str)).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/overlays/self-managed");
        let output =
            cluster.kubectl(&["kustomize", folder.to_str().expect("UTF-8")]).output().expect("kubectl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let objects = serde_saphyr::from_multiple(&String::from_utf8_lossy(&output.stdout)).expect("YAML");
        let api = cluster.api(ADMIN);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let backends = Arc::default();
        tokio::spawn(forward(listener, Arc::clone(&backends)));
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut stage = Self {
            cluster,
            api,
            replicas: Vec::new(),
            objects,
            settings,
            kubeconfig: PathBuf::new(),
            backends,
            port,
            audit,
        };
        stage.install().await;
        stage
    }

    async fn install(&mut self) {
        for kinds in [
            &["Namespace", "CustomResourceDefinition"][..],
            &["ServiceAccount"],
            &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        ] {
            let is_of = |object: &&Value| kinds.iter().any(|kind| object["kind"] == *kind);
            self.apply(&self.objects.iter().filter(is_of).collect::<Vec<_>>(), &[]);
        }
        let created = async |path: &str, object: Value| {
            let created = self.api.create(path, &object).await;
            created.unwrap_or_else(|refused| panic!("{path}: {refused:?}")).object
        };
        // As the API server finds a Service where nothing routes addresses: its port is the forwarder's.
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pod-hardener"},
            "spec": {"type": "ExternalName", "externalName": "localhost"}});
        created("/api/v1/namespaces/pod-hardener/services", service).await;
        let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}});
        created("/api/v1/namespaces", shop).await;
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        created(&format!("/api/v1/namespaces/{SHOP}/serviceaccounts"), account).await;
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let token = "/api/v1/namespaces/pod-hardener/serviceaccounts/pod-hardener/token";
        let token = created(token, request).await;
        self.cluster.write_kubeconfig("replica", token["status"]["token"].as_str().expect("a token"));
        self.kubeconfig = self.cluster.kubeconfig("replica");
    }

    fn apply(&self, items: &[&Value], args: &[&str]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let file = self.cluster.folder().join("objects.json");
        std::fs::write(&file, list.to_string()).expect("a file");
        let words = [&["apply", "--filename", file.to_str().expect("UTF-8")], args].concat();
        let output = self.cluster.kubectl(&words).output().expect("kubectl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Registers the webhooks as the manifests do, but that a failed call is a failed request.
    pub(super) fn register(&self, args: &[&str]) {
        for kind in KINDS {
            self.register_one(kind, args);
        }
    }

    /// One of both; `args` say how to apply it.
    pub(super) fn register_one(&self, kind: &str, args: &[&str]) {
        let named = |object: &&Value| {
            object["kind"].as_str().is_some_and(|name| format!("{}s", name.to_lowercase()) == kind)
        };
        let mut object = self.objects.iter().find(named).expect("a configuration").clone();
        for webhook in object["webhooks"].as_array_mut().expect("webhooks") {
            assert!(webhook["clientConfig"].get("caBundle").is_none(), "GitOps tools would put it back");
            webhook["clientConfig"]["service"]["port"] = json!(self.port);
            webhook["failurePolicy"] = json!("Fail");
            webhook["timeoutSeconds"] = json!(10);
        }
        self.apply(&[&object], args);
    }

    /// Starts another replica.
    pub(super) fn start(&mut self) {
        let [listen, admin] = free_ports();
        let mut words = vec!["POD_NAMESPACE=pod-hardener".to_owned()];
        words.extend(self.settings.iter().cloned());
        words.extend([
            env!("CARGO_BIN_EXE_pod-hardener").to_owned(),
            "serve".to_owned(),
            format!("--listen=127.0.0.1:{listen}"),
            format!("--admin=127.0.0.1:{admin}"),
            format!("--kubeconfig={}", self.kubeconfig.display()),
            "--certificates=self-managed".to_owned(),
        ]);
        let name = format!("replica-{}", self.replicas.len());
        let process = Process::start(&name, Path::new("/usr/bin/env"), &words, self.cluster.folder());
        let ready = Arc::new(AtomicBool::new(false));
        tokio::spawn(probe(admin, Arc::clone(&ready)));
        self.backends.lock().expect("no panic").push((listen, Arc::clone(&ready)));
        self.replicas.push(Replica { process, listen, admin, ready });
    }

    /// Waits until these replicas are ready.
    pub(super) async fn until_ready(&self, which: &[usize]) {
        for number in which {
            let replica = &self.replicas[*number];
            until_ok(&format!("replica {number} is ready"), async || {
                let said = replica.readiness().await.map(drop);
                said.map_err(|text| format!("{text}\n{}", replica.process.last_lines()))
            })
            .await;
        }
    }

    /// Waits until a pod is hardened.
    pub(super) async fn until_called(&self) {
        until_called(&self.api, SHOP, |pod| pods::annotation(pod, HARDENED).is_some()).await;
    }

    /// The one replica of these that manages the certificates.
    pub(super) async fn leader(&self, among: &[usize]) -> usize {
        let mut leader = None;
        until_ok("there is one leader", async || {
            let mut leaders = Vec::new();
            for number in among {
                if self.replicas[*number].leads().await {
                    leaders.push(*number);
                }
            }
            leader = leaders.first().copied();
            if leaders.len() == 1 { Ok(()) } else { Err(format!("{leaders:?}")) }
        })
        .await;
        leader.expect("a leader")
    }

    /// What the Secret holds under this key.
    pub(super) async fn secret(&self, key: &str) -> Result<String, String> {
        let secret = self.api.get(SECRET).await.map_err(|refused| refused.message)?.object;
        let text = secret["data"][key].as_str().ok_or_else(|| format!("no {key}"))?;
        let bytes = BASE64_STANDARD.decode(text).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }

    /// The `caBundle` of every webhook of a configuration.
    pub(super) async fn bundles(&self, kind: &str) -> Result<Vec<String>, String> {
        let object = self.api.get(&configuration(kind)).await.map_err(|refused| refused.message)?.object;
        let webhooks = object["webhooks"].as_array().ok_or("no webhooks")?.iter();
        let decode = |webhook: &Value| {
            let bytes = BASE64_STANDARD.decode(webhook["clientConfig"]["caBundle"].as_str()?).ok()?;
            String::from_utf8(bytes).ok()
        };
        Ok(webhooks.map(|webhook| decode(webhook).unwrap_or_default()).collect())
    }

    /// Waits until all is as it should be: every `caBundle` is what the Secret says, and pods are hardened.
    pub(super) async fn until_whole(&self) {
        until_ok("every caBundle is what the Secret says", async || {
            let authorities = self.secret("ca.crt").await?;
            for kind in KINDS {
                let bundles = self.bundles(kind).await?;
                if bundles.iter().any(|bundle| *bundle != authorities) {
                    return Err(format!("{kind}: {bundles:?} is not {authorities}"));
                }
            }
            Ok(())
        })
        .await;
        self.until_called().await;
    }

    /// Changes an object as it is now.
    pub(super) async fn change(&self, path: &str, change: impl Fn(&mut Value)) {
        until_ok(&format!("{path} is changed"), async || {
            let mut object = self.api.get(path).await.map_err(|refused| refused.message)?.object;
            change(&mut object);
            self.api.replace(path, &object).await.map(drop).map_err(|refused| refused.message)
        })
        .await;
    }

    /// The sum over all replicas.
    pub(super) async fn sum(&self, series: &str) -> f64 {
        let mut sum = 0.0;
        for replica in &self.replicas {
            sum += replica.metric(series).await;
        }
        sum
    }

    /// What the replicas did to this resource: the verbs, and the API server's answers.
    pub(super) fn requests(&self) -> BTreeSet<(String, String, u64)> {
        let log = std::fs::read_to_string(self.audit.path().join("audit.log")).expect("a log");
        let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let request = |entry: Value| {
            let code = entry["responseStatus"]["code"].as_u64().unwrap_or_default();
            (text(&entry["objectRef"]["resource"]), text(&entry["verb"]), code)
        };
        entries.map(request).collect()
    }

    pub(super) fn stop(&self) {
        self.replicas.iter().for_each(|replica| replica.process.stop());
        self.cluster.stop();
    }
}

impl Replica {
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

/// As a kubelet does.
async fn probe(admin: u16, ready: Arc<AtomicBool>) {
    loop {
        let answer = timeout(Duration::from_secs(1), ask_admin(admin, "/readyz")).await;
        ready.store(matches!(answer, Ok(Some((200, _)))), Ordering::Relaxed);
        sleep(Duration::from_millis(100)).await;
    }
}

/// As a Service does: each connection goes to one that is ready.
async fn forward(listener: TcpListener, backends: Backends) {
    let turn = AtomicUsize::new(0);
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let ready: Vec<u16> = {
            let backends = backends.lock().expect("no panic");
            let ready = backends.iter().filter(|(_, ready)| ready.load(Ordering::Relaxed));
            ready.map(|(port, _)| *port).collect()
        };
        if ready.is_empty() {
            continue;
        }
        let port = ready[turn.fetch_add(1, Ordering::Relaxed) % ready.len()];
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
}

/// Connects as an API server does that knows this `caBundle`; the certificate that it is shown.
pub(super) async fn handshake(port: u16, bundle: &str) -> Result<Vec<u8>, String> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        let authority = authority.map_err(|error| error.to_string())?;
        roots.add(authority).map_err(|error| error.to_string())?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connecting = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        TlsConnector::from(Arc::new(config))
            .connect(ServerName::try_from(NAME).expect("a name"), stream)
            .await
    };
    let stream = timeout(Duration::from_secs(10), connecting).await.map_err(|_| "too slow")?;
    let stream = stream.map_err(|error| error.to_string())?;
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    Ok(shown.ok_or("no certificate")?.to_vec())
}
