//! Reads once what the watches bring: for who looks at a cluster, and goes.

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, Node, ResourceQuota, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{Api, ApiResource, ListParams, PartialObjectMeta};
use kube::{Client, Error, Resource};
use serde::de::DeserializeOwned;

use super::follow::Keep;
use super::{bindings, namespaces, nodes, policies, profiles};
use crate::cluster::Cluster;
use crate::docs::profiles::PROFILES_PLURAL;
use crate::inventory::stored::{PAGE, all};
use crate::metrics::WatchKind;
use crate::sources::{Sources, report};

/// What could not be read, or is not in force.
#[derive(Debug, Default)]
pub struct Once {
    /// Kinds that could not be read, and why.
    pub unread: Vec<(WatchKind, String)>,
    /// Policies that are refused, and why.
    pub refused: Vec<String>,
}

impl Once {
    /// Whether a kind was read.
    #[must_use]
    pub fn has(&self, kind: WatchKind) -> bool {
        self.unread.iter().all(|(unread, _)| *unread != kind)
    }
}

/// Reads what answers depend on: of one namespace, or of all.
pub async fn read_once(
    client: &Client,
    cluster: &Cluster,
    sources: &Arc<Sources>,
    namespace: Option<&str>,
) -> Once {
    let reading = Reading { client, cluster, namespace };
    let custom = |kind, plural| Api::all_with(client.clone(), &report::resource_of(kind, plural));
    let own = namespace.map(|name| format!("metadata.name={name}"));
    let names = ListParams { field_selector: own, ..ListParams::default() };
    let (policies, profiles) =
        (policies::Policies(Arc::clone(sources)), profiles::Profiles(Arc::clone(sources)));
    let results = tokio::join!(
        reading.all(
            Api::<PartialObjectMeta<Namespace>>::all(client.clone()),
            names,
            WatchKind::Namespaces,
            namespaces::Namespaces,
        ),
        reading.namespaced::<LimitRange, _>(WatchKind::LimitRanges, namespaces::LimitRanges),
        reading.namespaced::<ResourceQuota, _>(WatchKind::ResourceQuotas, namespaces::ResourceQuotas),
        reading.namespaced::<ServiceAccount, _>(WatchKind::ServiceAccounts, namespaces::ServiceAccounts),
        reading.namespaced::<RoleBinding, _>(WatchKind::RoleBindings, bindings::OfNamespaces),
        reading.whole(
            Api::<ClusterRoleBinding>::all(client.clone()),
            WatchKind::ClusterRoleBindings,
            bindings::OfCluster,
        ),
        reading.whole(
            Api::all_with(client.clone(), &ApiResource::erase::<Node>(&())),
            WatchKind::Nodes,
            nodes::Nodes,
        ),
        reading.whole(
            Api::all_with(client.clone(), &report::resource()),
            WatchKind::HardeningPolicies,
            policies,
        ),
        reading.whole(custom(crate::profiles::KIND, PROFILES_PLURAL), WatchKind::ImageProfiles, profiles,),
    );
    let (a, b, c, d, e, f, g, h, i) = results;
    let refused = sources.take_refusals().into_iter().map(|(name, _, why)| format!("policy {name}: {why}"));
    Once { unread: [a, b, c, d, e, f, g, h, i].into_iter().flatten().collect(), refused: refused.collect() }
}

/// What each list needs.
struct Reading<'r> {
    client: &'r Client,
    cluster: &'r Cluster,
    namespace: Option<&'r str>,
}

/// A kind that could not be read, and why.
type Unread = Option<(WatchKind, String)>;

impl Reading<'_> {
    async fn namespaced<K, S>(&self, kind: WatchKind, keep: S) -> Unread
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned,
        K: std::fmt::Debug,
        S: Keep<K>,
    {
        let api = match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        self.whole(api, kind, keep).await
    }

    async fn whole<K, S>(&self, api: Api<K>, kind: WatchKind, keep: S) -> Unread
    where
        K: Clone + DeserializeOwned + std::fmt::Debug,
        S: Keep<K>,
    {
        self.all(api, ListParams::default(), kind, keep).await
    }

    async fn all<K, S>(&self, api: Api<K>, page: ListParams, kind: WatchKind, mut keep: S) -> Unread
    where
        K: Clone + DeserializeOwned + std::fmt::Debug,
        S: Keep<K>,
    {
        match all(&api, page.limit(PAGE)).await {
            Ok(objects) => {
                for object in objects {
                    if let Some(key) = keep.key(&object) {
                        keep.apply(self.cluster, key, object);
                    }
                }
                keep.listed(self.cluster);
                None
            }
            // The cluster has no such kind.
            Err(Error::Api(status)) if status.code == 404 && keep.may_be_absent() => None,
            Err(Error::Api(status)) => Some((kind, status.message.clone())),
            Err(error) => Some((kind, error.to_string())),
        }
    }
}
