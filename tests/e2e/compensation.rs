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
            namespace.node(POOL, "new", true).await;
            namespace.node(POOL, "old", false).await;
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
                namespace.node(POOL, "new", true).await;
                // Hardened, so admitted: what compensation leaves, Pod Security would refuse.
                let admitted = namespace.admits(&exempted(namespace, "new")).await.object;
                pods::assert_hardened(&admitted);
                let path = format!("/api/v1/nodes/{}-new", namespace.name);
                namespace.api.delete(&path).await.expect("a deletion");
            })
            .await;
    }
}
