//! Namespaces, and what stands in them: limits, quotas, accounts.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, Namespace, ResourceQuota, ServiceAccount};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::{ObjectMeta, PartialObjectMeta};

use super::follow::Keep;
use crate::cluster::{Cluster, Key};
use crate::facts::{Account, Limit, LimitScope, LimitedResource, Quota, Space};

/// The longest annotation that is kept: which prefixes matter is policy's to say, but nothing that matters is as long
/// as what tools store there.
const LONGEST_ANNOTATION: usize = 1024;

/// A namespaced object's key.
pub(super) fn key_of(metadata: &ObjectMeta) -> Option<Key> {
    Some((metadata.namespace.as_deref()?.into(), metadata.name.as_deref()?.into()))
}

fn boxed(map: Option<BTreeMap<String, String>>) -> BTreeMap<Box<str>, Box<str>> {
    map.into_iter().flatten().map(|(key, value)| (key.into(), value.into())).collect()
}

/// Labels and annotations of namespaces.
pub(super) struct Namespaces;

impl Keep<PartialObjectMeta<Namespace>> for Namespaces {
    type Key = Box<str>;

    fn key(&self, object: &PartialObjectMeta<Namespace>) -> Option<Box<str>> {
        object.metadata.name.as_deref().map(Into::into)
    }

    fn apply(&mut self, cluster: &Cluster, key: Box<str>, object: PartialObjectMeta<Namespace>) {
        let mut annotations = boxed(object.metadata.annotations);
        annotations.retain(|_, value| value.len() <= LONGEST_ANNOTATION);
        let space = Space { labels: boxed(object.metadata.labels), annotations, ..Space::default() };
        cluster.namespaces.apply(key, space);
    }

    fn delete(&mut self, cluster: &Cluster, key: &Box<str>) {
        cluster.namespaces.delete(key);
    }

    fn keys(&self, cluster: &Cluster) -> Vec<Box<str>> {
        cluster.namespaces.names()
    }

    fn len(&self, cluster: &Cluster) -> usize {
        cluster.namespaces.len()
    }
}

/// The bounds of LimitRanges.
pub(super) struct LimitRanges;

impl Keep<LimitRange> for LimitRanges {
    type Key = Key;

    fn key(&self, object: &LimitRange) -> Option<Key> {
        key_of(&object.metadata)
    }

    fn apply(&mut self, cluster: &Cluster, key: Key, object: LimitRange) {
        let items = object.spec.map(|spec| spec.limits).unwrap_or_default();
        cluster.namespaces.apply_limit_range(key, items.iter().flat_map(bounds).collect());
    }

    fn delete(&mut self, cluster: &Cluster, key: &Key) {
        cluster.namespaces.delete_limit_range(key);
    }

    fn keys(&self, cluster: &Cluster) -> Vec<Key> {
        cluster.namespaces.limit_ranges()
    }

    fn len(&self, cluster: &Cluster) -> usize {
        cluster.namespaces.count_limit_ranges()
    }
}

/// One bound per resource; those of volume claims are not about pods.
fn bounds(item: &LimitRangeItem) -> Vec<Limit> {
    let scope = match item.type_.as_str() {
        "Container" => LimitScope::Container,
        "Pod" => LimitScope::Pod,
        _ => return Vec::new(),
    };
    let of = |map: &Option<BTreeMap<String, Quantity>>, name: &str| {
        map.as_ref().and_then(|map| map.get(name)).map(|quantity| quantity.0.as_str().into())
    };
    let limits = LimitedResource::ALL.map(|resource| Limit {
        scope,
        resource,
        min: of(&item.min, resource.as_str()),
        max: of(&item.max, resource.as_str()),
        max_ratio: of(&item.max_limit_request_ratio, resource.as_str()),
    });
    let says_something =
        |limit: &Limit| limit.min.is_some() || limit.max.is_some() || limit.max_ratio.is_some();
    limits.into_iter().filter(says_something).collect()
}

/// What ResourceQuotas count.
pub(super) struct ResourceQuotas;

impl Keep<ResourceQuota> for ResourceQuotas {
    type Key = Key;

    fn key(&self, object: &ResourceQuota) -> Option<Key> {
        key_of(&object.metadata)
    }

    fn apply(&mut self, cluster: &Cluster, key: Key, object: ResourceQuota) {
        cluster.namespaces.apply_quota(key, counted(&object));
    }

    fn delete(&mut self, cluster: &Cluster, key: &Key) {
        cluster.namespaces.delete_quota(key);
    }

    fn keys(&self, cluster: &Cluster) -> Vec<Key> {
        cluster.namespaces.quotas()
    }

    fn len(&self, cluster: &Cluster) -> usize {
        cluster.namespaces.count_quotas()
    }
}

/// Scopes other than those of best effort are taken to select every pod: a default too few costs nobody anything.
fn counted(object: &ResourceQuota) -> Quota {
    let Some(spec) = &object.spec else { return Quota::default() };
    let hard = |name: &str| spec.hard.as_ref().is_some_and(|hard| hard.contains_key(name));
    let selected = spec.scope_selector.as_ref().and_then(|selector| selector.match_expressions.as_ref());
    let selected = selected.into_iter().flatten().map(|expression| expression.scope_name.as_str());
    let mut scopes = spec.scopes.iter().flatten().map(String::as_str).chain(selected);
    Quota {
        requests: LimitedResource::ALL
            .map(LimitedResource::as_str)
            .map(|name| hard(name) || hard(&format!("requests.{name}"))),
        limits: LimitedResource::ALL.map(|resource| hard(&format!("limits.{}", resource.as_str()))),
        by_best_effort: scopes.any(|scope| matches!(scope, "BestEffort" | "NotBestEffort")),
    }
}

/// What ServiceAccounts say of themselves.
pub(super) struct ServiceAccounts;

impl Keep<ServiceAccount> for ServiceAccounts {
    type Key = Key;

    fn key(&self, object: &ServiceAccount) -> Option<Key> {
        key_of(&object.metadata)
    }

    fn apply(&mut self, cluster: &Cluster, key: Key, object: ServiceAccount) {
        let annotations = object.metadata.annotations.into_iter().flatten().map(|(key, _)| key.into());
        let account = Account {
            // The bindings' to say.
            bound: false,
            automount: object.automount_service_account_token,
            annotations: annotations.collect(),
        };
        cluster.accounts.apply(key, account);
    }

    fn delete(&mut self, cluster: &Cluster, key: &Key) {
        cluster.accounts.delete(key);
    }

    fn keys(&self, cluster: &Cluster) -> Vec<Key> {
        cluster.accounts.keys()
    }

    fn len(&self, cluster: &Cluster) -> usize {
        cluster.accounts.len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn namespaces_keep_labels_and_short_annotations() {
        let object = json!({"metadata": {
            "name": "a",
            "labels": {"team": "x"},
            "annotations": {
                "openshift.io/sa.scc.uid-range": "1000/10",
                "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(LONGEST_ANNOTATION + 1),
            },
        }});
        let object = serde_json::from_value(object).expect("metadata");
        let cluster = Cluster::connected();
        Namespaces.apply(&cluster, "a".into(), object);
        let space = cluster.space("a").expect("connected");
        assert_eq!(space.labels.get("team").map(|value| &**value), Some("x"));
        assert_eq!(space.annotations.len(), 1);
    }

    #[test]
    fn limit_ranges_give_a_bound_per_resource() {
        let object = json!({"metadata": {"namespace": "a", "name": "l"}, "spec": {"limits": [
            {"type": "Container", "min": {"cpu": "10m"}, "max": {"memory": "1Gi"},
             "default": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "4"}},
            {"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}},
            {"type": "Pod", "max": {"ephemeral-storage": "2Gi"}},
        ]}});
        let object: LimitRange = serde_json::from_value(object).expect("a LimitRange");
        let cluster = Cluster::connected();
        let key = LimitRanges.key(&object).expect("a key");
        LimitRanges.apply(&cluster, key, object);
        let limits = cluster.space("a").expect("connected").limits.clone();
        assert_eq!(limits.len(), 3);
        assert_eq!(limits[0].max_ratio.as_deref(), Some("4"));
        assert_eq!(limits[1].max.as_deref(), Some("1Gi"));
        assert_eq!(
            (limits[2].scope, limits[2].resource),
            (LimitScope::Pod, LimitedResource::EphemeralStorage)
        );
    }

    #[test]
    fn quotas_say_what_they_count() {
        let none = [false; 3];
        for (spec, requests, limits, by_best_effort) in [
            (json!({"hard": {"pods": "3"}}), none, none, false),
            (json!({"hard": {"cpu": "1", "requests.memory": "1"}}), [true, true, false], none, false),
            (json!({"hard": {"ephemeral-storage": "1Gi"}}), [false, false, true], none, false),
            (
                json!({"hard": {"limits.ephemeral-storage": "1Gi", "limits.cpu": "1"}}),
                none,
                [true, false, true],
                false,
            ),
            (json!({"hard": {"pods": "3"}, "scopes": ["NotBestEffort"]}), none, none, true),
            (json!({"hard": {"pods": "3"}, "scopes": ["Terminating", "BestEffort"]}), none, none, true),
            (
                json!({"scopeSelector": {"matchExpressions": [
                    {"scopeName": "NotBestEffort", "operator": "Exists"}]}}),
                none,
                none,
                true,
            ),
        ] {
            let object = serde_json::from_value(json!({"metadata": {}, "spec": spec})).expect("a quota");
            assert_eq!(counted(&object), Quota { requests, limits, by_best_effort }, "{spec}");
        }
    }

    #[test]
    fn accounts_keep_the_keys_of_annotations() {
        let object = json!({"metadata": {"namespace": "a", "name": "s",
            "annotations": {"eks.amazonaws.com/role-arn": "arn"}}, "automountServiceAccountToken": false});
        let object: ServiceAccount = serde_json::from_value(object).expect("an account");
        let cluster = Cluster::connected();
        ServiceAccounts.apply(&cluster, ("a".into(), "s".into()), object);
        let account = cluster.account("a", "s").expect("connected");
        assert_eq!(account.automount, Some(false));
        assert_eq!(*account.annotations, ["eks.amazonaws.com/role-arn".into()]);
    }
}
