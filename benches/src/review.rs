//! AdmissionReviews as a 1.37 API server sends them: defaulted, with managed fields and the injected token volume.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pod_hardener::policy::PolicySet;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

const TOKEN_VOLUME: &str = "kube-api-access-x7k2p";
const UID: &str = "5d9c6a0e-7e57-4b0b-8f0e-3c9d1f2a7b64";
const TEMPLATE_HASH: &str = "6d4cf56db6";

/// A review of a pod that a ReplicaSet makes: a template as most people write it, nothing secured.
#[must_use]
pub fn plain(containers: usize) -> Vec<u8> {
    review(&defaulted_pod(containers))
}

/// Reviews as they come when a ReplicaSet makes its pods: of one template, each with its own uid and its own name of the
/// token volume.
#[must_use]
pub fn replicas(containers: usize) -> Vec<Vec<u8>> {
    series(containers, 64, &[TOKEN_VOLUME, UID])
}

/// Reviews of pods that are each of another template, and of a template that never comes back soon.
#[must_use]
pub fn strangers(containers: usize) -> Vec<Vec<u8>> {
    series(containers, 1024, &[TOKEN_VOLUME, UID, TEMPLATE_HASH])
}

/// The plain review so many times, each with other ends to these words.
fn series(containers: usize, count: usize, words: &[&str]) -> Vec<Vec<u8>> {
    let plain = String::from_utf8_lossy(&plain(containers)).into_owned();
    let numbered = |number: usize| {
        let renamed = words.iter().fold(plain.clone(), |review, word| {
            let (stem, _) = word.split_at(word.len() - 4);
            review.replace(word, &format!("{stem}{number:04x}"))
        });
        renamed.into_bytes()
    };
    (0..count).map(numbered).collect()
}

/// A review of the same pod as it is after `policies` hardened it: nothing is left to do.
///
/// # Errors
/// When the engine gives no patch that applies.
pub fn hardened(containers: usize, policies: &PolicySet) -> anyhow::Result<Vec<u8>> {
    let mut pod = defaulted_pod(containers);
    let patch = patch(&review(&pod), policies)?.context("a plain pod needs a patch")?;
    let operations: json_patch::Patch = serde_json::from_slice(&patch)?;
    json_patch::patch(&mut pod, &operations)?;
    let review = review(&pod);
    anyhow::ensure!(self::patch(&review, policies)?.is_none(), "the second pass still changes something");
    Ok(review)
}

/// The operations with which the engine answers a review; none where nothing is to be changed.
///
/// # Errors
/// When the engine does not answer.
pub fn patch(review: &[u8], policies: &PolicySet) -> anyhow::Result<Option<Vec<u8>>> {
    let answer = pod_hardener::review::answer(review, policies, OffsetDateTime::UNIX_EPOCH)?;
    let answer: Value = serde_json::from_slice(&answer.body)?;
    let Some(patch) = answer.pointer("/response/patch").and_then(Value::as_str) else { return Ok(None) };
    Ok(Some(STANDARD.decode(patch)?))
}

/// What follows the uid in an answer that has this patch and nothing else to say.
#[must_use]
pub fn answer_with(patch: &[u8]) -> String {
    let patch = STANDARD.encode(patch);
    format!(r#"","allowed":true,"patchType":"JSONPatch","patch":"{patch}"}}}}"#)
}

/// What follows the uid in the engine's own answer to a review: the patch, warnings, audit annotations.
///
/// # Errors
/// When the engine does not answer.
pub fn rest_of_answer(review: &[u8], policies: &PolicySet) -> anyhow::Result<String> {
    let answer = pod_hardener::review::answer(review, policies, OffsetDateTime::UNIX_EPOCH)?;
    let answer = String::from_utf8(answer.body)?;
    let (_, rest) = answer.split_once("\"uid\":\"").context("an answer without a uid")?;
    let (_, rest) = rest.split_once('"').context("a uid without an end")?;
    Ok(format!("\"{rest}"))
}

/// The pod as a client sends it to the API server, before defaulting.
#[must_use]
pub fn manifest(name: &str, namespace: &str, containers: usize) -> Value {
    let containers: Vec<Value> = (0..containers).map(container).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels()},
        "spec": {"containers": containers},
    })
}

fn labels() -> Value {
    json!({
        "app.kubernetes.io/name": "web",
        "app.kubernetes.io/instance": "web-production",
        "app.kubernetes.io/version": "1.29.1",
        "app.kubernetes.io/managed-by": "Helm",
    })
}

/// A container as people write it.
fn container(number: usize) -> Value {
    let port = 8080 + number;
    json!({
        "name": format!("web-{number}"),
        "image": "registry.example/team/web:1.29.1",
        "args": ["--listen", format!(":{port}"), "--log-format=json"],
        "ports": [{"name": format!("http-{number}"), "containerPort": port}],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "DATABASE_URL", "value": "postgres://db.production.svc:5432/web?sslmode=verify-full"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "web", "key": "api-key"}}},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": port}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": port}},
    })
}

/// The same container after API defaulting and the ServiceAccount plugin.
fn defaulted_container(number: usize) -> Value {
    let mut container = container(number);
    container["ports"][0]["protocol"] = json!("TCP");
    container["env"][2]["valueFrom"]["fieldRef"]["apiVersion"] = json!("v1");
    for probe in ["livenessProbe", "readinessProbe"] {
        container[probe]["httpGet"]["scheme"] = json!("HTTP");
        for (field, value) in
            [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
        {
            container[probe][field] = json!(value);
        }
    }
    container["volumeMounts"] = json!([
        {"name": TOKEN_VOLUME, "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
    ]);
    container["terminationMessagePath"] = json!("/dev/termination-log");
    container["terminationMessagePolicy"] = json!("File");
    container["imagePullPolicy"] = json!("IfNotPresent");
    container
}

fn defaulted_pod(containers: usize) -> Value {
    let mut labels = labels();
    labels["pod-template-hash"] = json!(TEMPLATE_HASH);
    let listed: Vec<Value> = (0..containers).map(defaulted_container).collect();
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": format!("web-{TEMPLATE_HASH}-"),
            "namespace": "production",
            "uid": "0e1f2b1c-6f5e-4a53-9b1f-0d1b54a2f9c3",
            "creationTimestamp": "2026-07-01T09:30:00Z",
            "labels": labels,
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": "8080",
                "checksum/config": "8d1f0e5e5d6e0b0f6a6d0b1f9b6f0d7c6f6b1f1e9f4a2d2c3b4a5f6e7d8c9b0a",
            },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("web-{TEMPLATE_HASH}"),
                "uid": "f7b3c5f1-43a4-4f0e-9a35-5d2f7e1c8b90", "controller": true, "blockOwnerDeletion": true,
            }],
            "managedFields": [{
                "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                "time": "2026-07-01T09:30:00Z", "fieldsType": "FieldsV1", "fieldsV1": managed_fields(containers),
            }],
        },
        "spec": {
            "volumes": [token_volume()],
            "containers": listed,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "serviceAccount": "default",
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
                 "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
                 "tolerationSeconds": 300},
            ],
            "priority": 0,
            "enableServiceLinks": true,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    })
}

fn token_volume() -> Value {
    json!({"name": TOKEN_VOLUME, "projected": {"sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ], "defaultMode": 420}})
}

fn managed_fields(containers: usize) -> Value {
    let mut listed = Map::new();
    for number in 0..containers {
        let port = format!("k:{{\"containerPort\":{},\"protocol\":\"TCP\"}}", 8080 + number);
        let probe = json!({".": {}, "f:failureThreshold": {}, "f:httpGet": {".": {}, "f:path": {}, "f:port": {},
            "f:scheme": {}}, "f:periodSeconds": {}, "f:successThreshold": {}, "f:timeoutSeconds": {}});
        listed.insert(format!("k:{{\"name\":\"web-{number}\"}}"), json!({
            ".": {}, "f:args": {},
            "f:env": {".": {},
                "k:{\"name\":\"API_KEY\"}": {".": {}, "f:name": {},
                    "f:valueFrom": {".": {}, "f:secretKeyRef": {}}},
                "k:{\"name\":\"DATABASE_URL\"}": {".": {}, "f:name": {}, "f:value": {}},
                "k:{\"name\":\"LOG_LEVEL\"}": {".": {}, "f:name": {}, "f:value": {}},
                "k:{\"name\":\"POD_IP\"}": {".": {}, "f:name": {}, "f:valueFrom": {".": {}, "f:fieldRef": {}}}},
            "f:image": {}, "f:imagePullPolicy": {}, "f:livenessProbe": probe, "f:name": {},
            "f:ports": {".": {}, port: {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}}},
            "f:readinessProbe": probe,
            "f:resources": {".": {}, "f:requests": {".": {}, "f:cpu": {}, "f:memory": {}}},
            "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
        }));
    }
    json!({
        "f:metadata": {
            "f:annotations": {".": {}, "f:checksum/config": {}, "f:prometheus.io/port": {},
                "f:prometheus.io/scrape": {}},
            "f:generateName": {},
            "f:labels": {".": {}, "f:app.kubernetes.io/instance": {}, "f:app.kubernetes.io/managed-by": {},
                "f:app.kubernetes.io/name": {}, "f:app.kubernetes.io/version": {}, "f:pod-template-hash": {}},
            "f:ownerReferences": {".": {}, "k:{\"uid\":\"f7b3c5f1-43a4-4f0e-9a35-5d2f7e1c8b90\"}": {}},
        },
        "f:spec": {"f:containers": listed, "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {},
            "f:schedulerName": {}, "f:securityContext": {}, "f:terminationGracePeriodSeconds": {}},
    })
}

/// The envelope around a pod that the ReplicaSet controller creates.
#[must_use]
pub fn review(pod: &Value) -> Vec<u8> {
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": UID,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "production",
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "3f0a1b0d-5a57-4c43-9e55-e5f6d8c7b6a5",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system",
                    "system:authenticated"],
                "extra": {"authentication.kubernetes.io/credential-id":
                    ["JTI=9a5c1a1e-6a55-4d3c-8c0e-b1f7a64f4b2e"]},
            },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
    .to_string()
    .into_bytes()
}
