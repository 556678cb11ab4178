//! Pods of less usual shapes, which the API server takes after us as it does before.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Server};
use crate::pods::{self, assert_hardened};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("shapes::init_containers_and_sidecars_are_hardened", init_containers),
        test("shapes::a_pod_on_the_host_network", host_network),
        test("shapes::each_container_has_a_tmp_of_its_own", own_tmp),
        test("shapes::a_shared_tmp_stays_shared", shared_tmp),
        test("shapes::long_names_and_taken_names", names),
        test("shapes::a_low_port_without_root", low_port),
        test("shapes::privileged_pods_still_start", privileged),
        test("shapes::lists_that_are_null", null_lists),
        test("shapes::annotations_near_their_limit", large_annotations),
    ]
}

/// The pod as it is admitted under each policy.
async fn admitted(fixture: &Fixture, pod: &Value) -> Vec<Value> {
    let mut admitted = Vec::new();
    for server in [Server::BuiltIn, Server::Enforced] {
        let take = async |namespace: &crate::fixture::Namespace| namespace.admits(pod).await.object;
        admitted.push(fixture.with_temp_namespace(server, &[], take).await);
    }
    admitted
}

async fn init_containers(fixture: Arc<Fixture>) {
    let pod = pods::plain_with(
        "nginx",
        json!({"initContainers": [
            {"name": "prepare", "image": "busybox:1.37"},
            {"name": "log", "image": "fluent-bit:4", "restartPolicy": "Always"},
        ]}),
    );
    for pod in admitted(&fixture, &pod).await {
        assert_hardened(&pod);
        let log = pods::container(&pod, "log");
        assert_eq!(log["restartPolicy"], "Always", "{log}");
    }
}

async fn host_network(fixture: Arc<Fixture>) {
    let pod = pods::plain_with("nginx", json!({"hostNetwork": true}));
    let [built_in, enforced] = &admitted(&fixture, &pod).await[..] else { unreachable!("two policies") };
    assert_hardened(built_in);
    assert_eq!(built_in["spec"]["hostNetwork"], true);
    // The API server refuses sysctls of the network's namespace there.
    assert!(built_in["spec"]["securityContext"]["sysctls"].is_null(), "{built_in}");
    assert_hardened(enforced);
    assert_ne!(enforced["spec"]["hostNetwork"], true);
    // Defaulting filled it in because of the host network; it goes as it came.
    let port = &pods::container(enforced, "nginx")["ports"][0];
    assert!(port["hostPort"].is_null(), "{port}");
}

async fn own_tmp(fixture: Arc<Fixture>) {
    let pod = pods::plain_with(
        "nginx",
        json!({"containers": [
            {"name": "nginx", "image": "shop:1.29"},
            {"name": "log", "image": "fluent-bit:4"},
        ]}),
    );
    for pod in admitted(&fixture, &pod).await {
        let tmp = |name| pods::volume_at(&pod, pods::container(&pod, name), "/tmp");
        let (nginx, log) = (tmp("nginx").expect("a /tmp"), tmp("log").expect("a /tmp"));
        assert!(nginx["emptyDir"].is_object(), "{nginx}");
        assert_ne!(nginx["name"], log["name"]);
    }
}

async fn shared_tmp(fixture: Arc<Fixture>) {
    let mount = json!([{"name": "scratch", "mountPath": "/tmp/"}]);
    let pod = pods::plain_with(
        "nginx",
        json!({
            "volumes": [{"name": "scratch", "emptyDir": {}}],
            "containers": [
                {"name": "nginx", "image": "shop:1.29", "volumeMounts": mount},
                {"name": "log", "image": "fluent-bit:4", "volumeMounts": mount},
            ],
        }),
    );
    for pod in admitted(&fixture, &pod).await {
        assert_hardened(&pod);
        for name in ["nginx", "log"] {
            let mounts = &pods::container(&pod, name)["volumeMounts"];
            assert_eq!(mounts, &mount, "{name}");
        }
    }
}

async fn names(fixture: Arc<Fixture>) {
    let long = format!("{}-a", "x".repeat(61));
    let other = format!("{}-b", "x".repeat(61));
    let plain = pods::plain_with(
        "nginx",
        json!({"containers": [
            {"name": long, "image": "shop:1.29"},
            {"name": other, "image": "shop:1.29"},
        ]}),
    );
    for pod in admitted(&fixture, &plain).await {
        assert_hardened(&pod);
        // The names that we chose are now the author's, for volumes of another kind.
        let mut taken = plain.clone();
        let chosen: Vec<Value> = pod["spec"]["volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|volume| json!({"name": volume["name"], "configMap": {"name": "theirs"}}))
            .collect();
        assert!(!chosen.is_empty(), "{pod}");
        taken["spec"]["volumes"] = json!(chosen);
        for pod in admitted(&fixture, &taken).await {
            assert_hardened(&pod);
            for name in [&long, &other] {
                let tmp = pods::volume_at(&pod, pods::container(&pod, name), "/tmp");
                assert!(tmp.expect("a /tmp")["emptyDir"].is_object(), "{pod}");
            }
        }
    }
}

async fn low_port(fixture: Arc<Fixture>) {
    for pod in admitted(&fixture, &pods::plain("nginx")).await {
        let sysctls = json!([{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]);
        assert_eq!(pod["spec"]["securityContext"]["sysctls"], sysctls);
    }
}

/// What cannot stand beside one another: the API server refuses such a pod.
async fn privileged(fixture: Arc<Fixture>) {
    let contexts = [
        json!({"privileged": true}),
        json!({"capabilities": {"add": ["SYS_ADMIN"]}}),
        json!({"capabilities": {"add": ["CAP_SYS_ADMIN"]}}),
        json!({"runAsUser": 0}),
        json!({"runAsNonRoot": false}),
        json!({"procMount": "Default"}),
    ];
    for context in contexts {
        let pod = pods::plain_with(
            "nginx",
            json!({
                "volumes": [{"name": "work", "emptyDir": {}}],
                "containers": [{
                    "name": "nginx",
                    "image": "shop:1.29",
                    "securityContext": context,
                    "volumeMounts": [{
                        "name": "work",
                        "mountPath": "/work",
                        "mountPropagation": if context["privileged"] == true {
                            "Bidirectional"
                        } else {
                            "None"
                        },
                    }],
                }],
            }),
        );
        fixture
            .with_temp_namespace(Server::None, &[], async |namespace| {
                namespace.admits(&pod).await;
            })
            .await;
        for pod in admitted(&fixture, &pod).await {
            let nginx = pods::container(&pod, "nginx");
            let is_root = pods::effective(&pod, nginx, "runAsUser") == 0;
            let must_not_be = pods::effective(&pod, nginx, "runAsNonRoot") == true;
            assert!(!(is_root && must_not_be), "this cannot start: {nginx}");
        }
    }
}

async fn null_lists(fixture: Arc<Fixture>) {
    let mut pod = pods::plain("nginx");
    pod["spec"]["initContainers"] = Value::Null;
    pod["spec"]["volumes"] = Value::Null;
    pod["metadata"]["annotations"] = Value::Null;
    for pod in admitted(&fixture, &pod).await {
        assert_hardened(&pod);
    }
    pod["spec"]["containers"] = Value::Null;
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let reason = namespace.refuses(&pod).await;
            assert!(reason.contains("spec.containers"), "the API server's reason: {reason}");
        })
        .await;
}

/// The API server takes 256 KiB of annotations, names and values; the last bytes are not ours.
async fn large_annotations(fixture: Arc<Fixture>) {
    let name = "example.com/large";
    for room in [0, 20, 400, 4000] {
        let value = "x".repeat(256 * 1024 - name.len() - room);
        let pod = pods::annotated("nginx", json!({name: value}));
        fixture
            .with_temp_namespace(Server::None, &[], async |namespace| {
                namespace.admits(&pod).await;
            })
            .await;
        for pod in admitted(&fixture, &pod).await {
            assert_eq!(pods::annotation(&pod, name).map(str::len), Some(value.len()));
            let weak = pods::weaknesses(&pod, pods::container(&pod, "nginx"));
            assert!(weak.is_empty(), "{weak:?}");
        }
    }
}
