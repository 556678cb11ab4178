//! Workloads: what made what, and the templates of those at the top.

use std::collections::HashMap;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ReplicationController;
use kube::Resource;
use kube::api::{GetParams, Request};
use kube::core::Selector;
use pod_hardener::report::Place;
use pod_hardener::view::{Controller, Text};
use serde::Deserialize;
use serde_json::Value;

use super::list::{Scope, What};
use crate::cli::report::files::selects;

/// Chains are short: a pod, its ReplicaSet, its Deployment, perhaps something above that.
const LONGEST_CHAIN: usize = 4;

const TEMPLATE: &str = "/spec/template";
const TEMPLATE_OF_JOB: &str = "/spec/jobTemplate/spec/template";

/// A workload at the top, with its template.
pub(super) struct Template {
    pub(super) place: Place,
    pub(super) text: String,
}

/// What was read of the workloads.
#[derive(Default)]
pub(super) struct Owned {
    /// What made a workload, by that one's uid.
    makers: HashMap<String, Place>,
    /// The text of each at the top, and where its template stands.
    tops: Vec<(Place, &'static str, String)>,
    /// Kinds that could not be read, and why.
    pub(super) unread: Vec<String>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    metadata: Identity<'a>,
    #[serde(borrow, default)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
struct Identity<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow, default, rename = "ownerReferences")]
    controller: Controller<'a>,
}

#[derive(Default, Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
}

/// The kinds, in the order in which they are asked for.
const KINDS: [&str; 7] = [
    "deployments",
    "replicasets",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
    "replicationcontrollers",
];

/// Reads the workloads.
pub(super) async fn read(scope: &Scope<'_>) -> Owned {
    let (a, b, c, d, e, f, g) = tokio::join!(
        kind::<Deployment>(scope, TEMPLATE),
        replica_sets(scope),
        kind::<StatefulSet>(scope, TEMPLATE),
        kind::<DaemonSet>(scope, TEMPLATE),
        kind::<Job>(scope, TEMPLATE),
        kind::<CronJob>(scope, TEMPLATE_OF_JOB),
        kind::<ReplicationController>(scope, TEMPLATE),
    );
    let mut owned = Owned::default();
    for (kind, one) in KINDS.into_iter().zip([a, b, c, d, e, f, g]) {
        match one {
            Ok(one) => {
                owned.makers.extend(one.makers);
                owned.tops.extend(one.tops);
            }
            Err(error) => owned.unread.push(format!("{kind}: {error:#}")),
        }
    }
    owned.tops.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    owned
}

async fn kind<K>(scope: &Scope<'_>, template: &'static str) -> anyhow::Result<Owned>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let mut owned = Owned::default();
    let add = |text: &str| {
        if let Some(place) = owned.add::<K>(text)? {
            owned.tops.push((place, template, text.to_owned()));
        }
        Ok(())
    };
    scope.each::<K>(What::Whole, None, add, |_| {}).await?;
    Ok(owned)
}

/// There are ten of them for each Deployment: the whole is read only of those that nobody made.
async fn replica_sets(scope: &Scope<'_>) -> anyhow::Result<Owned> {
    let (mut owned, mut tops) = (Owned::default(), Vec::new());
    let add = |text: &str| {
        tops.extend(owned.add::<ReplicaSet>(text)?);
        Ok(())
    };
    scope.each::<ReplicaSet>(What::Metadata, None, add, |_| {}).await?;
    for place in tops {
        let request = Request::new(ReplicaSet::url_path(&(), Some(&place.namespace)));
        let text = scope.client.request_text(request.get(&place.name, &GetParams::default())?).await;
        match text {
            Ok(text) => owned.tops.push((place, TEMPLATE, text)),
            // It has gone meanwhile.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(owned)
}

impl Owned {
    /// Takes in a workload; its place where nobody made it and it may still make pods.
    fn add<K: Resource<DynamicType = ()>>(&mut self, text: &str) -> anyhow::Result<Option<Place>> {
        let head: Head<'_> = serde_json::from_str(text)?;
        let Identity { name, namespace, uid, controller } = head.metadata;
        if let Some(owner) = &controller.0 {
            let (kind, name) = ((&*owner.api_version, &*owner.kind), &owner.name);
            let maker = Place::of_object(&namespace, kind, name, &owner.uid);
            self.makers.insert(uid.as_str().to_owned(), maker);
            return Ok(None);
        }
        let is_over = |condition: &Condition<'_>| {
            matches!(condition.kind.as_str(), "Complete" | "Failed") && condition.status == "True"
        };
        if head.status.conditions.iter().any(is_over) {
            return Ok(None);
        }
        Ok(Some(Place::of_object(&namespace, (&K::api_version(&()), &K::kind(&())), &name, &uid)))
    }

    /// What is at the top of the chain that made something.
    pub(super) fn top(&self, owner: &Place) -> Place {
        let mut top = owner;
        for _ in 0..LONGEST_CHAIN {
            let maker = top.uid.as_ref().and_then(|uid| self.makers.get(uid));
            let Some(maker) = maker else { break };
            top = maker;
        }
        top.clone()
    }

    /// The templates whose pods have the labels.
    pub(super) fn templates(&self, selector: Option<&Selector>) -> impl Iterator<Item = Template> {
        self.tops.iter().filter_map(move |(place, path, text)| {
            let object: Value = serde_json::from_str(text).ok()?;
            let template = object.pointer(path)?;
            let is_meant = selector.is_none_or(|selector| selects(selector, template));
            is_meant.then(|| Template { place: place.clone(), text: template.to_string() })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_belong_to_what_is_at_the_top() {
        let mut owned = Owned::default();
        let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}]);
        let text = |name: &str, owners: &Value, condition: &str| {
            json!({"metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owners},
                "status": {"conditions": [{"type": condition, "status": "True"}]}})
            .to_string()
        };
        let none = json!(null);
        let set = owned.add::<ReplicaSet>(&text("web-1", &owner("Deployment", "web"), "x")).expect("read");
        assert_eq!(set, None);
        let lonely = owned.add::<ReplicaSet>(&text("lonely", &none, "x")).expect("read").expect("at the top");
        assert_eq!((lonely.api_version.as_str(), lonely.label().as_str()), ("apps/v1", "ReplicaSet/lonely"));
        assert_eq!(owned.add::<Job>(&text("done", &none, "Complete")).expect("read"), None);
        let of = |uid: &str| Place { uid: Some(uid.to_owned()), ..Place::default() };
        assert_eq!(owned.top(&of("web-1")).label(), "Deployment/web");
        assert_eq!(owned.top(&of("other")), of("other"));
    }
}
