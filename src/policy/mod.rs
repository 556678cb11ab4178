//! Policy: which rule in which mode, for which pods, and who may be exempted.

mod document;
mod error;
mod explain;
mod in_force;
mod load;
mod place;
mod preset;
mod select;
mod selector;
mod source;
mod status;
mod strength;
mod validate;

pub use document::{
    API_VERSION, Authorization, Compensation, ExemptionPolicy, HardeningPolicy, KIND, Metadata, OnError,
    PolicySpec, RuleName, Selector,
};
pub use error::PolicyError;
pub use explain::{Explanation, Step, StepResult, explain};
pub use in_force::InForce;
pub(crate) use load::{documents, object};
pub use load::{load, parse, parse_object};
pub use preset::Preset;
pub use select::{By, POLICY_LABEL, PolicySet, Selection};
pub use selector::Mismatch;
pub(crate) use selector::glob;
pub use source::{Source, Texts, together};
pub use status::{ACCEPTED, Condition, PolicyStatus, Replica};
pub use validate::{LONGEST_TEXT, MOST_ITEMS, MOST_KEYS};
pub(crate) use validate::{validate_head, validate_sizes};

use crate::guard::GuardPolicy;
use crate::posture::PosturePolicy;
use crate::rules::{Mode, RuleId, Rules};

/// A policy, resolved: every rule has its mode.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The mode of each rule, by [`RuleId`].
    pub modes: Vec<Mode>,
    /// The parameters of each rule.
    pub rules: Rules,
    /// Which pods it is for.
    pub selector: Selector,
    /// How far its pods are hardened; the floor is always there.
    pub posture: PosturePolicy,
    /// How its pods that fail are looked after.
    pub guard: GuardPolicy,
    /// What exemptions it honours.
    pub exemptions: ExemptionPolicy,
    /// The prefix of the annotations that it reads and writes.
    pub annotation_prefix: String,
    /// The answer when the review of a pod fails.
    pub on_error: OnError,
    /// Whether changes of workloads are answered with warnings.
    pub workload_warnings: bool,
    /// Whether containers of a changed pod leave the end of their log where they fail without a message.
    pub fallback_to_logs_on_error: bool,
    /// `<prefix>/hardened`, made once.
    pub hardened_key: String,
    /// `<prefix>/exempted`, made once.
    pub exempted_label: String,
}

impl Policy {
    /// The mode of a rule.
    #[must_use]
    pub fn mode(&self, rule: RuleId) -> Mode {
        self.modes.get(rule as usize).copied().unwrap_or(Mode::Off)
    }

    /// Resolves a document: each rule's mode is its own or the preset's.
    #[must_use]
    pub fn resolve(document: HardeningPolicy) -> Self {
        let spec = document.spec;
        let modes = RuleId::ALL
            .iter()
            .map(|rule| spec.rules.mode(*rule).unwrap_or_else(|| spec.preset.mode(*rule)))
            .collect();
        let floor = Some(spec.floor());
        let hardened_key = format!("{}/{}", spec.annotation_prefix, crate::annotation::HARDENED);
        let exempted_label = format!("{}/{}", spec.annotation_prefix, crate::inventory::EXEMPTED_LABEL);
        Self {
            name: document.metadata.name,
            modes,
            rules: spec.rules,
            selector: spec.selector,
            posture: PosturePolicy { floor, ..spec.posture },
            guard: spec.guard,
            exemptions: spec.exemptions,
            annotation_prefix: spec.annotation_prefix,
            on_error: spec.on_error,
            workload_warnings: spec.workload_warnings,
            fallback_to_logs_on_error: spec.fallback_to_logs_on_error,
            hardened_key,
            exempted_label,
        }
    }
}

/// The policy as a file again, every mode written out; resolved, it is the same policy.
impl From<&Policy> for HardeningPolicy {
    fn from(policy: &Policy) -> Self {
        let is_preset =
            |preset: &Preset| RuleId::ALL.iter().all(|rule| preset.mode(*rule) == policy.mode(*rule));
        let mut rules = policy.rules.clone();
        for rule in RuleId::ALL {
            rules.set_mode(*rule, policy.mode(*rule));
        }
        let spec = PolicySpec {
            preset: Preset::ALL.into_iter().find(is_preset).unwrap_or_default(),
            selector: policy.selector.clone(),
            rules,
            posture: policy.posture,
            guard: policy.guard.clone(),
            exemptions: policy.exemptions.clone(),
            on_error: policy.on_error,
            annotation_prefix: policy.annotation_prefix.clone(),
            workload_warnings: policy.workload_warnings,
            fallback_to_logs_on_error: policy.fallback_to_logs_on_error,
        };
        let metadata = Metadata { name: policy.name.clone() };
        Self { api_version: API_VERSION.to_owned(), kind: KIND.to_owned(), metadata, spec, status: None }
    }
}

impl From<Preset> for Policy {
    fn from(preset: Preset) -> Self {
        Self::resolve(preset.document())
    }
}
