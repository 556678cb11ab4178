//! A policy that the pod's author chose, over the one that the namespace has: rule by rule the stronger.

use std::cmp::Ordering;

use super::{Authorization, Compensation, ExemptionPolicy, Policy};
use crate::rules::service_account_token::Scope;
use crate::rules::{
    RuleId, RuleSet, Rules, capabilities, read_only_root_filesystem, resources, run_as_non_root,
    service_account_token,
};
use crate::view::compare_quantities;

/// What becomes of a policy that the pod's author chose.
#[derive(Debug, Clone)]
pub(super) struct Blend {
    /// The rules in which it is weaker than the namespace's.
    pub(super) weakens: RuleSet,
    /// For who may exempt from all of these.
    pub(super) granted: Applied,
    /// For everybody else.
    pub(super) withheld: Applied,
}

/// Which policy that is.
#[derive(Debug, Clone)]
pub(super) enum Applied {
    /// The namespace's.
    Base,
    /// The chosen one, as it is.
    Picked,
    /// One of its own.
    Own(Box<Policy>),
}

impl Blend {
    pub(super) fn new(base: &Policy, picked: &Policy) -> Self {
        let (of_base, of_picked) = (written_out(base), written_out(picked));
        let mut rules = of_base.clone();
        let mut weakens = RuleSet::default();
        let posture = base.posture.stricter(picked.posture);
        for rule in RuleId::ALL {
            let (mode, other) = (base.mode(*rule), picked.mode(*rule));
            let laxer = mode.is_in_force() && other >= mode && are_laxer(*rule, &of_base, &of_picked);
            if other < mode || laxer {
                weakens.insert(*rule);
            }
            if other >= mode && !laxer {
                rules.take(*rule, &of_picked);
            }
            rules.set_mode(*rule, mode.max(other));
        }
        // What exemptions are honoured decides who is hardened at all, and where pods stand how far: never less of it
        // than in the namespace.
        let keeps_terms = picked.annotation_prefix == base.annotation_prefix
            && !honours_more(&base.exemptions, &picked.exemptions);
        let exemptions = if keeps_terms { &picked.exemptions } else { &base.exemptions };
        let keeps = keeps_terms && posture == picked.posture;
        let own = |name: String, modes, rules| {
            let exemptions = exemptions.clone();
            Applied::Own(Box::new(Policy { name, modes, rules, posture, exemptions, ..base.clone() }))
        };
        let withheld = if weakens.is_empty() && keeps {
            Applied::Picked
        } else if rules == of_base && posture == base.posture && *exemptions == base.exemptions {
            Applied::Base
        } else {
            let modes = RuleId::ALL.iter().map(|rule| base.mode(*rule).max(picked.mode(*rule))).collect();
            own(format!("{}+{}", base.name, picked.name), modes, rules)
        };
        let granted =
            if keeps { Applied::Picked } else { own(picked.name.clone(), picked.modes.clone(), of_picked) };
        Self { weakens, granted, withheld }
    }
}

/// The parameters, with every mode written out.
fn written_out(policy: &Policy) -> Rules {
    let mut rules = policy.rules.clone();
    for rule in RuleId::ALL {
        rules.set_mode(*rule, policy.mode(*rule));
    }
    rules
}

/// Whether a rule does less with the other parameters. One whose parameters are not known here does, if they differ.
fn are_laxer(rule: RuleId, base: &Rules, picked: &Rules) -> bool {
    match rule {
        RuleId::capabilities => laxer_capabilities(&base.capabilities, &picked.capabilities),
        RuleId::service_account_token => {
            laxer_token(&base.service_account_token, &picked.service_account_token)
        }
        RuleId::resources => laxer_resources(&base.resources, &picked.resources),
        RuleId::read_only_root_filesystem => {
            laxer_root(&base.read_only_root_filesystem, &picked.read_only_root_filesystem)
        }
        RuleId::run_as_non_root => laxer_user(&base.run_as_non_root, &picked.run_as_non_root),
        _ => {
            let mut other = base.clone();
            other.take(rule, picked);
            if let Some(mode) = base.mode(rule) {
                other.set_mode(rule, mode);
            }
            other != *base
        }
    }
}

fn are_more(base: &[String], picked: &[String]) -> bool {
    picked.iter().any(|one| !base.contains(one))
}

fn laxer_capabilities(base: &capabilities::Params, picked: &capabilities::Params) -> bool {
    let capabilities::Params { mode: _, allowed, root_capabilities } = picked;
    are_more(&base.allowed, allowed) || are_more(&base.root_capabilities, root_capabilities)
}

fn laxer_token(base: &service_account_token::Params, picked: &service_account_token::Params) -> bool {
    let service_account_token::Params { mode: _, scope, workload_identity } = picked;
    (*scope != base.scope && *scope != Scope::All) || are_more(&base.workload_identity, workload_identity)
}

/// Any user that is not root is as good as another, and the group of volumes is the author's to say.
/// By the namespace's range no group is set.
fn laxer_user(base: &run_as_non_root::Params, picked: &run_as_non_root::Params) -> bool {
    let run_as_non_root::Params { mode: _, strategy, run_as_user: _, run_as_group: _, fs_group: _ } = picked;
    *strategy != base.strategy && *strategy == run_as_non_root::Strategy::NamespaceRange
}

/// Which paths are writable is the author's to say, by annotation; how much may be written is not.
fn laxer_root(base: &read_only_root_filesystem::Params, picked: &read_only_root_filesystem::Params) -> bool {
    let read_only_root_filesystem::Params { mode: _, writable_paths: _, size_limit, copy_up } = picked;
    // Without a copier a root stays writable.
    let copies_less = base.copy_up.image.is_some() && copy_up.image.is_none();
    copies_less || bounds_less(&base.size_limit, size_limit)
}

fn laxer_resources(base: &resources::Params, picked: &resources::Params) -> bool {
    let resources::Params { mode: _, containers, init_containers, sidecars } = picked;
    let laxer = |base: &resources::Defaults, picked: &resources::Defaults| {
        let resources::Defaults { requests, limits } = picked;
        quantities(&base.limits, limits).any(|(base, picked)| bounds_less(base, picked))
            || quantities(&base.requests, requests)
                .any(|(base, picked)| !base.is_empty() && picked.is_empty())
    };
    laxer(&base.containers, containers)
        || laxer(&base.init_containers, init_containers)
        || laxer(&base.sidecars, sidecars)
}

fn quantities<'q>(
    base: &'q resources::Quantities,
    picked: &'q resources::Quantities,
) -> impl Iterator<Item = (&'q str, &'q str)> {
    let resources::Quantities { cpu, memory, ephemeral_storage } = picked;
    [(&base.cpu, cpu), (&base.memory, memory), (&base.ephemeral_storage, ephemeral_storage)]
        .into_iter()
        .map(|(base, picked)| (base.as_str(), picked.as_str()))
}

/// Whether a limit is gone, or above what it was.
fn bounds_less(base: &str, picked: &str) -> bool {
    if base.is_empty() || base == picked {
        return false;
    }
    picked.is_empty() || compare_quantities(picked, base).is_none_or(Ordering::is_gt)
}

/// Whether an exemption could be honoured that would not be otherwise.
fn honours_more(base: &ExemptionPolicy, picked: &ExemptionPolicy) -> bool {
    let ExemptionPolicy {
        require_reason,
        max_days,
        rules: _,
        authorization,
        trusted_controllers,
        namespaces,
        pin_images,
        compensation,
    } = picked;
    let longer = base.max_days.is_some_and(|most| max_days.is_none_or(|days| days > most));
    (base.require_reason && !require_reason)
        || longer
        || !picked.allowed().without(base.allowed()).is_empty()
        || (base.authorization == Authorization::Rbac && *authorization != Authorization::Rbac)
        || are_more(&base.trusted_controllers, trusted_controllers)
        || (!base.namespaces && *namespaces)
        || (base.pin_images && !pin_images)
        || (base.compensation != Compensation::None && *compensation == Compensation::None)
}

#[cfg(test)]
mod tests;
