//! Policies: the presets, and any mode for any rule.

use pod_hardener::policy::{Policy, PolicySet, Preset};
use pod_hardener::posture::{Posture, PosturePolicy};
use pod_hardener::rules::service_account_token::Scope;
use pod_hardener::rules::{Mode, RuleId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A policy that a pod's author chose, before one that the namespace has.
pub(crate) fn chosen_over_base() -> BoxedStrategy<(Chosen, Chosen)> {
    let pair = (policy(), policy()).prop_map(|(picked, base)| {
        let mut picked = picked.policies()[0].clone();
        picked.name = "picked".to_owned();
        picked.selector.service_accounts = vec!["*".to_owned()];
        let policies = vec![picked, base.policies()[0].clone()];
        (Chosen(PolicySet::new(policies)), base)
    });
    pair.boxed()
}

/// A policy for every pod; a failing test prints its modes.
#[derive(Clone)]
pub(crate) struct Chosen(PolicySet);

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let policy = &self.0.policies()[0];
        let rules = RuleId::ALL.iter().map(|rule| (rule.as_str(), policy.mode(*rule).as_str()));
        write!(f, "policy {}: {:?}", policy.name, rules.collect::<Vec<_>>())
    }
}

impl std::ops::Deref for Chosen {
    type Target = PolicySet;

    fn deref(&self) -> &PolicySet {
        &self.0
    }
}

pub(crate) fn policy() -> BoxedStrategy<Chosen> {
    let presets = select(Preset::ALL.to_vec()).prop_map(PolicySet::from);
    prop_oneof![2 => presets, 1 => any_modes()].prop_map(Chosen).boxed()
}

fn posture() -> impl Strategy<Value = PosturePolicy> {
    let rung = || select(Posture::ALL.to_vec());
    (rung(), rung(), rung()).prop_map(|(unknown, persistent_volumes, floor)| PosturePolicy {
        unknown,
        persistent_volumes,
        floor: Some(floor),
    })
}

fn any_modes() -> impl Strategy<Value = PolicySet> {
    let mode = select(vec![Mode::Off, Mode::Observe, Mode::Default, Mode::Enforce]);
    let modes = vec(mode, RuleId::ALL.len());
    (modes, any::<bool>(), any::<bool>(), posture()).prop_map(|(modes, lenient, more, posture)| {
        let mut document = Preset::Restricted.document();
        let spec = &mut document.spec;
        for (rule, mode) in RuleId::ALL.iter().zip(modes) {
            spec.rules.set_mode(*rule, mode);
        }
        spec.posture = posture;
        spec.exemptions.require_reason = !lenient;
        if more {
            spec.rules.service_account_token.scope = Scope::All;
            spec.rules.run_as_non_root.fs_group = Some(3000);
            spec.rules.read_only_root_filesystem.writable_paths =
                vec!["/tmp".to_owned(), "/var/cache".to_owned()];
            spec.rules.read_only_root_filesystem.copy_up.image = Some("registry.example/copier".to_owned());
            spec.fallback_to_logs_on_error = false;
            spec.rules.resources.containers.requests.cpu = "0.75".to_owned();
        }
        PolicySet::new(vec![Policy::resolve(document)])
    })
}
