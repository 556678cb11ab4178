//! What is validated: pods, the workloads that make them, and namespaces. Where in each the pod stands.

use serde::Deserialize;

use super::envelope::{GroupVersionResource, Request};
use crate::view::{Controller, Pod, Text, Unread};

/// A request whose objects are read once it is known of what kind they are; until then they are text.
pub(super) type RawRequest<'a> = Request<'a, Unread<'a>, Unread<'a>>;

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A pod.
    Pod,
    /// A namespace.
    Namespace,
    /// What makes pods by a template.
    Workload(Workload),
}

/// A kind that makes pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workload {
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    ReplicationController,
}

impl Workload {
    /// As people write it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::ReplicationController => "ReplicationController",
        }
    }
}

impl Kind {
    /// The kind of a resource; `None` for one that is not validated.
    pub(super) fn of(resource: &GroupVersionResource<'_>) -> Option<Self> {
        Some(match (resource.group.as_str(), resource.resource.as_str()) {
            ("", "pods") => Self::Pod,
            ("", "namespaces") => Self::Namespace,
            ("", "replicationcontrollers") => Self::Workload(Workload::ReplicationController),
            ("apps", "deployments") => Self::Workload(Workload::Deployment),
            ("apps", "replicasets") => Self::Workload(Workload::ReplicaSet),
            ("apps", "statefulsets") => Self::Workload(Workload::StatefulSet),
            ("apps", "daemonsets") => Self::Workload(Workload::DaemonSet),
            ("batch", "jobs") => Self::Workload(Workload::Job),
            ("batch", "cronjobs") => Self::Workload(Workload::CronJob),
            _ => return None,
        })
    }
}

/// What a review is about: the label of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reviewed {
    /// A pod.
    Pods,
    /// The ephemeral containers of a pod.
    EphemeralContainers,
    /// A namespace.
    Namespaces,
    /// As the following, what makes pods.
    Deployments,
    /// As above.
    ReplicaSets,
    /// As above.
    StatefulSets,
    /// As above.
    DaemonSets,
    /// As above.
    Jobs,
    /// As above.
    CronJobs,
    /// As above.
    ReplicationControllers,
}

impl Reviewed {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pods,
        Self::EphemeralContainers,
        Self::Namespaces,
        Self::Deployments,
        Self::ReplicaSets,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::Jobs,
        Self::CronJobs,
        Self::ReplicationControllers,
    ];

    /// As a metric label: the resource, as the API has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::EphemeralContainers => "pods/ephemeralcontainers",
            Self::Namespaces => "namespaces",
            Self::Deployments => "deployments",
            Self::ReplicaSets => "replicasets",
            Self::StatefulSets => "statefulsets",
            Self::DaemonSets => "daemonsets",
            Self::Jobs => "jobs",
            Self::CronJobs => "cronjobs",
            Self::ReplicationControllers => "replicationcontrollers",
        }
    }

    /// What a request is about that was opened: what is neither validated nor a pod is not.
    pub(super) fn of<P, O>(request: &Request<'_, P, O>) -> Self {
        match Kind::of(&request.resource) {
            Some(Kind::Namespace) => Self::Namespaces,
            Some(Kind::Workload(workload)) => match workload {
                Workload::Deployment => Self::Deployments,
                Workload::ReplicaSet => Self::ReplicaSets,
                Workload::StatefulSet => Self::StatefulSets,
                Workload::DaemonSet => Self::DaemonSets,
                Workload::Job => Self::Jobs,
                Workload::CronJob => Self::CronJobs,
                Workload::ReplicationController => Self::ReplicationControllers,
            },
            Some(Kind::Pod) | None if request.sub_resource.as_deref() == Some("ephemeralcontainers") => {
                Self::EphemeralContainers
            }
            Some(Kind::Pod) | None => Self::Pods,
        }
    }
}

/// An object's own metadata, as far as it says who made it and when.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) generate_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) creation_timestamp: Option<Text<'a>>,
    #[serde(borrow, default, rename = "ownerReferences")]
    controller: Controller<'a>,
}

impl Metadata<'_> {
    /// The version and kind of the controller that the object says it is of.
    pub(super) fn controller(&self) -> Option<(&str, &str)> {
        let owner = self.controller.0.as_ref()?;
        Some((&owner.api_version, &owner.kind))
    }

    /// The name, or what it will begin with.
    pub(super) fn name(&self) -> &str {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        name.or(self.generate_name.as_deref()).unwrap_or_default()
    }
}

/// An object: its own metadata, and the text of its pod or template.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    pub(super) metadata: Metadata<'a>,
    /// A template may be absent: the API server refuses that later, in its own words.
    pub(super) template: Option<&'a str>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Deserialize)]
struct WithTemplate<'a> {
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow)]
    spec: Option<TemplateSpec<'a>>,
}

#[derive(Deserialize)]
struct TemplateSpec<'a> {
    #[serde(borrow)]
    template: Option<Unread<'a>>,
}

#[derive(Deserialize)]
struct WithJobTemplate<'a> {
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow)]
    spec: Option<JobTemplateSpec<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobTemplateSpec<'a> {
    #[serde(borrow)]
    job_template: Option<JobTemplate<'a>>,
}

#[derive(Deserialize)]
struct JobTemplate<'a> {
    #[serde(borrow)]
    spec: Option<TemplateSpec<'a>>,
}

impl<'a> Object<'a> {
    /// Finds the pod or template in an object's text.
    pub(super) fn read(kind: Kind, text: &'a str) -> serde_json::Result<Self> {
        let template_of = |spec: Option<TemplateSpec<'a>>| spec.and_then(|spec| spec.template);
        let (metadata, template) = match kind {
            Kind::Pod | Kind::Namespace => {
                let object: Meta<'a> = serde_json::from_str(text)?;
                (object.metadata, Some(text))
            }
            Kind::Workload(Workload::CronJob) => {
                let object: WithJobTemplate<'a> = serde_json::from_str(text)?;
                let job = object.spec.and_then(|spec| spec.job_template);
                let template = template_of(job.and_then(|job| job.spec));
                (object.metadata, template.map(Unread::text))
            }
            Kind::Workload(_) => {
                let object: WithTemplate<'a> = serde_json::from_str(text)?;
                (object.metadata, template_of(object.spec).map(Unread::text))
            }
        };
        Ok(Self { metadata: metadata.unwrap_or_default(), template })
    }

    /// The pod, or the template as a pod: both are `metadata` and `spec`.
    pub(super) fn pod(&self) -> serde_json::Result<Option<Pod<'a>>> {
        self.template.map(serde_json::from_str).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(group: &'static str, resource: &'static str) -> Option<Kind> {
        Kind::of(&GroupVersionResource {
            group: Text::borrowed(group),
            version: Text::borrowed("v1"),
            resource: Text::borrowed(resource),
        })
    }

    #[test]
    fn kinds_are_of_their_groups() {
        assert_eq!(kind("", "pods"), Some(Kind::Pod));
        assert_eq!(kind("apps", "deployments"), Some(Kind::Workload(Workload::Deployment)));
        assert_eq!(kind("batch", "cronjobs"), Some(Kind::Workload(Workload::CronJob)));
        for (group, resource) in [("", "deployments"), ("apps", "pods"), ("x.io", "jobs"), ("", "services")] {
            assert_eq!(kind(group, resource), None, "{group}/{resource}");
        }
    }

    #[test]
    fn the_template_is_found_in_every_kind() {
        let template = r#"{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c"}]}}"#;
        let owner = r#""ownerReferences":[{"kind":"Other"},{"apiVersion":"apps/v1","kind":"Deployment","controller":true}]"#;
        for (kind, text) in [
            (Kind::Pod, template.replace("\"labels\"", "\"name\":\"web\",\"labels\"")),
            (
                Kind::Workload(Workload::ReplicaSet),
                format!(
                    r#"{{"metadata":{{"name":"web",{owner}}},"spec":{{"x":[1],"template":{template}}}}}"#
                ),
            ),
            (
                Kind::Workload(Workload::CronJob),
                format!(
                    r#"{{"metadata":{{"generateName":"web"}},"spec":{{"jobTemplate":{{"spec":{{"template":{template}}}}}}}}}"#
                ),
            ),
        ] {
            let object = Object::read(kind, &text).expect("an object");
            assert_eq!(object.metadata.name(), "web", "{kind:?}");
            let pod = object.pod().expect("a pod").expect("is there");
            assert_eq!(pod.spec.expect("a spec").containers.expect("containers").len(), 1, "{kind:?}");
            let of = object.metadata.controller();
            assert_eq!(
                of,
                (kind == Kind::Workload(Workload::ReplicaSet)).then_some(("apps/v1", "Deployment"))
            );
        }
        for text in ["{}", r#"{"metadata":null,"spec":null}"#, r#"{"spec":{"template":null}}"#] {
            let object = Object::read(Kind::Workload(Workload::Job), text).expect("an object");
            assert!(object.pod().expect("nothing wrong").is_none(), "{text}");
        }
    }
}
