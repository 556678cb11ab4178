//! Requests and limits: never beyond what the author, the pod or the namespace allows.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Server};
use crate::pods::{self, assert_hardened};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("resources::every_container_gets_some", every_container_gets_some),
        test("resources::small_limits_stay", small_limits_stay),
        test("resources::large_requests_stay", large_requests_stay),
        test("resources::fit_into_a_pods_own", fit_into_a_pods_own),
        test("resources::of_a_limit_range_stay", of_a_limit_range_stay),
    ]
}

fn with_resources(resources: &Value) -> Value {
    let container = json!({"name": "nginx", "image": "shop:1.29", "resources": resources});
    pods::plain_with("nginx", json!({"containers": [container]}))
}

async fn every_container_gets_some(fixture: Arc<Fixture>) {
    let pod = pods::plain_with(
        "nginx",
        json!({"initContainers": [
            {"name": "prepare", "image": "busybox:1.37"},
            {"name": "log", "image": "fluent-bit:4", "restartPolicy": "Always"},
        ]}),
    );
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let pod = namespace.admits(&pod).await.object;
            for container in pods::containers(&pod) {
                for kind in ["requests", "limits"] {
                    for name in ["cpu", "memory", "ephemeral-storage"] {
                        let amount = &container["resources"][kind][name];
                        assert!(amount.is_string(), "{kind} {name}: {container}");
                    }
                }
            }
        })
        .await;
}

async fn small_limits_stay(fixture: Arc<Fixture>) {
    let limits = json!({"cpu": "1m", "memory": "4Mi", "ephemeral-storage": "1Mi"});
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let pod = with_resources(&json!({"limits": limits}));
            let pod = namespace.admits(&pod).await.object;
            assert_eq!(pods::container(&pod, "nginx")["resources"]["limits"], limits);
            assert_hardened(&pod);
        })
        .await;
}

async fn large_requests_stay(fixture: Arc<Fixture>) {
    let requests = json!({"cpu": "64", "memory": "512Gi", "ephemeral-storage": "1Ti"});
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let pod = with_resources(&json!({"requests": requests}));
            let pod = namespace.admits(&pod).await.object;
            assert_eq!(pods::container(&pod, "nginx")["resources"]["requests"], requests);
            assert_hardened(&pod);
        })
        .await;
}

async fn fit_into_a_pods_own(fixture: Arc<Fixture>) {
    let own = [
        json!({"limits": {"cpu": "2m", "memory": "8Mi"}}),
        json!({"requests": {"cpu": "1m", "memory": "4Mi"}}),
        json!({
            "requests": {"cpu": "1m", "memory": "4Mi"},
            "limits": {"cpu": "2m", "memory": "8Mi"},
        }),
    ];
    for resources in own {
        let pod = pods::plain_with(
            "nginx",
            json!({
                "resources": resources,
                "initContainers": [{"name": "log", "image": "fluent-bit:4", "restartPolicy": "Always"}],
            }),
        );
        fixture
            .with_temp_namespace(Server::None, &[], async |namespace| {
                namespace.admits(&pod).await;
            })
            .await;
        fixture
            .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
                let admitted = namespace.admits(&pod).await.object;
                assert_hardened(&admitted);
                for (kind, amounts) in resources.as_object().expect("an object") {
                    assert_eq!(&admitted["spec"]["resources"][kind], amounts);
                }
            })
            .await;
    }
}

async fn of_a_limit_range_stay(fixture: Arc<Fixture>) {
    let range = json!({
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "small"},
        "spec": {"limits": [{
            "type": "Container",
            "max": {"cpu": "5m", "memory": "8Mi", "ephemeral-storage": "2Mi"},
        }]},
    });
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            namespace.create("limitranges", &range).await;
            let mut limits = Value::Null;
            crate::cluster::until("the limit range applies", async || {
                let pod = namespace.admits(&pods::plain("nginx")).await.object;
                limits = pods::container(&pod, "nginx")["resources"]["limits"].clone();
                limits["cpu"] == "5m"
            })
            .await;
            let all = json!({"cpu": "5m", "memory": "8Mi", "ephemeral-storage": "2Mi"});
            assert_eq!(limits, all);
        })
        .await;
}
