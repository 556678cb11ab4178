//! From whom exemptions are honoured, and what is said of it.

use std::sync::Arc;

use time::macros::datetime;

use super::*;
use crate::annotation::RefusalReason;
use crate::authority::policy::Settings;
use crate::cluster::Check;
use crate::facts::{Grants, Space};
use crate::policy::parse;
use crate::subject::Reach;
use crate::view::Pod;

const NOW: OffsetDateTime = datetime!(2027-01-10 12:00 UTC);
const EXEMPT: &str = r#"{"metadata":{"name":"p","annotations":{"pod-hardener.dev/exempt":"seccomp,capabilities",
    "pod-hardener.dev/exempt-reason":"r"}},"spec":{"containers":[{"name":"a"}]}}"#;
const PLAIN: &str = r#"{"metadata":null,"spec":{"containers":[{"name":"a"}]}}"#;

fn set(rules: &[RuleId]) -> RuleSet {
    rules.iter().copied().collect()
}

fn with<T>(pod: &str, exemptions: &str, facts: &Facts<'_>, look: impl FnOnce(&Hardened<'_>) -> T) -> T {
    let text = format!(
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: p}}\nspec: {{exemptions: {exemptions}}}\n"
    );
    let policies = PolicySet::new(parse("p", &text).expect("valid"));
    let pod: Pod<'_> = serde_json::from_str(pod).expect("a pod");
    let subject = Subject::new(&pod, Reach::Pod).expect("has a spec");
    look(&harden(&subject, &policies, facts, NOW))
}

fn facts(grants: Grants) -> Facts<'static> {
    Facts {
        space: Some(Arc::new(Space::default())),
        requester: "jane",
        grants,
        ..Facts::of_namespace("shop")
    }
}

#[test]
fn under_rbac_somebody_stands_behind_each_rule() {
    let both = set(&[RuleId::seccomp, RuleId::capabilities]);
    for (grants, honoured, asks, refused) in [
        (Grants::Trusted, both, RuleSet::default(), &[][..]),
        (Grants::Unasked, RuleSet::default(), both, &[RefusalReason::Unauthorized; 2][..]),
        (Grants::Rules(both), both, RuleSet::default(), &[]),
        (
            Grants::Rules(set(&[RuleId::seccomp])),
            set(&[RuleId::seccomp]),
            RuleSet::default(),
            &[RefusalReason::Unauthorized],
        ),
        (Grants::Unverified, RuleSet::default(), both, &[RefusalReason::Unverified]),
    ] {
        with(EXEMPT, "{authorization: rbac}", &facts(grants), |hardened| {
            assert_eq!(hardened.exemptions.rules(), honoured, "{grants:?}");
            assert_eq!(hardened.asks, asks, "{grants:?}");
            let reasons: Vec<_> = hardened.refusals.iter().map(|refusal| refusal.reason).collect();
            assert_eq!(reasons, refused, "{grants:?}");
        });
        // Where annotations are enough, nobody is asked.
        with(EXEMPT, "{}", &facts(grants), |hardened| {
            assert_eq!(
                (hardened.exemptions.rules(), hardened.asks),
                (both, RuleSet::default()),
                "{grants:?}"
            );
        });
    }
    with(EXEMPT, "{authorization: rbac, trustedControllers: [jane]}", &facts(Grants::Unasked), |hardened| {
        assert_eq!((hardened.exemptions.rules(), hardened.asks), (both, RuleSet::default()));
    });
}

#[test]
fn a_refusal_says_who_would_have_to_do_what() {
    let said = |facts: &Facts<'_>| {
        with(EXEMPT, "{authorization: rbac}", facts, |hardened| hardened.refusals[0].message.clone())
    };
    let message = said(&facts(Grants::Unasked));
    for part in ["jane", "capabilities", "shop", "exempt", "pod-hardener.dev", "rules", "[capabilities]"] {
        assert!(message.contains(part), "{message}");
    }
    let check = Check { uid: "u-1".into(), since: NOW, settings: Settings::default() };
    let older = Facts { check: Some(Arc::new(check)), ..facts(Grants::Unverified) };
    assert!(said(&older).ends_with("pod-hardener.dev/exempt-adopted: u-1"), "{}", said(&older));
    assert!(said(&facts(Grants::Unverified)).contains("ValidatingAdmissionPolicy"));
    let alone = Facts { space: None, ..facts(Grants::Rules(RuleSet::default())) };
    assert!(said(&alone).contains("no cluster"), "{}", said(&alone));
}

fn in_namespace(annotations: &[(&str, &str)]) -> Facts<'static> {
    let annotations = annotations
        .iter()
        .map(|(name, value)| (format!("pod-hardener.dev/{name}").into(), (*value).into()))
        .collect();
    Facts {
        space: Some(Arc::new(Space { annotations, ..Space::default() })),
        ..facts(Grants::Rules(RuleSet::default()))
    }
}

#[test]
fn the_namespaces_annotations_exempt_all_its_pods() {
    const REASON: (&str, &str) = ("exempt-reason", "legacy");
    for (policy, annotations, honoured, refused) in [
        ("{namespaces: true, authorization: rbac}", &[("exempt", "seccomp"), REASON][..], true, None),
        ("{namespaces: false}", &[("exempt", "seccomp"), REASON], false, None),
        ("{namespaces: true}", &[("exempt", "seccomp")], false, Some(RefusalReason::MissingReason)),
        (
            "{namespaces: true}",
            &[("exempt", "seccomp"), REASON, ("exempt-until", "2027-01-09")],
            false,
            Some(RefusalReason::Expired),
        ),
        (
            "{namespaces: true, maxDays: 3}",
            &[("exempt", "seccomp"), REASON, ("exempt-until", "2027-02-09")],
            false,
            Some(RefusalReason::NotAllowed),
        ),
        (
            "{namespaces: true, rules: [capabilities]}",
            &[("exempt", "seccomp"), REASON],
            false,
            Some(RefusalReason::NotAllowed),
        ),
        ("{namespaces: true}", &[REASON], false, None),
    ] {
        with(PLAIN, policy, &in_namespace(annotations), |hardened| {
            assert_eq!(hardened.exemptions.pod(RuleId::seccomp), honoured, "{policy} {annotations:?}");
            let refusal = hardened.refusals.first();
            assert_eq!(refusal.map(|refusal| refusal.reason), refused, "{policy} {annotations:?}");
            if let Some(refusal) = refusal {
                assert!(refusal.key.ends_with(" of the namespace shop"), "{}", refusal.key);
            }
        });
    }
}

fn labels_after(pod: &str, policy: &str, facts: &Facts<'_>) -> serde_json::Value {
    let patched = |text: &str| {
        let patch = with(text, policy, facts, |hardened| hardened.patch.to_json());
        let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("a patch");
        let mut pod: serde_json::Value = serde_json::from_str(text).expect("JSON");
        json_patch::patch(&mut pod, &patch).expect("applies");
        pod
    };
    let once = patched(pod);
    assert_eq!(patched(&once.to_string()), once, "a second pass changes something");
    assert!(once["metadata"]["annotations"]["pod-hardener.dev/hardened"].is_string(), "{once}");
    once["metadata"]["labels"].clone()
}

#[test]
fn a_pod_that_lives_on_an_exemption_carries_a_label() {
    use serde_json::{Value, json};
    let namespaces = "{namespaces: true}";
    let exempting = in_namespace(&[("exempt", "seccomp"), ("exempt-reason", "legacy")]);
    let mine = json!({"pod-hardener.dev/exempted": "true"});
    assert_eq!(labels_after(PLAIN, namespaces, &exempting), mine);
    assert_eq!(labels_after(PLAIN, "{}", &exempting), Value::Null);
    assert_eq!(labels_after(EXEMPT, "{}", &exempting), mine);
    // Exempted from a rule that changes nothing.
    let off = in_namespace(&[("exempt", "service-links"), ("exempt-reason", "legacy")]);
    assert_eq!(labels_after(PLAIN, namespaces, &off), Value::Null);
    let labelled = |value: &str| {
        format!(
            r#"{{"metadata":{{"labels":{{"pod-hardener.dev/exempted":"{value}"}}}},"spec":{{"containers":[{{"name":"a"}}]}}}}"#
        )
    };
    for value in ["true", "other"] {
        let kept = json!({"pod-hardener.dev/exempted": value});
        for policy in [namespaces, "{}"] {
            assert_eq!(labels_after(&labelled(value), policy, &exempting), kept, "a selector may go by it");
        }
    }
}
