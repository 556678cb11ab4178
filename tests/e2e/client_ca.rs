//! A server with `--client-ca` answers to the API server, which has a certificate, and to nobody else.

use std::sync::Arc;

use crate::cluster::until;
use crate::fixture::{Fixture, Server};
use crate::pods::{self, assert_hardened};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("client_ca::the_api_servers_certificate_is_accepted", accepted),
        test("client_ca::a_strangers_certificate_is_refused", refused),
    ]
}

async fn accepted(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::ClientCa, &[], async |namespace| {
            assert_hardened(&namespace.admits(&pods::plain("nginx")).await.object);
        })
        .await;
}

async fn refused(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::StrangeCa, &[], async |namespace| {
            // Until the API server has seen the registration it asks nobody.
            until("the API server calls the webhook", async || {
                namespace.try_pod(&pods::plain("nginx")).await.is_err()
            })
            .await;
            let reason = namespace.refuses(&pods::plain("nginx")).await;
            assert!(reason.contains("failed calling webhook"), "{reason}");
        })
        .await;
}
