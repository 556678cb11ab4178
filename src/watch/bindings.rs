//! RoleBindings and ClusterRoleBindings, as far as they reach service accounts.

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};

use super::follow::Keep;
use super::namespaces::key_of;
use crate::cluster::{BindingSubject, Cluster, Key};

/// What Kubernetes itself lets every account do: to look around in the API. An account with nothing more is unbound.
/// (kube-apiserver's RBAC bootstrap policy, 1.34 to 1.37: the bindings of groups that accounts are in.)
const DISCOVERY: [&str; 5] = [
    "system:basic-user",
    "system:cluster-trust-bundle-discovery",
    "system:discovery",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
];

/// RoleBindings.
pub(super) struct OfNamespaces;

impl Keep<RoleBinding> for OfNamespaces {
    type Key = Key;

    fn key(&self, object: &RoleBinding) -> Option<Key> {
        key_of(&object.metadata)
    }

    fn apply(&mut self, cluster: &Cluster, key: Key, object: RoleBinding) {
        put(cluster, key, object.subjects.iter().flatten());
    }

    fn delete(&mut self, cluster: &Cluster, key: &Key) {
        remove(cluster, key);
    }

    fn keys(&self, cluster: &Cluster) -> Vec<Key> {
        known(cluster, |key| !key.0.is_empty())
    }

    fn len(&self, cluster: &Cluster) -> usize {
        cluster.bindings.read().map_or(0, |bindings| bindings.count_of_namespaces())
    }
}

/// ClusterRoleBindings.
pub(super) struct OfCluster;

impl Keep<ClusterRoleBinding> for OfCluster {
    type Key = Key;

    fn key(&self, object: &ClusterRoleBinding) -> Option<Key> {
        Some(("".into(), object.metadata.name.as_deref()?.into()))
    }

    fn apply(&mut self, cluster: &Cluster, key: Key, object: ClusterRoleBinding) {
        let is_discovery = DISCOVERY.contains(&&*key.1) && object.role_ref.name == *key.1;
        put(cluster, key, object.subjects.iter().flatten().filter(|_| !is_discovery));
    }

    fn delete(&mut self, cluster: &Cluster, key: &Key) {
        remove(cluster, key);
    }

    fn keys(&self, cluster: &Cluster) -> Vec<Key> {
        known(cluster, |key| key.0.is_empty())
    }

    fn len(&self, cluster: &Cluster) -> usize {
        cluster.bindings.read().map_or(0, |bindings| bindings.count_of_cluster())
    }
}

fn put<'s>(cluster: &Cluster, key: Key, subjects: impl Iterator<Item = &'s Subject>) {
    let subjects = subjects.filter_map(|subject| reached(subject, &key.0)).collect();
    if let Ok(mut bindings) = cluster.bindings.write() {
        bindings.apply(key, subjects);
    }
}

fn remove(cluster: &Cluster, key: &Key) {
    if let Ok(mut bindings) = cluster.bindings.write() {
        bindings.delete(key);
    }
}

fn known(cluster: &Cluster, is_ours: impl Fn(&Key) -> bool) -> Vec<Key> {
    let bindings = cluster.bindings.read();
    bindings.map_or_else(|_| Vec::new(), |all| all.keys().filter(|key| is_ours(key)).cloned().collect())
}

/// Which accounts a subject is; `None` for people. An account without a namespace is of the RoleBinding's own.
fn reached(subject: &Subject, own: &str) -> Option<BindingSubject> {
    let name = subject.name.as_str();
    match subject.kind.as_str() {
        "ServiceAccount" => {
            let namespace =
                subject.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or(own);
            (!namespace.is_empty()).then(|| BindingSubject::Account(namespace.into(), name.into()))
        }
        "User" => {
            let (namespace, name) = name.strip_prefix("system:serviceaccount:")?.split_once(':')?;
            Some(BindingSubject::Account(namespace.into(), name.into()))
        }
        "Group" => match name {
            "system:serviceaccounts" | "system:authenticated" => Some(BindingSubject::Everyone),
            _ => {
                let namespace = name.strip_prefix("system:serviceaccounts:")?;
                Some(BindingSubject::Namespace(namespace.into()))
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bind(cluster: &Cluster, name: &str, role: &str, subject: &serde_json::Value) {
        let object = json!({"metadata": {"name": name}, "subjects": [subject], "roleRef":
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}});
        let object: ClusterRoleBinding = serde_json::from_value(object).expect("a binding");
        let key = OfCluster.key(&object).expect("a key");
        OfCluster.apply(cluster, key, object);
    }

    #[test]
    fn subjects_reach_accounts() {
        for (subject, expected) in [
            (json!({"kind": "ServiceAccount", "name": "x", "namespace": "a"}), true),
            (json!({"kind": "ServiceAccount", "name": "x", "namespace": "b"}), false),
            (json!({"kind": "User", "name": "system:serviceaccount:a:x"}), true),
            (json!({"kind": "User", "name": "jane"}), false),
            (json!({"kind": "Group", "name": "system:serviceaccounts:a"}), true),
            (json!({"kind": "Group", "name": "system:serviceaccounts:b"}), false),
            (json!({"kind": "Group", "name": "system:serviceaccounts"}), true),
            (json!({"kind": "Group", "name": "system:authenticated"}), true),
            (json!({"kind": "Group", "name": "system:masters"}), false),
        ] {
            let cluster = Cluster::connected();
            bind(&cluster, "binding", "view", &subject);
            assert_eq!(cluster.account("a", "x").expect("connected").bound, expected, "{subject}");
        }
    }

    #[test]
    fn discovery_roles_do_not_count() {
        let cluster = Cluster::connected();
        let everyone = json!({"kind": "Group", "name": "system:authenticated"});
        for role in DISCOVERY {
            bind(&cluster, role, role, &everyone);
        }
        assert!(!cluster.account("a", "x").expect("connected").bound);
        bind(&cluster, "system:discovery", "cluster-admin", &everyone);
        assert!(cluster.account("a", "x").expect("connected").bound, "the name alone proves nothing");
    }

    #[test]
    fn relists_of_one_kind_leave_the_other_alone() {
        let cluster = Cluster::connected();
        bind(&cluster, "c", "view", &json!({"kind": "User", "name": "system:serviceaccount:b:x"}));
        let object = json!({"metadata": {"name": "r", "namespace": "a"}, "roleRef":
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "x"}]});
        let object: RoleBinding = serde_json::from_value(object).expect("a binding");
        let key = OfNamespaces.key(&object).expect("a key");
        OfNamespaces.apply(&cluster, key, object);
        assert!(cluster.account("a", "x").expect("connected").bound);
        assert_eq!(OfNamespaces.keys(&cluster), [("a".into(), "r".into())]);
        assert_eq!(OfCluster.keys(&cluster), [("".into(), "c".into())]);
    }
}
