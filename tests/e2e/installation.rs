//! `manifests/`: what it describes goes into a cluster that runs workloads already, as docs/install.md says, and out again.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{Cluster, until, until_ok};
use crate::fixture::{Fixture, HARDENED};
use crate::helm::{HELMS, SAME, templated};
use crate::installed::{
    Installed, NAMESPACE, apply, manifests, succeeded, until_nothing_is_left, until_usable,
};
use crate::pods::{self, assert_untouched};
use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("installation::into_a_cluster_that_runs_workloads", into_a_running_cluster),
        test("installation::observe_first_changes_nothing_unasked", observe_first),
    ]
}

/// Runs kubectl, which is to succeed.
fn kubectl(cluster: &Cluster, args: &[&str]) -> String {
    succeeded(&cluster.kubectl(args).output().expect("kubectl"))
}

async fn admitted(installed: &Installed, namespace: &str) -> (Value, Vec<String>) {
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let accepted = installed.api.create(&path, &pods::plain("nginx")).await.expect("a pod");
    (accepted.object, accepted.warnings)
}

/// Until its label has reached the server, or its registration the API server.
async fn until_hardened(installed: &Installed, namespace: &str) {
    until_ok(&format!("pods in {namespace} are hardened"), async || {
        let (pod, _) = admitted(installed, namespace).await;
        if pods::annotation(&pod, HARDENED).is_some() { Ok(()) } else { Err(pod.to_string()) }
    })
    .await;
}

async fn into_a_running_cluster(fixture: Arc<Fixture>) {
    let cluster = Cluster::start(&fixture.binaries).await;
    kubectl(&cluster, &["create", "namespace", "shop"]);
    // The line of docs/install.md.
    kubectl(&cluster, &["label", "namespaces", "--all", "pod-hardener.dev/policy=observe"]);
    let installed = Installed::into(cluster, &fixture.binaries, "base", None).await;
    installed.namespace("new").await;
    until_hardened(&installed, "new").await;
    until_usable(&installed.api, "shop").await;
    let (pod, warnings) = admitted(&installed, "shop").await;
    assert_untouched(&pod);
    assert!(warnings.iter().any(|warning| warning.starts_with("pod-hardener")), "{warnings:?}");
    installed.kubectl(&["label", "namespace", "shop", "pod-hardener.dev/policy-"]);
    until_hardened(&installed, "shop").await;

    // Our own pods: nobody hardens them, they are what `restricted` demands as they are.
    let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    until("the Deployment's pods are admitted", async || {
        let list = installed.api.get(&pods).await.expect("a list").object;
        list["items"].as_array().is_some_and(|pods| {
            pods.len() == 2 && pods.iter().all(|pod| pods::annotation(pod, HARDENED).is_none())
        })
    })
    .await;
    every_overlay_is_accepted(&installed, &fixture);
    removed(&installed).await;
    installed.stop();
}

/// Nothing of it is kept; where it does not fit, kubectl fails.
fn every_overlay_is_accepted(installed: &Installed, fixture: &Fixture) {
    for name in [
        "cert-manager.io_certificates.yaml",
        "cert-manager.io_issuers.yaml",
        "monitoring.coreos.com_podmonitors.yaml",
        "monitoring.coreos.com_prometheusrules.yaml",
    ] {
        let file = fixture.binaries.find(name);
        installed.kubectl(&["create", "-f", file.to_str().expect("UTF-8")]);
    }
    let established = ["wait", "--for=condition=Established", "--timeout=60s", "crd"];
    let definitions = [
        "certificates.cert-manager.io",
        "issuers.cert-manager.io",
        "podmonitors.monitoring.coreos.com",
        "prometheusrules.monitoring.coreos.com",
    ];
    installed.kubectl(&[&established[..], &definitions].concat());
    let overlays = std::fs::read_dir(manifests("overlays")).expect("a folder");
    for overlay in overlays.map(|entry| entry.expect("an entry").path()) {
        let folder = overlay.to_str().expect("UTF-8");
        let said = installed.kubectl(&["apply", "--dry-run=server", "-k", folder]);
        assert!(!said.contains("Warning"), "{folder}: {said}");
    }
    for (values, _) in SAME {
        apply(&installed.cluster, &["--dry-run=server"], &templated(fixture, HELMS[0], values));
    }
}

/// As docs/install.md says: nothing stays, and nothing blocks.
async fn removed(installed: &Installed) {
    let policy = json!({"apiVersion": "pod-hardener.dev/v1alpha1", "kind": "HardeningPolicy",
        "metadata": {"name": "of-nobody"}, "spec": {"selector": {"namespaces": ["none"]}}});
    apply(&installed.cluster, &[], &[policy]);
    let configurations = "mutatingwebhookconfiguration,validatingwebhookconfiguration";
    installed.kubectl(&["delete", configurations, NAMESPACE]);
    let base = manifests("base");
    let folder = base.to_str().expect("UTF-8");
    installed.kubectl(&["delete", "-k", folder, "--ignore-not-found", "--wait=false"]);
    until_nothing_is_left(&installed.cluster).await;
    let (pod, _) = admitted(installed, "shop").await;
    assert_untouched(&pod);
}

async fn observe_first(fixture: Arc<Fixture>) {
    let cluster = Cluster::start(&fixture.binaries).await;
    let installed = Installed::into(cluster, &fixture.binaries, "overlays/observe-first", None).await;
    installed.namespace("shop").await;
    until("it says what it would do, and leaves the pod alone", async || {
        let (pod, warnings) = admitted(&installed, "shop").await;
        assert_untouched(&pod);
        warnings.iter().any(|warning| warning.starts_with("pod-hardener"))
    })
    .await;
    installed.kubectl(&["label", "namespace", "shop", "pod-hardener.dev/policy=restricted"]);
    until_hardened(&installed, "shop").await;
    installed.stop();
}
