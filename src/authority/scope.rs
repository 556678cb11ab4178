//! Exemptions as they are written, whether or not they would be honoured.

use crate::annotation::{self, EXEMPT, EXEMPT_ADOPTED, EXEMPT_REASON, EXEMPT_UNTIL, Ours};
use crate::rules::{RuleId, RuleSet};
use crate::view::Annotations;

/// One `exempt` annotation.
#[derive(Debug)]
pub(super) struct Scope<'v> {
    /// Of one container; `None`: of the pod.
    pub(super) container: Option<&'v str>,
    /// The rules that it speaks of.
    pub(super) rules: RuleSet,
    reason: Written<'v>,
    until: Written<'v>,
}

/// An annotation's value; one that is there and too long to be read is not the same as none.
type Written<'v> = Option<Option<&'v str>>;

/// All of them.
#[derive(Debug)]
pub(super) struct Scopes<'v> {
    pub(super) all: Vec<Scope<'v>>,
    adopted: Written<'v>,
}

impl<'v> Scopes<'v> {
    pub(super) fn read(annotations: Option<&'v Annotations<'_>>, prefix: &'v str) -> Self {
        let ours: Vec<Ours<'v>> = annotation::ours(annotations, prefix).collect();
        let written = |name: &str, container: Option<&str>| {
            ours.iter()
                .find(|entry| entry.name == name && entry.container == container)
                .map(|entry| entry.value)
        };
        // As where exemptions are honoured: a container's own, or else the pod's.
        let beside =
            |name: &str, container: Option<&str>| written(name, container).or_else(|| written(name, None));
        let exempt = ours.iter().filter(|entry| entry.name == EXEMPT);
        let scope = |entry: &Ours<'v>| Scope {
            container: entry.container,
            rules: rules(entry),
            reason: beside(EXEMPT_REASON, entry.container),
            until: beside(EXEMPT_UNTIL, entry.container),
        };
        Self { all: exempt.map(scope).collect(), adopted: written(EXEMPT_ADOPTED, None) }
    }

    /// The rules whose exemption was not there, or not with this reason and end. One for the whole pod was there for
    /// each container.
    pub(super) fn fresh(&self, old: &Self) -> RuleSet {
        let adopted = self.adopted.is_some() && self.adopted != old.adopted;
        let was_there = |scope: &Scope<'_>, rule| {
            old.all.iter().any(|old| {
                (old.container == scope.container || old.container.is_none())
                    && (old.reason, old.until) == (scope.reason, scope.until)
                    && old.rules.contains(rule)
            })
        };
        let fresh = |scope: &Scope<'_>| -> RuleSet {
            scope.rules.iter().filter(|rule| adopted || !was_there(scope, *rule)).collect()
        };
        self.all.iter().map(fresh).fold(RuleSet::default(), RuleSet::union)
    }

    /// The rules from which a container is exempted.
    pub(super) fn of_container(&self, name: &str) -> RuleSet {
        let here = |scope: &&Scope<'_>| scope.container.is_none_or(|container| container == name);
        self.all.iter().filter(here).fold(RuleSet::default(), |all, scope| all.union(scope.rules))
    }

    /// The rules from which anything in the pod is exempted.
    pub(super) fn rules(&self) -> RuleSet {
        self.all.iter().fold(RuleSet::default(), |all, scope| all.union(scope.rules))
    }
}

fn rules(entry: &Ours<'_>) -> RuleSet {
    let reach = if entry.container.is_some() { RuleSet::of_containers() } else { RuleSet::all() };
    let names = entry.value.unwrap_or_default().split(',').map(str::trim);
    let named = names.fold(RuleSet::default(), |mut rules, name| {
        match RuleId::find(name) {
            Some(rule) => rules.insert(rule),
            None if name == "all" => rules = RuleSet::all(),
            None => {}
        }
        rules
    });
    named.intersection(reach)
}
