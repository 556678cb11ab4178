//! A program that writes where a hardened root file system is read-only dies, is understood, and lives.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{ADMIN, until_ok};
use crate::fixture::Fixture;
use crate::installation::is_hardened;
use crate::node::is_ready;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("guard::what_dies_of_a_read_only_root_is_healed", healed)]
}

const POLICIES: &str = "/apis/pod-hardener.dev/v1alpha1/hardeningpolicies";
const PROFILES: &str = "/apis/pod-hardener.dev/v1alpha1/imageprofiles";

/// Its log is where the API says why it ended.
fn deployment() -> Value {
    let script = "mkdir -p /work && echo kept > /work/file && exec httpd -f -p 8080";
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "writes"},
        "spec": {
            "selector": {"matchLabels": {"app": "writes"}},
            "template": {
                "metadata": {"labels": {"app": "writes"}},
                "spec": {"containers": [{
                    "name": "app", "image": "localhost/busybox:1", "command": ["sh", "-c", script],
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                }]},
            },
        },
    })
}

async fn healed(fixture: Arc<Fixture>) {
    let api = fixture.cluster.api(ADMIN);
    let policy = json!({
        "apiVersion": "pod-hardener.dev/v1alpha1", "kind": "HardeningPolicy", "metadata": {"name": "heals"},
        "spec": {"selector": {"namespaces": ["heals"]}, "guard": {"mode": "heal"}},
    });
    api.create(POLICIES, &policy).await.expect("a policy");
    until_ok("the policy is in force", async || {
        let policy = api.get(&format!("{POLICIES}/heals")).await.map_err(|refused| refused.message)?.object;
        if policy["status"]["conditions"][0]["status"] == "True" { Ok(()) } else { Err(policy.to_string()) }
    })
    .await;
    let namespace = fixture.namespace("heals").await;
    let path = format!("/apis/apps/v1/namespaces/{}/deployments", namespace.name);
    namespace.api.create(&path, &deployment()).await.expect("a Deployment");
    let mut pod = Value::Null;
    until_ok("it runs", async || {
        let pods =
            namespace.api.get(&namespace.path("pods")).await.map_err(|refused| refused.message)?.object;
        let items = pods["items"].as_array().cloned().unwrap_or_default();
        pod = items.iter().find(|pod| is_ready(pod)).cloned().ok_or_else(|| {
            let events = namespace.kubectl(&["get", "events"]);
            let profiles = namespace.kubectl(&["get", "imageprofiles", "-o", "yaml"]);
            let statuses: Vec<&Value> = items.iter().map(|pod| &pod["status"]["containerStatuses"]).collect();
            format!("{statuses:?}\n{profiles}\n{events}")
        })?;
        Ok(())
    })
    .await;
    assert!(is_hardened(&pod), "{}", pod["metadata"]);
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0);
    let name = pod["metadata"]["name"].as_str().expect("a name");
    assert_eq!(namespace.shell(name, "cat /work/file"), "kept\n");
    let profiles = api.get(PROFILES).await.expect("profiles").object;
    let items = profiles["items"].as_array().expect("items");
    // Other tests' workloads are healed beside it.
    let specs = items.iter().map(|profile| &profile["spec"]);
    let ours = |spec: &&Value| spec["source"] == "learnt" && spec["match"]["namespaces"] == json!(["heals"]);
    let learnt: Vec<&Value> = specs.filter(ours).collect();
    assert_eq!(learnt.len(), 1, "{profiles}");
    let spec = learnt[0];
    let evidence = spec["evidence"].to_string();
    assert!(evidence.contains("read-only") && evidence.contains("Deployment/writes"), "{evidence}");
}
