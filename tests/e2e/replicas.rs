//! Nothing is kept but what the cluster says: any replica answers alike, and a start needs no API server.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::Api;
use crate::cluster::{ADMIN, Cluster, until_ok};
use crate::fixture::{Fixture, Namespace, Server};
use crate::process::{Process, free_ports};
use crate::webhook::ask_admin;
use crate::{Test, generated, pods, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("replicas::answer_alike", answer_alike),
        test("replicas::start_while_the_api_server_is_away", start_without_an_api_server),
    ]
}

/// A server that nobody calls but the test.
struct Replica {
    process: Process,
    admin: u16,
    api: Api,
}

impl Replica {
    fn start(cluster: &Cluster, name: &str) -> Self {
        let [listen, admin] = free_ports();
        let files = cluster.authority().issue(name, cluster.folder());
        let args = [
            "serve".to_owned(),
            format!("--listen=127.0.0.1:{listen}"),
            format!("--admin=127.0.0.1:{admin}"),
            format!("--tls-cert={}", files.certificate.display()),
            format!("--tls-key={}", files.key.display()),
            format!("--kubeconfig={}", cluster.kubeconfig(ADMIN).display()),
        ];
        let program = Path::new(env!("CARGO_BIN_EXE_pod-hardener"));
        let process = Process::start(name, program, &args, cluster.folder());
        let url = format!("https://127.0.0.1:{listen}");
        Self { process, admin, api: Api::new(&url, cluster.authority().der(), "nobody", None) }
    }

    /// Waits until `/readyz?verbose` answers so.
    async fn until(&self, what: &str, code: u16, says: &str) {
        until_ok(what, async || {
            self.process.assert_running();
            let (found, text) = ask_admin(self.admin, "/readyz?verbose").await.ok_or("no answer")?;
            if found == code && text.contains(says) { Ok(()) } else { Err(text) }
        })
        .await;
    }

    /// The answer to a review, in the order in which it was written.
    async fn answer(&self, path: &str, review: &Value) -> String {
        self.api.create(path, review).await.expect("an answer").object.to_string()
    }
}

/// As an API server sends it.
fn review(namespace: &str, pod: &Value) -> Value {
    let mut pod = pod.clone();
    pod["metadata"]["namespace"] = json!(namespace);
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": namespace, "operation": "CREATE",
        "userInfo": {"username": "jane", "groups": ["system:authenticated"]}, "object": pod,
    }})
}

async fn answer_alike(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            know(namespace, "a").await;
            let first = Replica::start(&fixture.cluster, "replica-first");
            first.until("the first replica is ready", 200, "ok").await;
            // One is told of these as they come, the other finds them.
            know(namespace, "b").await;
            let second = Replica::start(&fixture.cluster, "replica-second");
            second.until("the second replica is ready", 200, "ok").await;
            let told = review(&namespace.name, &pods::plain_with("p", json!({"serviceAccountName": "b"})));
            until_ok("the first replica knows as much", async || {
                let (one, other) =
                    (first.answer("/mutate", &told).await, second.answer("/mutate", &told).await);
                if one == other { Ok(()) } else { Err(format!("{one}\n{other}")) }
            })
            .await;
            for sample in generated::samples() {
                let review = review(&namespace.name, &sample.pod);
                for path in ["/mutate", "/validate"] {
                    let one = first.answer(path, &review).await;
                    let other = second.answer(path, &review).await;
                    assert_eq!(one, other, "{}", sample.source);
                }
            }
            first.process.stop();
            second.process.stop();
        })
        .await;
}

/// Puts into a namespace what answers depend on.
async fn know(namespace: &Namespace, name: &str) {
    let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": name}, "spec": {"limits":
        [{"type": "Container", "max": {"cpu": "700m", "memory": "900Mi"}, "min": {"memory": "48Mi"}}]}});
    namespace.create("limitranges", &limits).await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name},
        "spec": {"hard": {"requests.cpu": "40", "limits.memory": "80Gi"}}});
    namespace.create("resourcequotas", &quota).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    namespace.create("serviceaccounts", &account).await;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name}, "subjects": [{"kind": "ServiceAccount", "name": name}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}});
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings", namespace.name);
    namespace.api.create(&path, &binding).await.expect("a RoleBinding");
}

/// It waits, says so, and answers whoever asks meanwhile.
async fn start_without_an_api_server(fixture: Arc<Fixture>) {
    let cluster = Cluster::bare(&fixture.binaries, &[]).await;
    cluster.stop_api_server();
    let replica = Replica::start(&cluster, "cold");
    replica.until("it says what it waits for", 503, "[+] serving\n").await;
    replica.until("and why", 503, "[-] watch namespaces: not listed: ").await;
    let (code, _) = ask_admin(replica.admin, "/livez").await.expect("an answer");
    assert_eq!(code, 200, "nothing would be better if it were started anew");
    let answer = replica.answer("/mutate", &review("shop", &pods::plain("web"))).await;
    assert!(answer.contains("JSONPatch"), "{answer}");
    cluster.start_api_server().await;
    replica.until("it knows the cluster", 200, "ok").await;
    replica.process.stop();
    cluster.stop();
}
