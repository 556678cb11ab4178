//! The policies that may decide, each under a name of its own.

use crate::cel::{list, text};
use crate::policy::{Policy, PolicySet};
use crate::rules::RuleSet;

/// A policy, and what `variables.policy` is where it decides.
pub(super) struct Candidate<'p> {
    pub(super) key: String,
    pub(super) policy: &'p Policy,
}

/// A policy that a pod's author chose, over one that the namespace has.
pub(super) struct Pair {
    /// The keys of both.
    pub(super) base: String,
    pub(super) picked: String,
    /// What the requester must be allowed to exempt from for the one as it was written.
    pub(super) weakens: RuleSet,
    /// The key of what applies then, and of what applies otherwise.
    pub(super) granted: String,
    pub(super) withheld: String,
}

/// All of them.
pub(super) struct Candidates<'p> {
    /// In the order in which selectors are tried; these come first in `all`.
    pub(super) loaded: &'p [Policy],
    pub(super) all: Vec<Candidate<'p>>,
    pub(super) pairs: Vec<Pair>,
    /// The key of what decides where nothing else does.
    pub(super) fallback: String,
    /// What a namespace's label may name.
    pub(super) names: Vec<String>,
}

impl<'p> Candidates<'p> {
    pub(super) fn new(policies: &'p PolicySet) -> Self {
        let loaded = policies.policies();
        let mut all: Vec<Candidate<'p>> = Vec::new();
        let mut names = Vec::new();
        let mut fallback = String::new();
        for policy in policies.all() {
            let is_named = !all.iter().any(|other| other.key == policy.name);
            let key = if is_named { policy.name.clone() } else { format!("{} (built in)", policy.name) };
            if is_named {
                names.push(policy.name.clone());
            }
            if std::ptr::eq(policy, policies.fallback()) {
                fallback.clone_from(&key);
            }
            all.push(Candidate { key, policy });
        }
        let mut candidates = Self { loaded, all, pairs: Vec::new(), fallback, names };
        candidates.pair(policies);
        candidates
    }

    fn pair(&mut self, policies: &'p PolicySet) {
        let bases: Vec<(String, &'p Policy)> = self
            .all
            .iter()
            .filter(|base| !base.policy.selector.is_tenants())
            .filter(|base| {
                self.loaded.iter().any(|loaded| std::ptr::eq(loaded, base.policy))
                    || base.key == self.fallback
            })
            .map(|base| (base.key.clone(), base.policy))
            .collect();
        for picked in self.loaded.iter().filter(|policy| policy.selector.is_tenants()) {
            for (base, policy) in &bases {
                let Some((weakens, granted, withheld)) = policies.blended(policy, picked) else { continue };
                let (granted, withheld) = (self.key(granted), self.key(withheld));
                self.pairs.push(Pair {
                    base: base.clone(),
                    picked: picked.name.clone(),
                    weakens,
                    granted,
                    withheld,
                });
            }
        }
    }

    /// The key of a policy; one that was made of two is a candidate from now on.
    fn key(&mut self, policy: &'p Policy) -> String {
        if let Some(known) = self.all.iter().find(|known| std::ptr::eq(known.policy, policy)) {
            return known.key.clone();
        }
        let mut key = policy.name.clone();
        while self.all.iter().any(|other| other.key == key) {
            key.push('\'');
        }
        self.all.push(Candidate { key: key.clone(), policy });
        key
    }

    /// What depends on the policy, in CEL: the same for all, or by `variables.policy`.
    pub(super) fn by_policy(&self, of: impl Fn(&Policy) -> String) -> String {
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for candidate in &self.all {
            let value = of(candidate.policy);
            match groups.iter_mut().find(|(other, _)| *other == value) {
                Some((_, keys)) => keys.push(&candidate.key),
                None => groups.push((value, vec![&candidate.key])),
            }
        }
        groups.sort_by_key(|(_, keys)| keys.len());
        let Some((mut expression, _)) = groups.pop() else { return "''".to_owned() };
        for (value, keys) in groups {
            let is_it = match keys.as_slice() {
                [key] => format!("variables.policy == {}", text(key)),
                keys => format!("variables.policy in {}", list(keys.iter().copied())),
            };
            expression = format!("{is_it} ? {value} : {expression}");
        }
        format!("({expression})")
    }

    /// A list of rules by policy.
    pub(super) fn rules(&self, of: impl Fn(&Policy) -> RuleSet) -> String {
        self.by_policy(|policy| list(of(policy).iter().map(crate::rules::RuleId::as_str)))
    }
}
