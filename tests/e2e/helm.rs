//! `manifests/chart`: it is what kustomize makes, whichever Helm reads it, and refuses values that it does not know.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::cluster::{ADMIN, Cluster};
use crate::fixture::Fixture;
use crate::installed::{kustomized, manifests, succeeded, until_nothing_is_left};
use crate::{Test, test};

/// Values, and the components that do the same.
pub(crate) const SAME: &[(&[&str], &[&str])] = &[
    (&["certificates.mode=secret"], &[]),
    (&[], &["self-managed"]),
    (&["certificates.mode=cert-manager"], &["cert-manager"]),
    (&["certificates.mode=secret", "highAvailability=true"], &["high-availability"]),
    (&["certificates.mode=secret", "policy=observe"], &["observe-first"]),
    (&["certificates.mode=secret", "monitoring.operator=true"], &["monitoring"]),
    (&["certificates.mode=secret", "statusPage.enabled=true"], &["status-page"]),
    (&["certificates.mode=secret", "guard.readLogs=true"], &["guard-logs"]),
    (
        &["highAvailability=true", "policy=observe", "statusPage.enabled=true"],
        &["self-managed", "high-availability", "observe-first", "status-page"],
    ),
    (
        &["certificates.mode=cert-manager", "highAvailability=true", "policy=observe"],
        &["observe-first", "cert-manager", "high-availability"],
    ),
];

pub(crate) const HELMS: [&str; 2] = ["helm", "helm3"];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("helm::the_chart_is_what_kustomize_makes", the_same),
        test("helm::lint", lint),
        test("helm::a_release_is_installed_upgraded_rolled_back_and_uninstalled", a_release),
        test("helm::unknown_values_are_refused", refused),
        test("helm::values_arrive", values_arrive),
    ]
}

fn helm(fixture: &Fixture, program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(fixture.binaries.find(program));
    command.args(args).env("HOME", fixture.cluster.folder()).output().expect("helm")
}

/// What each step is to leave in the cluster. Nobody runs the pods here.
async fn a_release(fixture: Arc<Fixture>) {
    let cluster = Cluster::start(&fixture.binaries).await;
    let api = cluster.api(ADMIN);
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig(ADMIN).display());
    let deployment = "/apis/apps/v1/namespaces/pod-hardener/deployments/pod-hardener";
    let configuration = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/pod-hardener";
    let bundle = BASE64_STANDARD.encode(cluster.authority().pem());
    for program in HELMS {
        let helm = |args: &[&str]| {
            let common = [kubeconfig.as_str(), "--namespace=pod-hardener"];
            succeeded(&helm(&fixture, program, &[args, &common].concat()))
        };
        let is = async |replicas: u64, policy: &str| {
            let object = api.get(deployment).await.expect("a Deployment").object;
            assert_eq!(object["spec"]["replicas"], replicas, "{program}");
            assert_eq!(
                object["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"], policy,
                "{program}"
            );
        };
        let chart = chart();
        helm(&["install", "pod-hardener", &chart, "--create-namespace"]);
        is(2, "restricted").await;
        // As whoever makes the certificate does it.
        let patch =
            json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]).to_string();
        let args =
            ["patch", "mutatingwebhookconfiguration", "pod-hardener", "--type=json", "--patch", &patch];
        succeeded(&cluster.kubectl(&args).output().expect("kubectl"));
        helm(&["upgrade", "pod-hardener", &chart, "--set=highAvailability=true", "--set=policy=observe"]);
        is(3, "observe").await;
        helm(&["rollback", "pod-hardener", "1"]);
        is(2, "restricted").await;
        let webhook = api.get(configuration).await.expect("a configuration").object;
        assert_eq!(webhook["webhooks"][0]["clientConfig"]["caBundle"], bundle, "{program} takes trust away");
        helm(&["uninstall", "pod-hardener"]);
        let delete = ["delete", "namespace", "pod-hardener"];
        succeeded(&cluster.kubectl(&delete).output().expect("kubectl"));
        until_nothing_is_left(&cluster).await;
    }
    cluster.stop();
}

fn chart() -> String {
    manifests("chart").to_str().expect("UTF-8").to_owned()
}

fn template(fixture: &Fixture, program: &str, values: &[&str]) -> Output {
    let sets: Vec<String> = values.iter().map(|value| format!("--set={value}")).collect();
    let chart = chart();
    let mut args =
        vec!["template", "pod-hardener", &chart, "--namespace=pod-hardener", "--kube-version=1.34.0"];
    args.extend(sets.iter().map(String::as_str));
    helm(fixture, program, &args)
}

pub(crate) fn templated(fixture: &Fixture, program: &str, values: &[&str]) -> Vec<Value> {
    serde_saphyr::from_multiple(&succeeded(&template(fixture, program, values))).expect("YAML")
}

/// The base with components, as an administrator combines them.
fn combined(fixture: &Fixture, components: &[&str]) -> Vec<Value> {
    let folder = tempfile::TempDir::with_prefix("pod-hardener-overlay-").expect("a folder");
    let relative = |path: &str| relative(folder.path(), &manifests(path));
    let components: Vec<String> =
        components.iter().map(|name| relative(&format!("components/{name}"))).collect();
    let overlay = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": [relative("base")], "components": components,
    });
    std::fs::write(folder.path().join("kustomization.yaml"), overlay.to_string()).expect("a file");
    kustomized(&fixture.binaries.find("kubectl"), folder.path())
}

/// Kustomize takes no absolute paths.
fn relative(from: &Path, to: &Path) -> String {
    let from = from.canonicalize().expect("a folder");
    let up = "../".repeat(from.components().count() - 1);
    format!("{up}{}", to.strip_prefix("/").expect("an absolute path").display())
}

/// By kind and name, without the labels that are Helm's way, and the namespace that Helm does not make.
fn comparable(objects: Vec<Value>) -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = objects
        .into_iter()
        .filter(|object| !object.is_null() && object["kind"] != "Namespace")
        .map(|mut object| {
            let name = format!("{}/{}", object["kind"], object["metadata"]["name"]);
            object["metadata"].as_object_mut().expect("metadata").remove("labels");
            // What a component took out leaves an empty list, which is none.
            for (of, list) in
                [("/spec/template/spec", "volumes"), ("/spec/template/spec/containers/0", "volumeMounts")]
            {
                if let Some(of) = object.pointer_mut(of).filter(|of| of[list] == json!([])) {
                    of.as_object_mut().expect("an object").remove(list);
                }
            }
            (name, object)
        })
        .collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

async fn the_same(fixture: Arc<Fixture>) {
    for (values, components) in SAME {
        let expected = comparable(combined(&fixture, components));
        for program in HELMS {
            let found = comparable(templated(&fixture, program, values));
            let names =
                |all: &[(String, Value)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<String>>();
            assert_eq!(names(&found), names(&expected), "{program} {values:?}");
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "{program} {values:?}: {name}");
            }
        }
    }
    // What overlays are is only that.
    let overlays = std::fs::read_dir(manifests("overlays")).expect("a folder");
    for overlay in overlays.map(|entry| entry.expect("an entry").path()) {
        let name = overlay.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        let expected = combined(&fixture, &[name]);
        assert_eq!(kustomized(&fixture.binaries.find("kubectl"), &overlay), expected, "{name}");
    }
}

async fn lint(fixture: Arc<Fixture>) {
    for program in HELMS {
        for (values, _) in SAME {
            let sets: Vec<String> = values.iter().map(|value| format!("--set={value}")).collect();
            let chart = chart();
            let mut args = vec!["lint", "--strict", "--kube-version=1.34.0", &chart];
            args.extend(sets.iter().map(String::as_str));
            succeeded(&helm(&fixture, program, &args));
        }
    }
}

async fn refused(fixture: Arc<Fixture>) {
    for (value, said) in [
        ("replica=3", "replica"),
        ("certificates.mode=magic", "mode"),
        ("webhook.timeoutSeconds=60", "timeoutSeconds"),
        ("replicas=0", "replicas"),
        ("image.digest=sha256:0", "digest"),
        ("networkPolicy.apiServerPorts=443", "apiServerPorts"),
        ("monitoring.interval=often", "interval"),
    ] {
        for program in HELMS {
            let output = template(&fixture, program, &[value]);
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && text.contains(said), "{program} {value}: {text}");
        }
    }
}

async fn values_arrive(fixture: Arc<Fixture>) {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let image = format!("image.digest={digest}");
    let values = [
        &*image,
        "settings.max_body_bytes=8388608",
        "settings.log_level=debug",
        "replicas=5",
        "priorityClassName=mine",
        "webhook.excludedNamespaces={kube-system,network}",
        "crd.keep=true",
        "podLabels.team=platform",
        "podAnnotations.team=platform",
        "monitoring.operator=true",
        "monitoring.interval=15s",
        "monitoring.labels.release=stack",
        "monitoring.runbooks=https://wiki.example.com/runbooks",
    ];
    let objects = templated(&fixture, "helm", &values);
    let find = |kind: &str| objects.iter().find(|object| object["kind"] == kind);
    let deployment = find("Deployment").expect("a Deployment");
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["image"], format!("registry.example.com/pod-hardener:0.1.0@{digest}"));
    for (name, value) in [("MAX_BODY_BYTES", "8388608"), ("LOG_LEVEL", "debug"), ("POLICY", "restricted")] {
        let entry = json!({"name": format!("POD_HARDENER_{name}"), "value": value});
        assert!(container["env"].as_array().expect("env").contains(&entry), "{}", container["env"]);
    }
    assert_eq!(deployment["spec"]["replicas"], 5);
    assert_eq!(pod["spec"]["priorityClassName"], "mine");
    assert_eq!(pod["metadata"]["labels"]["team"], "platform");
    let annotations = &pod["metadata"]["annotations"];
    assert_eq!(
        (&annotations["team"], &annotations["prometheus.io/port"]),
        (&json!("platform"), &json!("9090"))
    );
    let monitor = find("PodMonitor").expect("a PodMonitor");
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["interval"], "15s");
    let rules = find("PrometheusRule").expect("a PrometheusRule");
    for object in [monitor, rules] {
        assert_eq!(object["metadata"]["labels"]["release"], "stack");
    }
    let first = &rules["spec"]["groups"][0]["rules"][0];
    let page = format!("https://wiki.example.com/runbooks/{}.md", first["alert"].as_str().expect("a name"));
    assert_eq!(first["annotations"]["runbook_url"], page);
    assert!(find("PriorityClass").is_none() && find("ResourceQuota").is_none());
    let webhook = &find("ValidatingWebhookConfiguration").expect("a configuration")["webhooks"][0];
    let excluded = &webhook["namespaceSelector"]["matchExpressions"][0]["values"];
    assert_eq!(*excluded, json!(["kube-system", "network", "pod-hardener"]));
    let definition = find("CustomResourceDefinition").expect("a definition");
    assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
}
