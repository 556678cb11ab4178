//! `manifests/base/role.yaml` is enough, and none of it is too much.

pub(crate) mod failing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{ADMIN, Cluster, until_ok};
use crate::fixture::Fixture;
use crate::process::{Process, free_ports};
use crate::webhook::{Registration, ask_admin, register};
use crate::{Test, test};

/// Where everything of these tests is.
const NAMESPACE: &str = "least-privilege";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const POLICIES: &str = "/apis/pod-hardener.dev/v1alpha1/hardeningpolicies";
/// So many servers run at once.
const AT_ONCE: usize = 6;

pub(crate) fn tests() -> Vec<Test> {
    vec![test("least_privilege::without_any_verb_of_the_role_something_fails", every_verb_is_needed)]
}

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grant {
    group: String,
    resource: String,
    verb: String,
}

impl Grant {
    pub(crate) fn new(group: &str, resource: &str, verb: &str) -> Self {
        let [group, resource, verb] = [group, resource, verb].map(str::to_owned);
        Self { group, resource, verb }
    }
}

/// All that the role of the manifests allows.
pub(crate) fn grants() -> Vec<Grant> {
    grants_of("base/role.yaml", "pod-hardener-webhook")
}

/// All that one of the roles in a file below `manifests/` allows.
pub(crate) fn grants_of(file: &str, name: &str) -> Vec<Grant> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(file);
    let text = std::fs::read_to_string(path).expect("the role");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let role = objects.iter().find(|object| object["rules"].is_array() && object["metadata"]["name"] == name);
    let role = role.unwrap_or_else(|| panic!("no role {name} in {file}"));
    let mut grants = Vec::new();
    for rule in words(&role["rules"]) {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    let [group, resource, verb] =
                        [group, resource, verb].map(|word| word.as_str().expect("a word"));
                    grants.push(Grant::new(group, resource, verb));
                }
            }
        }
    }
    grants
}

fn words(list: &Value) -> &[Value] {
    list.as_array().expect("a list")
}

/// A service account that may do this and nothing else: the kubeconfig with its token.
pub(crate) async fn account(cluster: &Cluster, name: &str, grants: &[Grant]) -> PathBuf {
    let api = cluster.api(ADMIN);
    let created = async |path: &str, object: Value| {
        let created = api.create(path, &object).await;
        created.unwrap_or_else(|refused| panic!("{path}: {}", refused.message)).object
    };
    let accounts = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    // It may be there already.
    let _ = api.create("/api/v1/namespaces", &namespace).await;
    created(&accounts, json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}))
        .await;
    let rules: Vec<Value> = grants
        .iter()
        .map(|Grant { group, resource, verb }| {
            json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]})
        })
        .collect();
    let name_of_role = format!("{NAMESPACE}-{name}");
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name_of_role}, "rules": rules});
    created(&format!("{RBAC}/clusterroles"), role).await;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name_of_role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name_of_role},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]});
    created(&format!("{RBAC}/clusterrolebindings"), binding).await;
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = created(&format!("{accounts}/{name}/token"), request).await;
    cluster.write_kubeconfig(name, answer["status"]["token"].as_str().expect("a token"));
    cluster.kubeconfig(name)
}

/// Lets an account hold the guard's Lease in a namespace, as the manifests let it in theirs.
pub(crate) async fn may_lead(cluster: &Cluster, namespace: &str, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/base/guard.yaml");
    let text = std::fs::read_to_string(path).expect("the role");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    for mut object in objects {
        let plural = format!("{}s", object["kind"].as_str().expect("a kind").to_lowercase());
        object["metadata"]["namespace"] = json!(namespace);
        if object["kind"] == "RoleBinding" {
            object["subjects"][0]["name"] = json!(name);
            object["subjects"][0]["namespace"] = json!(NAMESPACE);
        }
        let created =
            cluster.api(ADMIN).create(&format!("{RBAC}/namespaces/{namespace}/{plural}"), &object).await;
        created.unwrap_or_else(|refused| panic!("{}", refused.message));
    }
}

/// What shows that a grant is missing.
#[derive(Debug)]
enum Shows {
    /// In `/readyz?verbose`: the watch of this kind, and of no other.
    Watch(String),
    /// In the log.
    Log(String),
    /// In the metrics: Events that could not be written.
    Events,
    /// In the metrics, once a pod with an exemption was reviewed: the API server did not say who may exempt.
    Access,
    /// In the log, once pods fail in a namespace where this server heals.
    Guard(String),
    /// In the log, once a policy came: its status could not be written.
    Status,
    /// An Event is about an object of this kind, not about the workload above it.
    Below(&'static str),
}

/// A grant without a line here is one too many.
fn shows(grant: &Grant) -> Shows {
    match (grant.resource.as_str(), grant.verb.as_str()) {
        ("replicasets", "get") => Shows::Below("ReplicaSet"),
        ("jobs", "get") => Shows::Below("Job"),
        ("statefulsets" | "daemonsets" | "replicationcontrollers", "get")
        | ("imageprofiles", "create" | "patch")
        | ("pods/eviction", "create") => {
            Shows::Guard(format!("cannot {} resource \\\"{}\\\"", grant.verb, grant.resource))
        }
        ("events", "create") => Shows::Events,
        ("subjectaccessreviews", "create") => Shows::Access,
        ("pods", verb @ ("list" | "watch")) => Shows::Log(format!("cannot {verb} resource \\\"pods\\\"")),
        ("hardeningpolicies/status", "patch") => Shows::Status,
        // Each kind's watch is named after the resource; where there is none, nothing shows and the test fails.
        (resource, "list" | "watch") => Shows::Watch(resource.to_owned()),
        _ => panic!("what fails without {grant:?}? If nothing, it does not belong into the role"),
    }
}

/// A server beside the cluster, not registered.
struct Server {
    name: String,
    process: Process,
    listen: u16,
    admin: u16,
    log: PathBuf,
}

/// Whose word an exemption needs.
const POLICY: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: base}
spec: {exemptions: {authorization: rbac}}
";

impl Server {
    /// With the rights of an account of its own.
    async fn start(cluster: &Cluster, name: &str, grants: &[Grant]) -> Self {
        Self::start_with(cluster, name, grants, POLICY, &[]).await
    }

    /// One that heals in a namespace of its own, and where there is something to heal.
    async fn start_guard(cluster: &Cluster, name: &str, grants: &[Grant]) -> Self {
        failing::workloads(cluster, name).await;
        let lease = format!("POD_NAMESPACE={name}");
        let server = Self::start_with(cluster, name, grants, &failing::policy(name), &[&lease]).await;
        may_lead(cluster, name, name).await;
        server
    }

    async fn start_with(
        cluster: &Cluster,
        name: &str,
        grants: &[Grant],
        policies: &str,
        environment: &[&str],
    ) -> Self {
        let kubeconfig = account(cluster, name, grants).await;
        let [listen, admin] = free_ports();
        let files = cluster.authority().issue(name, cluster.folder());
        let policy = cluster.folder().join(format!("{name}.yaml"));
        std::fs::write(&policy, policies).expect("a policy file");
        let mut args: Vec<String> = environment.iter().map(|variable| (*variable).to_owned()).collect();
        args.extend([
            env!("CARGO_BIN_EXE_pod-hardener").to_owned(),
            "serve".to_owned(),
            format!("--listen=127.0.0.1:{listen}"),
            format!("--admin=127.0.0.1:{admin}"),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--tls-cert={}", files.certificate.display()),
            format!("--tls-key={}", files.key.display()),
            format!("--policy={}", policy.display()),
            "--log-level=debug".to_owned(),
            "--log-format=json".to_owned(),
        ]);
        let process = Process::start(name, Path::new("/usr/bin/env"), &args, cluster.folder());
        let (log, name) = (cluster.folder().join(format!("{name}.log")), name.to_owned());
        Self { name, process, listen, admin, log }
    }

    async fn ask(&self, path: &str) -> Result<String, String> {
        self.process.assert_running();
        ask_admin(self.admin, path)
            .await
            .map(|(_, text)| text.trim().to_owned())
            .ok_or_else(|| "no answer".to_owned())
    }

    /// The end of the log, and whether this is in it and the server is ready all the same.
    async fn logs(&self, needle: &str) -> Result<(String, bool), String> {
        let text = std::fs::read_to_string(&self.log).map_err(|error| error.to_string())?;
        let is_ready = self.ask("/readyz").await? == "ok";
        Ok((self.process.last_lines(), is_ready && text.contains(needle)))
    }

    /// The metrics, and whether this one is above 0.
    async fn counts(&self, series: &str) -> Result<(String, bool), String> {
        let text = self.ask("/metrics").await?;
        let mut lines = text.lines().filter(|line| line.contains(series));
        let is_counted = lines.any(|line| !line.ends_with(" 0"));
        Ok((text, is_counted))
    }

    /// From now on it hardens the pods there.
    async fn register(&self, cluster: &Cluster) {
        let registration = Registration {
            name: &self.name,
            url: format!("https://127.0.0.1:{}/mutate", self.listen),
            label: ("kubernetes.io/metadata.name", NAMESPACE),
            failure_policy: "Ignore",
            timeout_seconds: 10,
        };
        register(cluster, &registration).await;
    }

    async fn shows(&self, cluster: &Cluster, what: &Shows) -> Result<(), String> {
        let (text, is_shown) = match what {
            Shows::Watch(kind) => {
                let text = self.ask("/readyz?verbose").await?;
                let failing: Vec<&str> = text.lines().filter(|line| line.starts_with("[-]")).collect();
                let is_shown = matches!(failing.as_slice(), [line]
                    if line.starts_with(&format!("[-] watch {kind}: not listed: ")) && line.contains("forbidden"));
                (text, is_shown)
            }
            Shows::Log(needle) | Shows::Guard(needle) => self.logs(needle).await?,
            Shows::Status => {
                // Anew, so that every server has something to say of it.
                let _ = cluster.api(ADMIN).delete(&format!("{POLICIES}/of-nobody")).await;
                create_policy(cluster).await?;
                self.logs("cannot patch resource \\\"hardeningpolicies/status\\\"").await?
            }
            Shows::Events => self.counts("events_total{result=\"failed\"}").await?,
            Shows::Access => {
                ask_to_exempt(cluster).await;
                self.counts("access_reviews_total{result=\"failed\"}").await?
            }
            Shows::Below(kind) => {
                let told = told(cluster).await?;
                let is_shown =
                    told.iter().any(|(about, _, reason)| about == kind && reason == "ExemptionExpiring");
                (format!("{told:?}"), is_shown)
            }
        };
        if is_shown { Ok(()) } else { Err(text) }
    }
}

/// Somebody sends a pod with an exemption of its own; nothing is kept.
async fn ask_to_exempt(cluster: &Cluster) {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All");
    let mut pod = exempted("by-hand", json!([]), &json!({"containers": [{"name": "a", "image": "a"}]}));
    pod["metadata"]["labels"] = json!({});
    let admitted = cluster.api(ADMIN).create(&path, &pod).await;
    admitted.unwrap_or_else(|refused| panic!("{}", refused.message));
}

/// The Events so far: about which kind, which name, and the reason.
async fn told(cluster: &Cluster) -> Result<Vec<(String, String, String)>, String> {
    let path = format!("/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events");
    let list = cluster.api(ADMIN).get(&path).await.map_err(|refused| refused.message)?.object;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = words(&list["items"]).iter();
    Ok(events
        .map(|event| {
            let about = &event["regarding"];
            (text(&about["kind"]), text(&about["name"]), text(&event["reason"]))
        })
        .collect())
}

async fn until_told(cluster: &Cluster, expected: &[(&str, &str, &str)]) {
    until_ok("all of it is told", async || {
        let told = told(cluster).await?;
        let is_told = |(kind, name, reason): &(&str, &str, &str)| {
            told.contains(&((*kind).to_owned(), (*name).to_owned(), (*reason).to_owned()))
        };
        if expected.iter().all(is_told) { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
}

async fn every_verb_is_needed(fixture: Arc<Fixture>) {
    // Where lists do not come as streams every verb is used.
    let cluster = Cluster::bare(&fixture.binaries, &["--feature-gates=WatchList=false"]).await;
    let all = grants();
    define_policies(&cluster).await;
    let whole = Server::start(&cluster, "whole", &all).await;
    workloads(&cluster).await;
    until_ok("all is known", async || {
        let verbose = whole.ask("/readyz?verbose").await?;
        if verbose.ends_with("ok") && !verbose.contains("[-]") { Ok(()) } else { Err(verbose) }
    })
    .await;
    until_ok("it says that it took the policy", async || {
        let policy = cluster.api(ADMIN).get(&format!("{POLICIES}/of-nobody")).await;
        let status = policy.map_err(|refused| refused.message)?.object["status"].take();
        if status["conditions"][0]["status"] == "True" { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    let expiring = [("Deployment", "web", "ExemptionExpiring"), ("CronJob", "night", "ExemptionExpiring")];
    until_told(&cluster, &expiring).await;
    bind(&cluster).await;
    until_told(&cluster, &[("Deployment", "web", "TokenMissing")]).await;
    let below = told(&cluster).await.expect("events");
    assert!(!below.iter().any(|(kind, ..)| kind == "ReplicaSet" || kind == "Job"), "{below:?}");
    whole.register(&cluster).await;
    until_ok("it asks who may exempt, and is told", async || {
        ask_to_exempt(&cluster).await;
        let (text, is_told) = whole.counts("access_reviews_total{result=\"allowed\"}").await?;
        if is_told { Ok(()) } else { Err(text) }
    })
    .await;
    whole.process.stop();
    let guard = Server::start_guard(&cluster, "guard", &all).await;
    until_ok("it heals", async || {
        let (text, healed) = guard.logs("a failing pod was evicted").await?;
        if healed { Ok(()) } else { Err(text) }
    })
    .await;
    assert!(
        !guard.logs("the guard could not go on").await.expect("a log").1,
        "{}",
        guard.process.last_lines()
    );
    guard.process.stop();

    let mut number = 0;
    for some in all.chunks(AT_ONCE) {
        let mut servers = Vec::new();
        for left_out in some {
            let rest: Vec<Grant> = all.iter().filter(|grant| *grant != left_out).cloned().collect();
            let name = format!("without-{number}");
            let server = match shows(left_out) {
                Shows::Guard(_) => Server::start_guard(&cluster, &name, &rest).await,
                _ => Server::start(&cluster, &name, &rest).await,
            };
            servers.push((left_out, server));
            number += 1;
        }
        for (left_out, server) in &servers {
            let what = shows(left_out);
            if matches!(what, Shows::Access) {
                server.register(&cluster).await;
            }
            until_ok(&format!("{what:?} shows that {left_out:?} is missing"), async || {
                server.shows(&cluster, &what).await
            })
            .await;
        }
        servers.iter().for_each(|(_, server)| server.process.stop());
    }
    cluster.stop();
}

/// The custom resources, and a policy in force for no namespace that there is.
async fn define_policies(cluster: &Cluster) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/base/crd");
    let output =
        cluster.kubectl(&["create", "-f", folder.to_str().expect("UTF-8")]).output().expect("kubectl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    until_ok("a policy can be created", async || create_policy(cluster).await).await;
}

async fn create_policy(cluster: &Cluster) -> Result<(), String> {
    let policy = json!({"apiVersion": "pod-hardener.dev/v1alpha1", "kind": "HardeningPolicy",
        "metadata": {"name": "of-nobody"}, "spec": {"selector": {"namespaces": ["none"]}}});
    let created = cluster.api(ADMIN).create(POLICIES, &policy).await;
    created.map(drop).map_err(|refused| refused.message)
}

/// A pod of a Deployment and one of a CronJob, on exemptions that end soon; the first has lost its token by us.
async fn workloads(cluster: &Cluster) {
    let create = async |path: &str, object: Value| {
        let answer = cluster.api(ADMIN).create(path, &object).await;
        let object = answer.unwrap_or_else(|refused| panic!("{path}: {}", refused.message)).object;
        object["metadata"]["uid"].as_str().expect("a uid").to_owned()
    };
    let core = |resource: &str| format!("/api/v1/namespaces/{NAMESPACE}/{resource}");
    let [apps, batch] = ["apps", "batch"].map(|group| format!("/apis/{group}/v1/namespaces/{NAMESPACE}"));
    create(
        &core("serviceaccounts"),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}),
    )
    .await;
    let spec = json!({"containers": [{"name": "a", "image": "a"}]});
    let labels = json!({"app": "web"});
    let mut job = json!({"template": {"spec": spec}});
    job["template"]["spec"]["restartPolicy"] = json!("Never");
    let app = json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}});

    let web =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": app});
    let web = create(&format!("{apps}/deployments"), web).await;
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": app,
        "metadata": {"name": "web-1", "ownerReferences": made_by("apps/v1", "Deployment", "web", &web)}});
    let set = create(&format!("{apps}/replicasets"), set).await;
    let mut pod = exempted("web-1-a", made_by("apps/v1", "ReplicaSet", "web-1", &set), &spec);
    pod["metadata"]["annotations"]["pod-hardener.dev/hardened"] = json!("restricted: service-account-token");
    pod["spec"]["automountServiceAccountToken"] = json!(false);
    create(&core("pods"), pod).await;

    let night = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "night"},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}}});
    let night = create(&format!("{batch}/cronjobs"), night).await;
    let once = json!({"apiVersion": "batch/v1", "kind": "Job", "spec": job,
        "metadata": {"name": "night-1", "ownerReferences": made_by("batch/v1", "CronJob", "night", &night)}});
    let once = create(&format!("{batch}/jobs"), once).await;
    create(&core("pods"), exempted("night-1-a", made_by("batch/v1", "Job", "night-1", &once), &spec)).await;
}

fn made_by(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true}])
}

fn exempted(name: &str, owners: Value, spec: &Value) -> Value {
    let soon = time::OffsetDateTime::now_utc().date() + time::Duration::days(3);
    json!({
        "apiVersion": "v1", "kind": "Pod", "spec": spec,
        "metadata": {
            "name": name, "ownerReferences": owners,
            "labels": {"pod-hardener.dev/exempted": "true"},
            "annotations": {
                "pod-hardener.dev/exempt": "read-only-root-filesystem",
                "pod-hardener.dev/exempt-reason": "writes its pages at start",
                "pod-hardener.dev/exempt-until": soon.to_string(),
            },
        },
    })
}

/// Only now somebody lets the pods' account do something.
async fn bind(cluster: &Cluster) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "late"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default"}],
    });
    let path = format!("{RBAC}/namespaces/{NAMESPACE}/rolebindings");
    cluster.api(ADMIN).create(&path, &binding).await.expect("a RoleBinding");
}
