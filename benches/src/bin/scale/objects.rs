//! A large cluster: objects as people and tools write them, created by many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use pod_hardener_bench::load::{Connection, Post, Target};
use pod_hardener_bench::review::manifest;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cluster::ADMIN;

/// How many requests go to the API server at once.
const AT_ONCE: usize = 48;

/// How large.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Each with a service account, every fourth with a LimitRange, every eighth with a ResourceQuota.
    pub(crate) namespaces: usize,
    /// Each with a ReplicaSet.
    pub(crate) deployments: usize,
    /// Of those ReplicaSets.
    pub(crate) pods: usize,
    pub(crate) role_bindings: usize,
    pub(crate) nodes: usize,
}

impl Size {
    pub(crate) const LARGE: Self =
        Self { namespaces: 5_000, deployments: 2_000, pods: 20_000, role_bindings: 10_000, nodes: 500 };
    /// Only shows that it runs.
    pub(crate) const SMALL: Self =
        Self { namespaces: 100, deployments: 40, pods: 400, role_bindings: 200, nodes: 10 };

    /// How many objects the server keeps something of.
    pub(crate) const fn kept(self) -> usize {
        2 * self.namespaces
            + self.namespaces / 4
            + self.namespaces / 8
            + 2 * self.deployments
            + self.role_bindings
            + self.nodes
    }
}

pub(crate) fn namespace(number: usize) -> String {
    format!("team-{number:05}")
}

/// Creates everything.
pub(crate) async fn fill(target: &Target, size: Size) -> anyhow::Result<()> {
    let spaces = size.namespaces;
    create(target, spaces, |number| ("/api/v1/namespaces".to_owned(), a_namespace(number))).await?;
    create(target, spaces, |number| {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        (core(number, "serviceaccounts"), account)
    })
    .await?;
    create(target, spaces / 4, |number| (core(4 * number, "limitranges"), a_limit_range())).await?;
    create(target, spaces / 8, |number| (core(8 * number, "resourcequotas"), a_quota())).await?;
    create(target, size.nodes, |number| ("/api/v1/nodes".to_owned(), a_node(number))).await?;
    create(target, size.role_bindings, |number| {
        let path = format!(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
            namespace(number % spaces)
        );
        (path, a_binding(number, spaces))
    })
    .await?;
    let apps = |number: usize, resource: &str| {
        format!("/apis/apps/v1/namespaces/{}/{resource}", namespace(number % spaces))
    };
    let deployments = create(target, size.deployments, |number| {
        (apps(number, "deployments"), a_workload("Deployment", number, None))
    })
    .await?;
    let replica_sets = create(target, size.deployments, |number| {
        (apps(number, "replicasets"), a_workload("ReplicaSet", number, Some(&deployments[number])))
    })
    .await?;
    create(target, size.pods, |number| {
        let set = number % size.deployments;
        (core(set % spaces, "pods"), a_pod(number, set, &replica_sets[set]))
    })
    .await?;
    Ok(())
}

fn core(number: usize, resource: &str) -> String {
    format!("/api/v1/namespaces/{}/{resource}", namespace(number))
}

/// Creates so many objects; their uids, in order.
async fn create(
    target: &Target,
    count: usize,
    object: impl Fn(usize) -> (String, Value),
) -> anyhow::Result<Vec<String>> {
    let mut requests = Vec::with_capacity(count);
    for number in 0..count {
        let (path, object) = object(number);
        requests.push(Post::new(&path, Some(ADMIN), object.to_string().into_bytes())?);
    }
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE.min(count) {
        let (target, requests, next) = (target.clone(), Arc::clone(&requests), Arc::clone(&next));
        tasks.spawn(async move { some(target.connect().await?, &requests, &next).await });
    }
    let mut uids = vec![String::new(); count];
    while let Some(task) = tasks.join_next().await {
        for (number, uid) in task?? {
            uids[number] = uid;
        }
    }
    Ok(uids)
}

/// Creates one after the other, for as long as there are any.
async fn some(
    mut connection: Connection,
    requests: &[Arc<Post>],
    next: &AtomicUsize,
) -> anyhow::Result<Vec<(usize, String)>> {
    let mut uids = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(post) = requests.get(number) else { return Ok(uids) };
        let created: Value = serde_json::from_slice(&connection.ask(post).await?)?;
        let uid = created.pointer("/metadata/uid").and_then(Value::as_str).context("no uid")?;
        uids.push((number, uid.to_owned()));
    }
}

fn a_namespace(number: usize) -> Value {
    let name = namespace(number);
    let applied = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {
        "team": name, "environment": "production", "pod-security.kubernetes.io/enforce": "baseline"}}});
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                "team": name, "environment": "production", "cost-centre": format!("{}", 1000 + number % 97),
                "pod-security.kubernetes.io/enforce": "baseline",
                "pod-security.kubernetes.io/warn": "restricted",
                "app.kubernetes.io/managed-by": "Helm",
            },
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": applied.to_string(),
                "example.com/contact": format!("{name}@example.com"),
                "example.com/repository": format!("https://git.example.com/teams/{name}/deploy"),
            },
        },
    })
}

fn a_limit_range() -> Value {
    json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "limits"}, "spec": {"limits": [
        {"type": "Container", "max": {"cpu": "8", "memory": "16Gi"}, "min": {"cpu": "10m", "memory": "16Mi"}},
        {"type": "Pod", "max": {"cpu": "64", "memory": "128Gi"}},
    ]}})
}

fn a_quota() -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota"}, "spec": {"hard": {
        "pods": "500", "requests.cpu": "400", "requests.memory": "800Gi", "limits.memory": "1600Gi"}}})
}

fn a_node(number: usize) -> Value {
    let name = format!("node-{number:04}");
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": "m7i.4xlarge", "topology.kubernetes.io/region": "eu-1",
        "topology.kubernetes.io/zone": format!("eu-1{}", number % 3), "pool": format!("pool-{}", number % 7)}}})
}

/// To people, and to a service account, in turns.
fn a_binding(number: usize, spaces: usize) -> Value {
    let namespace = namespace(number % spaces);
    let subject = if number < spaces {
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": format!("{namespace}-developers")})
    } else {
        json!({"kind": "ServiceAccount", "name": "deployer", "namespace": namespace})
    };
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": format!("binding-{number}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [subject],
    })
}

fn a_workload(kind: &str, number: usize, owner: Option<&String>) -> Value {
    let mut pod = manifest("", "", 1 + number % 3);
    pod["metadata"] =
        json!({"labels": {"app": format!("app-{number}"), "app.kubernetes.io/managed-by": "Helm"}});
    let mut metadata = json!({"name": format!("app-{number}"), "annotations": {
        "meta.helm.sh/release-name": format!("app-{number}"), "deployment.kubernetes.io/revision": "7"}});
    if let Some(uid) = owner {
        metadata["ownerReferences"] = owner_reference("Deployment", number, uid);
    }
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": {"app": format!("app-{number}")}},
            "template": {"metadata": pod["metadata"], "spec": pod["spec"]},
        },
    })
}

fn a_pod(number: usize, set: usize, uid: &str) -> Value {
    let mut pod = manifest(&format!("app-{set}-{number}"), "", 1 + set % 3);
    let metadata = json!({
        "name": format!("app-{set}-{number}"),
        "labels": {"app": format!("app-{set}"), "app.kubernetes.io/managed-by": "Helm"},
        "ownerReferences": owner_reference("ReplicaSet", set, uid),
    });
    pod["metadata"] = metadata;
    // As the webhook marks what it hardened: the guard keeps something of each.
    pod["metadata"]["annotations"] = json!({"pod-hardener.dev/hardened": "restricted: seccomp,resources"});
    // One in a hundred lives on an exemption.
    if number.is_multiple_of(100) {
        pod["metadata"]["labels"]["pod-hardener.dev/exempted"] = json!("true");
        let annotations = &mut pod["metadata"]["annotations"];
        annotations["pod-hardener.dev/exempt"] = json!("read-only-root-filesystem");
        annotations["pod-hardener.dev/exempt-reason"] = json!("writes its pages at start");
    }
    pod
}

fn owner_reference(kind: &str, number: usize, uid: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": format!("app-{number}"), "uid": uid,
        "controller": true, "blockOwnerDeletion": true}])
}
