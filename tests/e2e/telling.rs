//! Owners are told by Events; what is exempted can be listed.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{ADMIN, until_ok};
use crate::fixture::{Fixture, Namespace, Server};
use crate::{Test, pods, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("telling::an_exemption_that_ends_is_told_and_listed", an_exemption_ends),
        test("telling::a_binding_that_comes_too_late_is_told_at_the_deployment", a_binding_comes_late),
    ]
}

/// The notes of Events about an object, by reason.
pub(crate) async fn until_told(namespace: &Namespace, about: (&str, &str), reason: &str, needle: &str) {
    let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", namespace.name);
    until_ok(&format!("{reason} is told at {about:?}"), async || {
        let events = namespace.api.get(&path).await.map_err(|refused| refused.message)?.object;
        let items = events["items"].as_array().cloned().unwrap_or_default();
        let told = items.iter().any(|event| {
            event["reason"] == reason
                && (&event["regarding"]["kind"], &event["regarding"]["name"])
                    == (&json!(about.0), &json!(about.1))
                && event["note"].as_str().is_some_and(|note| note.contains(needle))
        });
        if told { Ok(()) } else { Err(format!("{items:?}")) }
    })
    .await;
}

async fn an_exemption_ends(fixture: Arc<Fixture>) {
    let soon = time::OffsetDateTime::now_utc().date() + time::Duration::days(3);
    let mut pod = pods::annotated(
        "legacy",
        json!({
            "pod-hardener.dev/exempt": "read-only-root-filesystem",
            "pod-hardener.dev/exempt-reason": "writes its pages at start",
            "pod-hardener.dev/exempt-until": soon.to_string(),
        }),
    );
    pod["metadata"]["labels"] = json!({"pod-hardener.dev/exempted": "true"});
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            namespace.create("pods", &pod).await;
            until_told(namespace, ("Pod", "legacy"), "ExemptionExpiring", &soon.to_string()).await;
            let series = "pod_hardener_exempted_pods{left=\"7-days\",rule=\"read-only-root-filesystem\"}";
            assert!(fixture.webhook(Server::Knowing).metric(series).await >= Some(1.0));

            let (code, list) = exemptions(&fixture, namespace, &["list", "-o", "json"]);
            assert_eq!(code, Some(0));
            let list: Value = serde_json::from_str(&list).expect("JSON");
            let row = &list[0];
            assert_eq!(
                (&row["kind"], &row["name"], &row["pods"]),
                (&json!("Pod"), &json!("legacy"), &json!(1))
            );
            assert_eq!(row["reason"], "writes its pages at start");
            assert_eq!(exemptions(&fixture, namespace, &["expiring"]).0, Some(1));
            assert_eq!(exemptions(&fixture, namespace, &["expiring", "--days", "1"]).0, Some(0));
        })
        .await;
}

/// `pod-hardener exemptions`: its exit code and what it prints.
fn exemptions(fixture: &Fixture, namespace: &Namespace, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pod-hardener"))
        .arg("exemptions")
        .args(args)
        .arg("--kubeconfig")
        .arg(fixture.cluster.kubeconfig(ADMIN))
        .args(["--namespace", &namespace.name])
        .output()
        .expect("our program");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}

async fn a_binding_comes_late(fixture: Arc<Fixture>) {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
        },
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "late"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default"}],
    });
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let apps = format!("/apis/apps/v1/namespaces/{}/deployments", namespace.name);
            namespace.api.create(&apps, &deployment).await.expect("a Deployment");
            until_ok("its pod is there", async || {
                let pods =
                    namespace.api.get(&namespace.path("pods")).await.map_err(|refused| refused.message)?;
                let first = &pods.object["items"][0]["spec"]["automountServiceAccountToken"];
                if *first == json!(false) { Ok(()) } else { Err(pods.object.to_string()) }
            })
            .await;
            let roles =
                format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings", namespace.name);
            namespace.api.create(&roles, &binding).await.expect("a RoleBinding");
            until_told(namespace, ("Deployment", "web"), "TokenMissing", "restart them").await;
        })
        .await;
}
