//! `reinvocationPolicy: IfNeeded`: what another webhook adds after us is hardened too.

use std::sync::Arc;

use crate::fixture::{Fixture, Server};
use crate::other_mutator::{ADDED, serve};
use crate::pod_security::RESTRICTED;
use crate::pods::{self, assert_hardened};
use crate::webhook::{Registration, register, until_called};
use crate::{Test, test};

/// The label of the namespaces whose pods get a sidecar.
const SIDECAR: (&str, &str) = ("pod-hardener-e2e-sidecar", "true");

pub(crate) fn tests() -> Vec<Test> {
    vec![test("reinvocation::a_sidecar_added_after_us_is_hardened", sidecar_is_hardened)]
}

async fn sidecar_is_hardened(fixture: Arc<Fixture>) {
    let files = fixture.cluster.authority().issue("zz-sidecar", fixture.cluster.folder());
    let registration = Registration {
        // Webhooks are called in the order of their configurations' names.
        name: "zz-sidecar",
        url: serve(&files).await,
        label: SIDECAR,
        failure_policy: "Fail",
        timeout_seconds: 10,
    };
    register(&fixture.cluster, &registration).await;
    let has_sidecar =
        |pod: &serde_json::Value| pods::containers(pod).iter().any(|container| container["name"] == ADDED);
    fixture
        .with_temp_namespace(Server::None, &[SIDECAR], async |namespace| {
            until_called(&namespace.api, &namespace.name, has_sidecar).await;
            let pod = namespace.admits(&pods::plain("nginx")).await.object;
            let added = pods::container(&pod, ADDED);
            assert!(!pods::weaknesses(&pod, added).is_empty(), "hardened without us: {added}");
        })
        .await;
    fixture
        .with_temp_namespace(Server::BuiltIn, &[SIDECAR, RESTRICTED], async |namespace| {
            let pod = namespace.admits(&pods::plain("nginx")).await.object;
            pods::container(&pod, ADDED);
            assert_hardened(&pod);
            assert!(pods::token_readers(&pod).is_empty(), "{pod}");
        })
        .await;
}
