//! A cluster of its own with what `manifests/` says in it, as an administrator installs it. Only the Service is missing:
//! the API server calls a server beside it, by its address.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::api::Api;
use crate::cluster::{ADMIN, Binaries, Cluster, until, until_ok};
use crate::process::{Process, free_ports};
use crate::webhook::ask_admin;

pub(crate) const NAMESPACE: &str = "pod-hardener";

/// Calls counted so far, by endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Calls {
    pub(crate) mutate: u64,
    pub(crate) validate: u64,
}

pub(crate) struct Installed {
    pub(crate) cluster: Cluster,
    pub(crate) api: Api,
    server: Process,
    admin: u16,
}

/// What is below `manifests/`.
pub(crate) fn manifests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(path)
}

/// The objects that kustomize makes of a folder.
pub(crate) fn kustomized(kubectl: &Path, folder: &Path) -> Vec<Value> {
    let output = std::process::Command::new(kubectl).arg("kustomize").arg(folder).output().expect("kubectl");
    serde_saphyr::from_multiple(&succeeded(&output)).expect("YAML")
}

/// What a program wrote, if it ended well.
pub(crate) fn succeeded(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// kubectl with documents on its standard input: what it wrote to both outputs, which is to be free of warnings.
pub(crate) fn apply(cluster: &Cluster, args: &[&str], objects: &[Value]) -> String {
    let mut command = cluster.kubectl(&[&["apply", "-f", "-"], args].concat());
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("kubectl");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    child.stdin.take().expect("a pipe").write_all(list.to_string().as_bytes()).expect("all of it");
    let output = child.wait_with_output().expect("kubectl");
    let said = succeeded(&output) + &String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("Warning"), "{said}");
    said
}

impl Installed {
    /// Into a cluster that is there. `policy` is that of the Deployment, unless given.
    pub(crate) async fn into(
        cluster: Cluster,
        binaries: &Binaries,
        overlay: &str,
        policy: Option<&str>,
    ) -> Self {
        let mut objects = kustomized(&binaries.find("kubectl"), &manifests(overlay));
        let [port, admin] = free_ports();
        for configuration in &mut objects {
            let Some(webhooks) = configuration["webhooks"].as_array_mut() else { continue };
            for webhook in webhooks {
                let path = webhook["clientConfig"]["service"]["path"].as_str().expect("a path");
                webhook["clientConfig"] = json!({
                    "url": format!("https://127.0.0.1:{port}{path}"),
                    "caBundle": BASE64_STANDARD.encode(cluster.authority().pem()),
                });
            }
        }
        // In this order nobody calls what is not there yet.
        let is_webhook = |object: &Value| object["webhooks"].is_array();
        let (webhooks, rest): (Vec<Value>, Vec<Value>) = objects.into_iter().partition(is_webhook);
        apply(&cluster, &[], &rest);
        let deployment = rest.iter().find(|object| object["kind"] == "Deployment").expect("a Deployment");
        let own = &deployment["spec"]["template"]["spec"]["containers"][0]["env"][0];
        assert_eq!(own["name"], "POD_HARDENER_POLICY");
        let policy = policy.or(own["value"].as_str()).expect("a policy");
        let kubeconfig = of_its_account(&cluster);
        let files = cluster.authority().issue("installed", cluster.folder());
        let args = [
            "serve".to_owned(),
            format!("--listen=127.0.0.1:{port}"),
            format!("--admin=127.0.0.1:{admin}"),
            format!("--tls-cert={}", files.certificate.display()),
            format!("--tls-key={}", files.key.display()),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--policy={policy}"),
        ];
        let program = Path::new(env!("CARGO_BIN_EXE_pod-hardener"));
        let server = Process::start("installed", program, &args, cluster.folder());
        let api = cluster.api(ADMIN);
        let installed = Self { cluster, api, server, admin };
        until("the server knows the cluster", async || {
            installed.server.assert_running();
            ask_admin(admin, "/readyz").await.is_some_and(|(code, _)| code == 200)
        })
        .await;
        apply(&installed.cluster, &[], &webhooks);
        installed
    }

    /// How often it was called.
    pub(crate) async fn calls(&self) -> Calls {
        let (_, text) = ask_admin(self.admin, "/metrics").await.expect("metrics");
        let of = |endpoint: &str| {
            let series = format!("pod_hardener_admission_requests_total{{endpoint=\"{endpoint}\",");
            let values = text.lines().filter(|line| line.starts_with(&series));
            values
                .map(|line| {
                    line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok()).expect("a number")
                })
                .sum()
        };
        Calls { mutate: of("mutate"), validate: of("validate") }
    }

    pub(crate) async fn namespace(&self, name: &str) {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.api.create("/api/v1/namespaces", &object).await.expect("a namespace");
        until_usable(&self.api, name).await;
    }

    /// Runs kubectl, which is to succeed.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        succeeded(&self.cluster.kubectl(args).output().expect("kubectl"))
    }

    pub(crate) fn stop(&self) {
        self.server.stop();
        self.cluster.stop();
    }
}

/// Until pods can be created in a namespace.
pub(crate) async fn until_usable(api: &Api, namespace: &str) {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
    until(&format!("{namespace} has its default service account"), async || api.get(&path).await.is_ok())
        .await;
}

/// A kubeconfig for the account that the manifests give it.
fn of_its_account(cluster: &Cluster) -> PathBuf {
    let args = ["create", "token", "pod-hardener", "--namespace", NAMESPACE];
    let token = succeeded(&cluster.kubectl(&args).output().expect("kubectl"));
    cluster.write_kubeconfig("installed", token.trim());
    cluster.kubeconfig("installed")
}

/// Until nothing of ours is left in a cluster, whoever removed it.
pub(crate) async fn until_nothing_is_left(cluster: &Cluster) {
    let all = "namespaces,clusterroles,clusterrolebindings,priorityclasses,customresourcedefinitions,\
               mutatingwebhookconfigurations,validatingwebhookconfigurations";
    until_ok("nothing of ours is left", async || {
        let left = succeeded(&cluster.kubectl(&["get", all, "--output=name"]).output().expect("kubectl"));
        let ours: Vec<&str> = left.lines().filter(|line| line.contains("pod-hardener")).collect();
        if ours.is_empty() {
            return Ok(());
        }
        let args = [&["get", "--output=jsonpath={.metadata}{.status}"], ours.as_slice()].concat();
        let why = cluster.kubectl(&args).output().expect("kubectl");
        Err(format!("{ours:?}: {}", String::from_utf8_lossy(&why.stdout)))
    })
    .await;
}
