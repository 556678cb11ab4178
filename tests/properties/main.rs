//! Properties that hold for every pod and every policy.
//!
//! The cases are the same in every run; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` ask for others and for more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api_server;
mod containers;
mod effective;
mod namespaces;
mod pod_security;
mod pods;
mod policies;
mod repair;
mod resources;
mod reviews;
#[path = "../support/mod.rs"]
mod support;
mod untouched;
mod values;

use std::sync::Arc;

use pod_hardener::facts::Facts;
use pod_hardener::policy::{PolicySet, Preset};
use pod_hardener::posture::Posture;
use pod_hardener::rules::RuleId;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use crate::pods::{pod, windows_pod};
use crate::policies::{chosen_over_base, policy};
use crate::support::{Hardened, facts, harden_where};
use crate::untouched::Operations;
use crate::values::Document;

/// The same cases in every run, unless the environment asks for others.
fn config(cases: u32) -> Config {
    let default = Config::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0x706f_6473),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    Config { cases, rng_seed, failure_persistence: None, max_global_rejects: 10 * cases, ..default }
}

/// Hardens a new pod of which nothing is known but its namespace.
pub(crate) fn harden_pod(pod: &Value, policies: &PolicySet) -> Hardened {
    harden_where(pod, policies, &facts(&Value::Null))
}

/// A pod as written, or as the webhook sees it.
fn any_pod() -> BoxedStrategy<Document> {
    prop_oneof![
        6 => pod(),
        2 => pod().prop_map(|pod| api_server::defaulted(&pod)),
        1 => windows_pod(),
        1 => pods::debugged_pod().prop_map(|(_, pod)| pod),
    ]
    .prop_map(Document)
    .boxed()
}

/// The list at a pointer; empty where there is none.
pub(crate) fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn none(found: &[String]) -> Result<(), TestCaseError> {
    prop_assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn nothing_changes_but_what_operations_name(pod in any_pod(), policy in policy()) {
        let hardened = harden_pod(&pod, &policy);
        let operations = Operations::new(&hardened.operations);
        prop_assert!(operations.written_twice().is_empty(), "written twice: {:?}", operations.written_twice());
        none(&operations.unexplained(&pod, &hardened.pod))?;
    }

    #[test]
    fn a_second_pass_changes_nothing(pod in any_pod(), policy in policy()) {
        let once = harden_pod(&pod, &policy);
        let twice = harden_pod(&once.pod, &policy);
        prop_assert!(twice.operations.is_empty(), "{}", json!({"first": once.operations, "then": twice.operations}));
        let defaulted = api_server::defaulted(&once.pod);
        let reinvoked = harden_pod(&defaulted, &policy);
        prop_assert!(reinvoked.operations.is_empty(), "after defaulting: {}", json!(reinvoked.operations));
    }

    #[test]
    fn nothing_becomes_weaker(pod in any_pod(), policy in policy()) {
        let hardened = harden_pod(&pod, &policy);
        none(&effective::weaker(&pod, &hardened.pod))?;
    }

    #[test]
    fn what_the_api_server_took_it_still_takes(pod in any_pod(), policy in policy()) {
        prop_assume!(api_server::invalid(&pod).is_empty());
        let hardened = harden_pod(&pod, &policy);
        none(&api_server::invalid(&hardened.pod))?;
    }

    #[test]
    fn under_enforced_pod_security_takes_what_can_be_repaired(pod in any_pod()) {
        prop_assume!(pod_security::unrepairable(&pod).is_empty());
        let hardened = harden_pod(&pod, &PolicySet::from(Preset::Enforced));
        prop_assume!(hardened.exempted.is_empty());
        none(&pod_security::forbidden(&hardened.pod))?;
    }

    #[test]
    fn what_the_pod_chooses_is_never_weaker_than_what_the_namespace_has(
        pod in any_pod(),
        (policies, base) in chosen_over_base(),
    ) {
        let facts = Facts { space: Some(Arc::default()), ..Facts::of_namespace("shop") };
        let of_base = harden_where(&pod, &base, &facts);
        let chosen = harden_where(&pod, &policies, &facts);
        // Other numbers are not weaker ones; which are is the table of `policy::strength`.
        let weaker = effective::weaker(&of_base.pod, &chosen.pod);
        none(&weaker.into_iter().filter(|what| !what.ends_with(" changed")).collect::<Vec<_>>())?;
        let again = harden_where(&chosen.pod, &policies, &facts);
        prop_assert!(again.operations.is_empty(), "a second pass: {}", json!(again.operations));
        for rule in &chosen.exempted {
            prop_assert!(of_base.exempted.contains(rule), "exempted from {rule}");
        }
    }

    #[test]
    fn where_a_pod_stands_is_where_it_stays_and_never_too_low(
        pod in any_pod(),
        policy in policy(),
        nodes in any::<bool>(),
        images in select(&["no", "without-user-namespace", "everywhere"][..]),
        restricted in any::<bool>(),
    ) {
        let level = if restricted { "restricted" } else { "baseline" };
        let known = json!({"userNamespaces": nodes, "imageVolumes": images, "labels": {"pod-security.kubernetes.io/enforce": level}});
        let facts = facts(&known);
        let once = harden_where(&pod, &policy, &facts);
        none(&effective::weaker(&pod, &once.pod))?;
        let operations = Operations::new(&once.operations);
        prop_assert!(operations.written_twice().is_empty(), "written twice: {:?}", operations.written_twice());
        none(&operations.unexplained(&pod, &once.pod))?;
        if api_server::invalid(&pod).is_empty() {
            none(&api_server::invalid(&once.pod))?;
        }
        let again = harden_where(&once.pod, &policy, &facts);
        prop_assert!(again.operations.is_empty(), "a second pass: {}", json!(again.operations));
        prop_assert_eq!(once.posture, again.posture);
        let floor = policy.policies()[0].posture.floor.unwrap_or_default();
        let lowest = if restricted { Posture::Full } else { floor };
        prop_assert!(once.posture.is_none_or(|posture| posture >= lowest), "{:?}", once.posture);
        let isolated = once.posture == Some(Posture::Isolated)
            && policy.policies()[0].mode(RuleId::run_as_non_root).is_in_force();
        prop_assert!(!isolated || once.pod["spec"]["hostUsers"] == false, "isolated without a user namespace");
        prop_assert!(nodes || pod["spec"]["hostUsers"] == false || once.pod["spec"]["hostUsers"] != false
            || policy.policies()[0].mode(RuleId::user_namespace).is_in_force());
    }

    #[test]
    fn observing_changes_nothing(pod in any_pod()) {
        let hardened = harden_pod(&pod, &PolicySet::from(Preset::Observe));
        prop_assert!(hardened.operations.is_empty(), "{}", json!(hardened.operations));
    }

    #[test]
    fn files_and_webhook_come_to_the_same(pod in pod().prop_map(Document), policy in policy()) {
        // Pod-level resources are defaulted from those of the containers: there the webhook sees more.
        prop_assume!(pod["spec"]["resources"].is_null() && api_server::invalid(&pod).is_empty());
        let of_file = api_server::defaulted(&harden_pod(&pod, &policy).pod);
        let of_webhook = api_server::defaulted(&harden_pod(&api_server::defaulted(&pod), &policy).pod);
        prop_assert_eq!(without_nothing(&of_file), without_nothing(&of_webhook));
    }

    #[test]
    fn windows_pods_get_no_linux_field(pod in windows_pod().prop_map(Document), policy in policy()) {
        let hardened = harden_pod(&pod, &policy);
        let linux = api_server::invalid(&hardened.pod).into_iter().filter(|what| what.ends_with("on Windows"));
        none(&linux.collect::<Vec<_>>())?;
    }

    #[test]
    fn warnings_keep_their_limits(pod in any_pod(), policy in policy()) {
        let warnings = harden_pod(&pod, &policy).warnings;
        for warning in &warnings {
            prop_assert!(warning.chars().count() <= 256, "{warning}");
            prop_assert!(!warning.contains(char::is_control), "{warning:?}");
        }
        prop_assert!(warnings.iter().map(|warning| warning.chars().count()).sum::<usize>() <= 4096);
    }
}

/// Null, empty and absent are one to the API server.
fn without_nothing(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| (name.clone(), without_nothing(value)));
            let fields: std::collections::BTreeMap<String, Value> =
                fields.filter(|(_, value)| !is_nothing(value)).collect();
            fields.into_iter().collect()
        }
        Value::Array(list) => list.iter().map(without_nothing).collect(),
        other => other.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}

/// Every container has every setting of the preset: nothing of any type is left out.
#[test]
fn every_container_is_covered() {
    let mut runner = TestRunner::new(config(300));
    let bare = pods::debugged_pod().prop_map(|(_, mut pod)| {
        pod["metadata"] = Value::Null;
        pod["spec"]["securityContext"] = Value::Null;
        pod["spec"]["hostUsers"] = Value::Null;
        pod
    });
    let covered = |pod: Value| {
        let hardened = harden_pod(&pod, &PolicySet::from(Preset::Enforced)).pod;
        for container in effective::containers(&hardened) {
            let name = &container["name"];
            for (setting, expected) in [
                ("runAsNonRoot", true),
                ("allowPrivilegeEscalation", false),
                ("readOnlyRootFilesystem", true),
            ] {
                prop_assert_eq!(
                    effective::setting(&hardened, container, setting),
                    expected,
                    "{} {}",
                    name,
                    setting
                );
            }
            let seccomp = effective::setting(&hardened, container, "seccompProfile");
            prop_assert!(
                !seccomp["type"].is_null() && seccomp["type"] != "Unconfined",
                "{} {}",
                name,
                seccomp
            );
        }
        Ok(())
    };
    runner.run(&bare, covered).unwrap_or_else(|error| panic!("{error}"));
}

/// Guards the strategies: properties about valid pods say nothing when no pod is valid.
#[test]
fn many_of_the_pods_are_valid_ones() {
    let mut runner = TestRunner::new(config(300));
    let (mut valid, mut repairable) = (0, 0);
    for _ in 0..200 {
        let pod = any_pod().new_tree(&mut runner).expect("a pod").current();
        valid += i32::from(api_server::invalid(&pod).is_empty());
        repairable += i32::from(pod_security::unrepairable(&pod).is_empty());
    }
    assert!(valid > 120, "{valid} of 200 valid");
    assert!(repairable > 60, "{repairable} of 200 repairable");
}
