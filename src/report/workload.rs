//! Workloads: where each stands, and how the pods of one become a row.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use super::{Control, Level, Likelihood, Looked, Risk, Standard, as_name};
use crate::inventory::{self, Exemption, Left};
use crate::posture::Posture;
use crate::rules::{RuleId, RuleResult, RuleSet};

/// Where a pod or template is from.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The namespace; empty where nobody says.
    pub namespace: String,
    /// What holds it: `Pod` for a pod that nobody made.
    pub kind: String,
    /// The name of that; may be empty.
    pub name: String,
    /// The API version of that.
    pub api_version: String,
    /// Its uid, in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The file that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// On which line of it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl Place {
    /// Of an object in a cluster.
    #[must_use]
    pub fn of_object(namespace: &str, (api_version, kind): (&str, &str), name: &str, uid: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            api_version: api_version.to_owned(),
            uid: Some(uid.to_owned()),
            ..Self::default()
        }
    }

    /// `Kind/name`
    #[must_use]
    pub fn label(&self) -> String {
        let name = if self.name.is_empty() { "(no name)" } else { &self.name };
        format!("{}/{name}", self.kind)
    }
}

/// What one rule found or would do at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Which rule.
    #[serde(serialize_with = "as_name")]
    pub rule: RuleId,
    /// What came of it.
    pub result: RuleResult,
    /// In which container; `None`: in the pod as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What exactly.
    pub note: String,
}

/// Where a pod stands against the standards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The highest level of Pod Security that it meets.
    pub pod_security: Level,
    /// The controls that it does not meet.
    pub unmet: BTreeSet<Control>,
}

impl Standing {
    pub(super) fn new(unmet: BTreeSet<Control>) -> Self {
        let breaks = |standard| unmet.iter().any(|control| control.standard == standard);
        let pod_security = match (breaks(Standard::Baseline), breaks(Standard::Restricted)) {
            (true, _) => Level::Privileged,
            (false, true) => Level::Baseline,
            (false, false) => Level::Restricted,
        };
        Self { pod_security, unmet }
    }

    /// As far as all of several pods get.
    fn lower(&mut self, other: &Self) {
        self.pod_security = self.pod_security.min(other.pod_security);
        self.unmet.extend(&other.unmet);
    }
}

/// An exemption, and how long it has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exempted {
    /// Of what.
    #[serde(flatten)]
    pub place: Place,
    /// Of one container; `None`: of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// From which rules, by name.
    pub rules: String,
    /// Why.
    pub reason: String,
    /// Until when, as written; empty: without an end.
    pub until: String,
    /// How long that is.
    #[serde(serialize_with = "left_name")]
    pub left: Left,
    /// Whole days left; `None` without an end, negative when it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_left: Option<i64>,
    /// Whether policy honours it.
    pub honoured: bool,
    /// How many running pods have it.
    pub pods: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn left_name<S: Serializer>(left: &Left, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(left.as_str())
}

impl Exempted {
    pub(super) fn new(exemption: &Exemption, honoured: bool, now: OffsetDateTime) -> Self {
        Self {
            place: Place::default(),
            container: exemption.container.as_deref().map(str::to_owned),
            rules: inventory::names(exemption.rules).into_owned(),
            reason: exemption.reason.to_string(),
            until: exemption.until.to_string(),
            left: exemption.left(now),
            days_left: exemption.days_left(now),
            honoured,
            pods: 0,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.container, &self.rules, &self.reason, &self.until, self.honoured)
            == (&other.container, &other.rules, &other.reason, &other.until, other.honoured)
    }
}

/// A workload with all that was seen of its pods, or of its template.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// What it is.
    #[serde(flatten)]
    pub place: Place,
    /// How many running pods were looked at; 0: its template was.
    pub pods: usize,
    /// The policy that applies.
    pub policy: String,
    /// The lowest rung of the ladder on which a container stands; `None` where no rule that depends on it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posture: Option<Posture>,
    /// Whether anything would change.
    pub changes: bool,
    /// How likely it is to break.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Likelihood>,
    /// What speaks for that.
    pub risks: Vec<Risk>,
    /// Where it stands now.
    pub before: Standing,
    /// Where it would stand.
    pub after: Standing,
    /// What each rule found or would do, less what is secure.
    pub findings: Vec<Found>,
    /// The rules with nothing to do.
    #[serde(serialize_with = "rule_names")]
    pub secure: RuleSet,
    /// Annotations that are not honoured, and what is to be said of the choice of its policy.
    pub remarks: Vec<String>,
    #[serde(skip)]
    exemptions: Vec<Exempted>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn rule_names<S: Serializer>(rules: &RuleSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rules.iter().map(RuleId::as_str))
}

impl Workload {
    /// The rules with that result.
    #[must_use]
    pub fn of(&self, result: RuleResult) -> RuleSet {
        if result == RuleResult::AlreadySecure {
            return self.secure;
        }
        self.findings.iter().filter(|found| found.result == result).map(|found| found.rule).collect()
    }

    /// `namespace/Kind/name`, as far as it is known.
    #[must_use]
    pub fn full_name(&self) -> String {
        let Place { namespace, .. } = &self.place;
        let label = self.place.label();
        if namespace.is_empty() { label } else { format!("{namespace}/{label}") }
    }

    /// Whether something stays insecure.
    #[must_use]
    pub fn stays_open(&self) -> bool {
        self.findings.iter().any(|found| is_open(found.result))
    }

    /// How likely it is to break; `None`: nothing speaks for that.
    #[must_use]
    pub fn likelihood(&self) -> Option<Likelihood> {
        self.risks.iter().map(|risk| risk.likelihood).max()
    }

    /// The evidence together: what orders workloads that are equally likely to break.
    #[must_use]
    pub fn score(&self) -> u32 {
        self.risks.iter().map(|risk| risk.likelihood.weight()).sum()
    }

    fn new(place: Place, pods: usize, looked: Looked) -> Self {
        let mut exemptions = looked.exemptions;
        for exemption in &mut exemptions {
            exemption.place = place.clone();
            exemption.pods = pods;
        }
        let likelihood = looked.risks.iter().map(|risk| risk.likelihood).max();
        Self {
            place,
            pods,
            policy: looked.policy,
            posture: looked.posture,
            changes: looked.changes,
            likelihood,
            risks: looked.risks,
            before: looked.before,
            after: looked.after,
            findings: looked.findings,
            secure: looked.secure,
            remarks: looked.remarks,
            exemptions,
        }
    }

    /// Takes in another pod, or pods, of the same workload.
    fn absorb(&mut self, pods: usize, other: Looked) {
        self.pods += pods;
        self.changes |= other.changes;
        self.posture = [self.posture, other.posture].into_iter().flatten().min();
        self.before.lower(&other.before);
        self.after.lower(&other.after);
        self.secure = self.secure.intersection(other.secure);
        extend(&mut self.findings, other.findings);
        extend(&mut self.risks, other.risks);
        extend(&mut self.remarks, other.remarks);
        self.likelihood = self.likelihood();
        for exemption in other.exemptions {
            match self.exemptions.iter_mut().find(|known| known.is_same(&exemption)) {
                Some(known) => known.pods += pods,
                None => self.exemptions.push(Exempted { place: self.place.clone(), pods, ..exemption }),
            }
        }
    }
}

/// What is insecure and stays so.
pub(super) const fn is_open(result: RuleResult) -> bool {
    matches!(result, RuleResult::Observed | RuleResult::Impossible | RuleResult::Lowered)
}

/// Adds what is not there yet.
fn extend<T: PartialEq>(known: &mut Vec<T>, others: Vec<T>) {
    for other in others {
        if !known.contains(&other) {
            known.push(other);
        }
    }
}

/// Workloads as they come in.
#[derive(Debug, Default)]
pub struct Gather {
    workloads: BTreeMap<Place, Workload>,
    of_namespaces: Vec<Exempted>,
}

impl Gather {
    /// Takes in what was seen of a template, or of so many pods that are alike.
    pub fn add(&mut self, place: Place, pods: usize, looked: Looked) {
        match self.workloads.get_mut(&place) {
            Some(known) => known.absorb(pods, looked),
            None => drop(self.workloads.insert(place.clone(), Workload::new(place, pods, looked))),
        }
    }

    /// Takes in exemptions of namespaces.
    pub fn add_exemptions(&mut self, exemptions: Vec<Exempted>) {
        self.of_namespaces.extend(exemptions);
    }

    /// Whether the workload is known.
    #[must_use]
    pub fn has(&self, place: &Place) -> bool {
        self.workloads.contains_key(place)
    }

    /// The workloads in order, and all exemptions, those that end first before the others.
    pub(super) fn finish(self) -> (Vec<Workload>, Vec<Exempted>) {
        let mut workloads: Vec<Workload> = self.workloads.into_values().collect();
        let mut exemptions = self.of_namespaces;
        for workload in &mut workloads {
            exemptions.append(&mut workload.exemptions);
        }
        exemptions.sort_by(|a, b| (a.left, a.days_left, &a.place).cmp(&(b.left, b.days_left, &b.place)));
        (workloads, exemptions)
    }
}
