//! Facts about images: built in, and as custom resources.

use std::sync::Arc;

use pod_hardener::docs::profiles::PROFILES_PLURAL;
use pod_hardener::{policy, profiles};
use serde_json::{Value, json};

use crate::cluster::{ADMIN, until, until_ok};
use crate::fixture::{Fixture, HARDENED, Server};
use crate::policy_definition::{api_server_says, define};
use crate::{Test, pods, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("profiles::an_image_that_is_known_gets_its_user_and_its_directories", known),
        test("profiles::an_image_that_needs_root_is_isolated_or_safe", needs_root),
        test("profiles::files_in_a_claim_stay_their_owners", claims),
        test("profiles::content_is_copied_where_nodes_mount_images", copied),
        test("profiles::what_is_shipped_is_accepted", what_is_shipped),
        test("profiles::loader_and_api_server_agree", loader_and_api_server_agree),
        test("profiles::custom_resources_come_into_force_and_go", come_and_go),
    ]
}

const PATH: &str = "/apis/pod-hardener.dev/v1alpha1/imageprofiles";
const POOL: &str = "profiles-pool";

fn pod(image: &str) -> Value {
    let mut pod = pods::plain("web");
    pod["spec"]["containers"][0]["image"] = json!(image);
    pod
}

fn stamp(pod: &Value) -> &str {
    pods::annotation(pod, HARDENED).unwrap_or_default()
}

async fn known(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let admitted = namespace.admits(&pod("nginx:1.29")).await;
            pods::assert_hardened(&admitted.object);
            let container = pods::container(&admitted.object, "nginx");
            assert_eq!(pods::effective(&admitted.object, container, "runAsUser"), 101);
            let paths: Vec<&str> = container["volumeMounts"]
                .as_array()
                .expect("mounts")
                .iter()
                .filter_map(|mount| mount["mountPath"].as_str())
                .collect();
            for path in ["/tmp", "/var/cache/nginx", "/run"] {
                assert!(paths.contains(&path), "{paths:?}");
            }
            let told = admitted.warnings.join("\n");
            assert!(told.contains("uid 101, by profile nginx"), "{told}");
            let caddy = namespace.admits(&pod("caddy:2")).await.object;
            let added = &pods::container(&caddy, "nginx")["securityContext"]["capabilities"]["add"];
            assert_eq!(*added, json!(["NET_BIND_SERVICE"]));
            let minio = namespace.admits(&pod("quay.io/minio/minio")).await.object;
            let env = &pods::container(&minio, "nginx")["env"];
            assert_eq!(*env, json!([{"name": "HOME", "value": "/tmp"}]));
        })
        .await;
}

async fn needs_root(fixture: Arc<Fixture>) {
    const IMAGE: &str = "linuxserver/openssh-server:latest";
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            namespace.node(POOL, "new", true).await;
            namespace.node(POOL, "old", false).await;
            let on = |pool: &str| {
                let mut pod = pod(IMAGE);
                pod["spec"]["nodeSelector"] = json!({POOL: format!("{}-{pool}", namespace.name)});
                pod
            };
            until_ok("the new node is known", async || {
                let admitted = namespace.admits(&on("new")).await.object;
                let context = &admitted["spec"]["containers"][0]["securityContext"];
                let isolated = admitted["spec"]["hostUsers"] == false
                    && context["runAsNonRoot"].is_null()
                    && context["capabilities"]["drop"] == json!(["ALL"])
                    && context["capabilities"]["add"].as_array().is_some_and(|names| !names.is_empty())
                    && stamp(&admitted).contains("(isolated)");
                if isolated { Ok(()) } else { Err(admitted.to_string()) }
            })
            .await;
            let admitted = namespace.admits(&on("old")).await;
            assert!(admitted.object["spec"]["hostUsers"].is_null());
            let context = &admitted.object["spec"]["containers"][0]["securityContext"];
            assert!(context["capabilities"].is_null(), "{context}");
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert!(stamp(&admitted.object).contains("(safe)"), "{}", stamp(&admitted.object));
            let told = admitted.warnings.join("\n");
            assert!(told.contains("posture safe, by profile openssh-server"), "{told}");
            for pool in ["new", "old"] {
                let path = format!("/api/v1/nodes/{}-{pool}", namespace.name);
                namespace.api.delete(&path).await.expect("a deletion");
            }
        })
        .await;
    // What Pod Security would refuse is hardened in full, so admitted.
    let restricted = [("pod-security.kubernetes.io/enforce", "restricted")];
    fixture
        .with_temp_namespace(Server::Knowing, &restricted, async |namespace| {
            let admitted = namespace.admits(&pod(IMAGE)).await.object;
            pods::assert_hardened(&admitted);
        })
        .await;
}

/// The nodes of every version, as they would report themselves to this API server: only what it knows is admitted.
async fn copied(fixture: Arc<Fixture>) {
    // It drops the field otherwise, and refuses the volume that is left.
    let knows = fixture.cluster.minor() >= 36;
    let labels = [("content", "copied"), ("pod-security.kubernetes.io/enforce", "restricted")];
    fixture
        .with_temp_namespace(Server::Choosing, &labels, async |namespace| {
            let on = |pool: &str| {
                let mut pod = pod("zookeeper:3.9");
                pod["spec"]["nodeSelector"] = json!({POOL: format!("{}-{pool}", namespace.name)});
                // Its token is mounted into whatever has nothing at that place.
                pod["spec"]["automountServiceAccountToken"] = json!(true);
                pod
            };
            let minor = fixture.cluster.minor();
            for (pool, runtime) in [("new", "containerd://2.4.2"), ("old", "containerd://1.7.0")] {
                let info = json!({
                    "kubeletVersion": format!("v1.{minor}.0"), "containerRuntimeVersion": runtime,
                    "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "",
                    "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
                });
                namespace.node_of(POOL, pool, json!({"nodeInfo": info})).await;
            }
            if knows {
                until_ok("the node is known", async || {
                    let admitted = namespace.admits(&on("new")).await.object;
                    if admitted["spec"]["initContainers"].is_array() {
                        Ok(())
                    } else {
                        Err(admitted.to_string())
                    }
                })
                .await;
                let admitted = namespace.admits(&on("new")).await.object;
                pods::assert_hardened(&admitted);
                let copier = &admitted["spec"]["initContainers"][0];
                assert_eq!(copier["name"], "copy-up-nginx");
                let mounts = copier["volumeMounts"].as_array().expect("mounts");
                assert_eq!(mounts.len(), 2, "a token: {mounts:?}");
                let volumes = admitted["spec"]["volumes"].as_array().expect("volumes");
                let image = volumes.iter().find(|volume| volume["name"] == "image-nginx").expect("an image");
                assert_eq!(image["image"]["reference"], "zookeeper:3.9");
                // What is admitted is admitted again as it is.
                let again = namespace.admits(&pods::as_sent(&admitted)).await.object;
                assert_eq!(again["spec"], admitted["spec"]);
            }
            for pool in if knows { &["old"][..] } else { &["new", "old"][..] } {
                let admitted = namespace.admits(&on(pool)).await;
                let spec = &admitted.object["spec"];
                assert!(spec["initContainers"].is_null(), "{spec}");
                assert!(
                    spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"].is_null(),
                    "{spec}"
                );
                let told = admitted.warnings.join("\n");
                assert!(told.contains("not every node is known to mount images"), "{told}");
            }
            for pool in ["new", "old"] {
                let path = format!("/api/v1/nodes/{}-{pool}", namespace.name);
                namespace.api.delete(&path).await.expect("a deletion");
            }
        })
        .await;
}

async fn claims(fixture: Arc<Fixture>) {
    let with_claim = |image: &str| {
        let mut pod = pod(image);
        pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]);
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
        pod
    };
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let admitted = namespace.admits(&with_claim("shop:1")).await.object;
            let context = &admitted["spec"]["containers"][0]["securityContext"];
            assert!(context["runAsNonRoot"].is_null() && context["capabilities"].is_null(), "{context}");
            assert!(stamp(&admitted).contains("(safe)"), "{}", stamp(&admitted));
            // It has always run as this user.
            let admitted = namespace.admits(&with_claim("grafana/grafana")).await.object;
            pods::assert_hardened(&admitted);
        })
        .await;
    fixture
        .with_temp_namespace(Server::Enforced, &[], async |namespace| {
            pods::assert_hardened(&namespace.admits(&with_claim("shop:1")).await.object);
        })
        .await;
}

/// Installs the definition, or finds it installed.
async fn install(fixture: &Fixture) {
    define(fixture, PROFILES_PLURAL, PATH).await;
}

fn document(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": policy::API_VERSION, "kind": profiles::KIND, "metadata": {"name": name}, "spec": spec,
    })
}

async fn what_is_shipped(fixture: Arc<Fixture>) {
    install(&fixture).await;
    for profile in profiles::built_in() {
        let document = serde_json::to_value(&profile).expect("JSON");
        assert_eq!(api_server_says(&fixture, PATH, &document).await, Ok(()), "{}", profile.metadata.name);
    }
}

/// Whether each is right, by itself.
fn specs() -> Vec<(bool, Value)> {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let of = |field: &str, value: Value| json!({"match": {"repositories": ["a"]}, field: value});
    let matching = |field: &str, value: Value| {
        let mut spec = json!({"match": {"repositories": ["a"]}});
        spec["match"][field] = value;
        spec
    };
    let gaining = |posture: Value| {
        let mut spec = of("posture", posture);
        spec["allowPrivilegeEscalation"] = json!(true);
        spec
    };
    let path = |path: &str| of("writablePaths", json!([{"path": path}]));
    let learnt = |path: &str| json!({"match": {"repositories": ["a"]}, "source": "learnt", "writablePaths": [{"path": path}]});
    let mut specs = vec![
        (true, json!({"match": {"repositories": ["nginx", "reg.example:5000/a/*", "*/b", "*"]}})),
        (true, matching("digests", json!([digest]))),
        (true, matching("tags", json!(["1.*", "*-alpine"]))),
        (true, matching("namespaces", json!(["shop-*"]))),
        (true, json!({"match": {"repositories": ["a"]}, "user": 1, "group": 2_147_483_647})),
        (true, of("posture", json!("isolated"))),
        (true, gaining(json!("safe"))),
        (true, gaining(json!("isolated"))),
        (false, gaining(json!("full"))),
        (false, of("allowPrivilegeEscalation", json!(true))),
        (true, of("allowPrivilegeEscalation", json!(false))),
        (true, of("imageUser", json!("numeric"))),
        (true, of("capabilities", json!(["NET_BIND_SERVICE", "CHOWN"]))),
        (true, of("environment", json!({"HOME": "/tmp"}))),
        (true, of("date", json!("2027-01-31"))),
        (true, of("memory", json!("2Gi"))),
        (false, of("memory", json!("lots"))),
        (false, of("memory", json!(""))),
        (false, of("approved", json!(true))),
        (false, of("round", json!(1))),
        (true, of("round", json!(0))),
        (true, json!({"match": {"repositories": ["a"]}, "source": "learnt", "approved": false, "round": 7})),
        (false, json!({"match": {"repositories": ["a"]}, "source": "learnt", "round": 1001})),
        (true, of("writablePaths", json!([]))),
        (true, of("writablePaths", json!([{"path": "/a", "size": "1Gi", "medium": "Memory"}]))),
        (true, of("writablePaths", json!([{"path": "/etc/app", "content": "needed"}]))),
        (false, json!({})),
        (false, json!({"match": {}})),
        (false, json!({"match": {"repositories": []}})),
        (false, matching("tag", json!("x"))),
        (false, matching("digests", json!(["x"]))),
        (false, of("user", json!(0))),
        (false, of("user", json!("1"))),
        (false, of("group", json!(1))),
        (false, of("posture", json!("lax"))),
        (false, of("capabilities", json!(["SYS_ADMIN"]))),
        (false, of("capabilities", json!(["net_bind_service"]))),
        (false, of("environment", json!({"A=B": "x"}))),
        (false, of("date", json!("soon"))),
        (false, of("usr", json!(1))),
        (false, of("writablePaths", json!([{"path": "/a", "size": "big"}]))),
        (false, of("writablePaths", json!([{"path": "/", "content": "needed"}]))),
        (false, of("writablePaths", json!([{"path": "/a", "content": "some"}]))),
        (true, learnt("/var/x")),
        (false, learnt("/usr/local/app/logs")),
        (false, learnt("/etc/app")),
    ];
    for repository in ["a:1", "a@sha256:0", "a b", "/a", "a/", "a//b", ""] {
        specs.push((false, json!({"match": {"repositories": [repository]}})));
    }
    for (right, text) in [
        (true, "/var/cache/nginx"),
        (true, "/usr/local/apache2/logs"),
        (true, "/usr/share/app/data"),
        (false, "/usr/local/apache2"),
        (false, "/usr/local/bin/x"),
        (false, "/usr/local/lib/x"),
        (false, "/usr/bin/x"),
        (false, "/etc"),
        (false, "/x/../etc"),
        (false, "/a:b"),
        (false, "a"),
        (false, "/"),
        (false, "/var/run/secrets/kubernetes.io/serviceaccount"),
    ] {
        specs.push((right, path(text)));
    }
    specs
}

async fn loader_and_api_server_agree(fixture: Arc<Fixture>) {
    install(&fixture).await;
    let mut failures = Vec::new();
    for (right, spec) in specs() {
        let ours = profiles::parse_object("table", Some(&spec)).map(|_| ());
        let theirs = api_server_says(&fixture, PATH, &document("table", &spec)).await;
        if ours.is_ok() != right || theirs.is_ok() != right {
            failures.push(format!("{spec}: the loader says {ours:?}, the API server {theirs:?}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

async fn come_and_go(fixture: Arc<Fixture>) {
    install(&fixture).await;
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let api = fixture.cluster.api(ADMIN);
            let user = async || {
                let admitted = namespace.admits(&pod("registry.example/team/app:1")).await.object;
                admitted["spec"]["securityContext"]["runAsUser"].as_i64()
            };
            assert_eq!(user().await, Some(65532));
            let spec = json!({
                "match": {"repositories": ["registry.example/team/*"], "namespaces": [namespace.name]},
                "user": 4242,
            });
            api.create(PATH, &document(&namespace.name, &spec)).await.expect("a profile");
            until("the profile is in force", async || user().await == Some(4242)).await;
            api.delete(&format!("{PATH}/{}", namespace.name)).await.expect("a deletion");
            until("the profile is out of force", async || user().await == Some(65532)).await;
        })
        .await;
}
