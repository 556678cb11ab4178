//! The native policy beside others: debug containers, our own webhook, a sidecar that comes later, many containers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{comparable, policy, with_native};
use crate::corpus::changes;
use crate::fixture::{Fixture, Server};
use crate::pods::{self, as_sent, assert_hardened, weaknesses};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("native::a_debug_container_is_hardened", debug_container),
        test("native::beside_the_webhook_nothing_is_left_to_do", beside_the_webhook),
        test("native::fifty_containers_are_within_the_budget", fifty_containers),
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
            assert_eq!(container["volumeMounts"].as_array().map(Vec::len), Some(4 + 31), "{container}");
        }
    })
    .await;
}
