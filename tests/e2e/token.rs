//! The token of a service account that nobody needs.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Server};
use crate::pods::{self, token_readers, token_volumes};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("token::the_default_accounts_is_gone_from_every_container", default_account),
        test("token::an_own_accounts_stays", own_account),
        test("token::one_that_the_author_asks_for_stays", asked_for),
        test("token::enforced_takes_one_that_the_author_asks_for", enforced),
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
