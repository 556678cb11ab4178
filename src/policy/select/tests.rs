//! Which policy decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::facts::Space;
use crate::policy::parse;
use crate::rules::{Mode, RuleId};
use crate::subject::Reach;
use crate::view::Pod;

const POLICIES: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: web}
spec:
  preset: observe
  selector: {podLabels: {app: web}}
  rules: {seccomp: {mode: enforce}, user-namespace: {mode: enforce}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: strong}
spec: {preset: enforced, selector: {serviceAccounts: [strong]}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: db}
spec: {preset: safe, selector: {namespaces: ['db-*'], namespaceLabels: {tier: data}}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: named}
spec: {selector: {namespaces: [nowhere]}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: rest}
";

const WEB: &str = r#"{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"a"}]}}"#;
const STRONG: &str = r#"{"spec":{"serviceAccountName":"strong","containers":[{"name":"a"}]}}"#;
const PLAIN: &str = r#"{"spec":{"containers":[{"name":"a"}]}}"#;

fn policies() -> PolicySet {
    PolicySet::new(parse("p", POLICIES).expect("valid"))
}

fn space(labels: &[(&str, &str)]) -> Option<Arc<Space>> {
    let labels: BTreeMap<Box<str>, Box<str>> =
        labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Some(Arc::new(Space { labels, ..Space::default() }))
}

fn select<T>(pod: &str, facts: &Facts<'_>, look: impl FnOnce(Selection<'_>) -> T) -> T {
    let pod: Pod<'_> = serde_json::from_str(pod).expect("a pod");
    let subject = Subject::new(&pod, Reach::Pod).expect("has a spec");
    look(policies().select(facts, &subject))
}

fn name_of(selection: Selection<'_>) -> (String, By) {
    (selection.policy.name.clone(), selection.by)
}

#[test]
fn label_then_selector_then_default() {
    for (namespace, labels, pod, name, by) in [
        ("shop", &[][..], PLAIN, "rest", By::Selector),
        ("db-1", &[("tier", "data")][..], PLAIN, "db", By::Selector),
        ("db-1", &[("tier", "other")][..], PLAIN, "rest", By::Selector),
        ("db-1", &[], PLAIN, "rest", By::Selector),
        ("db-1", &[("tier", "data"), (POLICY_LABEL, "named")][..], PLAIN, "named", By::Label),
        ("shop", &[(POLICY_LABEL, "observe")][..], PLAIN, "observe", By::Label),
        ("shop", &[(POLICY_LABEL, "named")][..], WEB, "named", By::Label),
        ("shop", &[(POLICY_LABEL, "nothing")][..], PLAIN, "rest", By::Selector),
        ("shop", &[], STRONG, "strong", By::Selector),
    ] {
        let facts = Facts { space: space(labels), ..Facts::of_namespace(namespace) };
        let found = select(pod, &facts, name_of);
        assert_eq!(found, (name.to_owned(), by), "{namespace} {labels:?} {pod}");
    }
    let facts = Facts { space: space(&[(POLICY_LABEL, "nothing")]), ..Facts::of_namespace("shop") };
    assert!(select(PLAIN, &facts, |selection| selection.label_is_unknown));
}

#[test]
fn without_a_cluster_the_first_match_counts() {
    let facts = Facts::of_namespace("shop");
    assert_eq!(select(WEB, &facts, name_of), ("web".to_owned(), By::Selector));
    assert_eq!(select(PLAIN, &facts, name_of), ("rest".to_owned(), By::Selector));
}

#[test]
fn what_the_pod_chooses_only_strengthens() {
    let facts = Facts { space: space(&[]), grants: Grants::Unasked, ..Facts::of_namespace("shop") };
    let asks = select(WEB, &facts, |selection| {
        let policy = selection.policy;
        assert_eq!((policy.name.as_str(), selection.base.name.as_str()), ("rest+web", "rest"));
        assert!(!selection.granted);
        for rule in RuleId::ALL {
            assert!(policy.mode(*rule) >= selection.base.mode(*rule), "{rule}");
        }
        assert_eq!(policy.mode(RuleId::user_namespace), Mode::Enforce);
        assert_eq!(policy.mode(RuleId::capabilities), Mode::Default);
        selection.asks
    });
    assert!(asks.contains(RuleId::capabilities) && !asks.contains(RuleId::seccomp));
    for (grants, name, granted) in [
        (Grants::Rules(asks), "web", true),
        (Grants::Rules([RuleId::capabilities].into_iter().collect()), "rest+web", false),
        (Grants::Trusted, "rest+web", false),
        (Grants::Unverified, "rest+web", false),
    ] {
        let facts = Facts { grants, ..facts.clone() };
        select(WEB, &facts, |selection| {
            assert_eq!((selection.policy.name.as_str(), selection.granted), (name, granted), "{grants:?}");
            assert!(selection.asks.is_empty(), "{grants:?}");
        });
    }
}

#[test]
fn what_none_selects_is_restricted() {
    let none = PolicySet::new(Vec::new());
    assert_eq!(none.base(&Facts::default()).policy.name, "restricted");
    assert_eq!(none.base(&Facts::default()).by, By::Default);
    assert_eq!(none.for_unreadable().name, "restricted");
}
