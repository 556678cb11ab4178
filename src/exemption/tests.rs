//! Which exemptions are honoured, and why others are not.

use time::macros::datetime;

use super::*;
use crate::subject::Reach;
use crate::view::Pod;

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// Reads the exemptions of a pod with containers `web` and `db`.
fn exemptions(
    annotations: &[(&str, &str)],
    policy: &ExemptionPolicy,
) -> (RuleSet, RuleSet, Vec<(RefusalReason, String)>) {
    let annotations: serde_json::Map<String, serde_json::Value> =
        annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    let json = serde_json::json!({"metadata": {"annotations": annotations},
        "spec": {"containers": [{"name": "web"}, {"name": "db"}]}})
    .to_string();
    let pod: Pod<'_> = serde_json::from_str(&json).expect("a pod");
    let subject = Subject::new(&pod, Reach::Pod).expect("has a spec");
    let entries: Vec<Ours<'_>> = annotation::ours(pod.annotations(), "pod-hardener.dev").collect();
    let mut refusals = Vec::new();
    check_names(&subject, &entries, &mut refusals);
    let terms = Terms { prefix: "pod-hardener.dev", policy, facts: &Facts::default(), now: NOW };
    let exemptions = read(&subject, &entries, &terms, &mut refusals);
    let db = exemptions.containers.get(1).copied().unwrap_or_default();
    let refusals = refusals.into_iter().map(|refusal| (refusal.reason, refusal.message)).collect();
    (exemptions.pod, db, refusals)
}

const EXEMPT: (&str, &str) = ("pod-hardener.dev/exempt", "seccomp");
const REASON: (&str, &str) = ("pod-hardener.dev/exempt-reason", "ticket 1");

fn seccomp() -> RuleSet {
    [RuleId::seccomp].into_iter().collect()
}

#[test]
fn honoured() {
    let policy = ExemptionPolicy::default();
    let (pod, db, refusals) = exemptions(&[EXEMPT, REASON], &policy);
    assert_eq!((pod, db), (seccomp(), RuleSet::default()));
    assert!(refusals.is_empty(), "{refusals:?}");
    let (pod, _, _) = exemptions(&[("pod-hardener.dev/exempt", "all"), REASON], &policy);
    assert_eq!(pod, RuleSet::all());
    let (pod, db, refusals) = exemptions(&[("db.pod-hardener.dev/exempt", " seccomp , "), REASON], &policy);
    assert_eq!((pod, db, refusals.len()), (RuleSet::default(), seccomp(), 0));
}

#[test]
fn times() {
    let policy = ExemptionPolicy::default();
    for (until, expected) in [
        ("2026-11-22", None),
        ("9999-12-31", None),
        ("2026-11-22T12:00:01Z", None),
        ("2026-11-22T14:00:00+01:00", None),
        ("2026-11-22T12:00:00Z", Some(RefusalReason::Expired)),
        ("2026-11-21", Some(RefusalReason::Expired)),
        ("tomorrow", Some(RefusalReason::Malformed)),
        ("2026-13-01", Some(RefusalReason::Malformed)),
        ("", Some(RefusalReason::Malformed)),
    ] {
        let (pod, _, refusals) =
            exemptions(&[EXEMPT, REASON, ("pod-hardener.dev/exempt-until", until)], &policy);
        assert_eq!(refusals.first().map(|refusal| refusal.0), expected, "{until}");
        assert_eq!(pod.is_empty(), expected.is_some(), "{until}");
    }
}

#[test]
fn the_longest_time_counts_from_admission() {
    let policy = ExemptionPolicy { max_days: Some(30), ..ExemptionPolicy::default() };
    for (until, honoured) in [
        (Some("2026-12-20"), true),
        (Some("2026-12-22T12:00:00Z"), true),
        (Some("2026-12-22T12:00:01Z"), false),
        (Some("2027-01-01"), false),
        (None, false),
    ] {
        let mut annotations = vec![EXEMPT, REASON];
        annotations.extend(until.map(|until| ("pod-hardener.dev/exempt-until", until)));
        let (pod, _, refusals) = exemptions(&annotations, &policy);
        assert_eq!(!pod.is_empty(), honoured, "{until:?} {refusals:?}");
    }
}

#[test]
fn refused_with_the_fix() {
    let policy = ExemptionPolicy::default();
    for (annotations, reason, hint) in [
        (vec![EXEMPT], RefusalReason::MissingReason, "pod-hardener.dev/exempt-reason"),
        (vec![EXEMPT, ("pod-hardener.dev/exempt-reason", "  ")], RefusalReason::MissingReason, "add"),
        (vec![("pod-hardener.dev/exempt", "sekcomp"), REASON], RefusalReason::Unknown, "\"seccomp\"?"),
        (vec![("pod-hardener.dev/exempt", " ,"), REASON], RefusalReason::Malformed, "all"),
        (vec![("wep.pod-hardener.dev/exempt", "seccomp"), REASON], RefusalReason::Unknown, "\"web\"?"),
        (vec![("pod-hardener.dev/exmpt", "seccomp")], RefusalReason::Unknown, "pod-hardener.dev/exempt?"),
    ] {
        let (pod, db, refusals) = exemptions(&annotations, &policy);
        assert!(pod.is_empty() && db.is_empty(), "{annotations:?}");
        assert_eq!(refusals.len(), 1, "{annotations:?} {refusals:?}");
        assert_eq!(refusals[0].0, reason, "{annotations:?}");
        assert!(refusals[0].1.contains(hint), "{annotations:?}: {}", refusals[0].1);
    }
}

#[test]
fn one_unknown_name_does_not_spoil_the_others() {
    let (pod, _, refusals) =
        exemptions(&[("pod-hardener.dev/exempt", "nonsense, seccomp"), REASON], &ExemptionPolicy::default());
    assert_eq!(pod, seccomp());
    assert_eq!(refusals[0].0, RefusalReason::Unknown);
}

#[test]
fn only_what_policy_allows() {
    let policy = ExemptionPolicy {
        rules: Some(vec![crate::policy::RuleName(RuleId::seccomp)]),
        ..ExemptionPolicy::default()
    };
    let (pod, _, refusals) = exemptions(&[("pod-hardener.dev/exempt", "all"), REASON], &policy);
    assert_eq!(pod, seccomp());
    assert_eq!(refusals[0].0, RefusalReason::NotAllowed);
    let (pod, _, refusals) = exemptions(&[("pod-hardener.dev/exempt", "capabilities"), REASON], &policy);
    assert!(pod.is_empty());
    assert_eq!(refusals[0].0, RefusalReason::NotAllowed);
}

#[test]
fn a_reason_may_be_optional() {
    let policy = ExemptionPolicy { require_reason: false, ..ExemptionPolicy::default() };
    assert_eq!(exemptions(&[EXEMPT], &policy).0, seccomp());
}

#[test]
fn one_container_is_not_exempted_from_what_is_about_the_pod() {
    let annotations = [("db.pod-hardener.dev/exempt", "service-account-token,seccomp"), REASON];
    let (_, db, refusals) = exemptions(&annotations, &ExemptionPolicy::default());
    assert_eq!(db, seccomp());
    assert!(refusals[0].1.contains("write pod-hardener.dev/exempt"), "{refusals:?}");
    let (_, db, refusals) =
        exemptions(&[("db.pod-hardener.dev/exempt", "all"), REASON], &ExemptionPolicy::default());
    assert!(db.contains(RuleId::capabilities) && !db.contains(RuleId::host_namespaces));
    assert!(refusals.is_empty(), "{refusals:?}");
}
