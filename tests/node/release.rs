//! Our webhook in the cluster by Helm, with certificates of its own, in place of what kustomize installed; and out again.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::cluster::{ADMIN, until};
use crate::fixture::{Fixture, succeeded};
use crate::installation::{IMAGE, NAMESPACE, install, until_called};
use crate::{Test, hardened, machine, test_alone};

pub(crate) fn tests() -> Vec<Test> {
    vec![test_alone("release::out_with_kustomize_in_and_out_with_helm", by_helm)]
}

async fn by_helm(fixture: Arc<Fixture>) {
    let folder = machine::folder().expect("to be inside").join("install");
    fixture.kubectl(&[
        "delete",
        "mutatingwebhookconfiguration,validatingwebhookconfiguration",
        "pod-hardener",
    ]);
    let folder = folder.to_str().expect("UTF-8");
    fixture.kubectl(&["delete", "-k", folder, "--ignore-not-found", "--timeout=120s"]);
    until_gone(&fixture).await;

    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let chart = manifests.join("chart");
    let chart = chart.to_str().expect("UTF-8");
    fixture.kubectl(&["apply", "-f", manifests.join("base/namespace.yaml").to_str().expect("UTF-8")]);
    let (_, repository, tag) = IMAGE;
    let image = [format!("--set=image.repository={repository}"), format!("--set=image.tag={tag}")];
    let image = image.each_ref().map(String::as_str);
    let wait = ["--wait", "--timeout=120s"];
    helm(&fixture, &[&["install", "pod-hardener", chart], &image[..], &wait].concat());
    until_called(&fixture).await;
    hardened::runs(&fixture, "by-helm").await;
    let more = ["--set=highAvailability=true"];
    helm(&fixture, &[&["upgrade", "pod-hardener", chart], &image[..], &more, &wait].concat());
    until_called(&fixture).await;
    let ready = "--output=jsonpath={.status.readyReplicas}";
    assert_eq!(fixture.kubectl(&["get", "deployment", "pod-hardener", "--namespace", NAMESPACE, ready]), "3");
    helm(&fixture, &[&["uninstall", "pod-hardener"], &wait[..]].concat());
    fixture.kubectl(&["delete", "namespace", NAMESPACE, "--timeout=120s"]);
    until_gone(&fixture).await;
    install(&fixture).await;
}

fn helm(fixture: &Fixture, args: &[&str]) {
    let kubeconfig = fixture.cluster.kubeconfig(ADMIN);
    let mut command = Command::new(fixture.binaries.find("helm"));
    command.args(args).args(["--namespace", NAMESPACE, "--kubeconfig"]).arg(kubeconfig);
    // Its caches go with everything else.
    let output = command.env("HOME", fixture.cluster.folder()).output().expect("helm");
    succeeded(args, &output);
}

async fn until_gone(fixture: &Fixture) {
    let all = "namespaces,clusterroles,clusterrolebindings,priorityclasses,customresourcedefinitions,\
               mutatingwebhookconfigurations,validatingwebhookconfigurations";
    until("nothing of it is left", async || {
        !fixture.kubectl(&["get", all, "--output=name"]).contains("pod-hardener")
    })
    .await;
}
