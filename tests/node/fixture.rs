//! What every test gets: a cluster with a node, and our webhook in it.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::api::Api;
use crate::cluster::{ADMIN, Binaries, Cluster, until};
use crate::machine::API_SERVER_ARGS;
use crate::node::{Node, is_ready};
use crate::{api, installation};

pub(crate) struct Fixture {
    pub(crate) binaries: Binaries,
    pub(crate) cluster: Cluster,
    pub(crate) node: Node,
    images: Vec<PathBuf>,
    /// Held for writing by a test that nothing else may run beside.
    pub(crate) quiet: RwLock<()>,
}

impl Fixture {
    pub(crate) async fn start(binaries: &Binaries, images: Vec<PathBuf>) -> Self {
        let cluster = Cluster::start_with(binaries, API_SERVER_ARGS).await;
        let node = Node::start(binaries, &cluster, &images).await;
        let fixture = Self { binaries: binaries.clone(), cluster, node, images, quiet: RwLock::new(()) };
        installation::install(&fixture).await;
        fixture
    }

    /// A new namespace. It goes with the cluster: what is in it may be of use when a test fails.
    pub(crate) async fn namespace(&self, name: &str) -> Namespace<'_> {
        let api = self.cluster.api(ADMIN);
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        api.create("/api/v1/namespaces", &object).await.expect("a namespace");
        self.existing_namespace(name).await
    }

    /// A namespace that is there, as soon as pods can be created in it.
    pub(crate) async fn existing_namespace(&self, name: &str) -> Namespace<'_> {
        let api = self.cluster.api(ADMIN);
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        until(&format!("{name} has its default service account"), async || api.get(&account).await.is_ok())
            .await;
        Namespace { fixture: self, name: name.to_owned(), api }
    }

    /// The archive of an image, by what its name begins with.
    pub(crate) fn image(&self, name: &str) -> &Path {
        let is_it =
            |file: &&PathBuf| file.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
        self.images.iter().find(is_it).expect("an image")
    }

    /// Runs kubectl, which is to succeed.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        succeeded(args, &self.cluster.kubectl(args).output().expect("kubectl"))
    }

    /// Ends every process.
    pub(crate) fn stop(&self) {
        self.node.stop();
        self.cluster.stop();
    }
}

/// A namespace, seen by its administrator.
pub(crate) struct Namespace<'a> {
    fixture: &'a Fixture,
    pub(crate) name: String,
    pub(crate) api: Api,
}

impl Namespace<'_> {
    /// `/api/v1/namespaces/NAME/RESOURCE`
    pub(crate) fn path(&self, resource: &str) -> String {
        format!("/api/v1/namespaces/{}/{resource}", self.name)
    }

    /// Creates an object of the core group.
    pub(crate) async fn create(&self, resource: &str, object: &Value) -> api::Accepted {
        let created = self.api.create(&self.path(resource), object).await;
        created.unwrap_or_else(|refused| panic!("{} refused: {refused:?}", object["metadata"]))
    }

    /// Creates the pod, waits until it runs and is ready, and says what it is then.
    pub(crate) async fn run_pod(&self, pod: &Value) -> Value {
        self.create("pods", pod).await;
        let name = pod["metadata"]["name"].as_str().expect("a name");
        let path = self.path(&format!("pods/{name}"));
        let mut found = Value::Null;
        until(&format!("{name} is ready"), async || {
            found = self.api.get(&path).await.expect("a pod").object;
            is_ready(&found)
        })
        .await;
        found
    }

    /// Runs kubectl in the namespace; it is to succeed.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        let mut command = self.fixture.cluster.kubectl(&["--namespace", &self.name]);
        succeeded(args, &command.args(args).output().expect("kubectl"))
    }

    /// What a shell in a pod's container writes: both to its output and of its errors.
    pub(crate) fn shell(&self, pod: &str, script: &str) -> String {
        self.kubectl(&["exec", pod, "--", "sh", "-c", &format!("exec 2>&1; {script}")])
    }
}

pub(crate) fn succeeded(args: &[&str], output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "kubectl {}: {}", args.join(" "), text(&output.stderr));
    text(&output.stdout)
}
