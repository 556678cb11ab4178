//! Nodes: their labels, and whether they start pods in user namespaces.

use kube::api::Object;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::follow::Keep;
use crate::cluster::{Cluster, Node};

/// A node as it is read: all but what is asked for is passed over, which is most of it, every few minutes.
pub(super) type Read = Object<IgnoredAny, Status>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(default)]
    runtime_handlers: Option<Vec<Handler>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Handler {
    #[serde(default)]
    features: Option<Features>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Features {
    #[serde(default)]
    user_namespaces: Option<bool>,
}

impl Status {
    /// Whichever runtime a pod chooses: all of them.
    fn has_user_namespaces(&self) -> bool {
        let handlers = self.runtime_handlers.as_deref().unwrap_or_default();
        let has = |handler: &Handler| {
            handler.features.as_ref().and_then(|features| features.user_namespaces) == Some(true)
        };
        !handlers.is_empty() && handlers.iter().all(has)
    }
}

/// All nodes.
pub(super) struct Nodes;

impl Keep<Read> for Nodes {
    type Key = Box<str>;

    fn key(&self, object: &Read) -> Option<Box<str>> {
        object.metadata.name.as_deref().map(Into::into)
    }

    fn apply(&mut self, cluster: &Cluster, key: Box<str>, object: Read) {
        let labels = object.metadata.labels.into_iter().flatten();
        let node = Node {
            labels: labels.map(|(key, value)| (key.into(), value.into())).collect(),
            user_namespaces: object.status.is_some_and(|status| status.has_user_namespaces()),
        };
        if let Ok(mut nodes) = cluster.nodes.write() {
            nodes.apply(key, node);
        }
    }

    fn delete(&mut self, cluster: &Cluster, key: &Box<str>) {
        if let Ok(mut nodes) = cluster.nodes.write() {
            nodes.delete(key);
        }
    }

    fn keys(&self, cluster: &Cluster) -> Vec<Box<str>> {
        cluster.nodes.read().map_or_else(|_| Vec::new(), |nodes| nodes.names().map(Into::into).collect())
    }

    fn len(&self, cluster: &Cluster) -> usize {
        cluster.nodes.read().map_or(0, |nodes| nodes.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_runtime_handler_must_have_them() {
        let with = json!({"name": "runc", "features": {"userNamespaces": true}});
        let without = json!({"name": "kata", "features": {"recursiveReadOnlyMounts": true}});
        for (handlers, expected) in [
            (json!([with]), true),
            (json!([with, without]), false),
            (json!([with, {"name": ""}]), false),
            (json!([]), false),
            (json!(null), false),
        ] {
            let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": {"a": "b"}},
                "spec": {"podCIDR": "10.0.0.0/24"}, "status": {"runtimeHandlers": handlers, "images": [{}]}});
            let object: Read = serde_json::from_value(object).expect("a node");
            let cluster = Cluster::connected();
            let key = Nodes.key(&object).expect("a name");
            Nodes.apply(&cluster, key, object);
            assert_eq!(cluster.user_namespaces(&[("a", "b")]), expected, "{handlers}");
        }
    }
}
