//! The exemptions in a live cluster: in the templates of workloads, and those that running pods live on.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Namespace, Pod, ReplicationController};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference};
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Client, Resource};
use serde::Serialize;
use time::OffsetDateTime;

use super::{EXEMPTED_LABEL, Exemption, names};

/// So many objects are listed at once.
pub(crate) const PAGE: u32 = 500;

/// One exemption in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Where; empty for a whole namespace's own row: then it is the name.
    pub namespace: String,
    /// Of what: the kind whose template holds it, `Pod` for a pod that nobody made, `Namespace`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Of one container; `None`: of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// From which rules, by name.
    pub rules: String,
    /// Why.
    pub reason: String,
    /// Until when, as written; empty: without an end.
    pub until: String,
    /// Whole days left; `None` without an end, negative when it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_left: Option<i64>,
    /// The field manager that wrote the annotation last, as the API server keeps it.
    pub by: String,
    /// How many running pods live on it.
    pub pods: usize,
}

impl Exemption {
    /// One of an object, that no pod lives on yet.
    pub(crate) fn row(&self, namespace: &str, kind: &str, name: &str, now: OffsetDateTime) -> Row {
        Row {
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            container: self.container.as_deref().map(str::to_owned),
            rules: names(self.rules).into_owned(),
            reason: self.reason.to_string(),
            until: self.until.to_string(),
            days_left: self.days_left(now),
            by: String::new(),
            pods: 0,
        }
    }
}

/// Reads them: of one namespace or of all, of objects with these labels.
///
/// # Errors
/// When the API server does not answer, or forbids it.
pub async fn read(
    client: &Client,
    namespace: Option<&str>,
    selector: Option<&str>,
    prefix: &str,
    now: OffsetDateTime,
) -> Result<Vec<Row>, kube::Error> {
    let mut reading =
        Reading { client, namespace, selector, prefix, now, rows: Vec::new(), tops: HashMap::new() };
    reading.namespaces().await?;
    reading.templates::<Deployment>(&["spec", "template"]).await?;
    reading.templates::<ReplicaSet>(&["spec", "template"]).await?;
    reading.templates::<StatefulSet>(&["spec", "template"]).await?;
    reading.templates::<DaemonSet>(&["spec", "template"]).await?;
    reading.templates::<CronJob>(&["spec", "jobTemplate", "spec", "template"]).await?;
    reading.templates::<Job>(&["spec", "template"]).await?;
    reading.templates::<ReplicationController>(&["spec", "template"]).await?;
    reading.pods().await?;
    let mut rows: Vec<Row> = reading.rows.into_iter().map(|(_, row)| row).collect();
    rows.sort();
    Ok(rows)
}

struct Reading<'r> {
    client: &'r Client,
    namespace: Option<&'r str>,
    selector: Option<&'r str>,
    prefix: &'r str,
    now: OffsetDateTime,
    /// Each with the uid of its object.
    rows: Vec<(String, Row)>,
    /// The object above a controller, by uid.
    tops: HashMap<String, String>,
}

impl Reading<'_> {
    fn page(&self) -> ListParams {
        let page = ListParams::default().limit(PAGE);
        self.selector.map_or(page.clone(), |selector| page.labels(selector))
    }

    async fn namespaces(&mut self) -> Result<(), kube::Error> {
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
        let mut page = self.page();
        if let Some(name) = self.namespace {
            page = page.fields(&format!("metadata.name={name}"));
        }
        for namespace in all(&api, page).await? {
            let annotations = namespace.metadata.annotations.clone().unwrap_or_default();
            self.add("Namespace", &namespace.metadata, &annotations, &["f:metadata", "f:annotations"]);
        }
        Ok(())
    }

    async fn templates<K>(&mut self, path: &[&str]) -> Result<(), kube::Error>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        let resource = ApiResource::erase::<K>(&());
        let api: Api<DynamicObject> = match self.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let managed: Vec<String> =
            path.iter().chain(&["metadata", "annotations"]).map(|field| format!("f:{field}")).collect();
        let managed: Vec<&str> = managed.iter().map(String::as_str).collect();
        for object in all(&api, self.page()).await? {
            let metadata = &object.metadata;
            // What somebody else made holds that one's template.
            if let (Some(owner), Some(uid)) = (controller(metadata), &metadata.uid) {
                self.tops.insert(uid.clone(), owner.uid.clone());
                continue;
            }
            let template = path.iter().try_fold(&object.data, |value, field| value.get(field));
            let annotations = template.and_then(|template| template.pointer("/metadata/annotations"));
            let annotations: BTreeMap<String, String> = annotations
                .and_then(|annotations| serde_json::from_value(annotations.clone()).ok())
                .unwrap_or_default();
            self.add(&resource.kind, metadata, &annotations, &managed);
        }
        Ok(())
    }

    /// After the templates: pods are counted at their workload.
    async fn pods(&mut self) -> Result<(), kube::Error> {
        let api: Api<PartialObjectMeta<Pod>> = match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let exempted = format!("{}/{EXEMPTED_LABEL}=true", self.prefix);
        let labelled = self.selector.iter().fold(exempted, |labels, more| labels + "," + more);
        for pod in all(&api, ListParams::default().labels(&labelled).limit(PAGE)).await? {
            let annotations = pod.metadata.annotations.clone().unwrap_or_default();
            let Some(owner) = controller(&pod.metadata) else {
                let first = self.rows.len();
                self.add("Pod", &pod.metadata, &annotations, &["f:metadata", "f:annotations"]);
                self.rows[first..].iter_mut().for_each(|(_, row)| row.pods = 1);
                continue;
            };
            let top = self.tops.get(&owner.uid).unwrap_or(&owner.uid).clone();
            for exemption in super::read(pairs(&annotations), self.prefix) {
                let row = self.row(&owner.kind, &owner.name, &pod.metadata, &exemption);
                let same = |(uid, other): &&mut (String, Row)| {
                    *uid == top
                        && (&other.container, &other.rules, &other.until, &other.reason)
                            == (&row.container, &row.rules, &row.until, &row.reason)
                };
                match self.rows.iter_mut().find(same) {
                    Some((_, known)) => known.pods += 1,
                    // The template says something else by now; these pods are older.
                    None => self.rows.push((top.clone(), Row { pods: 1, ..row })),
                }
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        kind: &str,
        metadata: &ObjectMeta,
        annotations: &BTreeMap<String, String>,
        managed: &[&str],
    ) {
        for exemption in super::read(pairs(annotations), self.prefix) {
            let name = metadata.name.as_deref().unwrap_or_default();
            let mut row = self.row(kind, name, metadata, &exemption);
            let domain = exemption
                .container
                .as_ref()
                .map_or_else(|| self.prefix.to_owned(), |container| format!("{container}.{}", self.prefix));
            row.by = manager(metadata, managed, &format!("f:{domain}/{}", crate::annotation::EXEMPT));
            self.rows.push((metadata.uid.clone().unwrap_or_default(), row));
        }
    }

    fn row(&self, kind: &str, name: &str, metadata: &ObjectMeta, exemption: &Exemption) -> Row {
        exemption.row(metadata.namespace.as_deref().unwrap_or_default(), kind, name, self.now)
    }
}

fn pairs(annotations: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> + Clone {
    annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Who wrote a field last, by the managed fields.
fn manager(metadata: &ObjectMeta, path: &[&str], key: &str) -> String {
    let mut entries: Vec<_> = metadata.managed_fields.iter().flatten().collect();
    entries.sort_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    let owns = |entry: &ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        let fields = fields.and_then(|fields| path.iter().try_fold(fields, |value, field| value.get(field)));
        fields.is_some_and(|fields| fields.get(key).is_some())
    };
    let last = entries.iter().rev().find(|entry| owns(entry));
    last.and_then(|entry| entry.manager.clone()).unwrap_or_default()
}

/// Every page of a list.
pub(crate) async fn all<K>(api: &Api<K>, mut page: ListParams) -> Result<Vec<K>, kube::Error>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut objects = Vec::new();
    loop {
        let list = api.list(&page).await?;
        objects.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_manager_of_the_annotation_is_named() {
        let fields = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:pod-hardener.dev/exempt": {}}}}}});
        let metadata: ObjectMeta = serde_json::from_value(json!({"managedFields": [
            {"manager": "late", "time": "2027-01-02T00:00:00Z", "fieldsV1": fields},
            {"manager": "early", "time": "2027-01-01T00:00:00Z", "fieldsV1": fields},
            {"manager": "other", "time": "2027-01-03T00:00:00Z", "fieldsV1": {"f:spec": {}}},
        ]}))
        .expect("metadata");
        let path = ["f:spec", "f:template", "f:metadata", "f:annotations"];
        assert_eq!(manager(&metadata, &path, "f:pod-hardener.dev/exempt"), "late");
        assert_eq!(manager(&metadata, &path, "f:pod-hardener.dev/exempt-until"), "");
    }
}
