//! What whoever runs kubectl is told.

use std::sync::Arc;

use serde_json::json;

use crate::fixture::{Fixture, Server};
use crate::pods;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("warnings::kubectl_prints_what_changed", kubectl_prints_what_changed),
        test("warnings::name_what_could_not_be_hardened", name_what_could_not_be_hardened),
        test("warnings::are_short", are_short),
    ]
}

async fn kubectl_prints_what_changed(fixture: Arc<Fixture>) {
    let args = ["run", "nginx", "--image=shop:1.29"];
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let output = fixture.kubectl(namespace, &args);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            assert!(said.contains("Warning: pod-hardener"), "{said}");
        })
        .await;
    fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            let output = fixture.kubectl(namespace, &args);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains("pod-hardener"), "{said}");
        })
        .await;
}

async fn name_what_could_not_be_hardened(fixture: Arc<Fixture>) {
    let pod = pods::plain_with(
        "nginx",
        json!({
            "volumes": [{"name": "host", "hostPath": {"path": "/var/log"}}],
        }),
    );
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let warnings = namespace.admits(&pod).await.warnings;
            let named =
                |warning: &String| warning.starts_with("pod-hardener") && warning.contains("host-path");
            assert!(warnings.iter().any(named), "{warnings:?}");
        })
        .await;
}

async fn are_short(fixture: Arc<Fixture>) {
    let container = |number: usize| {
        json!({
            "name": format!("container-{number}-{}", "x".repeat(40)),
            "image": "shop:1.29",
            "securityContext": {"privileged": true, "capabilities": {"add": ["SYS_ADMIN"]}},
        })
    };
    let containers: Vec<_> = (0..40).map(container).collect();
    let pod = pods::plain_with("many", json!({"containers": containers}));
    for server in [Server::BuiltIn, Server::Enforced] {
        fixture
            .with_temp_namespace(server, &[], async |namespace| {
                let warnings = namespace.admits(&pod).await.warnings;
                let ours = |warning: &&String| warning.starts_with("pod-hardener");
                let sizes: Vec<usize> = warnings.iter().filter(ours).map(String::len).collect();
                assert!(!sizes.is_empty(), "nothing said about so much: {warnings:?}");
                assert!(sizes.iter().all(|&size| size <= 256), "{sizes:?}");
                assert!(sizes.iter().sum::<usize>() <= 4096, "{sizes:?}");
            })
            .await;
    }
}
