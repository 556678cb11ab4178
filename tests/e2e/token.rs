//! The token of a service account that nobody needs.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::until_ok;
use crate::fixture::{Fixture, Namespace, Server};
use crate::pods::{self, token_readers, token_volumes};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("token::the_default_accounts_is_gone_from_every_container", default_account),
        test("token::an_own_accounts_stays", own_account),
        test("token::one_that_the_author_asks_for_stays", asked_for),
        test("token::enforced_takes_one_that_the_author_asks_for", enforced),
        test("token::of_an_unbound_account_is_gone_until_it_is_bound", unbound_account),
        test("token::of_a_group_that_is_bound_stays", bound_group),
        test("token::of_an_identity_elsewhere_stays", identity_elsewhere),
    ]
}

fn pod() -> Value {
    pods::plain_with(
        "nginx",
        json!({"initContainers": [
            {"name": "prepare", "image": "busybox:1.37"},
            {"name": "log", "image": "fluent-bit:4", "restartPolicy": "Always"},
        ]}),
    )
}

fn asking() -> Value {
    let mut pod = pod();
    pod["spec"]["automountServiceAccountToken"] = json!(true);
    pod
}

fn assert_no_token(pod: &Value) {
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false, "{pod}");
    assert!(token_volumes(pod).is_empty(), "{pod}");
    assert!(token_readers(pod).is_empty(), "{pod}");
}

fn assert_token(pod: &Value) {
    assert_eq!(token_volumes(pod).len(), 1, "{pod}");
    assert_eq!(token_readers(pod), ["prepare", "log", "nginx"], "{pod}");
}

async fn default_account(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            assert_token(&namespace.admits(&pod()).await.object);
        })
        .await;
    for server in [Server::BuiltIn, Server::Enforced] {
        fixture
            .with_temp_namespace(server, &[], async |namespace| {
                assert_no_token(&namespace.admits(&pod()).await.object);
            })
            .await;
    }
}

async fn own_account(fixture: Arc<Fixture>) {
    let mut pod = pod();
    pod["spec"]["serviceAccountName"] = json!("app");
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            let account = json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"},
            });
            namespace.create("serviceaccounts", &account).await;
            assert_token(&namespace.admits(&pod).await.object);
        })
        .await;
}

async fn asked_for(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            assert_token(&namespace.admits(&asking()).await.object);
        })
        .await;
}

async fn enforced(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Enforced, &[], async |namespace| {
            assert_no_token(&namespace.admits(&asking()).await.object);
        })
        .await;
}

/// Under an account of its own, which is made.
async fn under(namespace: &Namespace, account: &str, more: &Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}});
    json_patch::merge(&mut object, more);
    namespace.create("serviceaccounts", &object).await;
    let mut pod = pod();
    pod["spec"]["serviceAccountName"] = json!(account);
    pod
}

async fn until_token(namespace: &Namespace, pod: &Value, there: bool) {
    until_ok("the watch has brought what the token depends on", async || {
        let admitted = namespace.try_pod(pod).await.map_err(|refused| refused.message)?.object;
        if token_volumes(&admitted).is_empty() == there {
            return Err(admitted.to_string());
        }
        if there {
            assert_token(&admitted)
        } else {
            assert_no_token(&admitted)
        }
        Ok(())
    })
    .await;
}

async fn bind(namespace: &Namespace, subject: &Value) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "view"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [subject],
    });
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings", namespace.name);
    namespace.api.create(&path, &binding).await.expect("a RoleBinding");
}

async fn unbound_account(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let (app, other) =
                (under(namespace, "app", &json!({})).await, under(namespace, "other", &json!({})).await);
            until_token(namespace, &app, false).await;
            bind(namespace, &json!({"kind": "ServiceAccount", "name": "app", "namespace": namespace.name}))
                .await;
            until_token(namespace, &app, true).await;
            assert_no_token(&namespace.admits(&other).await.object);
            let path =
                format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings/view", namespace.name);
            namespace.api.delete(&path).await.expect("a deletion");
            until_token(namespace, &app, false).await;
        })
        .await;
}

async fn bound_group(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let app = under(namespace, "app", &json!({})).await;
            until_token(namespace, &app, false).await;
            let group = format!("system:serviceaccounts:{}", namespace.name);
            bind(
                namespace,
                &json!({"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"}),
            )
            .await;
            until_token(namespace, &app, true).await;
            until_token(namespace, &pod(), true).await;
        })
        .await;
}

async fn identity_elsewhere(fixture: Arc<Fixture>) {
    let annotations = json!({"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/app"});
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let more = json!({"metadata": {"annotations": annotations}});
            let federated = under(namespace, "federated", &more).await;
            until_token(namespace, &federated, true).await;
            let wanting = under(namespace, "wanting", &json!({"automountServiceAccountToken": true})).await;
            until_token(namespace, &wanting, true).await;
            let told = namespace.admits(&wanting).await.warnings;
            assert!(told.iter().any(|warning| warning.contains("of the service account")), "{told:?}");
            let mut vault = pod();
            vault["metadata"]["annotations"] = json!({"vault.hashicorp.com/agent-inject": "true"});
            assert_token(&namespace.admits(&vault).await.object);
            assert_no_token(&namespace.admits(&pod()).await.object);
        })
        .await;
}
