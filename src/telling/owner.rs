//! From the controller that a pod names to the workload that a person wrote: the Deployment of a ReplicaSet.

use std::collections::HashMap;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use super::About;

/// So many are remembered; asking again costs little.
const MOST: usize = 1024;

/// Looks up who made a controller, and remembers.
pub(super) struct Tops {
    client: Client,
    known: HashMap<About, About>,
}

impl Tops {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: HashMap::new() }
    }

    /// The workload above; the object itself where there is none, or it cannot be read.
    pub(super) async fn top(&mut self, about: About) -> About {
        if let Some(top) = self.known.get(&about) {
            return top.clone();
        }
        let above = match about.kind.as_str() {
            "ReplicaSet" => self.above::<ReplicaSet>(&about).await,
            "Job" => self.above::<Job>(&about).await,
            _ => return about,
        };
        let Some(above) = above else { return about };
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(about, above.clone());
        above
    }

    async fn above<K>(&self, about: &About) -> Option<About>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &about.namespace);
        let object: PartialObjectMeta<K> = api.get_metadata(&about.name).await.ok()?;
        if object.metadata.uid.as_deref() != Some(about.uid.as_str()) {
            return None;
        }
        let owners = object.metadata.owner_references.unwrap_or_default();
        let owner = owners.into_iter().find(|owner| owner.controller == Some(true))?;
        Some(About {
            api_version: owner.api_version,
            kind: owner.kind,
            namespace: about.namespace.clone(),
            name: owner.name,
            uid: owner.uid,
        })
    }
}
