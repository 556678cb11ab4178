//! One custom resource: its last good version, what is wrong with the present one, and what its status says.

use serde_json::Value;

use super::replica;
use crate::message::shorten;
use crate::policy::{Policy, PolicyStatus, parse_object};

/// So often is the status of one generation written at most. One that comes back as it never was written, for its
/// definition is of another version, must not be written for ever.
const MOST_WRITES: u32 = 20;

/// A custom resource as the API server gives it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Another one of the same name has another.
    pub uid: String,
    /// Grows with each change of the `spec`.
    pub generation: i64,
    /// Changes with each write.
    pub resource_version: String,
    /// When it was last written, but for its status, in seconds since 1970.
    pub changed: i64,
    /// The policy.
    pub spec: Option<Value>,
    /// What is said of it.
    pub status: PolicyStatus,
}

#[cfg(test)]
impl Seen {
    /// One of this generation, as tests have it.
    pub(crate) fn of_generation(generation: i64, spec: Value) -> Self {
        Self {
            uid: "u".to_owned(),
            generation,
            resource_version: generation.to_string(),
            spec: Some(spec),
            ..Self::default()
        }
    }
}

/// A status to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Of which object.
    pub name: String,
    /// On top of which version of it.
    pub resource_version: String,
    /// Of which generation it speaks.
    pub generation: i64,
    /// The whole of it.
    pub status: PolicyStatus,
}

/// What is known of a custom resource.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) uid: String,
    pub(super) generation: i64,
    /// The last good version.
    pub(super) policy: Option<Policy>,
    /// What is wrong with the present one.
    pub(super) refusal: Option<String>,
    /// The generation of the last good version.
    good: i64,
    resource_version: String,
    status: PolicyStatus,
    writes: u32,
    /// Whether a refusal was told.
    told: bool,
}

impl Object {
    /// Takes what was seen; whether the policy is another one now.
    pub(super) fn take(&mut self, name: &str, seen: Seen) -> bool {
        let Seen { uid, generation, resource_version, changed: _, spec, status } = seen;
        let same = self.uid == uid && self.generation == generation;
        (self.resource_version, self.status) = (resource_version, status);
        if same {
            return false;
        }
        if self.uid != uid {
            // Made anew: what was good of the other is none of its versions.
            *self = Self {
                resource_version: std::mem::take(&mut self.resource_version),
                status: std::mem::take(&mut self.status),
                ..Self::default()
            };
        }
        (self.uid, self.generation, self.writes, self.told) = (uid, generation, 0, false);
        match parse_object(name, spec.as_ref()) {
            Ok(policy) => (self.policy, self.good, self.refusal) = (Some(policy), generation, None),
            Err(why) => {
                let instead = if self.policy.is_some() {
                    format!("generation {} stays in force", self.good)
                } else {
                    "no earlier version is known, so this policy is not in force".to_owned()
                };
                self.refusal = Some(shorten(format!("generation {generation}: {instead}: {why}")));
            }
        }
        true
    }

    /// The status that says what this replica makes of it; `None` where it does already.
    pub(super) fn unsaid(&self, name: &str, own: &str, now: &str) -> Option<Write> {
        // Somebody has seen a newer generation, as this replica will soon.
        if self.status.observed_generation > self.generation || self.writes >= MOST_WRITES {
            return None;
        }
        self.write(name, self.status.with(&replica(own, self), now))
    }

    /// The status without this replica; `None` where it is not named.
    pub(super) fn farewell(&self, name: &str, own: &str, now: &str) -> Option<Write> {
        self.write(name, self.status.without(own, now))
    }

    fn write(&self, name: &str, status: PolicyStatus) -> Option<Write> {
        (status != self.status).then(|| Write {
            name: name.to_owned(),
            resource_version: self.resource_version.clone(),
            generation: self.generation,
            status,
        })
    }

    /// The status was written.
    pub(super) fn written(&mut self, write: &Write, seen: Seen) {
        self.writes += 1;
        // Not where the watch has brought a newer one meanwhile.
        if self.resource_version == write.resource_version && self.uid == seen.uid {
            (self.resource_version, self.status) = (seen.resource_version, seen.status);
        }
    }

    /// A refusal that was not told yet.
    pub(super) fn refusal_to_tell(&mut self) -> Option<String> {
        let why = self.refusal.clone().filter(|_| !self.told)?;
        self.told = true;
        Some(why)
    }
}
