//! The API server is gone: what was known stays in use, and the server says so.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cluster::{ADMIN, Cluster, until_ok};
use crate::fixture::Fixture;
use crate::process::{Process, free_ports};
use crate::webhook::ask_admin;
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("outage_of_api_server::what_was_known_stays_in_use", what_was_known_stays)]
}

async fn what_was_known_stays(fixture: Arc<Fixture>) {
    let cluster = Cluster::bare(&fixture.binaries, &[]).await;
    let [listen, admin] = free_ports();
    let args = [
        "serve".to_owned(),
        format!("--listen=127.0.0.1:{listen}"),
        format!("--admin=127.0.0.1:{admin}"),
        format!("--kubeconfig={}", cluster.kubeconfig(ADMIN).display()),
    ];
    let program = Path::new(env!("CARGO_BIN_EXE_pod-hardener"));
    let process = Process::start("knowing", program, &args, cluster.folder());
    let until_says = async |what: &str, says: &dyn Fn(u16, &str) -> bool| {
        until_ok(what, async || {
            process.assert_running();
            let (code, text) = ask_admin(admin, "/readyz?verbose").await.ok_or("no answer")?;
            if says(code, &text) { Ok(()) } else { Err(text) }
        })
        .await;
    };
    let all_is_well = |code, text: &str| code == 200 && !text.contains("[-]");
    until_says("all is known", &all_is_well).await;
    let known = namespaces(admin).await;

    cluster.stop_api_server();
    until_says("it goes on with what is known", &|code, text| {
        code == 200 && text.contains(&format!("[-] watch namespaces: {known} objects as last known: "))
    })
    .await;
    assert_eq!(namespaces(admin).await, known);
    let (_, metrics) = ask_admin(admin, "/metrics").await.expect("an answer");
    let errors = "pod_hardener_watch_errors_total{kind=\"namespaces\"} ";
    let errors = metrics.lines().find_map(|line| line.strip_prefix(errors)).expect("the series");
    assert_ne!(errors, "0");

    cluster.start_api_server().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "afterwards"}});
    cluster.api(ADMIN).create("/api/v1/namespaces", &namespace).await.expect("a namespace");
    until_says("it watches again", &|code, text| {
        all_is_well(code, text) && text.contains(&format!("[+] watch namespaces: {} objects\n", known + 1))
    })
    .await;
    process.stop();
    cluster.stop();
}

/// How many namespaces are known.
async fn namespaces(admin: u16) -> usize {
    let (_, metrics) = ask_admin(admin, "/metrics").await.expect("an answer");
    let series = "pod_hardener_watch_objects{kind=\"namespaces\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(series)?.parse().ok());
    count.expect("the series")
}
