//! Templates and the check of exemptions, under its real names: in a cluster of its own, for it would deny the others'.

use std::sync::Arc;

use pod_hardener::authority::policy::{Action, NAME, Settings as CheckSettings, documents};
use serde_json::{Value, json};

use crate::api::Api;
use crate::cluster::{ADMIN, Cluster, until, until_ok};
use crate::fixture::{Fixture, HARDENED};
use crate::webhook::{LABEL, Settings, Webhook, until_called};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("adoption::a_template_older_than_its_check_is_adopted", older_newer_adopted)]
}

const POLICY: &str = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: rbac}\n\
                      spec: {exemptions: {authorization: rbac}}\n";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";
const PODS: &str = "/api/v1/namespaces/shop/pods";
const EXEMPTED: &str = "pod-hardener.dev/exempted";

async fn older_newer_adopted(fixture: Arc<Fixture>) {
    let cluster = Cluster::start(&fixture.binaries).await;
    let policy = cluster.folder().join("policy.yaml");
    std::fs::write(&policy, POLICY).expect("a policy file");
    let args = vec![
        format!("--kubeconfig={}", cluster.kubeconfig(ADMIN).display()),
        format!("--policy={}", policy.display()),
    ];
    let settings = Settings { name: "trusting", args, failure_policy: "Fail", timeout_seconds: 10 };
    let webhook = Webhook::start(&cluster, settings).await;
    let api = cluster.api(ADMIN);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {LABEL: "trusting"}}});
    api.create("/api/v1/namespaces", &namespace).await.expect("a namespace");
    let account = "/api/v1/namespaces/shop/serviceaccounts/default";
    until("there is the default service account", async || api.get(account).await.is_ok()).await;

    until_called(&api, "shop", |pod| crate::pods::annotation(pod, HARDENED).is_some()).await;

    api.create(DEPLOYMENTS, &deployment("older")).await.expect("a Deployment");
    let is_exempt =
        async |name: &str| exempted(&api, name).await.map_err(|reason| format!("{name}: {reason}"));
    until_ok("it has a pod, which is hardened", async || match is_exempt("older").await? {
        false => Ok(()),
        true => panic!("exempted before there is a check"),
    })
    .await;

    let registrations = "/apis/admissionregistration.k8s.io/v1";
    let [check, binding] = documents(&CheckSettings::default(), Action::Deny);
    let policies = format!("{registrations}/validatingadmissionpolicies");
    api.create(&policies, &check).await.expect("a check");
    let bindings = format!("{registrations}/validatingadmissionpolicybindings");
    let bound = api.create(&bindings, &binding).await.expect("its binding").object;
    assert_eq!(bound["metadata"]["name"], NAME);

    // Once the check counts, which takes it half a minute, what is newer is trusted.
    let mut number = 0;
    until_ok("a newer template is trusted", async || {
        number += 1;
        let name = format!("newer-{number}");
        api.create(DEPLOYMENTS, &deployment(&name)).await.map_err(|refused| refused.message)?;
        let mut exempt = None;
        until(&format!("{name} has a pod"), async || {
            exempt = is_exempt(&name).await.ok();
            exempt.is_some()
        })
        .await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        if exempt == Some(true) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;

    let older = pods(&api, "older").await;
    let [pod] = older.as_slice() else { panic!("{older:?}") };
    let name = pod["metadata"]["name"].as_str().expect("a name");
    api.delete(&format!("{PODS}/{name}?gracePeriodSeconds=0")).await.expect("a deletion");
    until_ok("it is made anew, and hardened", async || {
        let pods = pods(&api, "older").await;
        let renewed = pods.iter().any(|other| other["metadata"]["uid"] != pod["metadata"]["uid"]);
        if renewed { Ok(()) } else { Err(format!("{pods:?}")) }
    })
    .await;
    assert_eq!(is_exempt("older").await, Ok(false));

    let path = format!("{DEPLOYMENTS}/older");
    // The controller writes the status meanwhile.
    until_ok("its adoption", async || {
        let mut adopted = api.get(&path).await.map_err(|refused| refused.message)?.object;
        adopted["spec"]["template"]["metadata"]["annotations"]["pod-hardener.dev/exempt-adopted"] =
            bound["metadata"]["uid"].clone();
        api.replace(&path, &adopted).await.map(drop).map_err(|refused| refused.message)
    })
    .await;
    until_ok("adopted, it is exempted", async || {
        let pods = pods(&api, "older").await;
        let is_exempt = |pod: &Value| pod["metadata"]["labels"][EXEMPTED] == "true";
        if pods.iter().any(is_exempt) { Ok(()) } else { Err(format!("{pods:?}")) }
    })
    .await;
    webhook.process().stop();
    cluster.stop();
}

/// Nobody else has a say here: the administrator may exempt.
fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {
                    "labels": {"app": name},
                    "annotations": {
                        "pod-hardener.dev/exempt": "read-only-root-filesystem",
                        "pod-hardener.dev/exempt-reason": "writes its pages at start",
                    },
                },
                "spec": {"containers": [{"name": "a", "image": "a"}]},
            },
        },
    })
}

async fn pods(api: &Api, app: &str) -> Vec<Value> {
    let list = api.get(&format!("{PODS}?labelSelector=app%3D{app}")).await.expect("a list").object;
    list["items"].as_array().cloned().unwrap_or_default()
}

/// Whether the newest pod of a Deployment is exempted: its root is left as its author wrote it, and a label says so.
async fn exempted(api: &Api, app: &str) -> Result<bool, String> {
    let pods = pods(api, app).await;
    let pod = pods.first().ok_or("no pod yet")?;
    let read_only = &pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"];
    let labelled = pod["metadata"]["labels"][EXEMPTED] == "true";
    assert_eq!(*read_only == json!(true), !labelled, "{pod}");
    Ok(labelled)
}
