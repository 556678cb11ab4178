//! Our webhook in the cluster by Helm, with certificates of its own, in place of what kustomize installed; and out again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
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
    let more = ["--set=highAvailability=true", "--set=statusPage.enabled=true"];
    helm(&fixture, &[&["upgrade", "pod-hardener", chart], &image[..], &more, &wait].concat());
    until_called(&fixture).await;
    let ready = "--output=jsonpath={.status.readyReplicas}";
    assert_eq!(fixture.kubectl(&["get", "deployment", "pod-hardener", "--namespace", NAMESPACE, ready]), "3");
    the_status_page_is_seen(&fixture).await;
    helm(&fixture, &[&["uninstall", "pod-hardener"], &wait[..]].concat());
    fixture.kubectl(&["delete", "namespace", NAMESPACE, "--timeout=120s"]);
    until_gone(&fixture).await;
    install(&fixture).await;
}

/// Through API server and kubelet, by a token, as docs/status-page.md says.
async fn the_status_page_is_seen(fixture: &Fixture) {
    let viewer = format!("--serviceaccount={NAMESPACE}:viewer");
    let role = "--clusterrole=pod-hardener-status-viewer";
    fixture.kubectl(&["create", "serviceaccount", "viewer", "--namespace", NAMESPACE]);
    fixture.kubectl(&["create", "clusterrolebinding", "status-viewers", role, &viewer]);
    let token = fixture.kubectl(&["create", "token", "viewer", "--namespace", NAMESPACE]);
    let forward = ["port-forward", "--namespace", NAMESPACE, "deployment/pod-hardener", ":9090"];
    let mut forward = fixture.cluster.kubectl(&forward).stdout(Stdio::piped()).spawn().expect("kubectl");
    // It goes on telling, and ends when nobody listens.
    let (mut told, mut line) = (BufReader::new(forward.stdout.take().expect("an output")), String::new());
    told.read_line(&mut line).expect("a line");
    let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next());
    let port = port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port: {line}"));
    until("the status page is there", async || {
        let page = get(port, &format!("Authorization: Bearer {}\r\n", token.trim()));
        page.starts_with("HTTP/1.1 200 ") && page.contains("Coverage by rule")
    })
    .await;
    let stranger = get(port, "");
    assert!(stranger.starts_with("HTTP/1.1 401 ") && !stranger.contains("Coverage"), "{stranger}");
    forward.kill().and_then(|()| forward.wait()).expect("ended");
    drop(told);
    fixture.kubectl(&["delete", "clusterrolebinding", "status-viewers"]);
}

/// All that a server on this machine answers.
fn get(port: u16, header: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("forwarded");
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    // One that the forwarding cuts is no page.
    let _cut = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
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
