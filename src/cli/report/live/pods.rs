//! The pods that run.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::core::Selector;
use pod_hardener::annotation::{MIRROR, NAMES};
use pod_hardener::report::Place;
use pod_hardener::view::{Annotations, Controller, Labels, Owner, Text};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::list::{Scope, What};
use crate::cli::report::progress::Progress;

/// Labels by which Kubernetes' own controllers say from which version of their template a pod is.
const REVISIONS: [&str; 3] = ["pod-template-hash", "controller-revision-hash", "pod-template-generation"];

/// Pods that are alike: one of them, and how many there are.
pub(super) struct Variant {
    /// What made them, or the pod itself.
    pub(super) owner: Place,
    pub(super) text: String,
    pub(super) count: usize,
}

/// What was read of the pods.
#[derive(Default)]
pub(super) struct Pods {
    variants: HashMap<String, Variant>,
    /// Those that a kubelet runs from a file.
    pub(super) mirrors: usize,
}

impl Pods {
    /// In order, so that the report is the same each time.
    pub(super) fn variants(&self) -> impl Iterator<Item = &Variant> {
        let mut variants: Vec<(&String, &Variant)> = self.variants.iter().collect();
        variants.sort_unstable_by_key(|(key, _)| *key);
        variants.into_iter().map(|(_, variant)| variant)
    }

    fn add(&mut self, text: &str) -> anyhow::Result<()> {
        let head: Head<'_> = serde_json::from_str(text).context("a pod that cannot be read")?;
        if matches!(head.status.phase.as_str(), "Succeeded" | "Failed") {
            return Ok(());
        }
        if head.metadata.annotations.contains(MIRROR) {
            self.mirrors += 1;
            return Ok(());
        }
        let variant = || Variant { owner: head.owner(), text: text.to_owned(), count: 0 };
        self.variants.entry(head.key()).or_insert_with(variant).count += 1;
        Ok(())
    }
}

/// What is read of every pod.
#[derive(Default, Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    metadata: Identity<'a>,
    #[serde(default)]
    spec: Shape,
    #[serde(borrow, default)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow, default)]
    labels: Labels<'a>,
    #[serde(borrow, default)]
    annotations: Annotations<'a>,
    #[serde(borrow, default, rename = "ownerReferences")]
    controller: Controller<'a>,
}

/// How many containers there are: others may have put some in beside the template's.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default)]
    containers: Vec<IgnoredAny>,
    #[serde(default)]
    init_containers: Vec<IgnoredAny>,
    #[serde(default)]
    ephemeral_containers: Vec<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    phase: Text<'a>,
}

impl Head<'_> {
    /// What made the pod, or the pod itself.
    fn owner(&self) -> Place {
        let Identity { name, namespace, uid, controller, .. } = &self.metadata;
        match &controller.0 {
            Some(owner) => {
                Place::of_object(namespace, (&owner.api_version, &owner.kind), &owner.name, &owner.uid)
            }
            None => Place::of_object(namespace, ("v1", "Pod"), name, uid),
        }
    }

    /// The same for pods that are alike: those that one of Kubernetes' own controllers made from one version of its
    /// template, and to which nothing else was done since.
    fn key(&self) -> String {
        let Identity { uid, labels, annotations, controller, .. } = &self.metadata;
        let of_kubernetes = |owner: &&Owner<'_>| matches!(&*owner.api_version, "apps/v1" | "batch/v1" | "v1");
        let owner = controller.0.as_ref().filter(of_kubernetes);
        let Some(owner) = owner.filter(|_| self.spec.ephemeral_containers.is_empty()) else {
            return uid.as_str().to_owned();
        };
        let mut key = owner.uid.as_str().to_owned();
        for revision in REVISIONS.iter().filter_map(|label| labels.get(label)) {
            key.push('/');
            key.push_str(revision);
        }
        // Writing to a string does not fail.
        let _ = write!(key, "/{}+{}", self.spec.init_containers.len(), self.spec.containers.len());
        for entry in annotations.entries() {
            let name = entry.key.rsplit('/').next().unwrap_or_default();
            if NAMES.contains(&name) {
                let _ = write!(key, "/{}={}", &*entry.key, entry.value.as_deref().unwrap_or_default());
            }
        }
        key
    }
}

pub(super) async fn read(scope: &Scope<'_>, selector: Option<&Selector>) -> anyhow::Result<Pods> {
    let progress = Progress::new();
    // Two that are told of each other: the pods so far, and the bar that counts them.
    let (pods, read) = (RefCell::new(Pods::default()), Cell::new(0));
    let add = |text: &str| {
        read.set(read.get() + 1);
        pods.borrow_mut().add(text)
    };
    let done = |left: usize| progress.pods(read.get(), read.get() + left);
    scope.each::<Pod>(What::Whole, selector, add, done).await?;
    Ok(pods.into_inner())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(uid: &str, owner: &Value, more: &Value) -> String {
        let mut pod = json!({"metadata": {"name": uid, "namespace": "shop", "uid": uid,
            "labels": {"pod-template-hash": "h"}, "annotations": {"example.com/ip": uid},
            "ownerReferences": [owner]}, "spec": {"containers": [{"name": "a"}]}});
        json_patch::merge(&mut pod, more);
        pod.to_string()
    }

    #[test]
    fn pods_from_one_template_are_looked_at_once() {
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-h", "uid": "rs",
            "controller": true});
        let own = json!({"apiVersion": "example.com/v1", "kind": "PodSet", "name": "x", "uid": "ps",
            "controller": true});
        let mut pods = Pods::default();
        for text in [
            pod("a", &set, &json!({})),
            pod("b", &set, &json!({"status": {"phase": "Running"}})),
            pod("c", &set, &json!({"status": {"phase": "Succeeded"}})),
            pod("d", &set, &json!({"metadata": {"annotations": {"pod-hardener.dev/hardened": "x"}}})),
            pod("e", &set, &json!({"metadata": {"labels": {"pod-template-hash": "i"}}})),
            pod("f", &set, &json!({"spec": {"containers": [{"name": "a"}, {"name": "proxy"}]}})),
            pod("g", &set, &json!({"spec": {"ephemeralContainers": [{"name": "debug"}]}})),
            pod("h", &own, &json!({})),
            pod("i", &own, &json!({})),
            pod("j", &json!({}), &json!({})),
            pod("k", &json!({}), &json!({"metadata": {"annotations": {MIRROR: "x"}}})),
        ] {
            pods.add(&text).expect("a pod");
        }
        let found: Vec<(&str, usize)> =
            pods.variants().map(|variant| (variant.owner.name.as_str(), variant.count)).collect();
        let of = |name: &str| found.iter().filter(|(owner, _)| *owner == name).map(|(_, count)| count).sum();
        assert_eq!((of("web-h"), of("x"), of("j")), (6_usize, 2, 1));
        assert_eq!((found.len(), pods.mirrors), (8, 1), "{found:?}");
    }
}
