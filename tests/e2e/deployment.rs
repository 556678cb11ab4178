//! Pods that a controller makes are hardened; what they are made from stays as it is.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::until;
use crate::fixture::{Fixture, Namespace, Server};
use crate::pod_security::RESTRICTED;
use crate::pods::assert_hardened;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("deployment::only_its_pods_change", only_its_pods_change)]
}

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
            create(namespace).await;
            template(namespace, "deployments/web").await
        })
        .await;
    fixture
        .with_temp_namespace(Server::BuiltIn, &[RESTRICTED], async |namespace| {
            create(namespace).await;
            let pods = pods_of(namespace, 2).await;
            pods.iter().for_each(assert_hardened);
            assert_eq!(template(namespace, "deployments/web").await, untouched);
        })
        .await;
}

async fn create(namespace: &Namespace) {
    let path = apps(namespace, "deployments");
    namespace.api.create(&path, &deployment()).await.expect("a Deployment");
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
