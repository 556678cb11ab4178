//! The webhook is registered, and the API server calls it.

use std::sync::Arc;

use crate::fixture::{Fixture, Server};
use crate::pods::{self, assert_hardened, assert_untouched};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("registration::kubectl_shows_it", kubectl_shows_it),
        test("registration::pods_are_hardened_where_it_selects", hardened_where_it_selects),
        test("registration::a_second_pass_changes_nothing", a_second_pass_changes_nothing),
    ]
}

async fn kubectl_shows_it(fixture: Arc<Fixture>) {
    let args = ["get", "mutatingwebhookconfigurations", "--output=name"];
    let output = fixture.cluster.kubectl(&args).output().expect("kubectl");
    let text = String::from_utf8_lossy(&output.stdout);
    for name in ["built-in", "enforced", "outage"] {
        assert!(text.contains(&format!("/{name}\n")), "{name} is not in {text}");
    }
}

async fn hardened_where_it_selects(fixture: Arc<Fixture>) {
    let pod = pods::plain("nginx");
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            assert_hardened(&namespace.admits(&pod).await.object);
        })
        .await;
    fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            assert_untouched(&namespace.admits(&pod).await.object);
        })
        .await;
}

async fn a_second_pass_changes_nothing(fixture: Arc<Fixture>) {
    for server in [Server::BuiltIn, Server::Enforced] {
        fixture
            .with_temp_namespace(server, &[], async |namespace| {
                let once = namespace.admits(&pods::plain("nginx")).await;
                let once = pods::as_sent(&once.object);
                let twice = namespace.admits(&once).await;
                assert_eq!(once, pods::as_sent(&twice.object), "{server:?}");
                let ours = |warning: &&String| warning.starts_with("pod-hardener");
                let said: Vec<&String> = twice.warnings.iter().filter(ours).collect();
                assert!(said.is_empty(), "nothing changed, and yet: {said:?}");
            })
            .await;
    }
}
