//! Exemptions by annotation: which rules, why, until when; and why one is not honoured.

use std::borrow::Cow;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use crate::annotation::{self, EXEMPT, EXEMPT_REASON, EXEMPT_UNTIL, Ours, Refusal, RefusalReason};
use crate::facts::{Facts, Grants, Space};
use crate::nearest::nearest;
use crate::policy::{Authorization, ExemptionPolicy, Policy};
use crate::rules::{RuleId, RuleSet};
use crate::subject::{Reach, Subject};
use crate::view::{Annotations, Pod};

mod authority;

/// Which rules are not applied to the pod and to each of its containers.
#[derive(Debug, Clone, Default)]
pub struct Exemptions {
    pod: RuleSet,
    containers: Vec<RuleSet>,
    /// Those that somebody with the right to them has to stand behind, and nobody does yet.
    asks: RuleSet,
}

impl Exemptions {
    /// Whether the whole pod is exempted from a rule.
    #[must_use]
    pub const fn pod(&self, rule: RuleId) -> bool {
        self.pod.contains(rule)
    }

    /// Whether one container is, by an annotation of its own.
    #[must_use]
    pub fn container(&self, number: usize, rule: RuleId) -> bool {
        self.containers.get(number).is_some_and(|rules| rules.contains(rule))
    }

    /// Takes back every exemption from a rule.
    pub(crate) fn revoke(&mut self, rule: RuleId) {
        for rules in self.containers.iter_mut().chain([&mut self.pod]) {
            rules.remove(rule);
        }
    }

    /// Every rule from which the pod or one of its containers is exempted.
    #[must_use]
    pub fn rules(&self) -> RuleSet {
        self.containers.iter().fold(self.pod, |all, rules| all.union(*rules))
    }

    /// The rules from which exemptions wait for somebody with the right to them.
    #[must_use]
    pub const fn asks(&self) -> RuleSet {
        self.asks
    }
}

/// By what exemptions are judged.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// The prefix of the annotations.
    pub prefix: &'t str,
    /// What policy allows.
    pub policy: &'t ExemptionPolicy,
    /// Where the pod goes, and who stands behind it.
    pub facts: &'t Facts<'t>,
    /// The time.
    pub now: OffsetDateTime,
}

impl<'t> Terms<'t> {
    /// Those of a policy.
    #[must_use]
    pub fn of(policy: &'t Policy, facts: &'t Facts<'t>, now: OffsetDateTime) -> Self {
        Self { prefix: &policy.annotation_prefix, policy: &policy.exemptions, facts, now }
    }

    /// The rules from which the pod's annotations may exempt, as far as authority goes.
    fn granted(&self, reach: Reach<'_>) -> RuleSet {
        let trusts = |user: &String| reach == Reach::Pod && user == self.facts.requester;
        match self.policy.authorization {
            Authorization::Annotations => RuleSet::all(),
            Authorization::Rbac if self.policy.trusted_controllers.iter().any(trusts) => RuleSet::all(),
            Authorization::Rbac => self.facts.grants.rules(),
        }
    }
}

/// What one `exempt` annotation is read with.
struct Reading<'r, 'v> {
    entries: &'r [Ours<'v>],
    prefix: &'r str,
    policy: &'r ExemptionPolicy,
    now: OffsetDateTime,
}

/// Reads the exemptions of a pod; what is not honoured goes to `refusals`.
#[must_use]
pub fn read<'v>(
    subject: &Subject<'v, '_>,
    entries: &[Ours<'v>],
    terms: &Terms<'_>,
    refusals: &mut Vec<Refusal<'v>>,
) -> Exemptions {
    let mut exemptions = Exemptions::default();
    let Terms { prefix, policy, now, .. } = *terms;
    let reading = Reading { entries, prefix, policy, now };
    let granted = terms.granted(subject.reach);
    for entry in entries.iter().filter(|entry| entry.name == EXEMPT) {
        let number = match entry.container {
            None => None,
            Some(name) => {
                let Some(number) = position(subject, name) else { continue };
                Some(number)
            }
        };
        let mut rules = match reading.rules_of(entry, refusals) {
            Ok(rules) => rules,
            Err(refusal) => {
                refusals.push(refusal);
                continue;
            }
        };
        // An exemption of a container that is out of reach changes nothing: nobody has to stand behind it.
        let withheld = rules.without(granted);
        if !withheld.is_empty() && number.is_none_or(|number| subject.slots[number].in_scope) {
            rules = rules.intersection(granted);
            exemptions.asks = exemptions.asks.union(withheld);
            authority::refuse(entry, withheld, terms, refusals);
        }
        match number {
            None => exemptions.pod = exemptions.pod.union(rules),
            Some(number) => {
                exemptions.containers.resize(subject.slots.len(), RuleSet::default());
                exemptions.containers[number] = exemptions.containers[number].union(rules);
            }
        }
    }
    if !matches!(terms.facts.grants, Grants::Unasked | Grants::Unverified) {
        exemptions.asks = RuleSet::default();
    }
    if let Some(space) = terms.facts.space.as_deref().filter(|_| policy.namespaces) {
        exemptions.pod = exemptions.pod.union(of_namespace(space, terms, refusals));
    }
    exemptions
}

/// From what the namespace's own annotations exempt all its pods: it is the administrators' object.
pub(crate) fn of_namespace(space: &Space, terms: &Terms<'_>, refusals: &mut Vec<Refusal<'_>>) -> RuleSet {
    let Terms { prefix, policy, now, facts } = *terms;
    let ours = space.annotations.iter().filter_map(|(key, value)| {
        let (domain, name) = key.split_once('/')?;
        (domain == prefix).then_some(Ours { key, name, container: None, value: Some(value) })
    });
    let entries: Vec<Ours<'_>> = ours.collect();
    let Some(entry) = entries.iter().find(|entry| entry.name == EXEMPT) else { return RuleSet::default() };
    let mut refused = Vec::new();
    let reading = Reading { entries: &entries, prefix, policy, now };
    let rules = reading.rules_of(entry, &mut refused).unwrap_or_else(|refusal| {
        refused.push(refusal);
        RuleSet::default()
    });
    refusals.extend(refused.into_iter().map(|refusal| Refusal {
        key: Cow::Owned(format!("{} of the namespace {}", refusal.key, facts.namespace)),
        reason: refusal.reason,
        message: refusal.message,
    }));
    rules
}

/// Whether an annotation may exempt the pod or a container, by the pod itself or by its namespace, under whatever prefix.
pub(crate) fn may_be_exempted(pod: &Pod<'_>, space: Option<&Space>) -> bool {
    let exempts = |key: &str| key.ends_with(EXEMPT);
    let mut of_pod = pod.annotations().into_iter().flat_map(Annotations::entries);
    let mut of_space = space.into_iter().flat_map(|space| space.annotations.keys());
    of_pod.any(|entry| exempts(&entry.key)) || of_space.any(|key| exempts(key))
}

/// The number of the container of that name.
pub(crate) fn position(subject: &Subject<'_, '_>, name: &str) -> Option<usize> {
    subject.slots.iter().position(|slot| slot.view.name.as_str() == name)
}

impl<'v> Reading<'_, 'v> {
    /// The rules that an annotation exempts from; single names that are not honoured are refused one by one.
    fn rules_of(&self, entry: &Ours<'v>, refusals: &mut Vec<Refusal<'v>>) -> Result<RuleSet, Refusal<'v>> {
        let refuse = |reason, message: String| Refusal { key: Cow::Borrowed(entry.key), reason, message };
        let value = entry.value.unwrap_or_default();
        let names: Vec<&str> = value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            let message = "names no rule: write \"all\" or rule ids separated by commas".to_owned();
            return Err(refuse(RefusalReason::Malformed, message));
        }
        self.check_reason(entry)?;
        self.check_until(entry)?;
        let allowed = self.policy.allowed();
        let mut rules = RuleSet::default();
        for name in names {
            if name == "all" {
                rules = rules.union(allowed).intersection(self.reach(entry));
                if allowed != RuleSet::all() {
                    let message =
                        format!("\"all\" covers only what policy allows to be exempted: {}", list(allowed));
                    refusals.push(refuse(RefusalReason::NotAllowed, message));
                }
                continue;
            }
            match RuleId::find(name) {
                Some(rule) if !self.reach(entry).contains(rule) => {
                    let message = format!("{rule} is about the whole pod: write {}/{EXEMPT}", self.prefix);
                    refusals.push(refuse(RefusalReason::NotAllowed, message));
                }
                Some(rule) if allowed.contains(rule) => rules.insert(rule),
                Some(rule) => {
                    let message = format!("policy does not allow exemptions from {rule}");
                    refusals.push(refuse(RefusalReason::NotAllowed, message));
                }
                None => {
                    let candidates = RuleId::ALL.iter().map(|rule| rule.as_str()).chain(["all"]);
                    let hint = nearest(name, candidates)
                        .map_or_else(String::new, |near| format!(", did you mean \"{near}\"?"));
                    let message = format!("no rule is named \"{}\"{hint}", excerpt(name));
                    refusals.push(refuse(RefusalReason::Unknown, message));
                }
            }
        }
        Ok(rules)
    }

    /// The rules that an annotation can speak of: one container's not of those that are about the whole pod.
    fn reach(&self, entry: &Ours<'v>) -> RuleSet {
        if entry.container.is_some() { RuleSet::of_containers() } else { RuleSet::all() }
    }

    /// The annotation beside an `exempt`, of the same container or else of the pod.
    fn beside(&self, entry: &Ours<'v>, name: &str) -> Option<Ours<'v>> {
        let find =
            |container| self.entries.iter().find(|other| other.name == name && other.container == container);
        find(entry.container).or_else(|| find(None)).copied()
    }

    fn check_reason(&self, entry: &Ours<'v>) -> Result<(), Refusal<'v>> {
        let reason = self.beside(entry, EXEMPT_REASON).and_then(|reason| reason.value);
        if !self.policy.require_reason || reason.is_some_and(|reason| !reason.trim().is_empty()) {
            return Ok(());
        }
        Err(Refusal {
            key: Cow::Borrowed(entry.key),
            reason: RefusalReason::MissingReason,
            message: format!("needs a reason: add {}", sibling(entry, EXEMPT_REASON)),
        })
    }

    fn check_until(&self, entry: &Ours<'v>) -> Result<(), Refusal<'v>> {
        let until = self.beside(entry, EXEMPT_UNTIL);
        let refuse = |key: Cow<'v, str>, reason, message| Err(Refusal { key, reason, message });
        let latest = self.policy.max_days.map(|days| self.now + Duration::days(i64::from(days)));
        let Some(until) = until else {
            return match self.policy.max_days {
                None => Ok(()),
                Some(days) => refuse(
                    Cow::Borrowed(entry.key),
                    RefusalReason::NotAllowed,
                    format!(
                        "needs an end at most {days} days from now: add {}",
                        sibling(entry, EXEMPT_UNTIL)
                    ),
                ),
            };
        };
        let key = Cow::Borrowed(until.key);
        let value = until.value.unwrap_or_default();
        let Some(end) = parse_end(value.trim()) else {
            let message = format!(
                "cannot read \"{}\": write a date (2027-01-31) or a time (2027-01-31T12:00:00Z)",
                excerpt(value)
            );
            return refuse(key, RefusalReason::Malformed, message);
        };
        if end <= self.now {
            let message = format!("expired: set a later {}", sibling(&until, EXEMPT_UNTIL));
            return refuse(key, RefusalReason::Expired, message);
        }
        match (latest, self.policy.max_days) {
            (Some(latest), Some(days)) if end > latest => {
                let message = format!("is later than the {days} days that policy allows");
                refuse(key, RefusalReason::NotAllowed, message)
            }
            _ => Ok(()),
        }
    }
}

/// The key of another annotation for the same pod or container.
fn sibling(entry: &Ours<'_>, name: &str) -> String {
    entry.key.split_once('/').map_or_else(String::new, |(domain, _)| format!("{domain}/{name}"))
}

fn list(rules: RuleSet) -> String {
    let names: Vec<&str> = rules.iter().map(RuleId::as_str).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// At most 40 characters of what somebody wrote, for a message.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// An RFC 3339 time, or a date: the end of that day in UTC. `None`: neither.
#[must_use]
pub fn parse_end(text: &str) -> Option<OffsetDateTime> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(time);
    }
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    // The last date that there is has no next day.
    let next = date.next_day().map(Date::midnight).or_else(|| date.with_hms(23, 59, 59).ok());
    Some(next?.assume_utc())
}

/// Refuses annotations under our prefix that mean nothing.
pub fn check_names<'v>(subject: &Subject<'v, '_>, entries: &[Ours<'v>], refusals: &mut Vec<Refusal<'v>>) {
    for entry in entries {
        let names: &[&str] =
            if entry.container.is_some() { &annotation::CONTAINER_NAMES } else { &annotation::NAMES };
        let message = if !names.contains(&entry.name) {
            let hint = nearest(entry.name, names.iter().copied())
                .map_or_else(String::new, |near| format!(", did you mean {}?", sibling(entry, near)));
            format!("means nothing here{hint}")
        } else if let Some(name) = entry.container.filter(|name| position(subject, name).is_none()) {
            let containers = subject.slots.iter().map(|slot| slot.view.name.as_str());
            let hint = nearest(name, containers)
                .map_or_else(String::new, |near| format!(", did you mean \"{near}\"?"));
            format!("no container is named \"{}\"{hint}", excerpt(name))
        } else {
            continue;
        };
        let key = Cow::Borrowed(entry.key);
        refusals.push(Refusal { key, reason: RefusalReason::Unknown, message });
    }
}

#[cfg(test)]
mod tests;
