//! Pods that a controller makes are hardened; what they are made from stays as it is.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::until;
use crate::fixture::{Fixture, Namespace, Server};
use crate::pod_security::RESTRICTED;
use crate::pods::assert_hardened;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("deployment::only_its_pods_change", only_its_pods_change),
        test("deployment::replicas_are_answered_from_memory", replicas_are_answered_from_memory),
    ]
}

fn deployment(replicas: usize) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [
                    {"name": "nginx", "image": "shop:1.29", "ports": [{"containerPort": 80}]},
                ]},
            },
        },
    })
}

async fn only_its_pods_change(fixture: Arc<Fixture>) {
    let untouched = fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            create(namespace, 2).await;
            template(namespace, "deployments/web").await
        })
        .await;
    fixture
        .with_temp_namespace(Server::BuiltIn, &[RESTRICTED], async |namespace| {
            create(namespace, 2).await;
            let pods = pods_of(namespace, 2).await;
            pods.iter().for_each(assert_hardened);
            assert_eq!(template(namespace, "deployments/web").await, untouched);
        })
        .await;
}

/// Real replicas differ in nothing on which an answer depends: all but the first two get the answer that is known, and are
/// as hard as those.
async fn replicas_are_answered_from_memory(fixture: Arc<Fixture>) {
    const REPLICAS: usize = 20;
    const SERIES: &str = "pod_hardener_admission_remembered_total";
    let webhook = fixture.webhook(Server::Knowing);
    fixture
        .with_temp_namespace(Server::Knowing, &[RESTRICTED], async |namespace| {
            let before = webhook.metric(SERIES).await.expect("a number");
            create(namespace, REPLICAS).await;
            let pods = pods_of(namespace, REPLICAS).await;
            pods.iter().for_each(assert_hardened);
            let specs: Vec<Value> = pods.iter().map(|pod| pod["spec"].clone()).collect();
            assert!(specs.windows(2).all(|pair| pair[0] == pair[1]), "{specs:#?}");
            // The API server asks on several connections at once, and a change in the cluster may come between.
            let known = webhook.metric(SERIES).await.expect("a number") - before;
            assert!(known >= 10.0, "{known} of {REPLICAS}");
        })
        .await;
}

async fn create(namespace: &Namespace, replicas: usize) {
    let path = apps(namespace, "deployments");
    namespace.api.create(&path, &deployment(replicas)).await.expect("a Deployment");
}

async fn template(namespace: &Namespace, object: &str) -> Value {
    let object = namespace.api.get(&apps(namespace, object)).await;
    object.expect("a Deployment").object["spec"]["template"].clone()
}

fn apps(namespace: &Namespace, resource: &str) -> String {
    format!("/apis/apps/v1/namespaces/{}/{resource}", namespace.name)
}

/// The pods that the controller manager made, once there are so many.
async fn pods_of(namespace: &Namespace, count: usize) -> Vec<Value> {
    let mut pods = Vec::new();
    until("the Deployment has its pods", async || {
        let list = namespace.api.get(&namespace.path("pods")).await;
        let list = list.expect("a list").object;
        pods = list["items"].as_array().cloned().unwrap_or_default();
        pods.len() >= count
    })
    .await;
    pods
}
