//! What a ResourceQuota counts is used up by a default: where nobody has to set it, nobody of ours does.
//!
//! A quota of cpu or memory refuses containers without them, so a default only helps there; except in pods with
//! `resources` of their own, whose containers may go without.

use super::Entry;
use crate::facts::{LimitedResource, Quota};
use crate::rules::{Desk, Note, Place};
use crate::subject::Subject;
use crate::view::{Resources, thousandths};

/// Takes back what would use up a quota that the pod does not touch without us, and says so.
pub(super) fn spare(desk: &mut Desk<'_, '_>, quota: Quota, entries: &mut [Entry<'_, '_>]) {
    if quota == Quota::default() {
        return;
    }
    let subject = desk.subject;
    let stays_best_effort = quota.by_best_effort && is_best_effort(subject);
    let mut spared = Vec::new();
    for resource in LimitedResource::ALL {
        let decides = resource != LimitedResource::EphemeralStorage && stays_best_effort;
        let optional = resource == LimitedResource::EphemeralStorage || subject.spec.resources.is_some();
        let no_request = decides || (optional && quota.requests[resource as usize]);
        let no_limit = decides || (optional && quota.limits[resource as usize]);
        let mut any = false;
        for entry in entries.iter_mut() {
            let own = entry.own.and_then(|own| own.requests.as_ref());
            // The API makes a limit without a request the request.
            let no_limit = no_limit || (no_request && resource.of(own).is_none());
            any |= no_request && resource.edit(&mut entry.requests).take().is_some();
            any |= no_limit && resource.edit(&mut entry.limits).take().is_some();
        }
        if any {
            spared.push(resource.as_str());
        }
    }
    if !spared.is_empty() {
        let note = Note::of("left unset, a ResourceQuota counts them: ", spared.join(", "));
        desk.impossible(Place::Pod, note);
    }
}

/// Whether no container and not the pod itself asks for any cpu or memory.
fn is_best_effort(subject: &Subject<'_, '_>) -> bool {
    let containers = subject.slots.iter().filter_map(|slot| slot.view.resources.as_ref());
    containers.chain(&subject.spec.resources).all(asks_for_nothing)
}

fn asks_for_nothing(resources: &Resources<'_>) -> bool {
    [&resources.requests, &resources.limits].into_iter().flatten().all(|list| {
        [LimitedResource::Cpu, LimitedResource::Memory]
            .iter()
            .filter_map(|resource| resource.of(Some(list)))
            .all(|text| thousandths(text) == Some(0))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use crate::facts::{Facts, Quota, Space};
    use crate::rules::Mode::Default;
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Impossible, Injected};
    use crate::rules::testing::{Case, only, table_with};

    const RESOURCES: &str = "/spec/containers/0/resources";
    const COUNTS_CPU: Quota = Quota { requests: [true, false, false], limits: [true, false, false], by_best_effort: false };

    fn check(quota: Quota, cases: &[Case<'_>]) {
        let space = Space { quota, ..Space::default() };
        let facts = Facts { space: Some(Arc::new(space)), ..Facts::default() };
        table_with(&only(RuleId::resources, Default), &facts, RuleId::resources, cases);
    }

    fn one(resources: Value) -> Value {
        json!({"containers": [{"name": "a", "resources": resources}]})
    }

    #[test]
    fn what_nobody_has_to_set_stays_unset() {
        let without_storage = json!({"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}});
        check(Quota { requests: [false, false, true], ..Quota::default() }, &[
            Case { name: "a limit would be a request", mode: Default, results: &[Impossible, Injected],
                spec: one(Value::Null), expect: &[(RESOURCES, without_storage)] },
            Case { name: "beside the author's request", mode: Default, results: &[Injected],
                spec: one(json!({"requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}})),
                expect: &[("/spec/containers/0/resources/limits/ephemeral-storage", json!("2Gi"))] },
        ]);
        check(Quota { limits: [false, false, true], ..Quota::default() }, &[
            Case { name: "requests alone", mode: Default, results: &[Impossible, Injected], spec: one(Value::Null),
                expect: &[(RESOURCES, json!({"requests": {"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "64Mi"},
                    "limits": {"cpu": "1", "memory": "1Gi"}}))] },
        ]);
    }

    #[test]
    fn what_a_quota_demands_is_set_unless_the_pod_has_resources_of_its_own() {
        check(COUNTS_CPU, &[
            Case { name: "demanded", mode: Default, results: &[Injected], spec: one(Value::Null),
                expect: &[("/spec/containers/0/resources/limits/cpu", json!("1"))] },
            Case { name: "not demanded", mode: Default, results: &[Impossible, Injected],
                spec: json!({"resources": {"requests": {"memory": "64Mi"}}, "containers": [{"name": "a"}]}),
                expect: &[(RESOURCES, json!({"requests": {"ephemeral-storage": "64Mi"},
                    "limits": {"ephemeral-storage": "2Gi"}}))] },
        ]);
    }

    #[test]
    fn a_pod_without_any_stays_so_where_quotas_tell_them_apart() {
        let storage = json!({"requests": {"ephemeral-storage": "64Mi"}, "limits": {"ephemeral-storage": "2Gi"}});
        check(Quota { by_best_effort: true, ..Quota::default() }, &[
            Case { name: "nothing", mode: Default, results: &[Impossible, Injected], spec: one(Value::Null),
                expect: &[(RESOURCES, storage)] },
            Case { name: "nothing but zeros", mode: Default, results: &[Impossible, Injected],
                spec: one(json!({"requests": {"cpu": "0"}})),
                expect: &[("/spec/containers/0/resources/limits/cpu", Value::Null)] },
            Case { name: "another container has some", mode: Default, results: &[Injected, Injected],
                spec: json!({"containers": [{"name": "a"}, {"name": "b", "resources": {"requests": {"cpu": "1m"}}}]}),
                expect: &[("/spec/containers/0/resources/limits/cpu", json!("1"))] },
            Case { name: "the pod has some", mode: Default, results: &[Injected],
                spec: json!({"resources": {"requests": {"cpu": "1m"}}, "containers": [{"name": "a"}]}),
                expect: &[("/spec/containers/0/resources/limits/memory", json!("1Gi"))] },
        ]);
    }
}
