//! What was hardened runs, and is inside what it was made to be.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Namespace};
use crate::installation::is_hardened;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("hardened::a_deployment_runs", a_deployment_runs)]
}

/// A Deployment whose author thought of nothing.
fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{
                    "name": "web",
                    "image": "localhost/busybox:1",
                    "ports": [{"containerPort": 8080}],
                    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                }]},
            },
        },
    })
}

async fn a_deployment_runs(fixture: Arc<Fixture>) {
    runs(&fixture, "hardened").await;
}

/// In a new namespace.
pub(crate) async fn runs(fixture: &Fixture, name: &str) {
    let namespace = fixture.namespace(name).await;
    let path = format!("/apis/apps/v1/namespaces/{}/deployments", namespace.name);
    namespace.api.create(&path, &deployment()).await.expect("a Deployment");
    namespace.kubectl(&["rollout", "status", "deployment/web", "--timeout=120s"]);
    let pods = namespace.api.get(&namespace.path("pods")).await.expect("a list").object;
    let pods = pods["items"].as_array().expect("items");
    assert_eq!(pods.len(), 2);
    for pod in pods {
        assert!(is_hardened(pod), "{}", pod["metadata"]);
        let name = pod["metadata"]["name"].as_str().expect("a name");
        assert_inside(&namespace, name);
    }
}

fn assert_inside(namespace: &Namespace<'_>, pod: &str) {
    let status = namespace.shell(pod, "cat /proc/1/status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let words: Vec<&str> =
            line.unwrap_or_else(|| panic!("no {name}: {status}")).split_whitespace().collect();
        words.join(" ")
    };
    assert_eq!(field("Uid"), "65532 65532 65532 65532");
    assert_eq!(field("Gid"), "65532 65532 65532 65532");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("Seccomp"), "2");
    assert_eq!(namespace.shell(pod, "touch /file || true"), "touch: /file: Read-only file system\n");
    assert_eq!(namespace.shell(pod, "echo kept > /tmp/file; cat /tmp/file"), "kept\n");
    assert_eq!(namespace.shell(pod, "find / -xdev -name serviceaccount 2> /dev/null"), "", "a token");
    assert!(!namespace.shell(pod, "cat /proc/mounts").contains("serviceaccount"), "a token");
}
