//! Mirror pods are the kubelet's. The annotation that makes one can be forged.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{DEVELOPER, NODE};
use crate::fixture::{Fixture, Server};
use crate::pods::{self, assert_hardened};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("mirror::a_developers_is_hardened", a_developers_is_hardened),
        test("mirror::a_kubelets_is_left_alone", a_kubelets_is_left_alone),
    ]
}

fn mirror_pod() -> Value {
    let mut pod = pods::annotated("nginx", json!({"kubernetes.io/config.mirror": "0123456789"}));
    pod["spec"]["nodeName"] = json!("node-1");
    pod
}

async fn a_developers_is_hardened(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let namespace = namespace.seen_by(&fixture, DEVELOPER);
            assert_hardened(&namespace.admits(&mirror_pod()).await.object);
        })
        .await;
}

async fn a_kubelets_is_left_alone(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let namespace = namespace.seen_by(&fixture, NODE);
            pods::assert_untouched(&namespace.admits(&mirror_pod()).await.object);
            // What a kubelet creates without the annotation is a pod like others.
            let mut pod = mirror_pod();
            pod["metadata"]["annotations"] = json!({});
            assert_hardened(&namespace.admits(&pod).await.object);
        })
        .await;
}
