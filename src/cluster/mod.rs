//! What the cluster says, kept where answers can read it without a call: trimmed to what they depend on.
//!
//! It knows no network either: `watch` fills it, reviews read it. Each map has a lock of its own, held for a
//! look-up or a replacement, never while something is computed.

mod access;
mod check;
mod nodes;
mod owners;
mod store;

pub use access::{Bindings, Subject as BindingSubject};
pub use check::Check;
pub use nodes::{Node, Nodes};
pub use owners::{Owner, Owners, Uid, parse_uid};
pub use store::Store;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwapOption;

use crate::facts::{Account, Limit, Quota, Space};
use crate::policy::Policy;

/// A namespaced object's place: namespace, name.
pub type Key = (Box<str>, Box<str>);

/// What a ServiceAccount itself says; whether it is bound is the bindings' to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its own `automountServiceAccountToken`.
    pub automount: Option<bool>,
    /// The keys of its annotations.
    pub annotations: Vec<Box<str>>,
}

/// The cluster as it is known here. Empty and not connected in files and in a server without a cluster.
#[derive(Debug, Default)]
pub struct Cluster {
    /// Whether there is a cluster at all: without one nothing here is asked.
    connected: AtomicBool,
    /// Namespaces by name: labels and annotations, without limits and quotas.
    pub namespaces: Store<Box<str>, Space>,
    /// Each LimitRange's bounds.
    pub limit_ranges: Store<Key, Vec<Limit>>,
    /// What each ResourceQuota counts.
    pub quotas: Store<Key, Quota>,
    /// ServiceAccounts.
    pub accounts: Store<Key, AccountRecord>,
    /// Whom RoleBindings and ClusterRoleBindings reach.
    pub bindings: RwLock<Bindings>,
    /// Nodes, and which of them start pods in user namespaces.
    pub nodes: RwLock<Nodes>,
    /// Workloads: since when they exist, and who made them.
    pub owners: Owners,
    /// The ValidatingAdmissionPolicy that checks exemptions, while it is in place and denies.
    pub check: ArcSwapOption<Check>,
}

impl Cluster {
    /// A cluster that is about to be watched.
    #[must_use]
    pub fn connected() -> Self {
        Self { connected: AtomicBool::new(true), ..Self::default() }
    }

    /// Whether there is a cluster to ask.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// A namespace with its limits and quotas; `None` without a cluster. One that is not known (yet) is empty.
    #[must_use]
    pub fn space(&self, namespace: &str) -> Option<Arc<Space>> {
        if !self.is_connected() {
            return None;
        }
        let space = self.namespaces.get(namespace).unwrap_or_default();
        let limits: Vec<Limit> =
            self.limit_ranges.in_namespace(namespace).iter().flat_map(|all| all.iter().cloned()).collect();
        let quotas = self.quotas.in_namespace(namespace);
        if limits.is_empty() && quotas.is_empty() {
            return Some(space);
        }
        let quota = quotas.iter().fold(Quota::default(), |sum, next| Quota {
            ephemeral_storage_requests: sum.ephemeral_storage_requests | next.ephemeral_storage_requests,
            ephemeral_storage_limits: sum.ephemeral_storage_limits | next.ephemeral_storage_limits,
            not_best_effort: sum.not_best_effort | next.not_best_effort,
        });
        Some(Arc::new(Space { limits, quota, ..Space::clone(&space) }))
    }

    /// A service account; `None` without a cluster. One that is not known (yet) is unbound and plain.
    #[must_use]
    pub fn account(&self, namespace: &str, name: &str) -> Option<Arc<Account>> {
        if !self.is_connected() {
            return None;
        }
        let record = self.accounts.get_in(namespace, name).unwrap_or_default();
        let bound = self.bindings.read().is_ok_and(|bindings| bindings.reach(namespace, name));
        let (automount, annotations) = (record.automount, record.annotations.clone());
        Some(Arc::new(Account { bound, automount, annotations }))
    }

    /// The check of exemptions, where it is in force and is one for this policy.
    #[must_use]
    pub fn check_for(&self, policy: &Policy) -> Option<Arc<Check>> {
        self.check.load_full().filter(|check| check.settings.suffice_for(policy))
    }

    /// Whether every node that a pod with this node selector can reach starts pods in user namespaces.
    #[must_use]
    pub fn user_namespaces(&self, selector: &[(&str, &str)]) -> bool {
        self.is_connected() && self.nodes.read().is_ok_and(|nodes| nodes.all_have_user_namespaces(selector))
    }
}
