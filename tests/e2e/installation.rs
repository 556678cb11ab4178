//! `manifests/base`: what it describes can be installed, in a namespace that enforces `restricted`.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::api::Api;
use crate::cluster::{ADMIN, until};
use crate::fixture::Fixture;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("installation::of_the_manifests", of_the_manifests)]
}

async fn of_the_manifests(fixture: Arc<Fixture>) {
    let api = fixture.cluster.api(ADMIN);
    let objects = kustomized(&fixture);
    for object in &objects {
        create(&api, object).await;
    }
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").expect("a Deployment");
    let namespace = deployment["metadata"]["namespace"].as_str().expect("a namespace");
    let replicas = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    // Nobody hardens them: they are what `restricted` demands as they are.
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    until("the Deployment's pods are admitted", async || {
        let list = api.get(&pods).await.expect("a list").object;
        list["items"].as_array().map(Vec::len) == usize::try_from(replicas).ok()
    })
    .await;
    api.delete(&format!("/api/v1/namespaces/{namespace}")).await.expect("a deletion");
}

/// The objects, in the order in which they are to be created.
fn kustomized(fixture: &Fixture) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/base");
    let folder = folder.to_str().expect("a path that is UTF-8");
    let output = fixture.cluster.kubectl(&["kustomize", folder]).output().expect("kubectl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    objects.sort_by_key(|object| object["kind"] != "Namespace");
    objects
}

async fn create(api: &Api, object: &Value) {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default();
    let path = match kind {
        "Namespace" => "/api/v1/namespaces?".to_owned(),
        "ServiceAccount" => format!("/api/v1/namespaces/{namespace}/serviceaccounts?"),
        "ClusterRole" => "/apis/rbac.authorization.k8s.io/v1/clusterroles?dryRun=All&".to_owned(),
        "ClusterRoleBinding" => {
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings?dryRun=All&".to_owned()
        }
        "Service" => format!("/api/v1/namespaces/{namespace}/services?"),
        "Deployment" => format!("/apis/apps/v1/namespaces/{namespace}/deployments?"),
        // Not to be kept: there is no Service behind it here, and all pods would wait for it.
        "MutatingWebhookConfiguration" => {
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?dryRun=All&".to_owned()
        }
        // Not to be kept either: other tests install it.
        "CustomResourceDefinition" => {
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All&".to_owned()
        }
        "ValidatingWebhookConfiguration" => {
            "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?dryRun=All&".to_owned()
        }
        other => panic!("where to create a {other}?"),
    };
    let answer = api.create(&format!("{path}fieldValidation=Strict"), object).await;
    if matches!(&answer, Err(refused) if kind == "CustomResourceDefinition" && refused.code == 409) {
        return;
    }
    let accepted = answer.unwrap_or_else(|refused| panic!("{kind}: {refused:?}"));
    assert!(accepted.warnings.is_empty(), "{kind}: {:?}", accepted.warnings);
}
