//! Who stands behind a pod's exemptions: the requester, or for pods of the built-in workload controllers whoever
//! wrote the template, where that was checked.

use std::sync::Arc;

use super::envelope::UserInfo;
use super::question::{Question, Told, World};
use crate::annotation::{EXEMPT_ADOPTED, MIRROR};
use crate::authority::controllers;
use crate::cluster::{Check, Uid, parse_uid};
use crate::facts::Grants;
use crate::harden::Hardened;
use crate::policy::Policy;
use crate::rules::RuleSet;
use crate::subject::{Reach, Subject};
use crate::view::Pod;

/// Who made a pod.
#[derive(Debug, Clone, Copy)]
pub(super) enum Maker<'r> {
    /// Somebody whose rights count.
    Person(Option<&'r UserInfo<'r>>),
    /// A built-in workload controller, from the template of this workload.
    Controller(Uid),
}

/// What is to be done where an exemption needs somebody who stands behind it.
#[derive(Debug)]
pub(super) enum Settled {
    /// Somebody has to be asked.
    Ask(Question),
    /// The template was checked.
    Trusted,
    /// It was not, or there is no check.
    Unverified(Option<Arc<Check>>),
}

impl<'r> Maker<'r> {
    /// For ephemeral containers always the requester: annotations of a pod can change where nobody checks them.
    pub(super) fn of(user: Option<&'r UserInfo<'r>>, subject: &Subject<'_, '_>) -> Self {
        let made_by_controller = subject.reach == Reach::Pod
            && user.is_some_and(|user| controllers::is_controller(&user.username));
        let owner = || {
            let owner = subject.pod.metadata.as_ref()?.controller.0.as_ref()?;
            let is_checked = controllers::is_checked_maker(&owner.api_version, &owner.kind);
            if is_checked { parse_uid(&owner.uid) } else { None }
        };
        match made_by_controller.then(owner).flatten() {
            Some(uid) => Self::Controller(uid),
            None => Self::Person(user),
        }
    }

    /// What is known before anybody is asked. Without a cluster there is nobody to ask.
    pub(super) fn grants(self, world: &World<'_>, told: Told) -> Grants {
        match (self, told.may) {
            (Self::Controller(_), _) => Grants::Unverified,
            (Self::Person(_), Some(rules)) => Grants::Rules(rules),
            (Self::Person(_), None) if world.cluster.is_connected() => Grants::Unasked,
            (Self::Person(_), None) => Grants::Rules(RuleSet::default()),
        }
    }

    /// Who stands behind what the pod asks for.
    pub(super) fn settle(
        self,
        hardened: &Hardened<'_>,
        subject: &Subject<'_, '_>,
        namespace: &str,
        world: &World<'_>,
        told: Told,
    ) -> Settled {
        let uid = match self {
            Self::Controller(uid) => uid,
            Self::Person(user) => {
                return Settled::Ask(Question::May {
                    requester: user.map(UserInfo::requester).unwrap_or_default(),
                    namespace: namespace.to_owned(),
                    rules: hardened.asks,
                });
            }
        };
        let check = world.cluster.check_for(hardened.policy);
        let Some(check) = check else { return Settled::Unverified(None) };
        if is_adopted(subject.pod, hardened.policy, &check) {
            return Settled::Trusted;
        }
        match world.cluster.owners.since(&uid) {
            Some(since) if since >= check.since => Settled::Trusted,
            None if !told.waited => Settled::Ask(Question::Owner(uid)),
            _ => Settled::Unverified(Some(check)),
        }
    }
}

/// Whether somebody with the right to it adopted the pod's template under this check.
pub(super) fn is_adopted(pod: &Pod<'_>, policy: &Policy, check: &Check) -> bool {
    let key = || format!("{}/{EXEMPT_ADOPTED}", policy.annotation_prefix);
    pod.annotations().and_then(|annotations| annotations.get(&key())) == Some(&*check.uid)
}

/// Whether it is the mirror of a static pod, which runs whatever the API server says of it. The annotation alone would
/// let anybody pass: it counts only from a node.
pub(super) fn is_mirror(pod: &Pod<'_>, user: Option<&UserInfo<'_>>) -> bool {
    let groups = user.and_then(|user| user.groups.as_deref());
    pod.annotations().is_some_and(|annotations| annotations.contains(MIRROR))
        && groups.into_iter().flatten().any(|group| *group == controllers::NODES)
}

#[cfg(test)]
mod tests;
