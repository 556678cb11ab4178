//! Who has to be asked before an exemption is honoured: what of a change of a pod or template needs the right to
//! `exempt`, rule by rule. Knows no cluster; the endpoint and the generated ValidatingAdmissionPolicy agree with it.

pub mod controllers;

use crate::annotation::{EXEMPT, EXEMPT_ADOPTED, EXEMPT_REASON, EXEMPT_UNTIL, Ours, ours};
use crate::rules::{RuleId, RuleSet};
use crate::view::{Metadata, Pod};

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
/// container, becomes weaker under the rule, or (`pin_images`) changes an image.
#[must_use]
pub fn demands(old: Option<&Pod<'_>>, new: &Pod<'_>, terms: Terms<'_>) -> RuleSet {
    let before = old.map(|old| exempting(old, terms.prefix)).unwrap_or_default();
    let after = exempting(new, terms.prefix);
    after.into_iter().filter(|entry| !before.contains(entry)).map(|entry| entry.rule).collect()
}

/// The rules from which the requester must be allowed to exempt for this change of a namespace's own labels and
/// annotations.
#[must_use]
pub fn demands_namespace(old: Option<&Metadata<'_>>, new: &Metadata<'_>, prefix: &str) -> RuleSet {
    fn pod<'m>(metadata: &Metadata<'m>) -> Pod<'m> {
        Pod { metadata: Some(metadata.clone()), ..Pod::default() }
    }
    let (old, new) = (old.map(pod), pod(new));
    demands(old.as_ref(), &new, Terms { prefix, pin_images: false })
}

#[derive(PartialEq)]
struct Exempting<'v> {
    container: Option<&'v str>,
    rule: RuleId,
    beside: [Option<&'v str>; 3],
}

fn exempting<'v>(pod: &'v Pod<'_>, prefix: &'v str) -> Vec<Exempting<'v>> {
    let entries: Vec<Ours<'v>> = ours(pod.annotations(), prefix).collect();
    let mut all = Vec::new();
    for entry in entries.iter().filter(|entry| entry.name == EXEMPT) {
        let beside = [EXEMPT_REASON, EXEMPT_UNTIL, EXEMPT_ADOPTED].map(|name| {
            let of = |container| {
                entries.iter().find(move |other| other.name == name && other.container == container)
            };
            of(entry.container).or_else(|| of(None)).and_then(|other| other.value)
        });
        for rule in RuleId::ALL {
            let mut names = entry.value.unwrap_or_default().split(',').map(str::trim);
            if names.any(|name| name == "all" || name == rule.as_str()) {
                all.push(Exempting { container: entry.container, rule: *rule, beside });
            }
        }
    }
    all
}
