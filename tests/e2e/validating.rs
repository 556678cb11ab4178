//! What people do with workloads: they are told of the pods, and need the right to what they exempt from.

use std::process::Output;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{ADMIN, DEVELOPER, until};
use crate::fixture::{Fixture, Namespace, Server};
use crate::selection::allow;
use crate::telling::until_told;
use crate::webhook::VALIDATED;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("validating::kubectl_prints_what_becomes_of_the_pods", kubectl_prints),
        test("validating::who_may_not_exempt_is_told_who_may", who_may_exempt),
        test("validating::every_way_to_exempt_is_denied_to_who_may_not", every_way),
        test("validating::the_owner_is_told_of_what_is_not_hardened", the_owner_is_told),
        test("validating::of_a_dry_run_nothing_is_told_or_counted", a_dry_run),
    ]
}

const YES: [(&str, &str); 1] = [(VALIDATED, "yes")];

fn workload(kind: &str, annotations: &Value) -> Value {
    let api_version = match kind {
        "CronJob" | "Job" => "batch/v1",
        "Pod" | "ReplicationController" => "v1",
        _ => "apps/v1",
    };
    let spec = json!({"containers": [{"name": "a", "image": "shop:1.29"}]});
    let mut template =
        json!({"metadata": {"labels": {"app": "web"}, "annotations": annotations}, "spec": spec});
    let selector = json!({"matchLabels": {"app": "web"}});
    let spec = match kind {
        "Pod" => {
            template["apiVersion"] = json!(api_version);
            template["kind"] = json!(kind);
            template["metadata"]["name"] = json!("web");
            return template;
        }
        "CronJob" | "Job" => {
            template["spec"]["restartPolicy"] = json!("Never");
            let job = json!({"template": template});
            if kind == "Job" { job } else { json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}) }
        }
        "ReplicationController" => json!({"replicas": 1, "template": template}),
        "StatefulSet" => json!({"serviceName": "web", "selector": selector, "template": template}),
        _ => json!({"selector": selector, "template": template}),
    };
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, "spec": spec})
}

fn exempting(rules: &str) -> Value {
    json!({"pod-hardener.dev/exempt": rules, "pod-hardener.dev/exempt-reason": "SHOP-1"})
}

/// `kubectl apply`, by a user.
fn apply(
    fixture: &Fixture,
    namespace: &Namespace,
    user: &str,
    object: &Value,
    args: &[&str],
) -> (bool, String) {
    let file = fixture.cluster.folder().join(format!("{}-{user}.json", namespace.name));
    std::fs::write(&file, object.to_string()).expect("a file");
    let kubeconfig = format!("--kubeconfig={}", fixture.cluster.kubeconfig(user).display());
    let words = [&["apply", kubeconfig.as_str(), "-f", file.to_str().expect("UTF-8")], args].concat();
    let Output { status, stderr, .. } = fixture.kubectl(namespace, &words);
    (status.success(), String::from_utf8_lossy(&stderr).into_owned())
}

/// A registration counts some time after it was made.
async fn until_validated(fixture: &Fixture, namespace: &Namespace) {
    until("what people do is validated", async || {
        let plain = workload("Deployment", &Value::Null);
        apply(fixture, namespace, ADMIN, &plain, &["--dry-run=server"]).1.contains("pods of Deployment/web")
    })
    .await;
}

async fn kubectl_prints(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Knowing, &YES, async |namespace| {
            until_validated(&fixture, namespace).await;
            let mut deployment = workload("Deployment", &Value::Null);
            let (applied, said) = apply(&fixture, namespace, DEVELOPER, &deployment, &[]);
            assert!(applied, "{said}");
            let head =
                "Warning: pod-hardener: pods of Deployment/web will be hardened by policy restricted: ";
            assert!(said.contains(head), "{said}");
            let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", namespace.name);
            let stored = namespace.api.get(&path).await.expect("a Deployment").object;
            let template = &stored["spec"]["template"];
            assert_eq!(template["spec"]["securityContext"], json!({}), "{template}");
            assert!(template["metadata"]["annotations"].is_null(), "{template}");
            // What was said once is not said when something else changes.
            deployment["spec"]["replicas"] = json!(2);
            let (applied, said) = apply(&fixture, namespace, DEVELOPER, &deployment, &[]);
            assert!(applied && !said.contains("pod-hardener"), "{said}");
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:1.30");
            let (_, said) = apply(&fixture, namespace, DEVELOPER, &deployment, &[]);
            assert!(said.contains(head), "{said}");
        })
        .await;
}

async fn who_may_exempt(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Choosing, &YES, async |namespace| {
            until_validated(&fixture, namespace).await;
            let deployment = workload("Deployment", &exempting("seccomp"));
            let (applied, said) = apply(&fixture, namespace, DEVELOPER, &deployment, &[]);
            assert!(!applied, "{said}");
            for part in [
                "user \"developer\" may not exempt from seccomp",
                &format!("in namespace \"{}\"", namespace.name),
                "{verbs: [exempt], apiGroups: [pod-hardener.dev], resources: [rules], resourceNames: [seccomp]}",
            ] {
                assert!(said.contains(part), "{part} is not in {said}");
            }
            println!("{said}");
            allow(namespace, "seccomp").await;
            // The answer is remembered for seconds, no longer.
            until("the developer may", async || {
                apply(&fixture, namespace, DEVELOPER, &deployment, &[]).0
            })
            .await;
            let more = workload("Deployment", &exempting("seccomp,capabilities"));
            let (applied, said) = apply(&fixture, namespace, DEVELOPER, &more, &[]);
            assert!(!applied && said.contains("may not exempt from capabilities in"), "{said}");
            // Who may not exempt can still take the exemption away, and an administrator may all.
            let (applied, said) = apply(&fixture, namespace, DEVELOPER, &workload("Deployment", &json!({})), &[]);
            assert!(applied, "{said}");
            let (applied, said) = apply(&fixture, namespace, ADMIN, &more, &[]);
            assert!(applied, "{said}");
        })
        .await;
}

async fn every_way(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Choosing, &YES, async |namespace| {
            until_validated(&fixture, namespace).await;
            for kind in [
                "Pod",
                "Deployment",
                "ReplicaSet",
                "StatefulSet",
                "DaemonSet",
                "Job",
                "CronJob",
                "ReplicationController",
            ] {
                let object = workload(kind, &exempting("seccomp"));
                let (applied, said) = apply(&fixture, namespace, DEVELOPER, &object, &["--dry-run=server"]);
                let told = said.contains("user \"developer\" may not exempt from seccomp");
                assert!(!applied && told, "{kind}: {said}");
                let (applied, said) = apply(&fixture, namespace, ADMIN, &object, &["--dry-run=server"]);
                assert!(applied, "{kind}: {said}");
            }
        })
        .await;
}

async fn the_owner_is_told(fixture: Arc<Fixture>) {
    let mut deployment = workload("Deployment", &json!({"pod-hardener.dev/exempt": "seccomp"}));
    deployment["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "host", "hostPath": {"path": "/var/log"}}]);
    fixture
        .with_temp_namespace(Server::Choosing, &[("team", "data")], async |namespace| {
            let (applied, said) = apply(&fixture, namespace, ADMIN, &deployment, &[]);
            assert!(applied, "{said}");
            until_told(namespace, ("Deployment", "web"), "ExemptionRefused", "exempt-reason").await;
            until_told(namespace, ("Deployment", "web"), "NotHardened", "host-path cannot be repaired").await;
        })
        .await;
}

async fn a_dry_run(fixture: Arc<Fixture>) {
    let pod = workload("Pod", &json!({"pod-hardener.dev/exempt": "secomp"}));
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let (applied, said) = apply(&fixture, namespace, ADMIN, &pod, &["--dry-run=server"]);
            assert!(applied && said.contains("exempt-reason"), "{said}");
            let (applied, said) = apply(&fixture, namespace, ADMIN, &pod, &[]);
            assert!(applied, "{said}");
            // The one of the pod that was kept; the other would have been told before it.
            until_told(namespace, ("Pod", "web"), "ExemptionRefused", "exempt-reason").await;
            let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", namespace.name);
            let events = namespace.api.get(&path).await.expect("a list").object;
            let ours = events["items"].as_array().expect("events").iter();
            let ours = ours.filter(|event| event["reason"] == "ExemptionRefused").count();
            assert_eq!(ours, 1, "{events}");
        })
        .await;
}
