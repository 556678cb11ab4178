//! Exemptions by annotation: honoured with a reason, refused without one.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Server};
use crate::pods::{self, assert_hardened};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("exemptions::one_rule_is_honoured_with_a_reason", one_rule),
        test("exemptions::all_rules_are_honoured_with_a_reason", all_rules),
        test("exemptions::one_container_can_be_exempted", one_container),
        test("exemptions::those_that_are_wrong_harden_and_warn", wrong_ones),
        test("exemptions::kubectl_prints_why_one_is_refused", kubectl_prints_why),
    ]
}

fn ours(warnings: &[String]) -> Vec<&String> {
    let mut said: Vec<&String> = warnings.iter().collect();
    said.retain(|warning| warning.starts_with("pod-hardener"));
    said
}

async fn one_rule(fixture: Arc<Fixture>) {
    let pod = pods::annotated(
        "nginx",
        json!({
            "pod-hardener.dev/exempt": "read-only-root-filesystem",
            "pod-hardener.dev/exempt-reason": "writes its pages at start",
            "pod-hardener.dev/exempt-until": "2999-12-31",
        }),
    );
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let admitted = namespace.admits(&pod).await.object;
            let container = pods::container(&admitted, "nginx");
            let weak = pods::weaknesses(&admitted, container);
            assert_eq!(weak, ["\"nginx\": readOnlyRootFilesystem"]);
        })
        .await;
}

async fn all_rules(fixture: Arc<Fixture>) {
    let pod = pods::annotated(
        "nginx",
        json!({
            "pod-hardener.dev/exempt": "all",
            "pod-hardener.dev/exempt-reason": "a debugging session",
        }),
    );
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let admitted = namespace.admits(&pod).await.object;
            let container = pods::container(&admitted, "nginx");
            assert!(container["securityContext"].is_null(), "{container}");
            assert_eq!(pods::token_readers(&admitted), ["nginx"]);
        })
        .await;
}

async fn one_container(fixture: Arc<Fixture>) {
    let mut pod = pods::plain_with(
        "nginx",
        json!({"containers": [
            {"name": "nginx", "image": "shop:1.29"},
            {"name": "log", "image": "fluent-bit:4"},
        ]}),
    );
    pod["metadata"]["annotations"] = json!({
        "log.pod-hardener.dev/exempt": "read-only-root-filesystem",
        "pod-hardener.dev/exempt-reason": "buffers beside its program",
    });
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let admitted = namespace.admits(&pod).await.object;
            let weak = |name| pods::weaknesses(&admitted, pods::container(&admitted, name));
            assert_eq!(weak("log"), ["\"log\": readOnlyRootFilesystem"]);
            assert!(weak("nginx").is_empty(), "{admitted}");
        })
        .await;
}

/// Exemptions that are not to be honoured, and what the warning has to name.
fn wrong() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"pod-hardener.dev/exempt": "all"}), "pod-hardener.dev/exempt-reason"),
        (
            json!({
                "pod-hardener.dev/exempt": "capabilites",
                "pod-hardener.dev/exempt-reason": "misspelt",
            }),
            "pod-hardener.dev/exempt",
        ),
        (
            json!({
                "pod-hardener.dev/exempt": "all",
                "pod-hardener.dev/exempt-reason": "over long ago",
                "pod-hardener.dev/exempt-until": "2020-01-01",
            }),
            "pod-hardener.dev/exempt",
        ),
        (
            json!({
                "pod-hardener.dev/exempt": "all",
                "pod-hardener.dev/exempt-reason": "no date",
                "pod-hardener.dev/exempt-until": "some day",
            }),
            "pod-hardener.dev/exempt-until",
        ),
    ]
}

async fn wrong_ones(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            for (annotations, named) in wrong() {
                let admitted = namespace.admits(&pods::annotated("nginx", annotations)).await;
                assert_hardened(&admitted.object);
                let warnings = ours(&admitted.warnings);
                assert!(
                    warnings.iter().any(|warning| warning.contains(named)),
                    "no warning names {named}: {warnings:?}"
                );
            }
        })
        .await;
}

async fn kubectl_prints_why(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let args = ["run", "nginx", "--image=shop:1.29", "--annotations=pod-hardener.dev/exempt=all"];
            let output = fixture.kubectl(namespace, &args);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            let mut warnings = said.lines().filter(|line| line.starts_with("Warning: pod-hardener"));
            assert!(warnings.any(|line| line.contains("exempt-reason")), "{said}");
            let pod = namespace.api.get(&namespace.path("pods/nginx")).await;
            assert_hardened(&pod.expect("a pod").object);
        })
        .await;
}
