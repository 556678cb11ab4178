//! The backstop under its real name, as people install it: in a cluster of its own, for it would deny the others' pods.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pod_hardener::backstop::NAME;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::api::Api;
use crate::cluster::{ADMIN, Cluster, until, until_ok};
use crate::fixture::{Fixture, HARDENED};
use crate::pods::{self, assert_hardened, plain};
use crate::webhook::{LABEL, Settings, Webhook, until_called};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("backstop_outage::what_it_denies_is_made_anew_by_its_controller", denied_and_made_anew)]
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";
const SETS: &str = "/apis/apps/v1/namespaces/shop/replicasets";
const PODS: &str = "/api/v1/namespaces/shop/pods";

/// Writes a backstop as people do, and applies it.
fn apply(cluster: &Cluster, args: &[&str]) {
    let program = Path::new(env!("CARGO_BIN_EXE_pod-hardener"));
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig(ADMIN).display());
    let mut generate = Command::new(program);
    generate.args(["generate", "admission-policy", "--from-cluster", &kubeconfig]).args(args);
    let written = generate.output().expect("pod-hardener");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let file = cluster.folder().join("backstop.yaml");
    std::fs::write(&file, written.stdout).expect("a file");
    let mut kubectl = cluster.kubectl(&["apply", &format!("--filename={}", file.display())]);
    let applied = kubectl.stdin(Stdio::null()).output().expect("kubectl");
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
}

async fn namespace(api: &Api, name: &str, label: &str) {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: label}}});
    api.create("/api/v1/namespaces", &object).await.expect("a namespace");
    let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
    until("there is the default service account", async || api.get(&account).await.is_ok()).await;
}

async fn denied_and_made_anew(fixture: Arc<Fixture>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (rules, log) = (folder.path().join("audit.yaml"), folder.path().join("audit.log"));
    let audited = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [
        {"level": "Metadata", "resources": [{"group": "", "resources": ["pods"]}], "verbs": ["create"]},
        {"level": "None"}]});
    std::fs::write(&rules, audited.to_string()).expect("a file");
    let audit =
        [format!("--audit-policy-file={}", rules.display()), format!("--audit-log-path={}", log.display())];
    let cluster = Cluster::start_with(&fixture.binaries, &[audit[0].as_str(), audit[1].as_str()]).await;
    let args = vec![format!("--kubeconfig={}", cluster.kubeconfig(ADMIN).display())];
    let settings = Settings { name: "failing-open", args, failure_policy: "Ignore", timeout_seconds: 2 };
    let webhook = Webhook::start(&cluster, settings).await;
    let api = cluster.api(ADMIN);
    namespace(&api, "shop", "failing-open").await;
    namespace(&api, "unasked", "nobody").await;
    until_called(&api, "shop", |pod| pods::annotation(pod, HARDENED).is_some()).await;
    let series = |state: &str| format!("pod_hardener_backstop{{state=\"{state}\"}}");
    let stands = async |state: &str| {
        until(&format!("the server says {state}"), async || {
            webhook.metric(&series(state)).await == Some(1.0)
        })
        .await;
    };
    stands("absent").await;

    apply(&cluster, &["--action=audit"]);
    let unasked = "/api/v1/namespaces/unasked/pods?dryRun=All";
    until("the audit log says what would have been denied", async || {
        api.create(unasked, &plain("audited")).await.expect("it is admitted");
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("validation.policy.admission.k8s.io/validation_failure")
            && log.contains("neither hardened nor")
    })
    .await;
    stands("current").await;

    apply(&cluster, &["--action=deny"]);
    until("it denies", async || api.create(unasked, &plain("denied")).await.is_err()).await;

    webhook.process().signal(Signal::STOP);
    api.create(DEPLOYMENTS, &deployment()).await.expect("a Deployment");
    until_ok("its pods are denied, and its ReplicaSet says why", async || {
        let sets = api.get(SETS).await.expect("ReplicaSets").object.to_string();
        if sets.contains("ReplicaFailure") && sets.contains(NAME) { Ok(()) } else { Err(sets) }
    })
    .await;
    assert_eq!(stored(&api).await, [Value::Null; 0], "no pod is there");
    webhook.process().signal(Signal::CONT);
    let since = std::time::Instant::now();
    until("they are made anew", async || stored(&api).await.len() == 2).await;
    println!("made anew {:?} after the webhook was back", since.elapsed());
    stored(&api).await.iter().for_each(assert_hardened);

    apply(&cluster, &["--policy=enforced"]);
    stands("drifted").await;
    webhook.process().stop();
    cluster.stop();
}

async fn stored(api: &Api) -> Vec<Value> {
    let list = api.get(PODS).await.expect("a list").object;
    list["items"].as_array().cloned().unwrap_or_default()
}

fn deployment() -> Value {
    let pod = plain("web");
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": pod["metadata"]["labels"]},
            "template": {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]},
        },
    })
}
