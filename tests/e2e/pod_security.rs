//! Namespaces that enforce the Pod Security Standard `restricted`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Server};
use crate::pods::{self, assert_hardened};
use crate::{Test, test};

/// The label that makes a namespace enforce `restricted`.
pub(crate) const RESTRICTED: (&str, &str) = ("pod-security.kubernetes.io/enforce", "restricted");

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("pod_security::refuses_plain_pods_without_us", refuses_without_us),
        test("pod_security::admits_plain_pods_with_us", admits_with_us),
        test("pod_security::keeps_what_it_admits", keeps_what_it_admits),
        test("pod_security::enforced_repairs_insecure_pods", enforced_repairs),
        test("pod_security::the_built_in_policy_leaves_the_authors_choices", leaves_choices),
    ]
}

/// Pods as people write them, with nothing about security in them.
fn plain_pods() -> Vec<Value> {
    let sidecar = json!({"name": "log", "image": "fluent-bit:4", "restartPolicy": "Always"});
    let probe = json!({"httpGet": {"path": "/", "port": 80}});
    let container = |extra: Value| {
        let mut container = json!({"name": "nginx", "image": "shop:1.29"});
        json_patch::merge(&mut container, &extra);
        json!({"containers": [container]})
    };
    vec![
        pods::plain("nginx"),
        pods::plain_with(
            "nginx-init",
            json!({"initContainers": [
                {"name": "prepare", "image": "busybox:1.37", "command": ["true"]}, sidecar,
            ]}),
        ),
        pods::plain_with("nginx-probed", container(json!({"livenessProbe": probe}))),
        pods::plain_with(
            "nginx-volumes",
            json!({
                "volumes": [
                    {"name": "conf", "configMap": {"name": "conf"}},
                    {"name": "work", "emptyDir": {}},
                ],
                "containers": [{
                    "name": "nginx", "image": "shop:1.29",
                    "volumeMounts": [
                        {"name": "conf", "mountPath": "/etc/nginx/conf.d"},
                        {"name": "work", "mountPath": "/tmp"},
                    ],
                }],
            }),
        ),
        pods::plain_with("nginx-empty-context", container(json!({"securityContext": {}}))),
    ]
}

async fn refuses_without_us(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::None, &[RESTRICTED], async |namespace| {
            for pod in plain_pods() {
                let reason = namespace.refuses(&pod).await;
                assert!(reason.contains("violates PodSecurity"), "{reason}");
            }
        })
        .await;
}

async fn admits_with_us(fixture: Arc<Fixture>) {
    for server in [Server::BuiltIn, Server::Enforced] {
        fixture
            .with_temp_namespace(server, &[RESTRICTED], async |namespace| {
                for pod in plain_pods() {
                    assert_hardened(&namespace.admits(&pod).await.object);
                }
            })
            .await;
    }
}

async fn keeps_what_it_admits(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[RESTRICTED], async |namespace| {
            namespace.create("pods", &pods::plain("nginx")).await;
            let kept = namespace.api.get(&namespace.path("pods/nginx")).await;
            assert_hardened(&kept.expect("a pod").object);
        })
        .await;
}

/// A pod that asks for what `restricted` forbids, in every way that a mutation can repair.
fn insecure() -> Value {
    pods::plain_with(
        "insecure",
        json!({
            "hostPID": true,
            "hostIPC": true,
            "hostNetwork": true,
            "securityContext": {
                "runAsNonRoot": false, "runAsUser": 0, "supplementalGroups": [0],
                "seccompProfile": {"type": "Unconfined"},
            },
            "containers": [{
                "name": "nginx", "image": "shop:1.29",
                "ports": [{"containerPort": 8080, "hostPort": 8080}],
                "securityContext": {
                    "privileged": true,
                    "runAsUser": 0,
                    "allowPrivilegeEscalation": true,
                    "capabilities": {"add": ["SYS_ADMIN", "NET_RAW"]},
                    "seLinuxOptions": {"type": "spc_t"},
                    "appArmorProfile": {"type": "Unconfined"},
                },
            }],
        }),
    )
}

async fn enforced_repairs(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            namespace.admits(&insecure()).await;
        })
        .await;
    fixture
        .with_temp_namespace(Server::Enforced, &[RESTRICTED], async |namespace| {
            assert_hardened(&namespace.admits(&insecure()).await.object);
        })
        .await;
}

async fn leaves_choices(fixture: Arc<Fixture>) {
    let pod = insecure();
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let admitted = namespace.admits(&pod).await.object;
            for field in ["hostPID", "hostIPC", "hostNetwork"] {
                assert_eq!(admitted["spec"][field], true, "{field}");
            }
            let container = pods::container(&admitted, "nginx");
            let context = &container["securityContext"];
            assert_eq!(context["privileged"], true);
            assert_eq!(context["runAsUser"], 0);
            assert_eq!(context["allowPrivilegeEscalation"], true);
            assert_eq!(context["capabilities"]["add"], json!(["SYS_ADMIN", "NET_RAW"]));
            // The rule `seccomp` is one of those that the built-in policy enforces.
            let seccomp = pods::effective(&admitted, container, "seccompProfile");
            assert_eq!(seccomp["type"], "RuntimeDefault");
        })
        .await;
    fixture
        .with_temp_namespace(Server::BuiltIn, &[RESTRICTED], async |namespace| {
            let reason = namespace.refuses(&pod).await;
            assert!(reason.contains("violates PodSecurity"), "{reason}");
        })
        .await;
}
