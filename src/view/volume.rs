//! Volumes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Text;
use super::few::Weigh;

/// `spec.volumes[*]`: its name and of what type it is.
#[derive(Debug, Clone, Default, Hash)]
pub struct Volume<'a> {
    /// Unique in the pod.
    pub name: Text<'a>,
    /// The field that makes the type (`configMap`, `hostPath` …), known to this build or not; unset is `emptyDir`.
    pub kind: Option<Text<'a>>,
    /// Whether it projects a service account token.
    pub projects_token: bool,
    /// Of a `hostPath`: the path on the node.
    pub host_path: Option<Text<'a>>,
}

#[derive(serde::Deserialize)]
struct HostPath<'a> {
    #[serde(borrow, default)]
    path: Option<Text<'a>>,
}

#[derive(serde::Deserialize)]
struct Projected {
    sources: Option<Vec<Source>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    service_account_token: Option<IgnoredAny>,
}

impl Weigh for Volume<'_> {}

struct VolumeVisitor;

impl<'de> Visitor<'de> for VolumeVisitor {
    type Value = Volume<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a volume")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Volume<'de>, M::Error> {
        let mut volume = Volume::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.as_str() {
                "name" => volume.name = map.next_value::<Option<Text<'de>>>()?.unwrap_or_default(),
                "projected" => {
                    if let Some(projected) = map.next_value::<Option<Projected>>()? {
                        let sources = projected.sources.unwrap_or_default();
                        volume.projects_token =
                            sources.iter().any(|source| source.service_account_token.is_some());
                        volume.kind = Some(key);
                    }
                }
                "hostPath" => {
                    if let Some(host_path) = map.next_value::<Option<HostPath<'de>>>()? {
                        volume.host_path = Some(host_path.path.unwrap_or_default());
                        volume.kind = Some(key);
                    }
                }
                _ => {
                    if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                        volume.kind = Some(key);
                    }
                }
            }
        }
        Ok(volume)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(VolumeVisitor)
    }
}
