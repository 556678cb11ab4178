//! `kubectl harden`: the real kubectl finds the program on the PATH, and it feels as kubectl does.

use std::os::unix::fs::symlink;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::ADMIN;
use crate::fixture::{Fixture, Server};
use crate::installed::succeeded;
use crate::{Test, pods, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("plugin::kubectl_finds_it_and_completes_it", is_found),
        test("plugin::status_says_how_pods_stand", status),
        test("plugin::exemptions_are_listed_as_kubectl_lists", exemptions),
        test("plugin::profiles_are_those_of_the_cluster", profiles),
    ]
}

/// A folder in which the program has the names that kubectl looks for.
struct Plugins(TempDir);

impl Plugins {
    fn new() -> Self {
        let folder = TempDir::with_prefix("pod-hardener-plugin-").expect("a folder");
        for name in ["kubectl-harden", "kubectl_complete-harden"] {
            symlink(env!("CARGO_BIN_EXE_pod-hardener"), folder.path().join(name)).expect("a link");
        }
        Self(folder)
    }

    fn kubectl(&self, fixture: &Fixture, args: &[&str]) -> Output {
        let mut path = std::ffi::OsString::from(self.0.path());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Command::new(fixture.binaries.find("kubectl"))
            .args(args)
            .env("PATH", path)
            .env("HOME", self.0.path())
            .env("KUBECONFIG", fixture.cluster.kubeconfig(ADMIN))
            .output()
            .expect("kubectl")
    }

    fn says(&self, fixture: &Fixture, args: &[&str]) -> String {
        succeeded(&self.kubectl(fixture, args))
    }

    fn json(&self, fixture: &Fixture, args: &[&str]) -> Value {
        serde_json::from_str(&self.says(fixture, args)).expect("JSON")
    }
}

async fn is_found(fixture: Arc<Fixture>) {
    let plugins = Plugins::new();
    let list = plugins.says(&fixture, &["plugin", "list"]);
    assert!(list.contains("kubectl-harden"), "{list}");
    let help = plugins.says(&fixture, &["harden", "--help"]);
    assert!(help.contains("Usage: kubectl harden <COMMAND>"), "{help}");
    assert!(help.contains("kubectl harden explain seccomp") && !help.contains("pod-hardener "), "{help}");
    let page = plugins.says(&fixture, &["harden", "explain", "seccomp"]);
    assert!(page.starts_with("seccomp: "), "{page}");
    let wrong = plugins.kubectl(&fixture, &["harden", "explain", "secomp"]);
    assert_eq!(wrong.status.code(), Some(2));
    let completed = plugins.says(&fixture, &["__complete", "harden", "exem"]);
    assert!(completed.starts_with("exemptions\t") && completed.contains("\n:4\n"), "{completed}");
    let completed = plugins.says(&fixture, &["__complete", "harden", "status", "-o", "w"]);
    assert!(completed.starts_with("wide"), "{completed}");
}

async fn status(fixture: Arc<Fixture>) {
    let plugins = Plugins::new();
    fixture
        .with_temp_namespace(Server::BuiltIn, &[], async |namespace| {
            namespace.create("pods", &pods::plain("web")).await;
            // As if it were older than the webhook.
            let mut old = pods::plain("old");
            old["metadata"]["annotations"] =
                json!({"pod-hardener.dev/exempt": "all", "pod-hardener.dev/exempt-reason": "r"});
            namespace.create("pods", &old).await;
            let name = namespace.name.as_str();
            let status = plugins.json(&fixture, &["harden", "status", "-n", name, "-o", "json"]);
            let expected = json!([{"namespace": name, "pods": 2, "full": 1, "isolated": 0, "safe": 0,
                "unmarked": 0, "exempted": 1}]);
            let mut found = status["namespaces"].clone();
            // Whether a pod that is exempted from all is marked is not what this is about.
            let marked = found[0]["full"].as_u64().expect("a number")
                + found[0]["unmarked"].as_u64().expect("a number");
            assert_eq!(marked, 2, "{found}");
            found[0]["full"] = json!(1);
            found[0]["unmarked"] = json!(0);
            assert_eq!(found, expected);
            assert_eq!(status["unread"], Value::Null, "{status}");
            let web =
                plugins.json(&fixture, &["harden", "status", "-n", name, "-l", "app=web", "-o", "json"]);
            assert_eq!(web["namespaces"][0]["pods"], 1);
            let wide = plugins.says(&fixture, &["harden", "status", "-n", name, "-o", "wide"]);
            let line =
                wide.lines().find(|line| line.contains("   web   ")).unwrap_or_else(|| panic!("{wide}"));
            assert!(line.contains("restricted") && line.contains("seccomp"), "{line}");
            let all = plugins.says(&fixture, &["harden", "status", "-A", "--context", "e2e"]);
            assert!(all.contains(name) && all.contains("NAMESPACE"), "{all}");
            // The context has no namespace: as with kubectl that is `default`, in which there is no pod.
            assert!(plugins.says(&fixture, &["harden", "status"]).contains("no pods; with -A"));
        })
        .await;
    let nowhere = plugins.kubectl(&fixture, &["harden", "status", "--context", "no-such"]);
    assert_eq!(nowhere.status.code(), Some(3), "{}", String::from_utf8_lossy(&nowhere.stderr));
}

async fn exemptions(fixture: Arc<Fixture>) {
    let plugins = Plugins::new();
    fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            for (name, tier) in [("front", "web"), ("store", "db")] {
                let template = json!({
                    "metadata": {"labels": {"app": name}, "annotations": {
                        "pod-hardener.dev/exempt": "seccomp", "pod-hardener.dev/exempt-reason": "legacy"}},
                    "spec": {"containers": [{"name": "a", "image": "a"}]},
                });
                let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
                    "metadata": {"name": name, "labels": {"tier": tier}},
                    "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template}});
                let path = format!("/apis/apps/v1/namespaces/{}/deployments", namespace.name);
                namespace.api.create(&path, &deployment).await.expect("a Deployment");
            }
            let list = |more: &[&str]| {
                let args = [&["harden", "exemptions", "list", "-n", &namespace.name], more].concat();
                plugins.says(&fixture, &args)
            };
            assert_eq!(list(&["-o", "name"]), "deployment.apps/front\ndeployment.apps/store\n");
            assert_eq!(list(&["-o", "name", "-l", "tier=db"]), "deployment.apps/store\n");
            assert_eq!(list(&["-l", "tier in (cache)"]), "no exemptions\n");
            let yaml: Value = serde_saphyr::from_str(&list(&["-o", "yaml", "--selector=tier=web"])).expect("YAML");
            assert_eq!((&yaml[0]["name"], &yaml[0]["reason"]), (&json!("front"), &json!("legacy")));
            assert!(list(&["-o", "wide"]).starts_with("NAMESPACE"));
            let all = plugins.says(&fixture, &["harden", "exemptions", "list", "-A", "-o", "json"]);
            assert!(all.contains("\"front\""), "{all}");
            let wrong = plugins.kubectl(&fixture, &["harden", "exemptions", "list", "-l", "a=b=c"]);
            assert_eq!(wrong.status.code(), Some(3), "{}", String::from_utf8_lossy(&wrong.stderr));
        })
        .await;
}

async fn profiles(fixture: Arc<Fixture>) {
    let plugins = Plugins::new();
    let built_in = plugins.says(&fixture, &["harden", "profiles", "list", "--offline", "-o", "name"]);
    assert!(built_in.contains("imageprofile.pod-hardener.dev/nginx\n"), "{built_in}");
    // The cluster of these tests may have no such kind.
    let all = plugins.says(&fixture, &["harden", "profiles", "list", "-o", "name"]);
    assert!(all.lines().count() >= built_in.lines().count(), "{all}");
    let yaml = plugins.says(&fixture, &["harden", "profiles", "list", "--offline", "-o", "yaml"]);
    let yaml: Value = serde_saphyr::from_str(&yaml).expect("YAML");
    assert_eq!(yaml[0]["kind"], "ImageProfile");
}
