//! What an exemption from `run-as-non-root` costs: a user namespace, so that root inside is nobody outside.
//!
//! Policy asks for it (`exemptions.compensation: user-namespace`). Where the pod cannot have one, or the namespace's
//! Pod Security level would refuse it all the same, the exemption is not honoured: the pod stays hardened.

use std::borrow::Cow;
use std::rc::Rc;

use crate::annotation::{EXEMPT, Ours, Refusal, RefusalReason};
use crate::facts::Space;
use crate::policy::{Compensation, Policy};
use crate::rules::{
    Desk, Note, Place, RuleId, RuleResult, capabilities, privileged, run_as_non_root, user_namespace,
};

const RULE: RuleId = RuleId::run_as_non_root;
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const ENFORCE_VERSION: &str = "pod-security.kubernetes.io/enforce-version";
/// From this minor version on Pod Security lets root be in a user namespace.
const WAIVED_SINCE: u32 = 35;

/// Gives an exempted pod its user namespace, or takes the exemption back.
///
/// To be done before the rule itself, and after those that take the pod out of the node's namespaces.
pub(crate) fn settle<'v>(
    desk: &mut Desk<'v, '_>,
    policy: &Policy,
    entries: &[Ours<'v>],
    refusals: &mut Vec<Refusal<'v>>,
) {
    if policy.exemptions.compensation == Compensation::None
        || !policy.mode(RULE).is_in_force()
        || !desk.subject.is_linux()
    {
        return;
    }
    let slots = &desk.subject.slots;
    let exempted: Vec<usize> =
        (0..slots.len()).filter(|number| slots[*number].in_scope && desk.exempts(RULE, *number)).collect();
    if exempted.is_empty() {
        return;
    }
    let has_one = desk.subject.spec.host_users == Some(false) || user_namespace::will_be_set(desk);
    let obstacle = if has_one { None } else { obstacle(desk) };
    let obstacle = obstacle.or_else(|| refused_by_pod_security(desk, &exempted).map(Cow::Borrowed));
    let Some(obstacle) = obstacle else {
        if !has_one {
            desk.plan.pod.host_users_off = true;
            let note = Note::new("hostUsers false: root inside, nobody outside");
            desk.found(RULE, RuleResult::Injected, Place::Pod, note);
        }
        return;
    };
    Rc::make_mut(&mut desk.exemptions).revoke(RULE);
    let message = format!("policy lets {RULE} be exempted only in a user namespace, and {obstacle}");
    refusals.push(Refusal { key: key(policy, entries), reason: RefusalReason::NotAllowed, message });
}

/// Why the pod cannot have a user namespace of ours.
pub(crate) fn obstacle(desk: &Desk<'_, '_>) -> Option<Cow<'static, str>> {
    let spec = desk.subject.spec;
    let numbers = 0..desk.subject.slots.len();
    if !desk.subject.reaches_pod() {
        return Some("a running pod gets none".into());
    }
    if spec.host_users == Some(true) {
        return Some("the pod says hostUsers: true".into());
    }
    if let Some(obstacle) = user_namespace::obstacle(desk) {
        return Some(format!("there is none beside {obstacle}").into());
    }
    if spec.volumes().iter().any(|volume| volume.kind.as_deref() == Some("hostPath")) {
        return Some("a hostPath volume may not be id-mapped".into());
    }
    if numbers.clone().any(|number| privileged::stays_privileged(desk, number)) {
        return Some("a privileged container wants the node".into());
    }
    if let Some(name) = numbers.into_iter().find_map(|number| capabilities::kept_for_node(desk, number)) {
        return Some(format!("added {name} means nothing in one").into());
    }
    (!desk.user_namespaces).then(|| "not every node that the pod can reach is known to have them".into())
}

/// Why the namespace's Pod Security level would refuse root in a user namespace.
///
/// `restricted` still wants ALL dropped and next to nothing added, which breaks most images that start as root: only
/// where the author wrote just that is it taken for their choice.
fn refused_by_pod_security(desk: &Desk<'_, '_>, exempted: &[usize]) -> Option<&'static str> {
    let space = desk.space.as_deref()?;
    if !is_restricted(space) {
        return None;
    }
    if !waives_non_root(space) {
        return Some("the namespace enforces a version of Pod Security restricted that lets no root in");
    }
    let by_choice = |number: &usize| {
        capabilities::has_none(desk, *number) && !run_as_non_root::will_not_be_root(desk, *number)
    };
    let message = "the namespace enforces Pod Security restricted, which wants ALL capabilities dropped";
    (!exempted.iter().all(by_choice)).then_some(message)
}

pub(crate) fn is_restricted(space: &Space) -> bool {
    space.labels.get(ENFORCE).is_some_and(|level| &**level == "restricted")
}

fn waives_non_root(space: &Space) -> bool {
    let version = space.labels.get(ENFORCE_VERSION).map_or("latest", |version| &**version);
    let minor = version.strip_prefix("v1.").and_then(|minor| minor.parse::<u32>().ok());
    version == "latest" || minor.is_some_and(|minor| minor >= WAIVED_SINCE)
}

/// The annotation by which the pod asks for the exemption.
fn key<'v>(policy: &Policy, entries: &[Ours<'v>]) -> Cow<'v, str> {
    let names_it =
        |value: &str| value.split(',').map(str::trim).any(|name| name == "all" || name == RULE.as_str());
    let found = entries.iter().find(|entry| entry.name == EXEMPT && entry.value.is_some_and(names_it));
    found.map_or_else(
        || Cow::Owned(format!("{}/{EXEMPT}", policy.annotation_prefix)),
        |entry| Cow::Borrowed(entry.key),
    )
}

#[cfg(test)]
mod tests;
