//! What an explanation is made from: files, and the cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client};
use pod_hardener::facts::Space;
use pod_hardener::manifest::{Document, Manifest, PodIn};
use pod_hardener::policy::{self, API_VERSION, KIND, Policy, Preset};
use serde_json::{Value, json};

use crate::cli::input::{self, Input};

/// Namespaces by name.
pub(in crate::cli) type Spaces = BTreeMap<String, Arc<Space>>;

/// What stands in the file.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) pods: Vec<PodIn>,
    pub(super) spaces: Spaces,
}

/// What is known of namespaces and policies.
#[derive(Debug)]
pub(in crate::cli) struct Known {
    pub(in crate::cli) spaces: Spaces,
    pub(in crate::cli) policies: Vec<Policy>,
    pub(in crate::cli) notes: Vec<String>,
}

/// Reads the pods and namespaces in a file.
pub(super) fn read(file: Option<&Path>) -> Result<Read, Vec<String>> {
    let Some(file) = file else { return Ok(Read::default()) };
    let mut read = Read::default();
    for input in input::expand(&[file.to_owned()]) {
        let input = input.map_err(|error| vec![error])?;
        read_input(&input, &mut read)?;
    }
    Ok(read)
}

fn read_input(input: &Input, read: &mut Read) -> Result<(), Vec<String>> {
    let name = input.name();
    let text = input.read().map_err(|error| vec![format!("{name}{error}")])?;
    let manifest = Manifest::read(&text, input.syntax(&text));
    let manifest = manifest
        .map_err(|errors| errors.iter().map(|error| format!("{name}:{error}")).collect::<Vec<_>>())?;
    for document in &manifest.documents {
        read.pods.extend(document.pods());
        read.spaces.extend(namespace_in(document));
    }
    Ok(())
}

/// The namespace that a document is, if it is one.
pub(in crate::cli) fn namespace_in(document: &Document<'_>) -> Option<(String, Arc<Space>)> {
    let object = document.value().filter(|object| object["kind"] == "Namespace")?;
    let map = |field: &str| {
        let map = object["metadata"][field].as_object();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        map.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
    };
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    Some((name, space(map("labels"), map("annotations"))))
}

fn space(labels: BTreeMap<String, String>, annotations: BTreeMap<String, String>) -> Arc<Space> {
    let boxed = |map: BTreeMap<String, String>| {
        map.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
    };
    Arc::new(Space { labels: boxed(labels), annotations: boxed(annotations), ..Space::default() })
}

/// Asks the cluster for namespaces, and for the policies in it.
pub(in crate::cli) async fn ask(client: &Client, namespaces: &[String]) -> anyhow::Result<Known> {
    let mut known = Known { spaces: Spaces::new(), policies: Vec::new(), notes: Vec::new() };
    let api: Api<Namespace> = Api::all(client.clone());
    for name in namespaces {
        let found = api.get_opt(name).await.with_context(|| format!("reading the namespace {name}"))?;
        if found.is_none() {
            known.notes.push(format!("there is no namespace {name} yet: as if it had no labels"));
        }
        let metadata = found.unwrap_or_default().metadata;
        let space = space(metadata.labels.unwrap_or_default(), metadata.annotations.unwrap_or_default());
        known.spaces.insert(name.clone(), space);
    }
    let (group, version) = API_VERSION.split_once('/').unwrap_or((API_VERSION, ""));
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, KIND), "hardeningpolicies");
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let objects = match api.list(&ListParams::default()).await {
        Ok(objects) => objects.items,
        // The cluster has no such kind.
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => return Err(error).context("reading the policies in the cluster"),
    };
    for object in objects {
        let name = object.metadata.name.unwrap_or_default();
        let spec = object.data.get("spec").cloned().unwrap_or_else(|| json!({}));
        let document =
            json!({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec});
        match policy::parse(&in_cluster(&name), &document.to_string()) {
            Ok(parsed) => known.policies.extend(parsed),
            Err(error) => known.notes.push(format!("not in force: {error}")),
        }
    }
    known.policies.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(known)
}

fn in_cluster(name: &str) -> String {
    format!("{KIND}/{name} in the cluster")
}

/// Where each policy stands.
#[derive(Debug)]
pub(super) struct Places {
    by_name: BTreeMap<String, String>,
}

impl Places {
    pub(super) fn new(source: Option<&str>, of_cluster: &[Policy]) -> Self {
        let presets = Preset::ALL.map(|preset| (preset.as_str().to_owned(), "built in".to_owned()));
        let mut by_name: BTreeMap<String, String> = presets.into();
        let path = source.filter(|name| Preset::find(name).is_none()).map(Path::new);
        for file in path.into_iter().flat_map(|path| input::expand(&[path.to_owned()])).flatten() {
            let Ok(text) = file.read() else { continue };
            let Ok(manifest) = Manifest::read(&text, file.syntax(&text)) else { continue };
            for document in &manifest.documents {
                let name = document.value().and_then(|object| object["metadata"]["name"].as_str());
                let place = format!("{}:{}", file.name(), document.first_line());
                by_name.extend(name.map(|name| (name.to_owned(), place)));
            }
        }
        by_name.extend(of_cluster.iter().map(|policy| (policy.name.clone(), in_cluster(&policy.name))));
        Self { by_name }
    }

    /// Where the policy of that name stands; nothing of one made of two.
    pub(super) fn of(&self, name: &str) -> Option<String> {
        self.by_name.get(name).cloned()
    }
}
