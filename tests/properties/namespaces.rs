//! LimitRanges and ResourceQuotas: never a reason for a refusal that would not have been without us.
//!
//! The judges are written after the plugins LimitRanger and ResourceQuota of Kubernetes 1.37.

use pod_hardener::policy::{PolicySet, Preset};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::api_server::{defaulted, invalid};
use crate::pods::pod;
use crate::policies::policy;
use crate::resources::{quantity, thousandths};
use crate::support::{facts, harden_where};
use crate::values::{Document, Json, bytes, cpu, maybe, object, one_of, some_of};
use crate::{config, list};

const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

fn amounts() -> Json {
    let sizes = || prop_oneof![one_of(&["4Mi", "100Mi", "256Mi", "3Gi", "8Gi"]), bytes()];
    let cores = prop_oneof![one_of(&["5m", "100m", "4", "16"]), cpu()];
    object(vec![maybe("cpu", cores), maybe("memory", sizes()), maybe("ephemeral-storage", sizes())])
}

fn ranges() -> Json {
    let ratio = || one_of(&["1", "1.5", "2", "4", "10.1", "100"]);
    let ratios =
        object(vec![maybe("cpu", ratio()), maybe("memory", ratio()), maybe("ephemeral-storage", ratio())]);
    let range =
        object(vec![maybe("min", amounts()), maybe("max", amounts()), maybe("maxLimitRequestRatio", ratios)]);
    vec((one_of(&["Container", "Pod"]), range), 1..4)
        .prop_map(|ranges| {
            let typed = ranges.into_iter().map(|(scope, mut range)| {
                range["type"] = scope;
                range
            });
            typed.collect()
        })
        .boxed()
}

fn quota() -> Json {
    some_of(
        &[
            "requests.cpu",
            "requests.memory",
            "requests.ephemeral-storage",
            "limits.cpu",
            "limits.memory",
            "limits.ephemeral-storage",
            "NotBestEffort",
            "BestEffort",
        ],
        4,
    )
}

/// Adds up as LimitRanger does; `None` where nothing names the resource.
fn total(pod: &Value, kind: &str, resource: &str) -> Option<i128> {
    let has_own = resource != "ephemeral-storage";
    if let Some(own) = quantity(&pod["spec"], kind, resource).filter(|_| has_own) {
        return Some(own);
    }
    let mut sum = None;
    let add = |sum: &mut Option<i128>, value: i128| *sum = Some(sum.unwrap_or(0) + value);
    for one in list(pod, "/spec/containers") {
        quantity(one, kind, resource).into_iter().for_each(|value| add(&mut sum, value));
    }
    let (mut sidecars, mut most) = (None, None);
    for one in list(pod, "/spec/initContainers") {
        let own = quantity(one, kind, resource);
        if one["restartPolicy"] == "Always" {
            own.into_iter().for_each(|value| add(&mut sum, value));
            own.into_iter().for_each(|value| add(&mut sidecars, value));
            most = most.max(sidecars);
        } else if own.is_some() || sidecars.is_some() {
            most = most.max(Some(own.unwrap_or(0) + sidecars.unwrap_or(0)));
        }
    }
    sum.max(most)
}

/// Why LimitRanger would refuse these, if it would.
#[allow(clippy::cast_precision_loss, reason = "LimitRanger divides this way")]
fn broken(range: &Value, resource: &str, request: Option<i128>, limit: Option<i128>) -> Option<&'static str> {
    let bound = |name: &str| {
        let bound = &range[name][resource];
        (!bound.is_null()).then(|| thousandths(bound).expect("a quantity"))
    };
    let (request_or_0, limit_or_0) = (request.unwrap_or(0), limit.unwrap_or(0));
    if let Some(min) = bound("min")
        && (request.is_none_or(|request| request < min) || limit.is_some_and(|limit| limit < min))
    {
        return Some("min");
    }
    if let Some(max) = bound("max")
        && (limit.is_none_or(|limit| limit > max) || request.is_some_and(|request| request > max))
    {
        return Some("max");
    }
    if let Some(ratio) = bound("maxLimitRequestRatio")
        && (request_or_0 == 0
            || limit_or_0 == 0
            || limit_or_0 as f64 / request_or_0 as f64 * 1000.0 > ratio as f64)
    {
        return Some("ratio");
    }
    None
}

/// What LimitRanger would say.
fn refused(pod: &Value, ranges: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let containers = || ["/spec/containers", "/spec/initContainers"].iter().flat_map(|at| list(pod, at));
    for range in ranges.as_array().expect("a list") {
        for resource in RESOURCES {
            if range["type"] == "Pod" {
                let (request, limit) = (total(pod, "requests", resource), total(pod, "limits", resource));
                found.extend(
                    broken(range, resource, request, limit).map(|what| format!("pod: {resource}: {what}")),
                );
                continue;
            }
            for one in containers() {
                let (request, limit) =
                    (quantity(one, "requests", resource), quantity(one, "limits", resource));
                let broken = broken(range, resource, request, limit);
                found.extend(broken.map(|what| format!("{}: {resource}: {what}", one["name"])));
            }
        }
    }
    found
}

/// The pod as LimitRanger fills it in before webhooks are asked: limits from `max`, requests from these or `min`.
fn limit_ranged(pod: &Value, ranges: &Value) -> Value {
    let mut pod = defaulted(pod);
    for range in ranges.as_array().expect("a list").iter().filter(|range| range["type"] == "Container") {
        for at in ["containers", "initContainers"] {
            for one in pod["spec"].get_mut(at).and_then(Value::as_array_mut).into_iter().flatten() {
                for resource in RESOURCES {
                    let (min, max) = (&range["min"][resource], &range["max"][resource]);
                    let mut fill = |kind: &str, value: &Value| {
                        if !value.is_null() && one["resources"][kind][resource].is_null() {
                            one["resources"][kind][resource] = value.clone();
                        }
                    };
                    fill("limits", max);
                    fill("requests", if max.is_null() { min } else { max });
                }
            }
        }
    }
    pod
}

/// The best of luck: containers without `resources`, nothing exempted.
fn bare(pod: &Value) -> Value {
    let mut pod = pod.clone();
    pod["metadata"] = json!({});
    pod["spec"]["resources"] = Value::Null;
    for at in ["containers", "initContainers"] {
        for one in pod["spec"].get_mut(at).and_then(Value::as_array_mut).into_iter().flatten() {
            one["resources"] = Value::Null;
        }
    }
    pod
}

fn is_best_effort(pod: &Value) -> bool {
    let containers = || ["/spec/containers", "/spec/initContainers"].iter().flat_map(|at| list(pod, at));
    let asks = |one: &Value| {
        ["requests", "limits"]
            .iter()
            .any(|kind| ["cpu", "memory"].iter().any(|resource| quantity(one, kind, resource) > Some(0)))
    };
    let own = &pod["spec"]["resources"];
    if own["requests"].is_object() || own["limits"].is_object() {
        return !asks(&pod["spec"]);
    }
    !containers().any(asks)
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn limit_ranges_admit_what_they_admitted(
        pod in pod().prop_map(Document), ranges in ranges().prop_map(Document), policy in policy(), filled in any::<bool>(),
    ) {
        prop_assume!(invalid(&pod).is_empty());
        let before = if filled { limit_ranged(&pod, &ranges) } else { defaulted(&pod) };
        prop_assume!(invalid(&before).is_empty() && refused(&before, &ranges).is_empty());
        let known = facts(&json!({"limits": *ranges}));
        let after = defaulted(&harden_where(&before, &policy, &known).pod);
        let refused = refused(&after, &ranges);
        prop_assert!(refused.is_empty() && invalid(&after).is_empty(), "{refused:?} {:?} {after}", invalid(&after));
    }

    #[test]
    fn what_is_injected_is_within_limit_ranges(pod in pod().prop_map(Document), ranges in ranges().prop_map(Document)) {
        let policies = PolicySet::from(Preset::Restricted);
        let known = facts(&json!({"limits": *ranges}));
        for pod in [bare(&pod), pod.0.clone(), limit_ranged(&pod, &ranges)] {
            let hardened = harden_where(&pod, &policies, &known);
            let (before, after) = (defaulted(&pod), defaulted(&hardened.pod));
            let containers = |pod: &Value| -> Vec<Value> {
                ["/spec/containers", "/spec/initContainers"].iter().flat_map(|at| list(pod, at)).cloned().collect()
            };
            for (old, new) in containers(&before).iter().zip(&containers(&after)) {
                for resource in RESOURCES {
                    let (request, limit) = (quantity(new, "requests", resource), quantity(new, "limits", resource));
                    if limit == quantity(old, "limits", resource) && request == quantity(old, "requests", resource) {
                        continue;
                    }
                    for range in ranges.as_array().expect("a list").iter().filter(|range| range["type"] != "Pod") {
                        let broken = broken(range, resource, request, limit);
                        prop_assert!(broken.is_none(), "{resource} {broken:?}: {new}");
                    }
                }
            }
            let twice = harden_where(&hardened.pod, &policies, &known);
            prop_assert!(twice.operations.is_empty(), "a second pass: {:?}", twice.operations);
            let again = harden_where(&after, &policies, &known);
            prop_assert!(again.operations.is_empty(), "after defaulting: {:?}", again.operations);
        }
    }

    #[test]
    fn one_range_of_containers_admits_pods_without_resources(
        pod in pod().prop_map(Document), min in amounts(), factor in 1_i128..5, ratio in one_of(&["1", "1.5", "4", "50"]),
    ) {
        prop_assume!(["cpu", "memory", "ephemeral-storage"].iter().all(|name| min[name] != "0"));
        let pod = bare(&pod);
        let mut range = json!({"type": "Container", "min": min, "max": {}, "maxLimitRequestRatio": {}});
        for resource in RESOURCES {
            range["maxLimitRequestRatio"][resource] = ratio.clone();
            if !min[resource].is_null() {
                let max = thousandths(&min[resource]).expect("a quantity") * factor;
                let whole = max / 1000 * 1000;
                range["max"][resource] = json!(if resource == "cpu" { format!("{max}m") } else { format!("{}", whole / 1000) });
            }
        }
        let ranges = json!([range]);
        let known = facts(&json!({"limits": ranges}));
        let after = defaulted(&harden_where(&pod, &PolicySet::from(Preset::Restricted), &known).pod);
        let refused = refused(&after, &ranges);
        prop_assert!(refused.is_empty(), "{refused:?} {after}");
    }

    #[test]
    fn quotas_are_not_used_up(pod in pod().prop_map(Document), quota in quota(), policy in policy()) {
        prop_assume!(invalid(&pod).is_empty());
        let before = defaulted(&pod);
        let known = facts(&json!({"quota": quota}));
        let hardened = harden_where(&before, &policy, &known).pod;
        let after = defaulted(&hardened);
        let counts = |name: &str| quota.as_array().expect("a list").iter().any(|counted| counted == name);
        let own = &pod["spec"]["resources"];
        let of_pod = [&own["requests"], &own["limits"]].iter().any(|list| {
            list.as_object().is_some_and(|list| list.keys().any(|name| name == "cpu" || name == "memory"))
        });
        for kind in ["requests", "limits"] {
            for resource in RESOURCES {
                let demanded = resource != "ephemeral-storage" && !of_pod;
                if counts(&format!("{kind}.{resource}")) && !demanded {
                    prop_assert_eq!(total(&before, kind, resource), total(&after, kind, resource), "{} {}", kind, resource);
                }
            }
        }
        if counts("NotBestEffort") || counts("BestEffort") {
            prop_assert_eq!(is_best_effort(&before), is_best_effort(&after));
        }
        let twice = harden_where(&hardened, &policy, &known);
        prop_assert!(twice.operations.is_empty(), "a second pass: {:?}", twice.operations);
    }
}
