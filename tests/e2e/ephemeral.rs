//! Ephemeral containers, as `kubectl debug` adds them to a pod that exists.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Namespace, Server};
use crate::pod_security::RESTRICTED;
use crate::pods::{self, weaknesses};
use crate::{Test, test};

/// The profiles that `kubectl debug` knows.
const PROFILES: [&str; 5] = ["general", "baseline", "restricted", "netadmin", "sysadmin"];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("ephemeral::the_first_is_hardened", the_first_is_hardened),
        test("ephemeral::the_second_is_hardened_and_the_first_stays", the_second),
        test("ephemeral::every_debug_profile_works", every_debug_profile),
        test("ephemeral::a_copy_to_debug_is_hardened", a_copy_is_hardened),
        test("ephemeral::restricted_admits_a_debug_container", restricted_admits),
        test("ephemeral::enforced_repairs_the_general_profile", enforced_repairs),
    ]
}

/// Adds an ephemeral container, checks that nothing else changed, and returns the pod.
async fn debug(fixture: &Fixture, namespace: &Namespace, name: &str, profile: &str) -> Value {
    let before = pod(namespace).await;
    let container = format!("--container={name}");
    let profile = format!("--profile={profile}");
    let args = ["debug", "nginx", "--image=busybox:1.37", &container, &profile];
    let output = fixture.kubectl(namespace, &args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{profile}: {said}");
    let after = pod(namespace).await;
    assert_eq!(without_the_new_one(&before, name), without_the_new_one(&after, name));
    pods::container(&after, name);
    after
}

/// What may not change: annotations, and the specification but for this ephemeral container.
fn without_the_new_one(pod: &Value, name: &str) -> Value {
    let mut spec = pod["spec"].clone();
    let mut others = Vec::new();
    if let Some(list) = spec["ephemeralContainers"].as_array() {
        others.extend(list.iter().filter(|container| container["name"] != name).cloned());
    }
    spec["ephemeralContainers"] = json!(others);
    json!({"annotations": pod["metadata"]["annotations"], "spec": spec})
}

async fn pod(namespace: &Namespace) -> Value {
    let pod = namespace.api.get(&namespace.path("pods/nginx")).await;
    pod.expect("a pod").object
}

fn assert_container_hardened(pod: &Value, name: &str) {
    let weak = weaknesses(pod, pods::container(pod, name));
    assert!(weak.is_empty(), "not hardened: {weak:?} in {pod}");
}

async fn the_first_is_hardened(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            namespace.create("pods", &pods::plain("nginx")).await;
            let pod = debug(&fixture, namespace, "first", "baseline").await;
            assert_container_hardened(&pod, "first");
        })
        .await;
}

async fn the_second(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            namespace.create("pods", &pods::plain("nginx")).await;
            debug(&fixture, namespace, "first", "baseline").await;
            let pod = debug(&fixture, namespace, "second", "baseline").await;
            assert_container_hardened(&pod, "first");
            assert_container_hardened(&pod, "second");
        })
        .await;
}

async fn every_debug_profile(fixture: Arc<Fixture>) {
    for server in [Server::BuiltIn, Server::Enforced] {
        fixture
            .with_temp_namespace(server, &[], async |namespace| {
                namespace.create("pods", &pods::plain("nginx")).await;
                for profile in PROFILES {
                    debug(&fixture, namespace, profile, profile).await;
                }
                let pod = pod(namespace).await;
                // What a profile is for stays, where the policy does not enforce otherwise.
                let context = &pods::container(&pod, "sysadmin")["securityContext"];
                assert_eq!(context["privileged"] == true, server == Server::BuiltIn, "{context}");
            })
            .await;
    }
}

/// `kubectl debug --copy-to` makes a new pod of a hardened one.
async fn a_copy_is_hardened(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[RESTRICTED], async |namespace| {
            namespace.create("pods", &pods::plain("nginx")).await;
            let args = [
                "debug",
                "nginx",
                "--copy-to=copy",
                "--image=busybox:1.37",
                "--container=debugger",
                "--profile=baseline",
            ];
            let output = fixture.kubectl(namespace, &args);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            let copy = namespace.api.get(&namespace.path("pods/copy")).await;
            let copy = copy.expect("a pod").object;
            pods::container(&copy, "debugger");
            pods::assert_hardened(&copy);
        })
        .await;
}

async fn restricted_admits(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[RESTRICTED], async |namespace| {
            namespace.create("pods", &pods::plain("nginx")).await;
            for profile in ["restricted", "baseline"] {
                let pod = debug(&fixture, namespace, profile, profile).await;
                assert_container_hardened(&pod, profile);
            }
        })
        .await;
}

async fn enforced_repairs(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Enforced, &[RESTRICTED], async |namespace| {
            namespace.create("pods", &pods::plain("nginx")).await;
            for profile in PROFILES {
                let pod = debug(&fixture, namespace, profile, profile).await;
                assert_container_hardened(&pod, profile);
            }
        })
        .await;
}
