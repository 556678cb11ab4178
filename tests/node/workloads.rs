//! The node runs pods, as nodes do.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::ADMIN;
use crate::fixture::Fixture;
use crate::node;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("workloads::the_node_is_ready", the_node_is_ready),
        test("workloads::logs_and_exec", logs_and_exec),
        test("workloads::a_pod_reaches_the_api_server", a_pod_reaches_the_api_server),
        test("workloads::a_pod_in_a_user_namespace", a_pod_in_a_user_namespace),
    ]
}

/// A pod of an application that is started by a script.
fn pod(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{
            "name": "app",
            "image": "localhost/busybox:1",
            "command": ["sh", "-c", format!("{script}; exec httpd -f -p 8080")],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        }]},
    })
}

async fn the_node_is_ready(fixture: Arc<Fixture>) {
    let path = format!("/api/v1/nodes/{}", node::NAME);
    let node = fixture.cluster.api(ADMIN).get(&path).await.expect("a node").object;
    assert!(node::is_ready(&node), "{}", node["status"]["conditions"]);
    let runtime = &node["status"]["nodeInfo"]["containerRuntimeVersion"];
    assert!(runtime.as_str().is_some_and(|runtime| runtime.starts_with("containerd://")), "{runtime}");
}

async fn logs_and_exec(fixture: Arc<Fixture>) {
    let namespace = fixture.namespace("logs-and-exec").await;
    namespace.run_pod(&pod("app", "echo it starts")).await;
    assert_eq!(namespace.kubectl(&["logs", "app"]), "it starts\n");
    assert_eq!(namespace.shell("app", "echo it runs"), "it runs\n");
}

async fn a_pod_reaches_the_api_server(fixture: Arc<Fixture>) {
    let namespace = fixture.namespace("reaches-the-api-server").await;
    namespace.run_pod(&pod("app", "true")).await;
    let script = "nc -w 10 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT < /dev/null && echo it answers";
    assert_eq!(namespace.shell("app", script), "it answers\n");
}

async fn a_pod_in_a_user_namespace(fixture: Arc<Fixture>) {
    let namespace = fixture.namespace("user-namespace").await;
    let mut pod = pod("app", "cat /proc/self/uid_map");
    pod["spec"]["hostUsers"] = json!(false);
    namespace.run_pod(&pod).await;
    let log = namespace.kubectl(&["logs", "app"]);
    let map: Vec<u64> = log.split_whitespace().map(|id| id.parse().expect("a uid")).collect();
    assert_eq!(map[0], 0, "{log}");
    assert_ne!(map[1], 0, "root inside is root outside: {log}");
}
