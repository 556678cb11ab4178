//! Workloads of every kind: since when they exist, and who made them.

use std::collections::HashSet;

use kube::Resource;
use kube::api::{ObjectMeta, PartialObjectMeta};

use super::follow::Keep;
use crate::cluster::{Cluster, Owner, Uid, parse_uid};

/// Workloads of one kind: which of all owners they are.
#[derive(Debug, Default)]
pub(super) struct Workloads {
    ours: HashSet<Uid>,
}

impl<K: Resource<DynamicType = ()> + Send + 'static> Keep<PartialObjectMeta<K>> for Workloads {
    type Key = Uid;

    fn key(&self, object: &PartialObjectMeta<K>) -> Option<Uid> {
        parse_uid(object.metadata.uid.as_deref()?)
    }

    fn apply(&mut self, cluster: &Cluster, key: Uid, object: PartialObjectMeta<K>) {
        // Both never change in an object's life: what changes often, such as status, costs nothing here.
        if self.ours.contains(&key) {
            return;
        }
        let Some(owner) = owner(&object.metadata) else { return };
        self.ours.insert(key);
        cluster.owners.apply(key, owner);
    }

    fn delete(&mut self, cluster: &Cluster, key: &Uid) {
        self.ours.remove(key);
        cluster.owners.delete(key);
    }

    fn keys(&self, _: &Cluster) -> Vec<Uid> {
        self.ours.iter().copied().collect()
    }

    fn len(&self, _: &Cluster) -> usize {
        self.ours.len()
    }
}

fn owner(metadata: &ObjectMeta) -> Option<Owner> {
    let created = metadata.creation_timestamp.as_ref()?.0.as_second();
    let references = metadata.owner_references.iter().flatten();
    let controller = references.into_iter().find(|owner| owner.controller == Some(true));
    Some(Owner { created, controller: controller.and_then(|owner| parse_uid(&owner.uid)) })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::ReplicaSet;
    use serde_json::json;

    use super::*;

    const DEPLOYMENT: &str = "00000000-0000-0000-0000-000000000001";
    const REPLICA_SET: &str = "00000000-0000-0000-0000-000000000002";

    fn metadata(uid: &str, owner: Option<&str>) -> PartialObjectMeta<ReplicaSet> {
        let mut object = json!({"metadata": {"uid": uid, "creationTimestamp": "2026-01-02T03:04:05Z"}});
        if let Some(owner) = owner {
            object["metadata"]["ownerReferences"] = json!([
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": owner, "controller": true}]);
        }
        serde_json::from_value(object).expect("metadata")
    }

    #[test]
    fn the_chain_leads_to_who_was_there_first() {
        let cluster = Cluster::connected();
        let mut workloads = Workloads::default();
        for (uid, owner) in [(REPLICA_SET, Some(DEPLOYMENT)), (DEPLOYMENT, None)] {
            let object = metadata(uid, owner);
            let key = workloads.key(&object).expect("a uid");
            workloads.apply(&cluster, key, object);
        }
        let uid = parse_uid(REPLICA_SET).expect("a uid");
        let since = cluster.owners.since(&uid).expect("known");
        assert_eq!(since, time::macros::datetime!(2026-01-02 03:04:05 UTC));
        Keep::<PartialObjectMeta<ReplicaSet>>::delete(&mut workloads, &cluster, &uid);
        assert_eq!(cluster.owners.len(), 1);
    }
}
