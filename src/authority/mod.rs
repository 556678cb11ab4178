//! Who has to be asked before an exemption is honoured: what of a change of a pod or template needs the right to
//! `exempt`, rule by rule. Knows no cluster; the endpoint and the generated ValidatingAdmissionPolicy agree with it.

mod cel;
pub mod controllers;
mod looks;
pub mod policy;
mod scope;

use crate::annotation::EXEMPTING;
use crate::policy::POLICY_LABEL;
use crate::rules::{RuleId, RuleSet};
use crate::view::{Container, ContainerType, Metadata, Pod};

use looks::{Look, Seen, looks};
use scope::Scopes;

/// The API group whose resource `rules` has the verb `exempt`, whatever the annotations' prefix is.
pub const GROUP: &str = "pod-hardener.dev";

/// How a change is judged.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// The prefix of the annotations.
    pub prefix: &'t str,
    /// Whether changing an image of an exempted template asks again.
    pub pin_images: bool,
}

/// The rules from which the requester must be allowed to exempt for this change of a pod or pod template.
///
/// Those whose exempting annotations are new or changed, and those whose exemption stays while the template gets a new
/// container, becomes weaker under the rule, or (`pin_images`) changes an image. A new ephemeral container counts only
/// where it is weak: one that was hardened, by its author or by us, owes nothing to the exemption.
///
/// Whether an exemption is honoured (its reason, its end, what policy allows) does not matter here.
#[must_use]
pub fn demands(old: Option<&Pod<'_>>, new: &Pod<'_>, terms: Terms<'_>) -> RuleSet {
    let scopes = Scopes::read(new.annotations(), terms.prefix);
    if scopes.all.is_empty() {
        return RuleSet::default();
    }
    let Some(old) = old else { return scopes.rules() };
    let fresh = scopes.fresh(&Scopes::read(old.annotations(), terms.prefix));
    let changed = by_containers(old, new, &scopes, terms.pin_images);
    let weaker: RuleSet = scopes.rules().iter().filter(|rule| is_weaker(old, new, &scopes, *rule)).collect();
    fresh.union(changed).union(weaker)
}

/// The rules from which the requester must be allowed to exempt for this change of a namespace's own labels and
/// annotations. An exemption is like a pod's; whatever else of ours it carries (such as the label that chooses its
/// policy) stands for every rule.
#[must_use]
pub fn demands_namespace(old: Option<&Metadata<'_>>, new: &Metadata<'_>, prefix: &str) -> RuleSet {
    if old.map_or_else(Vec::new, |old| others(old, prefix)) != others(new, prefix) {
        return RuleSet::all();
    }
    let scopes = |metadata: Option<&'_ Metadata<'_>>| {
        let annotations = metadata.and_then(|metadata| metadata.annotations.as_ref());
        Scopes::read(annotations, prefix).rules()
    };
    if scopes(Some(new)).is_empty() {
        return RuleSet::default();
    }
    let old = old.and_then(|old| old.annotations.as_ref());
    Scopes::read(new.annotations.as_ref(), prefix).fresh(&Scopes::read(old, prefix))
}

/// Our labels (that which chooses the policy has one name under any prefix), and our annotations that are no exemptions: whether a label, the key, the value.
fn others<'m>(metadata: &'m Metadata<'_>, prefix: &str) -> Vec<(bool, &'m str, Option<&'m str>)> {
    let name = |key: &'m str| key.strip_prefix(prefix)?.strip_prefix('/');
    let labels = metadata.labels.iter().flat_map(|labels| labels.entries());
    let labels = labels
        .filter(|(key, _)| *key == POLICY_LABEL || name(key).is_some())
        .map(|(key, value)| (true, key, Some(value)));
    let annotations = metadata.annotations.iter().flat_map(|annotations| annotations.entries());
    let annotations = annotations
        .filter(|entry| name(&entry.key).is_some_and(|name| !EXEMPTING.contains(&name)))
        .map(|entry| (false, entry.key.as_str(), entry.value.as_deref()));
    let mut others: Vec<_> = labels.chain(annotations).collect();
    others.sort_unstable();
    others
}

fn containers<'p, 'a>(pod: &'p Pod<'a>) -> impl Iterator<Item = (ContainerType, &'p Container<'a>)> {
    let all = pod.spec.iter().flat_map(|spec| spec.all_containers());
    all.map(|(kind, _, container)| (kind, container))
}

/// The exemptions of new containers, and of those whose image changed.
fn by_containers(old: &Pod<'_>, new: &Pod<'_>, scopes: &Scopes<'_>, pin_images: bool) -> RuleSet {
    let is_touched = |container: &Container<'_>| {
        let same = |other: &Container<'_>| {
            let image = |container: &Container<'_>| container.image.as_deref().unwrap_or_default().to_owned();
            other.name == container.name && (!pin_images || image(other) == image(container))
        };
        !containers(old).any(|(_, other)| same(other))
    };
    containers(new)
        .filter(|(kind, container)| *kind != ContainerType::Ephemeral && is_touched(container))
        .fold(RuleSet::default(), |all, (_, container)| all.union(scopes.of_container(&container.name)))
}

/// Whether something is insecure under a rule, where an exemption covers it, that was not so before.
fn is_weaker(old: &Pod<'_>, new: &Pod<'_>, scopes: &Scopes<'_>, rule: RuleId) -> bool {
    looks(rule).iter().any(|look| {
        let before = found(look, old);
        found(look, new).into_iter().any(|(container, words)| {
            let covered = container.is_none_or(|name| scopes.of_container(name).contains(rule));
            let was_there = |word: &String| {
                before.iter().any(|(other, words)| *other == container && words.contains(word))
            };
            covered && !words.iter().all(was_there)
        })
    })
}

/// What a look finds: of each container, or of the pod (`None`).
fn found<'p>(look: &Look, pod: &'p Pod<'_>) -> Vec<(Option<&'p str>, Vec<String>)> {
    let Some(spec) = pod.spec.as_ref() else { return Vec::new() };
    let seen = Seen { pod, spec };
    let each = |find: fn(Seen<'_, '_>, &Container<'_>) -> Vec<String>, ephemeral: bool| {
        let some = containers(pod).filter(|(kind, _)| ephemeral || *kind != ContainerType::Ephemeral);
        some.map(|(_, container)| (Some(container.name.as_str()), find(seen, container))).collect()
    };
    match look {
        Look::Pod { find, .. } => vec![(None, find(seen))],
        Look::Container { find, .. } => each(*find, true),
        Look::Lasting { find, .. } => each(*find, false),
    }
}

#[cfg(test)]
mod cases;

#[cfg(test)]
mod tests;
