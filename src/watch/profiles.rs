//! Profiles that are custom resources.

use std::sync::Arc;

use kube::api::DynamicObject;

use super::follow::Keep;
use crate::cluster::Cluster;
use crate::sources::Sources;

/// All of them.
pub(super) struct Profiles(pub(super) Arc<Sources>);

impl Keep<DynamicObject> for Profiles {
    type Key = String;

    fn key(&self, object: &DynamicObject) -> Option<String> {
        object.metadata.name.clone()
    }

    fn apply(&mut self, _: &Cluster, key: String, object: DynamicObject) {
        self.0.apply_profile(&key, &object.into());
    }

    fn delete(&mut self, _: &Cluster, key: &String) {
        self.0.delete_profile(key);
    }

    fn keys(&self, _: &Cluster) -> Vec<String> {
        self.0.profile_names()
    }

    fn may_be_absent(&self) -> bool {
        true
    }
}
