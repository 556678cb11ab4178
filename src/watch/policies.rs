//! Policies that are custom resources.

use std::sync::Arc;

use kube::api::DynamicObject;

use super::follow::Keep;
use crate::cluster::Cluster;
use crate::sources::Sources;

/// All of them.
pub(super) struct Policies(pub(super) Arc<Sources>);

impl Keep<DynamicObject> for Policies {
    type Key = String;

    fn key(&self, object: &DynamicObject) -> Option<String> {
        object.metadata.name.clone()
    }

    fn apply(&mut self, _: &Cluster, key: String, object: DynamicObject) {
        self.0.apply(&key, object.into());
    }

    fn delete(&mut self, _: &Cluster, key: &String) {
        self.0.delete(key);
    }

    fn keys(&self, _: &Cluster) -> Vec<String> {
        self.0.names()
    }

    fn may_be_absent(&self) -> bool {
        true
    }
}
