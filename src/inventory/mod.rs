//! Exemptions as they stand in stored objects: what an inventory, an expiry watch and a report are made from.
//!
//! It reads the same annotations as [`crate::exemption`], but judges nothing: an expired exemption of a running pod
//! is still what the pod lives on.

mod board;
mod mark;
pub mod overview;
pub mod stored;

use std::borrow::Cow;

pub use board::{Board, Posted};
pub use mark::Mark;
use time::{Duration, OffsetDateTime};

use crate::annotation::{EXEMPT, EXEMPT_REASON, EXEMPT_UNTIL};
use crate::exemption::parse_end;
use crate::rules::{RuleId, RuleSet};

/// From how long before its end an exemption is about to expire.
pub const SOON: Duration = Duration::days(7);

/// The label of pods with an honoured exemption, after the prefix. A hint for watches, never an authority.
pub const EXEMPTED_LABEL: &str = "exempted";

/// One exempting annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Of one container; `None`: of the pod.
    pub container: Option<Box<str>>,
    /// From which rules.
    pub rules: RuleSet,
    /// Why.
    pub reason: Box<str>,
    /// Until when, as written; empty: without an end.
    pub until: Box<str>,
    /// The same as a time; `None` where there is none, or one that cannot be read.
    pub end: Option<OffsetDateTime>,
}

/// How long an exemption has left: the label of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Left {
    /// Its end is over, and the pod still runs on it.
    Expired,
    /// Seven days or fewer.
    Week,
    /// Thirty days or fewer.
    Month,
    /// More.
    Longer,
    /// It has no end.
    NoEnd,
}

impl Left {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Expired, Self::Week, Self::Month, Self::Longer, Self::NoEnd];

    /// As a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Week => "7-days",
            Self::Month => "30-days",
            Self::Longer => "longer",
            Self::NoEnd => "no-end",
        }
    }
}

impl Exemption {
    /// How long it has left.
    #[must_use]
    pub fn left(&self, now: OffsetDateTime) -> Left {
        match self.end {
            None => Left::NoEnd,
            Some(end) if end <= now => Left::Expired,
            Some(end) if end - now <= SOON => Left::Week,
            Some(end) if end - now <= Duration::days(30) => Left::Month,
            Some(_) => Left::Longer,
        }
    }

    /// Whole days left; `None` without an end, negative when it is over.
    #[must_use]
    pub fn days_left(&self, now: OffsetDateTime) -> Option<i64> {
        self.end.map(|end| (end - now).whole_seconds().div_euclid(24 * 3600))
    }
}

/// The exemptions among annotations.
pub fn read<'a>(
    annotations: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    prefix: &str,
) -> Vec<Exemption> {
    let ours = annotations.filter_map(|(key, value)| {
        let (domain, name) = key.split_once('/')?;
        let container =
            if domain == prefix { None } else { Some(domain.strip_suffix(prefix)?.strip_suffix('.')?) };
        Some((container, name, value))
    });
    let beside = |container: Option<&str>, name: &str| {
        let find = |of: Option<&str>| {
            ours.clone().find(|(other, there, _)| *other == of && *there == name).map(|(_, _, value)| value)
        };
        find(container).or_else(|| find(None)).unwrap_or_default().trim()
    };
    let exempting = ours.clone().filter(|(_, name, _)| *name == EXEMPT);
    exempting
        .map(|(container, _, value)| {
            let until = beside(container, EXEMPT_UNTIL);
            Exemption {
                container: container.map(Into::into),
                rules: rules(value, container.is_some()),
                reason: beside(container, EXEMPT_REASON).into(),
                until: until.into(),
                end: parse_end(until),
            }
        })
        .collect()
}

/// The rules that an annotation names; names of no rule are left out.
fn rules(value: &str, for_one: bool) -> RuleSet {
    let names = value.split(',').map(str::trim);
    let named: RuleSet = names.clone().filter_map(RuleId::find).collect();
    let all = if names.clone().any(|name| name == "all") { RuleSet::all() } else { named };
    if for_one { all.intersection(RuleSet::of_containers()) } else { all }
}

/// The names of rules, for people.
#[must_use]
pub fn names(rules: RuleSet) -> Cow<'static, str> {
    if rules == RuleSet::all() {
        return Cow::Borrowed("all");
    }
    let names: Vec<&str> = rules.iter().map(RuleId::as_str).collect();
    Cow::Owned(names.join(","))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2027-01-10 12:00 UTC);

    fn of(annotations: &[(&str, &str)]) -> Vec<Exemption> {
        read(annotations.iter().copied(), "pod-hardener.dev")
    }

    #[test]
    fn the_pods_reason_and_end_hold_for_its_containers_too() {
        let found = of(&[
            ("pod-hardener.dev/exempt", "privileged, nonsense,host-path"),
            ("pod-hardener.dev/exempt-reason", " CNI "),
            ("pod-hardener.dev/exempt-until", "2027-01-31"),
            ("web.pod-hardener.dev/exempt", "all"),
            ("web.pod-hardener.dev/exempt-until", "soon"),
            ("other/exempt", "seccomp"),
            ("example.com/x", "y"),
        ]);
        let [pod, web] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(names(pod.rules), "privileged,host-path");
        assert_eq!((&*pod.reason, &*pod.until), ("CNI", "2027-01-31"));
        assert_eq!(pod.left(NOW), Left::Month);
        assert_eq!(web.container.as_deref(), Some("web"));
        assert!(web.rules.contains(RuleId::privileged) && !web.rules.contains(RuleId::service_account_token));
        assert_eq!((&*web.reason, web.left(NOW)), ("CNI", Left::NoEnd));
    }

    #[test]
    fn how_long_is_left() {
        let until = |value: &str| {
            of(&[("pod-hardener.dev/exempt", "all"), ("pod-hardener.dev/exempt-until", value)])[0].left(NOW)
        };
        assert_eq!(until("2027-01-10"), Left::Week, "the end of that day");
        assert_eq!(until("2027-01-10T12:00:00Z"), Left::Expired);
        assert_eq!(until("2027-01-17T12:00:00Z"), Left::Week);
        assert_eq!(until("2027-01-17T12:00:01Z"), Left::Month);
        assert_eq!(until("2027-03-01"), Left::Longer);
        assert_eq!(until(""), Left::NoEnd);
    }
}
