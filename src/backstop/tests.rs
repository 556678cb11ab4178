use std::sync::Arc;

use serde_json::{Value, json};
use time::macros::datetime;

use super::cases::{Case, GAINING, POLICIES, SOON, cases};
use super::{Action, NAME, State, documents, state};
use crate::facts::{Account, Facts, Space};
use crate::harden::harden;
use crate::policy::{POLICY_LABEL, PolicySet, Preset, parse};
use crate::profiles::{self, Profile, ProfileSet};
use crate::rules::{RuleId, RuleResult};
use crate::subject::{Reach, Subject};
use crate::view::Pod;

fn policies() -> PolicySet {
    let spec = json!({"match": {"repositories": [GAINING.trim_end_matches(":1")]}, "posture": "isolated",
        "allowPrivilegeEscalation": true});
    let profile = profiles::parse_object("gaining", Some(&spec)).expect("a profile");
    let set = ProfileSet::new([Profile::from(profile)]);
    PolicySet::new(parse("cases", POLICIES).expect("policies")).with_profiles(Arc::new(set))
}

/// The rules that change something in the pod.
fn changing(policies: &PolicySet, case: &Case) -> Vec<&'static str> {
    let text = case.pod.to_string().replace(SOON, "2027-01-15");
    let pod: Pod<'_> = serde_json::from_str(&text).expect("a pod");
    let subject = Subject::new(&pod, Reach::Pod).expect("a spec");
    let labels = [(POLICY_LABEL.into(), case.policy.into())].into();
    let facts = Facts {
        space: Some(Arc::new(Space { labels, ..Space::default() })),
        account: Some(Arc::new(Account::default())),
        ..Facts::of_namespace("shop")
    };
    let hardened = harden(&subject, policies, &facts, datetime!(2027-01-01 12:00 UTC));
    let [injected, replaced] =
        [RuleResult::Injected, RuleResult::Replaced].map(|result| hardened.results.of(result));
    injected.union(replaced).iter().filter(|rule| *rule != RuleId::resources).map(RuleId::as_str).collect()
}

#[test]
fn what_the_engine_would_change() {
    let policies = policies();
    let mut wrong = Vec::new();
    for case in cases() {
        let changing = changing(&policies, &case);
        if changing != case.rules {
            wrong.push(format!("{} under {}: {changing:?}, not {:?}", case.name, case.policy, case.rules));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_policies_do_not_differ_in_is_written_once() {
    let [policy, _] = documents(&PolicySet::from(Preset::Restricted), Action::Deny, &[]);
    let variables = policy["spec"]["variables"].as_array().expect("a list");
    let expression = |name: &str| {
        let found = variables.iter().find(|variable| variable["name"] == name);
        found.and_then(|variable| variable["expression"].as_str()).unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(expression("prefix"), "('pod-hardener.dev')");
    assert_eq!(expression("needsReason"), "(true)");
    assert!(expression("enforced").contains("variables.policy == 'safe'"));
    assert!(!variables.iter().any(|variable| variable["name"] == "service_account_token"));
}

#[test]
fn namespaces_are_left_out_by_the_binding() {
    let written = |left_out: &[String]| {
        let [policy, binding] = documents(&Preset::Restricted.into(), Action::Deny, left_out);
        (policy, binding["spec"]["matchResources"].clone())
    };
    let (plain, everywhere) = written(&[]);
    let (narrowed, elsewhere) = written(&["cni".to_owned()]);
    assert_eq!((plain, everywhere), (narrowed, Value::Null), "the policy says nothing of it");
    let expected = json!({"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["cni"]});
    assert_eq!(elsewhere["namespaceSelector"]["matchExpressions"], json!([expected]));
}

#[test]
fn each_variable_needs_only_what_comes_before_it() {
    let tenants = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: tenants}\n\
                   spec: {preset: observe, selector: {podLabels: {a: b}}}\n";
    let policies = PolicySet::new(parse("p", &format!("{POLICIES}---\n{tenants}")).expect("policies"));
    let [policy, _] = documents(&policies, Action::Deny, &[]);
    let mut known: Vec<String> = Vec::new();
    for variable in policy["spec"]["variables"].as_array().expect("a list") {
        let expression = variable["expression"].as_str().expect("a text");
        for used in expression.split("variables.").skip(1) {
            let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(known.contains(&name), "{} needs {name}", variable["name"]);
        }
        known.push(variable["name"].as_str().expect("a name").to_owned());
    }
}

#[test]
fn what_is_in_the_cluster_is_compared_with_the_policies_in_force() {
    let restricted = PolicySet::from(Preset::Restricted);
    let typed = |policies: &PolicySet, change: fn(&mut Value)| {
        let [mut policy, binding] = documents(policies, Action::Audit, &[]);
        assert_eq!(
            (&policy["metadata"]["name"], &binding["spec"]["policyName"]),
            (&json!(NAME), &json!(NAME))
        );
        change(&mut policy);
        let policy = serde_json::from_value(policy).expect("a policy");
        (policy, serde_json::from_value(binding).expect("a binding"))
    };
    let (policy, binding) = typed(&restricted, |_| {});
    assert_eq!(state(Some(&policy), Some(&binding), &restricted), State::Current);
    assert_eq!(state(Some(&policy), Some(&binding), &policies()), State::Drifted);
    assert_eq!(state(Some(&policy), None, &restricted), State::Absent);
    assert_eq!(state(None, Some(&binding), &restricted), State::Absent);
    let (edited, _) = typed(&restricted, |policy| policy["spec"]["failurePolicy"] = json!("Ignore"));
    assert_eq!(state(Some(&edited), Some(&binding), &restricted), State::Drifted);
}
