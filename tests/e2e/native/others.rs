//! The native policy in a cluster: as it is written, with debug containers, our own webhook, a sidecar that comes later,
//! and many containers.

use std::process::Command;
use std::sync::Arc;

use pod_hardener::policy::POLICY_LABEL;
use serde_json::{Value, json};

use super::{LABEL, comparable, is_in_force, policy, with_native};
use crate::Test;
use crate::cluster::until;
use crate::corpus::changes;
use crate::fixture::{Fixture, Namespace, Server};
use crate::other_mutator::{ADDED, serve};
use crate::pods::{self, as_sent, assert_hardened, weaknesses};
use crate::webhook::{Registration, register, until_called};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        super::native_test("native::a_debug_container_is_hardened", debug_container),
        super::native_test("native::is_applied_as_it_is_written", as_written),
        super::native_test("native::a_sidecar_that_comes_later_is_hardened", sidecar),
        super::native_test("native::beside_the_webhook_nothing_is_left_to_do", beside_the_webhook),
        super::native_test("native::fifty_containers_are_within_the_budget", fifty_containers),
    ]
}

async fn debug_container(fixture: Arc<Fixture>) {
    let policy = policy("debug", "{preset: restricted}");
    with_native(&fixture, &policy, None, Server::None, async |namespace| {
        let created = namespace.create("pods", &pods::plain("nginx")).await.object;
        let args = [
            "debug",
            "nginx",
            "--image=busybox:1.37",
            "--container=look",
            "--target=nginx",
            "--profile=general",
        ];
        let output = fixture.kubectl(namespace, &args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pod = namespace.api.get(&namespace.path("pods/nginx")).await.expect("a pod").object;
        let look = pods::container(&pod, "look");
        let weak = weaknesses(&pod, look);
        // What the profile sets is its author's: SYS_PTRACE is added, which only root can use.
        assert!(weak.iter().all(|field| field.contains("run")), "{weak:?} in {look}");
        let tmp = pods::volume_at(&pod, look, "/tmp").expect("its target's /tmp");
        assert_eq!(Some(tmp), pods::volume_at(&pod, pods::container(&pod, "nginx"), "/tmp"));
        for field in ["containers", "volumes", "securityContext"] {
            assert_eq!(created["spec"][field], pod["spec"][field]);
        }
    })
    .await;
}

/// What the command writes, for the namespaces that the policy's selector and their labels say.
async fn as_written(fixture: Arc<Fixture>) {
    const NAME: &str = "e2e-written";
    let policy = fixture.cluster.folder().join("written.yaml");
    let text = format!(
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: {NAME}}}\n\
         spec: {{selector: {{namespaceLabels: {{{LABEL}: written}}, images: ['nginx:*', '*/busybox:*']}}}}\n"
    );
    std::fs::write(&policy, text).expect("a policy");
    let program = env!("CARGO_BIN_EXE_pod-hardener");
    let policy = format!("--policy={}", policy.display());
    let written = Command::new(program).args(["generate", "mutating-admission-policy", &policy]).output();
    let manifests = fixture.cluster.folder().join("native.yaml");
    std::fs::write(&manifests, written.expect("manifests").stdout).expect("manifests");
    let applied = fixture.cluster.kubectl(&["apply", "-f", &manifests.display().to_string()]).output();
    let applied = applied.expect("kubectl");
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let selected = (LABEL, "written");
    let is_hardened = async |labels: &[(&str, &str)], image: &str| {
        let pod = pods::plain_with("nginx", json!({"containers": [{"name": "nginx", "image": image}]}));
        let admits = async |namespace: &Namespace| is_in_force(&namespace.admits(&pod).await.object);
        fixture.with_temp_namespace(Server::None, labels, admits).await
    };
    until("the policy is in force", async || is_hardened(&[selected], "nginx:1").await).await;
    assert!(is_hardened(&[selected], "registry/busybox:1").await);
    assert!(is_hardened(&[(POLICY_LABEL, NAME)], "nginx:1").await);
    assert!(is_hardened(&[selected, (POLICY_LABEL, NAME)], "nginx:1").await);
    assert!(is_hardened(&[selected, (POLICY_LABEL, "unknown")], "nginx:1").await);
    assert!(!is_hardened(&[selected], "other:1").await);
    assert!(!is_hardened(&[selected, (POLICY_LABEL, "observe")], "nginx:1").await);
    assert!(!is_hardened(&[], "nginx:1").await);
}

async fn sidecar(fixture: Arc<Fixture>) {
    let policy = policy("sidecar", "{preset: restricted}");
    let files = fixture.cluster.authority().issue("zz-native-sidecar", fixture.cluster.folder());
    let registration = Registration {
        name: "zz-native-sidecar",
        url: serve(&files).await,
        label: (LABEL, "sidecar-0"),
        failure_policy: "Fail",
        timeout_seconds: 10,
    };
    register(&fixture.cluster, &registration).await;
    with_native(&fixture, &policy, None, Server::None, async |namespace| {
        let has = |pod: &Value| pods::containers(pod).iter().any(|container| container["name"] == ADDED);
        until_called(&namespace.api, &namespace.name, has).await;
        let pod = namespace.admits(&pods::plain("nginx")).await.object;
        let weak = weaknesses(&pod, pods::container(&pod, ADDED));
        assert!(weak.is_empty(), "{weak:?} in {pod}");
    })
    .await;
}

async fn beside_the_webhook(fixture: Arc<Fixture>) {
    let policy = policy("beside", "{preset: restricted}");
    let pod = pods::plain_with(
        "nginx",
        json!({"initContainers": [{"name": "log", "image": "log:1", "restartPolicy": "Always"}]}),
    );
    let alone = fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| namespace.admits(&pod).await.object)
        .await;
    with_native(&fixture, &policy, None, Server::BuiltIn, async |namespace| {
        let both = namespace.admits(&pod).await.object;
        assert_hardened(&both);
        let (alone, both) = (comparable(&alone), comparable(&both));
        assert_eq!(alone, both, "{}", changes(&alone, &both));
    })
    .await;
}

async fn fifty_containers(fixture: Arc<Fixture>) {
    let containers: Vec<Value> = (0..50)
        .map(|number| {
            json!({
                "name": format!("container-{number}"),
                "image": "image:1",
                "ports": [{"containerPort": 8000 + number}],
                "securityContext": {"capabilities": {"add": ["CHOWN", "SETUID"]}},
                "volumeMounts": [
                    {"name": "a", "mountPath": "/var/lib/a"}, {"name": "a", "mountPath": "/var/lib/b"},
                    {"name": "a", "mountPath": "/var/lib/c"}, {"name": "a", "mountPath": "/var/lib/d"},
                ],
            })
        })
        .collect();
    let mut pod = pods::plain_with(
        "many",
        json!({"containers": containers, "volumes": [{"name": "a", "emptyDir": {}}]}),
    );
    let mut annotations = json!({
        "pod-hardener.dev/writable-paths": (0..30).map(|n| format!("/data/{n}")).collect::<Vec<_>>().join(","),
        "pod-hardener.dev/exempt-reason": "a test",
    });
    for number in 0..50 {
        annotations[format!("container-{number}.pod-hardener.dev/exempt")] =
            json!("seccomp, capabilities, resources");
    }
    pod["metadata"]["annotations"] = annotations;
    let policy = policy("fifty", "{preset: enforced}");
    with_native(&fixture, &policy, None, Server::None, async |namespace| {
        let admitted = namespace.admits(&pod).await.object;
        let again = namespace.admits(&as_sent(&admitted)).await.object;
        assert_eq!(comparable(&admitted), comparable(&again));
        for container in pods::containers(&admitted) {
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{container}");
            // Its own, the token's, /tmp and those that the annotation names.
            let mounts = container["volumeMounts"].as_array().map(Vec::len);
            assert_eq!(mounts, Some(4 + 1 + 1 + 30), "{container}");
        }
    })
    .await;
}
