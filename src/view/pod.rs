//! The pod itself.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::few::{check, few};
use super::{Annotations, Container, ContainerType, Controller, PodSecurityContext, Resources, Text, Volume};

/// A pod, or the template of one: both have `metadata` and `spec`.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
pub struct Pod<'a> {
    /// Name, labels, annotations.
    #[serde(borrow)]
    pub metadata: Option<Metadata<'a>>,
    /// What is to run. Boxed, as it is large and would be moved again and again.
    #[serde(borrow)]
    pub spec: Option<Box<Spec<'a>>>,
}

impl<'a> Pod<'a> {
    /// The value of an annotation.
    #[must_use]
    pub fn annotations(&self) -> Option<&Annotations<'a>> {
        self.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref())
    }
}

/// `metadata`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// The pod's name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// From which the API server makes a name.
    #[serde(borrow)]
    pub generate_name: Option<Text<'a>>,
    /// Its namespace.
    #[serde(borrow)]
    pub namespace: Option<Text<'a>>,
    /// Its labels.
    #[serde(borrow)]
    pub labels: Option<Labels<'a>>,
    /// Its annotations.
    #[serde(borrow)]
    pub annotations: Option<Annotations<'a>>,
    /// Who made it.
    #[serde(borrow, rename = "ownerReferences", default)]
    pub controller: Controller<'a>,
}

/// Labels in the order written.
#[derive(Debug, Clone, Default, Hash)]
pub struct Labels<'a>(Vec<(Text<'a>, Text<'a>)>);

impl Labels<'_> {
    /// The value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All labels.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of labels")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Labels<'de>, M::Error> {
        let mut labels = Vec::new();
        while let Some((key, value)) = map.next_entry::<Text<'de>, Option<Text<'de>>>()? {
            labels.push((key, value.unwrap_or_default()));
            check(labels.len())?;
        }
        Ok(Labels(labels))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

/// `spec`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec<'a> {
    /// The workload.
    #[serde(borrow, default, deserialize_with = "few")]
    pub containers: Option<Vec<Container<'a>>>,
    /// Before it, and sidecars.
    #[serde(borrow, default, deserialize_with = "few")]
    pub init_containers: Option<Vec<Container<'a>>>,
    /// For debugging.
    #[serde(borrow, default, deserialize_with = "few")]
    pub ephemeral_containers: Option<Vec<Container<'a>>>,
    /// What containers may mount.
    #[serde(borrow, default, deserialize_with = "few")]
    pub volumes: Option<Vec<Volume<'a>>>,
    /// For all containers.
    #[serde(borrow)]
    pub security_context: Option<PodSecurityContext<'a>>,
    /// For all containers together (KEP-2837).
    #[serde(borrow)]
    pub resources: Option<Resources<'a>>,
    /// The identity towards the API server.
    #[serde(borrow)]
    pub service_account_name: Option<Text<'a>>,
    /// Its old name.
    #[serde(borrow)]
    pub service_account: Option<Text<'a>>,
    /// Whether a token is mounted.
    pub automount_service_account_token: Option<bool>,
    /// Whether services come as environment variables; the API fills in `true`.
    pub enable_service_links: Option<bool>,
    /// The node's network.
    pub host_network: Option<bool>,
    /// The node's processes.
    #[serde(rename = "hostPID")]
    pub host_pid: Option<bool>,
    /// The node's IPC.
    #[serde(rename = "hostIPC")]
    pub host_ipc: Option<bool>,
    /// `false` is a user namespace (KEP-127).
    pub host_users: Option<bool>,
    /// Labels that a node must have.
    #[serde(borrow)]
    pub node_selector: Option<Labels<'a>>,
    /// The operating system.
    #[serde(borrow)]
    pub os: Option<Os<'a>>,
}

/// `spec.os`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
pub struct Os<'a> {
    /// `linux` or `windows`.
    #[serde(borrow, default)]
    pub name: Text<'a>,
}

impl<'a> Spec<'a> {
    /// Every container of every type, with the type and its index in its own list.
    pub fn all_containers(&self) -> impl Iterator<Item = (ContainerType, usize, &Container<'a>)> {
        let lists = [
            (ContainerType::Init, &self.init_containers),
            (ContainerType::Container, &self.containers),
            (ContainerType::Ephemeral, &self.ephemeral_containers),
        ];
        lists.into_iter().flat_map(|(list, containers)| {
            containers
                .iter()
                .flatten()
                .enumerate()
                .map(move |(index, container)| (container.container_type(list), index, container))
        })
    }

    /// The volumes; empty when unset.
    #[must_use]
    pub fn volumes(&self) -> &[Volume<'a>] {
        self.volumes.as_deref().unwrap_or_default()
    }

    /// A Windows pod is one that says so: a node selector alone does not count, Pod Security judges by this too.
    #[must_use]
    pub fn is_windows(&self) -> bool {
        self.os.as_ref().is_some_and(|os| os.name == "windows")
    }

    /// The service account's name; unset is `default`.
    #[must_use]
    pub fn account(&self) -> &str {
        self.service_account_name
            .as_deref()
            .filter(|name| !name.is_empty())
            .or(self.service_account.as_deref().filter(|name| !name.is_empty()))
            .unwrap_or("default")
    }
}
