//! Windows pods, which refuse most of what Linux pods are hardened with.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Server};
use crate::pods::{self, assert_hardened};
use crate::{Test, test};

/// What the API server refuses, or a Windows node cannot honour.
const LINUX_ONLY: [&str; 12] = [
    "allowPrivilegeEscalation",
    "appArmorProfile",
    "capabilities",
    "fsGroup",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsUser",
    "seLinuxOptions",
    "seccompProfile",
    "sysctls",
];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("windows::pods_get_no_linux_field", no_linux_field),
        test("windows::a_node_selector_makes_no_windows_pod", node_selector),
    ]
}

fn assert_no_linux_field(pod: &Value) {
    let contexts = pods::containers(pod);
    let contexts = contexts.iter().map(|container| &container["securityContext"]);
    for context in contexts.chain([&pod["spec"]["securityContext"]]) {
        for field in LINUX_ONLY {
            assert!(context[field].is_null(), "{field} in {context}");
        }
    }
    assert_ne!(pod["spec"]["hostUsers"], false, "{pod}");
}

async fn no_linux_field(fixture: Arc<Fixture>) {
    let pod = pods::plain_with(
        "iis",
        json!({
            "os": {"name": "windows"},
            "initContainers": [{"name": "prepare", "image": "nanoserver:ltsc2025"}],
        }),
    );
    for server in [Server::BuiltIn, Server::Enforced] {
        fixture
            .with_temp_namespace(server, &[], async |namespace| {
                let pod = namespace.admits(&pod).await.object;
                assert_no_linux_field(&pod);
                // What is not Linux's alone is done all the same.
                assert!(pods::token_readers(&pod).is_empty(), "{pod}");
            })
            .await;
    }
}

async fn node_selector(fixture: Arc<Fixture>) {
    let selector = json!({"nodeSelector": {"kubernetes.io/os": "windows"}});
    let pod = pods::plain_with("iis", selector);
    fixture
        .with_temp_namespace(Server::BuiltIn, &[crate::pod_security::RESTRICTED], async |namespace| {
            assert_hardened(&namespace.admits(&pod).await.object);
        })
        .await;
}
