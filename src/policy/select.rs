//! Which policy a pod falls under.
//!
//! The namespace's label comes first, then the policies' own selectors in their order, then the default. What the
//! pod's author controls may only strengthen what the namespace has, where a cluster says what it has.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::strength::{Applied, Blend};
use super::{Compensation, Policy, Preset, Selector};
use crate::facts::{Facts, Grants};
use crate::posture::Posture;
use crate::profiles::{self, ProfileSet};
use crate::rules::RuleSet;
use crate::subject::Subject;

/// The label of a namespace that names its policy. It is read before there is a policy, so it has no other prefix.
pub const POLICY_LABEL: &str = "pod-hardener.dev/policy";

/// Policies in the order in which they are tried, and the presets.
#[derive(Debug, Clone)]
pub struct PolicySet {
    /// Those that were loaded, then the presets, which a namespace can name.
    policies: Vec<Policy>,
    loaded: usize,
    by_name: HashMap<Box<str>, usize>,
    blends: Vec<Row>,
    profiles: Arc<ProfileSet>,
    /// Whether a policy may want a user namespace whatever the image's profile says.
    isolating: bool,
    /// Whether a policy has a copier for images whose files must be there.
    copying: bool,
}

/// What becomes of each policy that a pod's author chose, over one that a namespace has: made when first needed.
type Row = OnceLock<Box<[OnceLock<Blend>]>>;

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The namespace's label.
    Label,
    /// The policy's own selector.
    Selector,
    /// Nothing else: the built-in default.
    Default,
}

/// The policy for a pod, and why it is that one.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'p> {
    /// The policy that applies.
    pub policy: &'p Policy,
    /// What decided.
    pub by: By,
    /// What the namespace has: the policy by everything that administrators control.
    pub base: &'p Policy,
    /// The policy that comes before it, selected by what the pod's author controls.
    pub picked: Option<&'p Policy>,
    /// The rules in which that one is weaker.
    pub weakens: RuleSet,
    /// The rules from which the requester must be allowed to exempt for it, and was not asked about yet.
    pub asks: RuleSet,
    /// Whether the requester was allowed to.
    pub granted: bool,
    /// Whether the namespace's label names no policy.
    pub label_is_unknown: bool,
}

impl PolicySet {
    /// These policies, in this order; the built-in `restricted` takes what none selects.
    #[must_use]
    pub fn new(mut policies: Vec<Policy>) -> Self {
        let loaded = policies.len();
        policies.extend(Preset::ALL.map(Policy::from));
        let mut by_name = HashMap::new();
        for (number, policy) in policies.iter().enumerate() {
            by_name.entry(policy.name.as_str().into()).or_insert(number);
        }
        let blends = policies.iter().map(|_| OnceLock::new()).collect();
        let isolating = policies.iter().any(|policy| {
            let posture = policy.posture;
            [posture.unknown, posture.persistent_volumes, posture.floor.unwrap_or_default()]
                .contains(&Posture::Isolated)
        });
        let copying =
            policies.iter().any(|policy| policy.rules.read_only_root_filesystem.copy_up.image.is_some());
        Self { policies, loaded, by_name, blends, profiles: profiles::shared(), isolating, copying }
    }

    /// The same policies, with these facts about images instead of those that are built in.
    #[must_use]
    pub fn with_profiles(self, profiles: Arc<ProfileSet>) -> Self {
        Self { profiles, ..self }
    }

    /// What is known of images.
    #[must_use]
    pub fn profiles(&self) -> &ProfileSet {
        &self.profiles
    }

    /// Whether where a pod stands may depend on whether the nodes have user namespaces.
    #[must_use]
    pub fn isolates(&self, subject: &Subject<'_, '_>, namespace: &str) -> bool {
        let by_profile = |image: &str| {
            let profile = self.profiles.find(image, namespace);
            profile.is_some_and(|profile| profile.facts.posture == Some(Posture::Isolated))
        };
        self.isolating || subject.slots.iter().any(|slot| slot.view.image.as_deref().is_some_and(by_profile))
    }

    /// Whether what becomes of a pod may depend on whether the nodes mount images as volumes.
    #[must_use]
    pub fn copies_up(&self, subject: &Subject<'_, '_>, namespace: &str) -> bool {
        let needs_content = |image: &str| {
            self.profiles.find(image, namespace).is_some_and(|profile| profile.facts.needs_content())
        };
        self.copying && subject.slots.iter().any(|slot| slot.view.image.as_deref().is_some_and(needs_content))
    }

    /// The policy for a pod, and why.
    #[must_use]
    pub fn select(&self, facts: &Facts<'_>, subject: &Subject<'_, '_>) -> Selection<'_> {
        let base = self.base(facts);
        if base.by == By::Label {
            return base;
        }
        let first = self.policies().iter().position(|policy| policy.selector.matches(facts, subject));
        let Some(first) = first else { return base };
        let picked = &self.policies[first];
        let chosen = Selection { policy: picked, by: By::Selector, ..base };
        if !picked.selector.is_tenants() {
            return chosen;
        }
        if facts.space.is_none() {
            return Selection { base: picked, ..chosen };
        }
        self.strengthen(chosen, first, facts.grants)
    }

    /// The policy of a namespace, whatever pod comes: by everything that administrators control.
    #[must_use]
    pub fn base(&self, facts: &Facts<'_>) -> Selection<'_> {
        let label = facts.space.as_ref().and_then(|space| space.labels.get(POLICY_LABEL));
        let labelled = label.and_then(|name| self.by_name.get(&**name));
        let selected = || {
            let matches = |policy: &&Policy| {
                !policy.selector.is_tenants() && policy.selector.misses_space(facts).is_none()
            };
            self.policies().iter().find(matches)
        };
        let (policy, by) = match labelled {
            Some(number) => (&self.policies[*number], By::Label),
            None => match selected() {
                Some(policy) => (policy, By::Selector),
                None => (self.fallback(), By::Default),
            },
        };
        Selection {
            policy,
            by,
            base: policy,
            picked: None,
            weakens: RuleSet::default(),
            asks: RuleSet::default(),
            granted: false,
            label_is_unknown: label.is_some() && labelled.is_none(),
        }
    }

    /// A policy that the pod's author chose, as far as it may be.
    fn strengthen<'p>(&'p self, chosen: Selection<'p>, picked: usize, grants: Grants) -> Selection<'p> {
        let Some(blend) = self.blend(chosen.base, picked) else { return chosen };
        let policy = &self.policies[picked];
        let weakens = blend.weakens;
        let granted = match grants {
            Grants::Rules(rules) => weakens.without(rules).is_empty(),
            Grants::Trusted | Grants::Unasked | Grants::Unverified => weakens.is_empty(),
        };
        let applied = if granted { &blend.granted } else { &blend.withheld };
        Selection {
            policy: match applied {
                Applied::Base => chosen.base,
                Applied::Picked => policy,
                Applied::Own(own) => own,
            },
            picked: Some(policy),
            weakens,
            asks: if grants == Grants::Unasked { weakens } else { RuleSet::default() },
            granted,
            ..chosen
        }
    }

    fn blend(&self, base: &Policy, picked: usize) -> Option<&Blend> {
        let number = self.policies.iter().position(|policy| std::ptr::eq(policy, base))?;
        let row = self.blends.get(number)?;
        let row = row.get_or_init(|| (0..self.loaded).map(|_| OnceLock::new()).collect());
        let blend = row.get(picked)?.get_or_init(|| Blend::new(base, &self.policies[picked]));
        Some(blend)
    }

    /// What becomes of a policy that a pod's author chose: the rules in which it is weaker than the namespace's, what
    /// applies for who may exempt from all of these, and what for everybody else.
    pub(crate) fn blended<'p>(
        &'p self,
        base: &'p Policy,
        picked: &'p Policy,
    ) -> Option<(RuleSet, &'p Policy, &'p Policy)> {
        let number = self.policies().iter().position(|policy| std::ptr::eq(policy, picked))?;
        let blend = self.blend(base, number)?;
        let chosen = |applied: &'p Applied| match applied {
            Applied::Base => base,
            Applied::Picked => picked,
            Applied::Own(own) => own,
        };
        Some((blend.weakens, chosen(&blend.granted), chosen(&blend.withheld)))
    }

    /// The policy for what could not even be read: the first one that is for everything.
    #[must_use]
    pub fn for_unreadable(&self) -> &Policy {
        let everything = Selector::default();
        let first = self.policies().iter().find(|policy| policy.selector == everything);
        first.unwrap_or_else(|| self.fallback())
    }

    /// Whether an answer may depend on whether the nodes have user namespaces.
    #[must_use]
    pub fn compensates(&self) -> bool {
        let wants = |policy: &Policy| policy.exemptions.compensation == Compensation::UserNamespace;
        self.policies.iter().any(wants)
    }

    /// The policies that were loaded, without the presets.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies[..self.loaded]
    }

    /// All of them: those that were loaded, then the presets.
    pub(crate) fn all(&self) -> &[Policy] {
        &self.policies
    }

    /// The built-in `restricted`: the first of the presets.
    pub(crate) fn fallback(&self) -> &Policy {
        &self.policies[self.loaded]
    }
}

impl From<Preset> for PolicySet {
    fn from(preset: Preset) -> Self {
        Self::new(vec![preset.into()])
    }
}

#[cfg(test)]
mod tests;
