//! Nodes: their labels, and what they say of themselves that they can do for pods.

use kube::api::Object;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::follow::Keep;
use crate::cluster::{Abilities, Cluster, Node};
use crate::facts::ImageVolumes;

/// A node as it is read: all but what is asked for is passed over, which is most of it, every few minutes.
pub(super) type Read = Object<IgnoredAny, Status>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(default)]
    runtime_handlers: Option<Vec<Handler>>,
    #[serde(default)]
    node_info: Option<NodeInfo>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeInfo {
    #[serde(default)]
    kubelet_version: String,
    #[serde(default)]
    container_runtime_version: String,
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

    /// By version: no node reports this. The kubelet is never newer than the API server, so that knows the field too.
    fn image_volumes(&self) -> ImageVolumes {
        let Some(info) = &self.node_info else { return ImageVolumes::No };
        if version(&info.kubelet_version) < STABLE_SINCE {
            return ImageVolumes::No;
        }
        match info.container_runtime_version.split_once("://") {
            Some(("containerd", text)) => of_containerd(version(text)),
            // Follows the kubelet's versions. Whether it maps ids there is not documented.
            Some(("cri-o", text)) if version(text) >= STABLE_SINCE => ImageVolumes::WithoutUserNamespace,
            _ => ImageVolumes::No,
        }
    }
}

/// From this version on image volumes cannot be turned off.
const STABLE_SINCE: [u32; 3] = [1, 36, 0];

/// In user namespaces since containerd/containerd#12816, which was brought to these.
fn of_containerd(version: [u32; 3]) -> ImageVolumes {
    match version {
        [2, 1, patch] if patch < 7 => ImageVolumes::WithoutUserNamespace,
        [2, 2, patch] if patch < 2 => ImageVolumes::WithoutUserNamespace,
        version if version >= [2, 1, 0] => ImageVolumes::Everywhere,
        _ => ImageVolumes::No,
    }
}

/// `v1.36.2-gke.1`, `2.2.1+unknown`: the numbers. One that is not final counts as the one before it.
fn version(text: &str) -> [u32; 3] {
    let text = text.trim().trim_start_matches('v');
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let mut version = [0; 3];
    for (part, number) in version.iter_mut().zip(numbers.split('.')) {
        *part = number.parse().unwrap_or(0);
    }
    let unfinished = ["-alpha", "-beta", "-rc"].iter().any(|before| rest.starts_with(before));
    if unfinished && version[2] == 0 { [version[0], version[1].saturating_sub(1), u32::MAX] } else { version }
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
            abilities: object.status.map_or_else(Abilities::default, |status| Abilities {
                user_namespaces: status.has_user_namespaces(),
                image_volumes: status.image_volumes(),
            }),
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
            assert_eq!(cluster.abilities(&[("a", "b")]).user_namespaces, expected, "{handlers}");
        }
    }

    #[test]
    fn image_volumes_are_known_by_version() {
        let (no, some, all) =
            (ImageVolumes::No, ImageVolumes::WithoutUserNamespace, ImageVolumes::Everywhere);
        for (kubelet, runtime, expected) in [
            ("v1.37.2", "containerd://2.4.2+unknown", all),
            ("v1.36.0", "containerd://v2.2.2", all),
            ("v1.36.1-gke.1000", "containerd://2.1.7-k3s1", all),
            ("v1.36.0", "containerd://2.2.1", some),
            ("v1.36.0", "containerd://2.1.0", some),
            ("v1.36.0", "containerd://2.0.9", no),
            ("v1.36.0", "containerd://1.7.27", no),
            ("v1.36.0-rc.1", "containerd://2.4.0", no),
            ("v1.36.0", "containerd://2.1.0-beta.1", no),
            ("v1.35.4", "containerd://2.4.2", no),
            ("v1.34.1", "containerd://2.4.2", no),
            ("v1.36.0", "cri-o://1.36.1", some),
            ("v1.36.0", "cri-o://1.35.0", no),
            ("v1.37.0", "docker://28.0.0", no),
            ("v1.37.0", "", no),
            ("", "", no),
            ("v1.99999999999", "containerd://2.4.2", no),
            ("v2.0.0", "containerd://3.0.0", all),
        ] {
            let status = json!({"nodeInfo": {"kubeletVersion": kubelet, "containerRuntimeVersion": runtime}});
            let status: Status = serde_json::from_value(status).expect("a status");
            assert_eq!(status.image_volumes(), expected, "{kubelet} {runtime}");
        }
        assert_eq!(Status::default().image_volumes(), no);
    }
}
