//! A report: what would change where, what stays open and why, and how far pods are from the standards before and after.
//!
//! It knows no file, cluster or clock: whoever makes one hands in pods with what is known of their namespaces, and the
//! time. The pods of one workload make one row.

mod look;
mod pod_security;
mod risk;
mod standard;
mod summary;
mod workload;
pub mod write;

pub use look::{LookError, Looked, Looker};
pub use pod_security::Level;
pub use risk::{Cause, Likelihood, Risk};
pub use standard::{Control, Standard};
pub use summary::{ControlCount, LevelCount, NamespaceCount, Open, PostureCount, RuleCount, Summary};
pub use workload::{Exempted, Found, Gather, Place, Standing, Workload};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::rules::RuleId;

/// The version of the report's shape in JSON: another one where a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// The name by which we sign what others collect.
const WHO: &str = "pod-hardener";

/// All of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`VERSION`]
    pub version: u32,
    /// Which build made it.
    pub made_by: String,
    /// When.
    #[serde(serialize_with = "as_rfc3339")]
    pub made: OffsetDateTime,
    /// Of what: `files`, or the cluster's context.
    pub about: String,
    /// What could not be read or known, for people.
    pub notes: Vec<String>,
    /// Counts over all workloads.
    pub summary: Summary,
    /// Every exemption: of pods and templates, and of namespaces.
    pub exemptions: Vec<Exempted>,
    /// Every workload, by namespace, kind and name.
    pub workloads: Vec<Workload>,
}

impl Report {
    /// The report of what was gathered.
    #[must_use]
    pub fn new(about: &str, notes: Vec<String>, gathered: Gather, now: OffsetDateTime) -> Self {
        let (workloads, exemptions) = gathered.finish();
        Self {
            version: VERSION,
            made_by: format!("{WHO} {}", env!("CARGO_PKG_VERSION")),
            made: now.replace_nanosecond(0).unwrap_or(now),
            about: about.to_owned(),
            notes,
            summary: Summary::new(&workloads),
            exemptions,
            workloads,
        }
    }

    /// Whether anything would change.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.summary.changing > 0
    }

    /// The workloads most likely to break, the likeliest first.
    #[must_use]
    pub fn risky(&self) -> Vec<&Workload> {
        let mut risky: Vec<&Workload> =
            self.workloads.iter().filter(|workload| !workload.risks.is_empty()).collect();
        risky.sort_by_key(|workload| {
            std::cmp::Reverse((workload.likelihood(), workload.score(), workload.pods))
        });
        risky
    }
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn as_rfc3339<S: serde::Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

/// Rules go out by their names.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn as_name<S: serde::Serializer>(rule: &RuleId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.as_str())
}

#[cfg(test)]
mod tests;
