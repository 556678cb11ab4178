//! A user namespace for who is exempted from `run-as-non-root`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::until_ok;
use crate::fixture::{Fixture, Namespace, Server};
use crate::{Test, pods, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("compensation::by_nodes_and_pod_security", by_nodes_and_pod_security)]
}

/// The label of namespaces in which an exemption from `run-as-non-root` costs a user namespace.
const COMPENSATING: (&str, &str) = ("exemptions", "compensated");
const POOL: &str = "e2e-pool";

/// A node that nobody runs; what it can is in its status.
async fn node(namespace: &Namespace, pool: &str, user_namespaces: bool) {
    let name = format!("{}-{pool}", namespace.name);
    let handlers = json!([{"name": "", "features": {"userNamespaces": user_namespaces}}]);
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {POOL: name}},
        "status": {"runtimeHandlers": handlers},
    });
    namespace.api.create("/api/v1/nodes", &node).await.expect("a node");
}

fn exempted(namespace: &Namespace, pool: &str) -> Value {
    let mut pod = pods::annotated(
        "root",
        json!({
            "pod-hardener.dev/exempt": "run-as-non-root",
            "pod-hardener.dev/exempt-reason": "the image starts as root",
        }),
    );
    pod["spec"]["nodeSelector"] = json!({POOL: format!("{}-{pool}", namespace.name)});
    pod
}

async fn by_nodes_and_pod_security(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Choosing, &[COMPENSATING], async |namespace| {
            node(namespace, "new", true).await;
            node(namespace, "old", false).await;
            until_ok("the new node is known", async || {
                let admitted = namespace.admits(&exempted(namespace, "new")).await.object;
                let context = &admitted["spec"]["containers"][0]["securityContext"];
                let compensated = admitted["spec"]["hostUsers"] == false
                    && context["runAsNonRoot"].is_null()
                    && context["capabilities"]["add"]
                        .as_array()
                        .is_some_and(|names| names.contains(&json!("CHOWN")));
                if compensated { Ok(()) } else { Err(admitted.to_string()) }
            })
            .await;
            let on_old = namespace.admits(&exempted(namespace, "old")).await;
            assert!(on_old.object["spec"]["hostUsers"].is_null());
            pods::assert_hardened(&on_old.object);
            let told = "pod-hardener.dev/exempt is not honoured";
            assert!(on_old.warnings.iter().any(|warning| warning.contains(told)), "{:?}", on_old.warnings);
            for pool in ["new", "old"] {
                let path = format!("/api/v1/nodes/{}-{pool}", namespace.name);
                namespace.api.delete(&path).await.expect("a deletion");
            }
        })
        .await;
    let restricted = ("pod-security.kubernetes.io/enforce", "restricted");
    let version = ("pod-security.kubernetes.io/enforce-version", "v1.34");
    for labels in [&[COMPENSATING, restricted][..], &[COMPENSATING, restricted, version]] {
        fixture
            .with_temp_namespace(Server::Choosing, labels, async |namespace| {
                node(namespace, "new", true).await;
                // Hardened, so admitted: what compensation leaves, Pod Security would refuse.
                let admitted = namespace.admits(&exempted(namespace, "new")).await.object;
                pods::assert_hardened(&admitted);
                let path = format!("/api/v1/nodes/{}-new", namespace.name);
                namespace.api.delete(&path).await.expect("a deletion");
            })
            .await;
    }
}
