//! Which policy decides, and whose word an exemption needs: by a server that knows the cluster and asks it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{ADMIN, DEVELOPER, until};
use crate::fixture::{Fixture, HARDENED, Namespace, Server};
use crate::pods::{self, assert_hardened};
use crate::{Test, test};

/// The policies of [`Server::Choosing`].
pub(crate) const POLICIES: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: weak}
spec:
  selector: {podLabels: {hardening: weak}}
  rules: {seccomp: {mode: 'off'}, service-links: {mode: enforce}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: data}
spec: {preset: enforced, selector: {namespaceLabels: {team: data}}, rules: {host-path: {mode: enforce}}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: named}
spec: {selector: {namespaces: [by-label-only]}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: compensating}
spec: {selector: {namespaceLabels: {exemptions: compensated}}, exemptions: {compensation: user-namespace}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: copying}
spec:
  selector: {namespaceLabels: {content: copied}}
  rules: {read-only-root-filesystem: {copyUp: {image: 'registry.example/pod-hardener:1'}}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: base}
spec: {exemptions: {authorization: rbac, namespaces: true}}
";

const LABEL: &str = "pod-hardener.dev/policy";
const EXEMPTED: &str = "pod-hardener.dev/exempted";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("selection::label_then_selector_then_default", label_selector_default),
        test("selection::a_pods_label_weakens_only_for_who_may_exempt", a_pods_label),
        test("selection::a_controllers_pod_is_only_strengthened", a_controllers_pod),
        test("selection::an_exemption_of_a_pod_needs_the_right_to_it", an_exemption),
        test("selection::the_namespace_exempts_all_its_pods", the_namespace_exempts),
        test("selection::policy_explain_asks_the_cluster", explained),
    ]
}

/// The policy by which a pod says that it was hardened.
fn policy(pod: &Value) -> &str {
    let hardened = pods::annotation(pod, HARDENED).unwrap_or_default();
    hardened.split_once(':').map_or(hardened, |(policy, _)| policy)
}

/// Until the server knows what the namespace says now.
async fn until_policy(namespace: &Namespace, expected: &str) {
    until(&format!("policy {expected} applies"), async || {
        policy(&namespace.admits(&pods::plain("nginx")).await.object) == expected
    })
    .await;
}

async fn label_selector_default(fixture: Arc<Fixture>) {
    for (labels, expected) in [
        (&[][..], "base"),
        (&[("team", "data")], "data"),
        (&[("team", "data"), (LABEL, "named")], "named"),
        (&[(LABEL, "safe")], "safe"),
    ] {
        let check = async |namespace: &Namespace| until_policy(namespace, expected).await;
        fixture.with_temp_namespace(Server::Choosing, labels, check).await;
    }
    let unknown = [("team", "data"), (LABEL, "nothing")];
    let check = async |namespace: &Namespace| {
        until_policy(namespace, "data").await;
        let warnings = namespace.admits(&pods::plain("nginx")).await.warnings;
        let said = warnings.iter().any(|warning| warning.contains(LABEL) && warning.contains("\"nothing\""));
        assert!(said, "{warnings:?}");
    };
    fixture.with_temp_namespace(Server::Choosing, &unknown, check).await;
}

/// Lets the developer exempt from a rule in a namespace, as administrators do it.
pub(crate) async fn allow(namespace: &Namespace, rule: &str) {
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", namespace.name);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "exempt"},
        "rules": [{"apiGroups": ["pod-hardener.dev"], "resources": ["rules"], "verbs": ["exempt"],
            "resourceNames": [rule]}]});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "exempt"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "exempt"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": DEVELOPER}]});
    namespace.api.create(&format!("{path}/roles"), &role).await.expect("a role");
    namespace.api.create(&format!("{path}/rolebindings"), &binding).await.expect("a binding");
}

fn labelled(label: &str, value: &str) -> Value {
    let mut pod = pods::plain("nginx");
    pod["metadata"]["labels"][label] = json!(value);
    pod
}

async fn a_pods_label(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Choosing, &[], async |namespace| {
            let developer = namespace.seen_by(&fixture, DEVELOPER);
            let weak = labelled("hardening", "weak");
            let admitted = developer.admits(&weak).await;
            assert_eq!(policy(&admitted.object), "base+weak");
            assert_hardened(&admitted.object);
            assert_eq!(admitted.object["spec"]["enableServiceLinks"], false, "what is stronger applies");
            let said = |warning: &String| warning.contains("policy weak") && warning.contains("seccomp");
            assert!(admitted.warnings.iter().any(said), "{:?}", admitted.warnings);
            allow(namespace, "seccomp").await;
            until("the developer may", async || {
                let admitted = developer.admits(&weak).await.object;
                policy(&admitted) == "weak" && admitted["spec"]["securityContext"]["seccompProfile"].is_null()
            })
            .await;
        })
        .await;
}

async fn a_controllers_pod(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Choosing, &[], async |namespace| {
            allow(namespace, "seccomp").await;
            let labels = json!({"app": "web", "hardening": "weak"});
            let template = json!({"metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "shop:1.29"}]}});
            let workload = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}});
            let path = format!("/apis/apps/v1/namespaces/{}/replicasets", namespace.name);
            let developer = namespace.seen_by(&fixture, DEVELOPER);
            developer.api.create(&path, &workload).await.expect("a ReplicaSet");
            until("its pod is there, and strengthened only", async || {
                let pods = namespace.api.get(&namespace.path("pods")).await.expect("pods").object;
                let Some(pod) = pods["items"].get(0) else { return false };
                assert_eq!(policy(pod), "base+weak", "{pod}");
                true
            })
            .await;
        })
        .await;
}

async fn an_exemption(fixture: Arc<Fixture>) {
    let pod = pods::annotated(
        "nginx",
        json!({"pod-hardener.dev/exempt": "seccomp", "pod-hardener.dev/exempt-reason": "its own profile"}),
    );
    fixture
        .with_temp_namespace(Server::Choosing, &[], async |namespace| {
            let developer = namespace.seen_by(&fixture, DEVELOPER);
            let admitted = developer.admits(&pod).await;
            assert_hardened(&admitted.object);
            assert!(admitted.object["metadata"]["labels"][EXEMPTED].is_null(), "{}", admitted.object);
            let names = ["user developer", "seccomp", &namespace.name, "exempt", "pod-hardener.dev", "rules"];
            let said = |warning: &String| names.iter().all(|name| warning.contains(name));
            assert!(admitted.warnings.iter().any(said), "{:?}", admitted.warnings);
            allow(namespace, "seccomp").await;
            until("the developer may", async || {
                let admitted = developer.admits(&pod).await.object;
                admitted["spec"]["securityContext"]["seccompProfile"].is_null()
                    && admitted["metadata"]["labels"][EXEMPTED] == "true"
            })
            .await;
        })
        .await;
}

async fn the_namespace_exempts(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Choosing, &[], async |namespace| {
            let annotate = |arguments: &[&str]| {
                let words =
                    [&["annotate", "--overwrite", "namespace", namespace.name.as_str()], arguments].concat();
                let output = fixture.kubectl(namespace, &words);
                assert!(output.status.success(), "{output:?}");
            };
            annotate(&["pod-hardener.dev/exempt=seccomp"]);
            until("it is refused for want of a reason", async || {
                let admitted = namespace.admits(&pods::plain("nginx")).await;
                assert_hardened(&admitted.object);
                let of = format!("of the namespace {}", namespace.name);
                admitted.warnings.iter().any(|warning| warning.contains(&of) && warning.contains("reason"))
            })
            .await;
            annotate(&["pod-hardener.dev/exempt-reason=legacy"]);
            until("it is honoured", async || {
                let admitted = namespace.admits(&pods::plain("nginx")).await.object;
                admitted["spec"]["securityContext"]["seccompProfile"].is_null()
                    && admitted["metadata"]["labels"][EXEMPTED] == "true"
            })
            .await;
        })
        .await;
}

async fn explained(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Choosing, &[("team", "data")], async |namespace| {
            let policies = fixture.cluster.folder().join("choosing.yaml");
            let pod = fixture.cluster.folder().join("weak-pod.yaml");
            std::fs::write(&pod, labelled("hardening", "weak").to_string()).expect("a file");
            let kubeconfig = fixture.cluster.kubeconfig(ADMIN);
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_pod-hardener"))
                .args(["policy", "explain", "-n", &namespace.name, "-f"])
                .arg(&pod)
                .arg("--policy")
                .arg(&policies)
                .arg("--kubeconfig")
                .arg(&kubeconfig)
                .output()
                .expect("our program");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{output:?}");
            for line in [
                format!("Pod/nginx in namespace {}: policy data+weak", namespace.name),
                "label pod-hardener.dev/policy of the namespace: not set".to_owned(),
                "choosing.yaml:1): matches, and may only strengthen: selector.podLabels: hardening=weak"
                    .to_owned(),
                "choosing.yaml:8): decides: selector.namespaceLabels: team=data".to_owned(),
            ] {
                assert!(said.contains(&line), "{line} is not in {said}");
            }
        })
        .await;
}
