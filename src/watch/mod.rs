//! Watches the cluster, and keeps what answers depend on in [`crate::cluster`].
//!
//! One watch per kind. Each object is trimmed as soon as it is read, so that memory goes with what is kept, not with
//! what objects hold. A watch that fails begins again, more slowly each time; what it brought stays in use.

mod bindings;
mod check;
mod client;
mod follow;
mod namespaces;
mod nodes;
mod once;
mod policies;
mod profiles;
mod status;
mod workloads;

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    LimitRange, Namespace, Node, ReplicationController, ResourceQuota, ServiceAccount,
};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{Api, ApiResource, PartialObjectMeta};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

pub(crate) use client::connect_once;
pub use client::{ClusterError, connect};
pub use once::{Once, read_once};
pub use status::{WatchState, Watches};

use crate::cluster::Cluster;
use crate::docs::profiles::PROFILES_PLURAL;
use crate::metrics::WatchKind;
use crate::sources::{Sources, report};
use follow::{Keep, follow};
pub(crate) use follow::{config, describe, is_refused_stream};

/// Begins to watch everything; it ends with the runtime.
pub fn start(client: &Client, cluster: &Arc<Cluster>, watches: &Arc<Watches>, sources: &Arc<Sources>) {
    let all = Starter { client, cluster, watches };
    all.whole::<PartialObjectMeta<Namespace>, _>(WatchKind::Namespaces, namespaces::Namespaces);
    all.whole::<LimitRange, _>(WatchKind::LimitRanges, namespaces::LimitRanges);
    all.whole::<ResourceQuota, _>(WatchKind::ResourceQuotas, namespaces::ResourceQuotas);
    all.whole::<ServiceAccount, _>(WatchKind::ServiceAccounts, namespaces::ServiceAccounts);
    all.whole::<RoleBinding, _>(WatchKind::RoleBindings, bindings::OfNamespaces);
    all.whole::<ClusterRoleBinding, _>(WatchKind::ClusterRoleBindings, bindings::OfCluster);
    all.start(
        Api::all_with(client.clone(), &ApiResource::erase::<Node>(&())),
        WatchKind::Nodes,
        nodes::Nodes,
    );
    all.workloads::<ReplicaSet>(WatchKind::ReplicaSets);
    all.workloads::<Deployment>(WatchKind::Deployments);
    all.workloads::<StatefulSet>(WatchKind::StatefulSets);
    all.workloads::<DaemonSet>(WatchKind::DaemonSets);
    all.workloads::<Job>(WatchKind::Jobs);
    all.workloads::<CronJob>(WatchKind::CronJobs);
    all.workloads::<ReplicationController>(WatchKind::ReplicationControllers);
    let (policies, policy_bindings) = check::keepers(sources);
    all.whole::<ValidatingAdmissionPolicy, _>(WatchKind::AdmissionPolicies, policies);
    all.whole::<ValidatingAdmissionPolicyBinding, _>(WatchKind::AdmissionPolicyBindings, policy_bindings);
    all.start(
        Api::all_with(client.clone(), &report::resource()),
        WatchKind::HardeningPolicies,
        policies::Policies(Arc::clone(sources)),
    );
    all.start(
        Api::all_with(client.clone(), &report::resource_of(crate::profiles::KIND, PROFILES_PLURAL)),
        WatchKind::ImageProfiles,
        profiles::Profiles(Arc::clone(sources)),
    );
    tokio::spawn(check::tell_of_backstop(Arc::clone(sources)));
    tokio::spawn(status::keep_contact(client.clone(), Arc::clone(watches)));
}

/// What every watch needs.
struct Starter<'s> {
    client: &'s Client,
    cluster: &'s Arc<Cluster>,
    watches: &'s Arc<Watches>,
}

impl Starter<'_> {
    /// Watches every object of a kind that is known when the program is built.
    fn whole<K, S>(&self, kind: WatchKind, keep: S)
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
        S: Keep<K>,
    {
        self.start(Api::<K>::all(self.client.clone()), kind, keep);
    }

    /// Watches a kind of workload, by metadata only.
    fn workloads<K>(&self, kind: WatchKind)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Send + Sync + 'static,
        K: DeserializeOwned + std::fmt::Debug,
    {
        self.whole::<PartialObjectMeta<K>, _>(kind, workloads::Workloads::default());
    }

    fn start<K, S>(&self, api: Api<K>, kind: WatchKind, keep: S)
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
        S: Keep<K>,
    {
        let report = self.watches.of(kind);
        tokio::spawn(follow(api, keep, Arc::clone(self.cluster), report));
    }
}
