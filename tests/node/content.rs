//! Files of an image are there although its root is read-only: an init container of ours copied them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{ADMIN, until_ok};
use crate::fixture::{Fixture, Namespace};
use crate::installation::{HARDENED, IMAGE};
use crate::{Test, test};

const IMAGE_WITH_CONTENT: &str = "localhost/content:1";
const API: &str = "/apis/pod-hardener.dev/v1alpha1";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("content::it_is_copied_and_its_users", it_is_copied),
        test("content::in_a_user_namespace_too", in_a_user_namespace),
    ]
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app"},
        "spec": {
            "containers": [{
                "name": "app",
                "image": IMAGE_WITH_CONTENT,
                "readinessProbe": {"httpGet": {"path": "/data", "port": 8080}, "periodSeconds": 1},
            }],
        },
    })
}

/// A namespace that enforces Pod Security `restricted`, in which the image is known and there is a copier.
async fn prepared<'f>(fixture: &'f Fixture, name: &str) -> Namespace<'f> {
    let namespace = fixture.namespace(name).await;
    fixture.kubectl(&["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]);
    let api = fixture.cluster.api(ADMIN);
    let object = |kind: &str, spec: Value| json!({"apiVersion": "pod-hardener.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let profile = json!({
        "match": {"repositories": ["localhost/content"], "namespaces": [name]},
        "user": 1000, "group": 1000, "imageUser": "root",
        "writablePaths": [{"path": "/var/lib/app", "size": "1Mi", "content": "needed"}],
    });
    let (_, image, tag) = IMAGE;
    let copy_up = json!({"image": format!("{image}:{tag}"), "pullPolicy": "Never"});
    let policy = json!({
        "selector": {"namespaces": [name]},
        "rules": {"read-only-root-filesystem": {"copyUp": copy_up}},
    });
    api.create(&format!("{API}/imageprofiles"), &object("ImageProfile", profile)).await.expect("a profile");
    api.create(&format!("{API}/hardeningpolicies"), &object("HardeningPolicy", policy))
        .await
        .expect("a policy");
    let path = namespace.path("pods?dryRun=All");
    until_ok("profile and policy are in force", async || match api.create(&path, &pod()).await {
        Ok(accepted) if accepted.object["spec"]["initContainers"].is_array() => Ok(()),
        Ok(accepted) => Err(accepted.object.to_string()),
        Err(refused) => Err(refused.message),
    })
    .await;
    namespace
}

async fn it_is_copied(fixture: Arc<Fixture>) {
    let namespace = prepared(&fixture, "content").await;
    let running = namespace.run_pod(&pod()).await;
    let hardened = running["metadata"]["annotations"][HARDENED].as_str().expect("hardened");
    assert!(hardened.starts_with("content:") && hardened.contains("read-only-root-filesystem"), "{hardened}");
    assert_content(&namespace);
    // What nobody but root may read is named, and nothing else.
    let copier = &running["status"]["initContainerStatuses"][0];
    assert_eq!(copier["restartCount"], 0);
    let message = copier["state"]["terminated"]["message"].as_str().expect("a message");
    assert!(message.contains("1 left out: secret (this user may not read it)"), "{message}");
}

async fn in_a_user_namespace(fixture: Arc<Fixture>) {
    let namespace = prepared(&fixture, "content-isolated").await;
    let mut pod = pod();
    pod["spec"]["hostUsers"] = json!(false);
    namespace.run_pod(&pod).await;
    assert_content(&namespace);
}

/// The files, whose they are, and that they can be written where nothing else can.
fn assert_content(namespace: &Namespace<'_>) {
    let shell = |script: &str| namespace.shell("app", script);
    assert_eq!(shell("id -u; id -g"), "1000\n1000\n");
    assert_eq!(shell("cat /var/lib/app/link"), "content\n");
    assert_eq!(shell("stat -c '%u %g %a' /var/lib/app /var/lib/app/data"), "1000 1000 700\n1000 1000 644\n");
    assert_eq!(shell("chmod 0750 /var/lib/app && stat -c %a /var/lib/app"), "750\n");
    assert_eq!(shell("echo more > /var/lib/app/sub/more && cat /var/lib/app/sub/more"), "more\n");
    assert_eq!(shell("touch /var/lib/other || true"), "touch: /var/lib/other: Read-only file system\n");
    assert_eq!(shell("ls -a /var/lib/app"), ".\n..\ndata\nlink\nsub\n");
}
