//! The custom resource's definition: what the loader refuses, `kubectl apply` refuses with a message.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pod_hardener::policy;
use serde_json::{Value, json};

use crate::cluster::{ADMIN, until};
use crate::fixture::Fixture;
use crate::{Test, test};

/// Where policies are.
pub(crate) const PATH: &str = "/apis/pod-hardener.dev/v1alpha1/hardeningpolicies";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("policy_definition::what_is_shipped_is_accepted", what_is_shipped_is_accepted),
        test("policy_definition::loader_and_api_server_agree", loader_and_api_server_agree),
        test("policy_definition::kubectl_says_what_is_wrong", kubectl_says_what_is_wrong),
    ]
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Installs the definition, or finds it installed.
pub(crate) async fn install(fixture: &Fixture) {
    define(fixture, "hardeningpolicies", PATH).await;
}

/// Installs the definition of one of our resources, and waits until they are served.
pub(crate) async fn define(fixture: &Fixture, plural: &str, path: &str) {
    define_from(fixture, &root().join(format!("manifests/base/crd/{plural}.yaml")), path).await;
}

/// Installs a definition from a file, and waits until what it defines is served.
pub(crate) async fn define_from(fixture: &Fixture, file: &Path, path: &str) {
    let file = file.to_str().expect("a path that is UTF-8");
    let output = fixture.cluster.kubectl(&["apply", "--server-side", "-f", file]).output().expect("kubectl");
    assert!(output.status.success(), "{}", said(&output));
    let api = fixture.cluster.api(ADMIN);
    until(&format!("{path} is served"), async || api.get(path).await.is_ok()).await;
}

pub(crate) fn document(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": policy::API_VERSION, "kind": policy::KIND, "metadata": {"name": name}, "spec": spec,
    })
}

pub(crate) fn file(fixture: &Fixture, name: &str, document: &Value) -> PathBuf {
    let file = fixture.cluster.folder().join(format!("{name}.policy.json"));
    std::fs::write(&file, document.to_string()).expect("a file");
    file
}

/// What the API server says of a document of ours; nothing is kept.
pub(crate) async fn api_server_says(fixture: &Fixture, path: &str, document: &Value) -> Result<(), String> {
    let path = format!("{path}?dryRun=All&fieldValidation=Strict");
    match fixture.cluster.api(ADMIN).create(&path, document).await {
        Ok(accepted) if accepted.warnings.is_empty() => Ok(()),
        Ok(accepted) => Err(accepted.warnings.join("; ")),
        Err(refused) => Err(refused.message),
    }
}

async fn what_is_shipped_is_accepted(fixture: Arc<Fixture>) {
    install(&fixture).await;
    for preset in policy::Preset::ALL {
        let file = root().join("policies").join(format!("{}.yaml", preset.as_str()));
        let text = std::fs::read_to_string(file).expect("a policy");
        let document: Value = serde_saphyr::from_str(&text).expect("YAML");
        assert_eq!(api_server_says(&fixture, PATH, &document).await, Ok(()), "{}", preset.as_str());
    }
}

fn labels(count: usize) -> Value {
    (0..count).map(|number| (format!("k{number}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
}

/// What is right.
fn right() -> Vec<Value> {
    let paths = json!(["/etcd", "/var/lib/x", "/run", "/var/run", "//tmp/./x/", "/home/a b", "/a.b"]);
    let quantities =
        json!({"requests": {"cpu": "", "memory": ".5"}, "limits": {"memory": "1e3", "cpu": "1m"}});
    vec![
        json!({}),
        json!({"preset": "observe", "onError": "deny", "annotationPrefix": "harden.example.com"}),
        json!({"rules": {"read-only-root-filesystem": {"writablePaths": paths, "sizeLimit": ""}}}),
        json!({"rules": {"read-only-root-filesystem": {"copyUp": {"image": "reg.example:5000/a/b:1", "pullPolicy": "Never"}}}}),
        json!({"rules": {"resources": {"containers": quantities}}}),
        json!({"rules": {"resources": {"sidecars": {"requests": {}, "limits": {}}}}}),
        json!({"rules": {"seccomp": {"mode": null}}, "exemptions": {"maxDays": null, "rules": null}}),
        json!({"posture": {"unknown": "isolated", "floor": "isolated"}}),
        json!({"guard": {"mode": "heal", "rounds": 1, "readySeconds": 60, "unreadySeconds": 5, "memoryCap": "", "namespaceLimit": 1}}),
        json!({"posture": {"unknown": "safe", "persistentVolumes": "full"}}),
        json!({"preset": "enforced", "posture": {"unknown": "safe", "floor": "safe"}}),
        json!({"preset": "enforced", "posture": {"persistentVolumes": "safe"}}),
        json!({"exemptions": {"authorization": "rbac", "pinImages": true, "trustedControllers": ["a"]}}),
        json!({"exemptions": {"trustedControllers": [], "pinImages": false, "rules": [], "maxDays": 36500}}),
        json!({"selector": {"podLabels": labels(64), "images": vec!["x"; 256], "namespaces": ["x".repeat(512)]}}),
    ]
}

/// What is wrong, and the field that a message is to name.
fn wrong() -> Vec<(Value, &'static str)> {
    let run_as = |field: &str, value: Value| json!({"rules": {"run-as-non-root": {field: value}}});
    let root = |field: &str, value: Value| json!({"rules": {"read-only-root-filesystem": {field: value}}});
    let resources = |kind: &str, value: Value| json!({"rules": {"resources": {kind: value}}});
    let mut wrong = vec![
        (json!({"presett": "safe"}), "presett"),
        (json!({"preset": "unsafe"}), "spec.preset"),
        (json!({"onError": "maybe"}), "spec.onError"),
        (json!({"rules": {"sekcomp": {}}}), "sekcomp"),
        (json!({"rules": {"seccomp": {"mode": "enforced"}}}), "spec.rules.seccomp.mode"),
        (json!({"rules": {"seccomp": {"mod": "off"}}}), "spec.rules.seccomp.mod"),
        (run_as("runAsUser", json!(0)), "spec.rules.run-as-non-root.runAsUser"),
        (run_as("runAsUser", json!("1")), "spec.rules.run-as-non-root.runAsUser"),
        (run_as("runAsGroup", json!(2_147_483_648_i64)), "spec.rules.run-as-non-root.runAsGroup"),
        (run_as("fsGroup", json!(-1)), "spec.rules.run-as-non-root.fsGroup"),
        (root("sizeLimit", json!("big")), "spec.rules.read-only-root-filesystem.sizeLimit"),
        (root("sizeLimit", json!("-1Gi")), "spec.rules.read-only-root-filesystem.sizeLimit"),
        (root("copyUp", json!({"image": ""})), "spec.rules.read-only-root-filesystem.copyUp.image"),
        (root("copyUp", json!({"image": "a b"})), "spec.rules.read-only-root-filesystem.copyUp.image"),
        (
            root("copyUp", json!({"pullPolicy": "Sometimes"})),
            "spec.rules.read-only-root-filesystem.copyUp.pullPolicy",
        ),
        (resources("sidecars", json!({"limits": {"cpu": "x"}})), "spec.rules.resources.sidecars.limits.cpu"),
        (resources("containers", json!({"requests": {"cpu": "9"}, "limits": {"cpu": "1"}})), "requests.cpu"),
        (resources("containers", json!({"requests": {"cpu": "9"}})), "requests.cpu"),
        (resources("initContainers", json!({"limits": {"memory": "1Mi"}})), "requests.memory"),
        (
            resources("containers", json!({"limits": {"ephemeral-storage": "1"}})),
            "requests.ephemeral-storage",
        ),
        (json!({"annotationPrefix": ""}), "spec.annotationPrefix"),
        (json!({"annotationPrefix": "A B"}), "spec.annotationPrefix"),
        (json!({"annotationPrefix": ".example.com"}), "spec.annotationPrefix"),
        (json!({"annotationPrefix": "a..b"}), "spec.annotationPrefix"),
        (json!({"annotationPrefix": vec!["a"; 91].join(".")}), "spec.annotationPrefix"),
        (json!({"annotationPrefix": "a".repeat(64)}), "spec.annotationPrefix"),
        (json!({"exemptions": {"maxDays": 0}}), "spec.exemptions.maxDays"),
        (json!({"exemptions": {"maxDays": 36_501}}), "spec.exemptions.maxDays"),
        (json!({"exemptions": {"rules": ["capabilites"]}}), "spec.exemptions.rules"),
        (json!({"exemptions": {"authorization": "nobody"}}), "spec.exemptions.authorization"),
        (json!({"posture": {"unknown": "lax"}}), "spec.posture.unknown"),
        (json!({"guard": {"mode": "on"}}), "spec.guard.mode"),
        (json!({"guard": {"rounds": 0}}), "spec.guard.rounds"),
        (json!({"guard": {"memoryCap": "big"}}), "spec.guard.memoryCap"),
        (json!({"posture": {"unknown": "safe", "floor": "isolated"}}), "posture.unknown"),
        (json!({"preset": "enforced", "posture": {"unknown": "isolated"}}), "posture.unknown"),
        (json!({"exemptions": {"authorization": "rbac"}, "posture": {"unknown": "safe"}}), "posture.unknown"),
        (json!({"exemptions": {"pinImages": true}}), "pinImages"),
        (
            json!({"exemptions": {"authorization": "annotations", "trustedControllers": ["a"]}}),
            "trustedControllers",
        ),
        (json!({"selector": {"images": vec!["x"; 257]}}), "spec.selector.images"),
        (json!({"selector": {"podLabels": labels(65)}}), "spec.selector.podLabels"),
        (json!({"selector": {"namespaces": ["x".repeat(513)]}}), "spec.selector.namespaces"),
    ];
    for path in [
        "",
        "tmp",
        "/",
        "//",
        "/.",
        "/etc",
        "//etc/",
        "/./etc/nginx",
        "/proc/1",
        "/dev",
        "/usr/bin",
        "/lib64",
        "/a:b",
        "/x/../etc",
        "/a\nb",
        "/var/run/secrets/kubernetes.io/serviceaccount",
        "/run//secrets/kubernetes.io/serviceaccount/x",
    ] {
        let field = "spec.rules.read-only-root-filesystem.writablePaths";
        wrong.push((root("writablePaths", json!(["/tmp", path])), field));
    }
    wrong
}

async fn loader_and_api_server_agree(fixture: Arc<Fixture>) {
    install(&fixture).await;
    let mut failures = Vec::new();
    for spec in right() {
        let ours = policy::parse_object("table", Some(&spec)).map(|_| ());
        let theirs = api_server_says(&fixture, PATH, &document("table", &spec)).await;
        if ours.is_err() || theirs.is_err() {
            failures.push(format!("{spec}: ours {ours:?}, theirs {theirs:?}"));
        }
    }
    for (spec, field) in wrong() {
        let ours = policy::parse_object("table", Some(&spec)).err().unwrap_or_default();
        let theirs =
            api_server_says(&fixture, PATH, &document("table", &spec)).await.err().unwrap_or_default();
        if !ours.contains(field) || !theirs.contains(field) {
            failures.push(format!("{spec}: ours {ours:?}, theirs {theirs:?}"));
        }
    }
    for name in ["a.b".to_owned(), "x".repeat(64)] {
        let ours = policy::parse_object(&name, None).err().unwrap_or_default();
        let theirs =
            api_server_says(&fixture, PATH, &document(&name, &json!({}))).await.err().unwrap_or_default();
        if !ours.contains("metadata.name") || !theirs.contains("metadata.name") {
            failures.push(format!("{name}: ours {ours:?}, theirs {theirs:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

async fn kubectl_says_what_is_wrong(fixture: Arc<Fixture>) {
    install(&fixture).await;
    for (name, spec, needle) in [
        ("unknown", json!({"rules": {"sekcomp": {"mode": "off"}}}), "unknown field \"spec.rules.sekcomp\""),
        ("prefix", json!({"annotationPrefix": "A B"}), "must be a DNS name of at most 180 characters"),
        (
            "path",
            json!({"rules": {"read-only-root-filesystem": {"writablePaths": ["/etc"]}}}),
            ": is not a place for a writable directory",
        ),
        (
            "mode",
            json!({"rules": {"seccomp": {"mode": "enforced"}}}),
            "supported values: \"off\", \"observe\"",
        ),
    ] {
        let file = file(&fixture, name, &document(name, &spec));
        let output = fixture.cluster.kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]).output();
        let output = output.expect("kubectl");
        let said = said(&output);
        assert!(!output.status.success() && said.contains(needle), "{said}");
    }
}
