//! The engine: a pod's bytes → view → policy → rules → plan → patch.

use std::rc::Rc;

use time::OffsetDateTime;

use crate::annotation::{self, Refusal};
use crate::compensation;
use crate::exemption::{self, Exemptions};
use crate::facts::Facts;
use crate::patch::Patch;
use crate::policy::{POLICY_LABEL, Policy, PolicySet, Selection};
use crate::posture::{self, Posture, Stance};
use crate::rules::{Desk, Finding, Mode, RuleId, RuleResult, RuleSet, read_only_root_filesystem};
use crate::subject::Subject;
use crate::tuning;

/// The longest that all annotations of an object may be together, in bytes (the API server's own limit).
const ANNOTATIONS_LIMIT: usize = 256 * 1024;

/// What came of one pod.
#[derive(Debug)]
pub struct Hardened<'v> {
    /// By which policy.
    pub policy: &'v Policy,
    /// The operations, relative to the pod.
    pub patch: Patch,
    /// What each rule found and did.
    pub findings: Vec<Finding<'v>>,
    /// The rules by what came of them.
    pub results: Results,
    /// Annotations that were not honoured.
    pub refusals: Vec<Refusal<'v>>,
    /// What is to be said of the choice of the policy.
    pub remarks: Vec<Remark>,
    /// Which exemptions were honoured.
    pub exemptions: Rc<Exemptions>,
    /// The rules in force that hold for every container once the patch is applied.
    pub holding: RuleSet,
    /// The rules whose exemptions, or whose weaker policy, wait for somebody with the right to them: nobody was
    /// asked yet.
    pub asks: RuleSet,
    /// The lowest rung of the ladder on which one of its containers stands; `None` where rules that depend on it are
    /// not in force.
    pub posture: Option<Posture>,
    /// Where each container stands; empty where the pod is none of Linux.
    pub stances: Rc<[Stance<'v>]>,
    /// Whether the pod says by which rules it was hardened; not when its annotations are full.
    pub annotated: bool,
}

impl Hardened<'_> {
    /// Whether anything is to change.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        !self.patch.is_empty()
    }
}

/// The rules by what came of them: a rule may have several results in one pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Results {
    sets: [RuleSet; RuleResult::ALL.len()],
}

impl Results {
    fn new(policy: &Policy, findings: &[Finding<'_>]) -> Self {
        let mut results = Self::default();
        let mut found = RuleSet::default();
        for finding in findings {
            results.sets[finding.result as usize].insert(finding.rule);
            found.insert(finding.rule);
        }
        for rule in RuleId::ALL {
            if policy.mode(*rule) != Mode::Off && !found.contains(*rule) {
                results.sets[RuleResult::AlreadySecure as usize].insert(*rule);
            }
        }
        results
    }

    /// The rules with that result.
    #[must_use]
    pub const fn of(&self, result: RuleResult) -> RuleSet {
        self.sets[result as usize]
    }
}

/// Hardens a pod.
///
/// The caller passes in all that is not in the pod: the policies, where it goes, what may be changed, the time.
#[must_use]
pub fn harden<'v>(
    subject: &'v Subject<'v, '_>,
    policies: &'v PolicySet,
    facts: &Facts<'_>,
    now: OffsetDateTime,
) -> Hardened<'v> {
    let selection = policies.select(facts, subject);
    let policy = selection.policy;
    let entries: Vec<annotation::Ours<'v>> =
        annotation::ours(subject.pod.annotations(), &policy.annotation_prefix).collect();
    let mut refusals = Vec::new();
    exemption::check_names(subject, &entries, &mut refusals);
    let exemptions =
        exemption::read(subject, &entries, &exemption::Terms::of(policy, facts, now), &mut refusals);
    let tuning = tuning::read(subject, &entries, &mut refusals);
    let mut desk = Desk::new(subject, tuning, exemptions, &policy.modes, facts);
    for rule in RuleId::ALL {
        if *rule == RuleId::run_as_non_root {
            posture::settle(&mut desk, policy, policies.profiles(), facts.namespace);
            compensation::settle(&mut desk, policy, &entries, &mut refusals);
        }
        if *rule == RuleId::read_only_root_filesystem {
            read_only_root_filesystem::settle(&mut desk, policy);
        }
        if desk.turn_to(*rule) {
            rule.check(&mut desk, &policy.rules);
        }
    }
    let posture = posture::lowest(&desk, policy);
    let Desk { mut plan, findings, exemptions, stances, .. } = desk;
    plan.fall_back_to_logs = policy.fallback_to_logs_on_error;
    let results = Results::new(policy, &findings);
    let holding = holding(policy, &results);
    let lowered = results.of(RuleResult::Lowered).iter().any(|rule| policy.mode(rule).is_in_force());
    let mut patch = Patch::new(subject, &plan);
    let annotated = note(subject, policy, (posture, lowered), holding, exemptions.rules(), &mut patch);
    Hardened {
        policy,
        patch,
        findings,
        results,
        refusals,
        remarks: remarks(&selection, facts),
        asks: selection.asks.union(exemptions.asks()),
        exemptions,
        holding,
        posture,
        stances,
        annotated,
    }
}

/// The rules in force that left nothing open: injected, replaced or secure from the start, in every container.
/// It depends on the pod as it will be alone, so a second pass comes to the same.
fn holding(policy: &Policy, results: &Results) -> RuleSet {
    let open = results
        .of(RuleResult::Exempted)
        .union(results.of(RuleResult::Observed))
        .union(results.of(RuleResult::Impossible))
        .union(results.of(RuleResult::Lowered));
    let in_force = RuleId::ALL.iter().copied().filter(|rule| policy.mode(*rule).is_in_force());
    in_force.filter(|rule| !open.contains(*rule)).collect()
}

/// Says in the pod by which policy and rules it was hardened, and in a label that it lives on an exemption.
/// `false` where the annotations have no room for it.
fn note(
    subject: &Subject<'_, '_>,
    policy: &Policy,
    stands: (Option<Posture>, bool),
    holding: RuleSet,
    exempted: RuleSet,
    patch: &mut Patch,
) -> bool {
    if !subject.reaches_pod() {
        return true;
    }
    let (annotation, fits) = annotation(subject, policy, stands, holding, patch);
    let labels = subject.pod.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
    // A label that is there stays: a selector may go by it.
    let written = labels.is_some_and(|labels| labels.get(&policy.exempted_label).is_some());
    let counts = !written && exempted.iter().any(|rule| policy.mode(rule).is_in_force());
    patch.note(
        subject,
        annotation.as_deref().map(|value| (policy.hardened_key.as_str(), value)),
        counts.then_some((policy.exempted_label.as_str(), "true")),
    );
    fits
}

/// What the annotation shall say, unless it says so already; and whether there is room for it.
fn annotation(
    subject: &Subject<'_, '_>,
    policy: &Policy,
    (posture, lowered): (Option<Posture>, bool),
    holding: RuleSet,
    patch: &Patch,
) -> (Option<String>, bool) {
    let annotations = subject.pod.annotations();
    let written = annotations.and_then(|annotations| annotations.get(&policy.hardened_key));
    let in_force = policy.modes.iter().any(|mode| mode.is_in_force());
    // A pod that needs nothing is left without, but not one to which not everything is applied: the backstop goes by
    // what it says. A claim that is not ours is corrected.
    if !in_force || (patch.is_empty() && written.is_none() && !lowered) {
        return (None, true);
    }
    let mut value = String::with_capacity(256);
    value.push_str(&policy.name);
    if let Some(posture) = posture.filter(|posture| *posture != Posture::Full) {
        for part in [" (", posture.as_str(), ")"] {
            value.push_str(part);
        }
    }
    value.push(':');
    for (number, rule) in holding.iter().enumerate() {
        value.push_str(if number == 0 { " " } else { "," });
        value.push_str(rule.as_str());
    }
    if written == Some(value.as_str()) {
        return (None, true);
    }
    let bytes = annotations.map_or(0, crate::view::Annotations::bytes);
    let fits = bytes + policy.hardened_key.len() + value.len() <= ANNOTATIONS_LIMIT;
    (fits.then_some(value), fits)
}

/// Something to be said of the choice of the policy: why, and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Why: a label for metrics.
    pub reason: RemarkReason,
    /// For people.
    pub message: String,
}

/// What there may be to say of the choice of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemarkReason {
    /// The namespace's label names no policy.
    UnknownPolicy,
    /// The pod's author chose a policy that is weaker than the namespace's, and may not.
    WeakerPolicy,
}

impl RemarkReason {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::UnknownPolicy, Self::WeakerPolicy];

    /// As a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownPolicy => "unknown-policy",
            Self::WeakerPolicy => "weaker-policy",
        }
    }
}

fn remarks(selection: &Selection<'_>, facts: &Facts<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if selection.label_is_unknown {
        let label = facts.space.as_ref().and_then(|space| space.labels.get(POLICY_LABEL));
        let label = exemption::excerpt(label.map_or("", |label| label));
        let message = format!(
            "label {POLICY_LABEL} of the namespace {} names no policy: \"{label}\"; policy {} applies",
            facts.namespace, selection.policy.name
        );
        remarks.push(Remark { reason: RemarkReason::UnknownPolicy, message });
    }
    let Some(picked) = selection.picked.filter(|_| !selection.granted) else { return remarks };
    let rules = crate::inventory::names(selection.weakens);
    let message = format!(
        "policy {}, chosen by the pod, may not weaken the namespace's policy {} in {rules}: that takes the right to \
         exempt from these rules",
        picked.name, selection.base.name
    );
    remarks.push(Remark { reason: RemarkReason::WeakerPolicy, message });
    remarks
}

#[cfg(test)]
mod tests;
