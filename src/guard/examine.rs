//! What was done to a container, by what its workload's template becomes when it is hardened now.
//!
//! The template is what the author wrote; what the pod has beside it is ours, or somebody else's.

use super::GuardPolicy;
use crate::cluster::Cluster;
use crate::facts::Facts;
use crate::harden::harden;
use crate::plan::copier_name;
use crate::policy::{Policy, PolicySet};
use crate::posture::{self, Posture};
use crate::profiles::{Origin, ProfileSpec};
use crate::review::{World, learn_of_nodes};
use crate::rules::{Place, RuleResult, RuleSet};
use crate::subject::{Reach, Subject};
use crate::view::Pod;

/// What was done to a container.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Whether it is one of ours, that copies for the one that is looked at.
    pub is_copier: bool,
    /// The image that its author wrote.
    pub image: String,
    /// The rules that changed something in it, or in the pod.
    pub applied: RuleSet,
    /// The rung on which it stands.
    pub posture: Posture,
    /// The lowest on which it may.
    pub floor: Posture,
    /// Paths on which its author mounts something.
    pub mounts: Vec<String>,
    /// The profile that is in force for its image: its name, and whose word it is.
    pub profile: Option<(String, Origin)>,
    /// All that is known of the image by it.
    pub facts: ProfileSpec,
    /// The policy by which it is hardened.
    pub policy: Policy,
}

/// What the guard may do in a namespace: neither a pod nor its author has a say in it.
#[must_use]
pub fn terms(policies: &PolicySet, cluster: &Cluster, namespace: &str) -> GuardPolicy {
    let facts = Facts { namespace, space: cluster.space(namespace), ..Facts::default() };
    policies.base(&facts).policy.guard.clone()
}

/// Looks at a container by a template's text; `None` where it has none of that name, or cannot be read.
#[must_use]
pub fn examine(template: &[u8], container: &str, namespace: &str, world: &World<'_>) -> Option<Standing> {
    let pod: Pod<'_> = serde_json::from_slice(template).ok()?;
    let subject = Subject::new(&pod, Reach::Pod)?;
    let of = |name: &dyn Fn(&str) -> bool| subject.slots.iter().position(|slot| name(&slot.view.name));
    let own = of(&|name| name == container);
    // One that copies is none of the template's: it stands for whom it copies for.
    let number = own.or_else(|| of(&|name| copier_name(name, |_| false) == container))?;
    let mut facts = Facts {
        namespace,
        space: world.cluster.space(namespace),
        account: world.cluster.account(namespace, subject.spec.account()),
        ..Facts::default()
    };
    learn_of_nodes(&mut facts, &subject, world);
    let hardened = harden(&subject, world.policies, &facts, world.now);
    let changed = |result| matches!(result, RuleResult::Injected | RuleResult::Replaced);
    let here = |place| place == Place::Pod || place == Place::Container(number);
    let findings = hardened.findings.iter().filter(|found| changed(found.result) && here(found.place));
    let stance = hardened.stances.get(number)?;
    let view = subject.slots[number].view;
    Some(Standing {
        is_copier: own.is_none(),
        image: view.image.as_deref().unwrap_or_default().to_owned(),
        applied: findings.map(|found| found.rule).collect(),
        posture: stance.posture,
        floor: posture::floor(hardened.policy, facts.space.as_deref()),
        mounts: view.mounts().iter().map(|mount| mount.mount_path.as_str().to_owned()).collect(),
        profile: stance.profile.map(|profile| (profile.name.clone(), profile.facts.source)),
        facts: stance.profile.map(|profile| profile.facts.clone()).unwrap_or_default(),
        policy: hardened.policy.clone(),
    })
}
