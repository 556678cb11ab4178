//! The profile's own type: what people write, what is built in, and what the definition is generated from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::Metadata;
use crate::posture::Posture;

/// The kind of a profile.
pub const KIND: &str = "ImageProfile";

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ImageProfile {
    /// `pod-hardener.dev/v1alpha1`
    pub api_version: String,
    /// `ImageProfile`
    pub kind: String,
    /// The profile's name.
    pub metadata: Metadata,
    /// The facts.
    pub spec: ProfileSpec,
}

/// Which image, and what is known of it. What is not given is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProfileSpec {
    /// Which images it is about.
    #[serde(rename = "match")]
    pub images: ImageMatch,
    /// The uid that the program runs as; never 0: a program that must be root says so by its posture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub user: Option<i64>,
    /// Its gid; unset: policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub group: Option<i64>,
    /// As whom the image starts where a pod says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_user: Option<ImageUser>,
    /// Directories that it writes, beside `/tmp`; an empty list: none. Unset: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writable_paths: Option<Vec<WritablePath>>,
    /// Capabilities of the runtime's default set that it needs although it is not root, as far as policy allows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// The memory limit that it needs, a quantity, where that is more than policy's default and the author wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Environment variables that it needs once it is hardened, such as a HOME that it may write to. What the pod sets
    /// stays.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// How far its containers can be hardened; unset: in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posture: Option<Posture>,
    /// Whether it gains privileges by setuid programs, such as sudo: `allowPrivilegeEscalation` is left as its author
    /// wrote it. With posture `isolated` only in a user namespace, where they give nothing on the node; with `safe` in
    /// any case. Only where the floor is `safe`, and the mode of `privilege-escalation` is `default`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_privilege_escalation: bool,
    /// Whose word it is.
    #[serde(default)]
    pub source: Origin,
    /// Of what was learnt, whether it is in force; unset: it is. `false` is a suggestion that nobody approved yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// Of what was learnt, how many steps it took. Of two that are about the same the higher counts.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 1000))]
    pub round: u32,
    /// Whether the image was run with these settings.
    #[serde(default, skip_serializing_if = "is_false")]
    pub verified: bool,
    /// Where this is known from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// When that was, as `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub date: Option<String>,
}

/// What a profile need not say.
const OPTIONAL: [&str; 15] = [
    "user",
    "group",
    "imageUser",
    "writablePaths",
    "capabilities",
    "memory",
    "environment",
    "posture",
    "allowPrivilegeEscalation",
    "source",
    "approved",
    "round",
    "verified",
    "evidence",
    "date",
];

impl ProfileSpec {
    /// As JSON that says of what it does not hold that it is not there: a merge patch leaves alone what is not named.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn whole(&self) -> Result<serde_json::Value, serde_json::Error> {
        let mut spec = serde_json::to_value(self)?;
        for field in OPTIONAL {
            if spec.get(field).is_none() {
                spec[field] = serde_json::Value::Null;
            }
        }
        Ok(spec)
    }

    /// Whether it is more than a suggestion.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.approved != Some(false)
    }

    /// Whether its containers may become root on the node by setuid programs, as they might if nobody hardened them.
    #[must_use]
    pub fn gains_on_node(&self) -> bool {
        self.allow_privilege_escalation && self.posture == Some(Posture::Safe)
    }

    /// Whether a directory that it writes holds files that must be there.
    #[must_use]
    pub fn needs_content(&self) -> bool {
        let paths = self.writable_paths.as_deref().unwrap_or_default();
        paths.iter().any(|entry| entry.content == Content::Needed)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// Which images: all that is given must match; of a list, one entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ImageMatch {
    /// Repositories. `nginx` is `docker.io/library/nginx`, as runtimes complete it; with `*` for any run of characters
    /// or `?` for one, the whole of it is compared.
    #[schemars(length(min = 1))]
    pub repositories: Vec<String>,
    /// Tags, with `*` and `?`; empty: any. No tag and no digest is `latest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Digests, such as `sha256:…`; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
    /// Names of the namespaces in which it counts, with `*` and `?`; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
}

/// As whom an image starts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImageUser {
    /// As root; the program may change to `user` later.
    Root,
    /// As `user`, which the image names by name: the kubelet must be told its number.
    Named,
    /// As `user`, which the image names by number: it is left as it is.
    Numeric,
}

/// A directory that an image writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WritablePath {
    /// Absolute.
    #[schemars(length(min = 1, max = 255))]
    pub path: String,
    /// The emptyDir's `sizeLimit`, a quantity; unset: policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// On what the emptyDir is.
    #[serde(default, skip_serializing_if = "Medium::is_disk")]
    pub medium: Medium,
    /// Whether what the image has there must be there.
    #[serde(default, skip_serializing_if = "Content::is_empty")]
    pub content: Content,
}

/// On what an emptyDir is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Medium {
    /// The node's disk.
    #[default]
    Disk,
    /// Memory, which counts towards the container's limit.
    Memory,
}

impl Medium {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    const fn is_disk(&self) -> bool {
        matches!(self, Self::Disk)
    }
}

/// What an image has in a directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Nothing that the program needs: an empty directory will do.
    #[default]
    Empty,
    /// Files that the program needs: an empty directory would hide them.
    Needed,
}

impl Content {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// Whose word a profile is. An administrator's goes before what is built in, and that before what was learnt, which adds
/// to it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Taken from what pods did.
    Learnt,
    /// Part of this program.
    BuiltIn,
    /// Written by whoever runs the cluster.
    #[default]
    Administrator,
}

impl Origin {
    /// As written in a profile.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Learnt => "learnt",
            Self::BuiltIn => "built-in",
            Self::Administrator => "administrator",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_patch_says_what_is_not_there() {
        let schema = schemars::schema_for!(ProfileSpec);
        let fields = schema.get("properties").and_then(Value::as_object).expect("fields");
        let mut names: Vec<&str> =
            fields.keys().map(String::as_str).filter(|name| *name != "match").collect();
        names.sort_unstable();
        let mut optional = OPTIONAL.to_vec();
        optional.sort_unstable();
        assert_eq!(names, optional);
        let spec = ProfileSpec { user: Some(7), ..ProfileSpec::default() }.whole().expect("JSON");
        assert_eq!((&spec["user"], &spec["posture"]), (&Value::from(7), &Value::Null));
        assert!(spec.get("posture").is_some());
    }
}
