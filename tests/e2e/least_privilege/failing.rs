//! Workloads of every kind whose pods fail, where nothing else runs that would make or end them.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cluster::{ADMIN, Cluster};

/// Pods that are created earlier than this after a profile may have been hardened without it, in seconds.
const SETTLED: u64 = 5;

/// Heals in that namespace, and looks at no other.
pub(super) fn policy(namespace: &str) -> String {
    format!(
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: {namespace}}}\n\
         spec: {{selector: {{namespaces: [{namespace}]}}, guard: {{mode: heal}}}}\n---\n\
         apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: others}}\n\
         spec: {{guard: {{mode: \"off\"}}, exemptions: {{authorization: rbac}}}}\n"
    )
}

/// A namespace of that name with workloads whose pods fail; of one image something is learnt already.
pub(super) async fn workloads(cluster: &Cluster, namespace: &str) {
    let create = async |path: &str, object: &Value| {
        let created = cluster.api(ADMIN).create(path, object).await;
        created.unwrap_or_else(|refused| panic!("{path}: {}", refused.message)).object
    };
    let core = format!("/api/v1/namespaces/{namespace}");
    let apps = format!("/apis/apps/v1/namespaces/{namespace}");
    create(
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
    )
    .await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    create(&format!("{core}/serviceaccounts"), &account).await;
    let profile = json!({
        "apiVersion": "pod-hardener.dev/v1alpha1", "kind": "ImageProfile", "metadata": {"name": format!("known-{namespace}")},
        "spec": {
            "match": {"repositories": ["docker.io/library/known"], "tags": ["1"], "namespaces": [namespace]},
            "source": "learnt", "approved": true, "round": 1,
        },
    });
    create("/apis/pod-hardener.dev/v1alpha1/imageprofiles", &profile).await;
    tokio::time::sleep(std::time::Duration::from_secs(SETTLED)).await;
    for (kind, path, image) in [
        ("ReplicaSet", format!("{apps}/replicasets"), "known:1"),
        ("StatefulSet", format!("{apps}/statefulsets"), "set:1"),
        ("DaemonSet", format!("{apps}/daemonsets"), "daemon:1"),
        ("ReplicationController", format!("{core}/replicationcontrollers"), "old:1"),
    ] {
        let name = kind.to_lowercase();
        let labels = json!({"app": name});
        let spec = json!({"containers": [{"name": "app", "image": image}]});
        let version = if kind == "ReplicationController" { "v1" } else { "apps/v1" };
        let selector = if version == "v1" { labels.clone() } else { json!({"matchLabels": labels}) };
        let mut object = json!({
            "apiVersion": version, "kind": kind, "metadata": {"name": name},
            "spec": {"selector": selector, "template": {"metadata": {"labels": labels}, "spec": spec}},
        });
        if kind == "StatefulSet" {
            object["spec"]["serviceName"] = json!(name);
        }
        let object = create(&path, &object).await;
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {
                "name": format!("{name}-1"), "labels": labels,
                "annotations": {"pod-hardener.dev/hardened": "restricted: seccomp"},
                "ownerReferences": [{"apiVersion": version, "kind": kind, "name": name,
                    "uid": object["metadata"]["uid"], "controller": true}],
            },
        });
        let pod = create(&format!("{core}/pods"), &pod).await;
        let said = "open /data/x: read-only file system";
        let path = format!("{core}/pods/{name}-1/status");
        let failed = cluster.api(ADMIN).replace(&path, &failed(&pod, said, 1)).await;
        failed.unwrap_or_else(|refused| panic!("{path}: {}", refused.message));
    }
}

/// A pod whose first container has come to its end and waits to be started again, as the kubelet says it.
pub(crate) fn failed(pod: &Value, message: &str, restarts: u32) -> Value {
    let now =
        OffsetDateTime::now_utc().replace_nanosecond(0).expect("a time").format(&Rfc3339).expect("a time");
    let container = &pod["spec"]["containers"][0];
    let mut pod = pod.clone();
    let created = pod["metadata"]["creationTimestamp"].clone();
    pod["status"] = json!({
        "phase": "Running", "startTime": created,
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": created}],
        "containerStatuses": [{
            "name": container["name"], "image": container["image"],
            "imageID": format!("{}@sha256:{}", container["image"].as_str().expect("an image"), "0a".repeat(32)),
            "ready": false, "restartCount": restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": message, "finishedAt": now,
                "startedAt": now}},
        }],
    });
    pod
}
