//! What the server knows of the cluster, and how it says so.

use std::sync::Arc;

use serde_json::json;

use crate::cluster::until;
use crate::fixture::{Fixture, Server};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("cluster_knowledge::objects_are_counted_as_they_come_and_go", objects_come_and_go)]
}

async fn objects_come_and_go(fixture: Arc<Fixture>) {
    let webhook = fixture.webhook(Server::Knowing);
    let (code, verbose) = webhook.admin("/readyz?verbose").await.expect("an answer");
    assert_eq!(code, 200, "{verbose}");
    for kind in ["namespaces", "nodes", "clusterrolebindings", "validatingadmissionpolicies"] {
        assert!(verbose.contains(&format!("[+] watch {kind}: ")), "{verbose}");
    }
    assert!(!verbose.contains("[-]"), "{verbose}");
    assert!(webhook.metric("pod_hardener_cluster_contact_timestamp_seconds").await > Some(1.0));
    fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"},
                "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}});
            namespace.create("limitranges", &limits).await;
            const SERIES: &str = "pod_hardener_watch_objects{kind=\"limitranges\"}";
            until("the LimitRange is known", async || webhook.metric(SERIES).await == Some(1.0)).await;
            namespace.api.delete(&namespace.path("limitranges/l")).await.expect("a deletion");
            until("it is gone again", async || webhook.metric(SERIES).await == Some(0.0)).await;
        })
        .await;
}
