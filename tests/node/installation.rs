//! Our webhook in the cluster, installed as docs/install.md says: the API server reaches it by its Service.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::cluster::{ADMIN, until_ok};
use crate::fixture::Fixture;
use crate::machine;
use crate::{Test, test};

pub(crate) const NAMESPACE: &str = "pod-hardener";

/// The annotation by which a pod says that it was hardened.
pub(crate) const HARDENED: &str = "pod-hardener.dev/hardened";

/// Where `manifests/base` says the image is, and where it is here.
pub(crate) const IMAGE: (&str, &str, &str) =
    ("registry.example.com/pod-hardener", "localhost/pod-hardener", "dev");

/// The most that the image's archive may take.
const MAX_BYTES: u64 = 25_000_000;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("installation::the_image_is_small", the_image_is_small),
        test("installation::the_image_names_a_user", the_image_names_a_user),
    ]
}

async fn the_image_is_small(fixture: Arc<Fixture>) {
    let size = fixture.image("pod-hardener").metadata().expect("an archive").len();
    assert!(size <= MAX_BYTES, "{size} bytes");
}

/// By its number, or kubelet could not tell that it is not root. Where nobody hardens the pod.
async fn the_image_names_a_user(fixture: Arc<Fixture>) {
    let namespace = fixture.existing_namespace("kube-system").await;
    let (_, image, tag) = IMAGE;
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "alone"},
        "spec": {
            "securityContext": {"runAsNonRoot": true},
            "containers": [{"name": "alone", "image": format!("{image}:{tag}")}],
        },
    });
    let pod = namespace.run_pod(&pod).await;
    assert_eq!(pod["status"]["containerStatuses"][0]["user"]["linux"]["uid"], 65532);
    assert!(!is_hardened(&pod));
}

pub(crate) async fn install(fixture: &Fixture) {
    let folder = machine::folder().expect("to be inside").join("install");
    let base = folder.join("base");
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    copy(&manifests.join("base"), &base);
    copy(&manifests.join("components/guard-logs"), &folder.join("guard-logs"));
    let overlay = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["base"],
        "components": ["guard-logs"],
        "images": images(),
    });
    std::fs::write(folder.join("kustomization.yaml"), overlay.to_string()).expect("a file");

    let service = "pod-hardener.pod-hardener.svc";
    let files = fixture.cluster.authority().issue_for("pod-hardener", &[service], &folder);
    let path = |file: &Path| file.to_str().expect("UTF-8").to_owned();
    let in_namespace = format!("--namespace={NAMESPACE}");
    fixture.kubectl(&["apply", "-f", &path(&base.join("namespace.yaml"))]);
    let (certificate, key) = (path(&files.certificate), path(&files.key));
    let secret = ["create", "secret", "tls", "pod-hardener-tls", &in_namespace];
    fixture.kubectl(&[&secret[..], &["--cert", &certificate, "--key", &key]].concat());
    fixture.kubectl(&["apply", "-k", &path(&folder)]);
    fixture.kubectl(&["rollout", "status", "deployment/pod-hardener", &in_namespace, "--timeout=120s"]);
    let authority = BASE64_STANDARD.encode(fixture.cluster.authority().pem());
    let patch = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": authority}]);
    for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
        fixture.kubectl(&["patch", kind, "pod-hardener", "--type=json", "--patch", &patch.to_string()]);
    }
    until_called(fixture).await;
}

/// Where the image is, for kustomize.
pub(crate) fn images() -> Value {
    let (name, new_name, tag) = IMAGE;
    json!([{"name": name, "newName": new_name, "newTag": tag}])
}

/// Patching a configuration returns before the API server goes by it.
pub(crate) async fn until_called(fixture: &Fixture) {
    let api = fixture.cluster.api(ADMIN);
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "until-called"},
        "spec": {"containers": [{"name": "app", "image": "app"}]},
    });
    until_ok("the webhook is called by its Service", async || {
        match api.create("/api/v1/namespaces/default/pods?dryRun=All", &pod).await {
            Ok(accepted) if is_hardened(&accepted.object) => Ok(()),
            Ok(_) => Err("the pod is admitted as it was sent".to_owned()),
            Err(refused) => Err(refused.message),
        }
    })
    .await;
}

/// Whether the pod says so.
pub(crate) fn is_hardened(pod: &Value) -> bool {
    pod["metadata"]["annotations"][HARDENED].is_string()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let (from, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("an entry");
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a copy");
        }
    }
}
