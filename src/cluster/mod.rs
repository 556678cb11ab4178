//! What the cluster says, kept where answers can read it without a call: trimmed to what they depend on.
//!
//! It knows no network either: `watch` fills it, reviews read it. Each map has a lock of its own, held for a
//! look-up or a replacement, never while something is computed.

mod access;
mod accounts;
mod check;
mod named;
mod nodes;
mod owners;
mod spaces;

pub use access::{Bindings, Subject as BindingSubject};
pub use accounts::Accounts;
pub use check::Check;
pub use nodes::{Abilities, Node, Nodes};
pub use owners::{Owner, Owners, Uid, parse_uid};
pub use spaces::Spaces;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwapOption;

use crate::facts::{Account, Space};
use crate::policy::Policy;

/// A namespaced object's place: namespace, name.
pub type Key = (Box<str>, Box<str>);

/// The cluster as it is known here. Empty and not connected in files and in a server without a cluster.
#[derive(Debug, Default)]
pub struct Cluster {
    /// Whether there is a cluster at all: without one nothing here is asked.
    connected: AtomicBool,
    /// Namespaces with their limits and quotas.
    pub namespaces: Spaces,
    /// ServiceAccounts.
    pub accounts: Accounts,
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
        self.is_connected().then(|| self.namespaces.get(namespace))
    }

    /// A service account; `None` without a cluster. One that is not known (yet) is unbound and plain.
    #[must_use]
    pub fn account(&self, namespace: &str, name: &str) -> Option<Arc<Account>> {
        if !self.is_connected() {
            return None;
        }
        let account = self.accounts.get(namespace, name);
        if !self.bindings.read().is_ok_and(|bindings| bindings.reach(namespace, name)) {
            return Some(account);
        }
        Some(Arc::new(Account { bound: true, ..Account::clone(&account) }))
    }

    /// The check of exemptions, where it is in force and is one for this policy.
    #[must_use]
    pub fn check_for(&self, policy: &Policy) -> Option<Arc<Check>> {
        self.check.load_full().filter(|check| check.settings.suffice_for(policy))
    }

    /// What every node can do that a pod with this node selector can reach.
    #[must_use]
    pub fn abilities(&self, selector: &[(&str, &str)]) -> Abilities {
        let nodes = if self.is_connected() { self.nodes.read().ok() } else { None };
        nodes.map_or_else(Abilities::default, |nodes| nodes.all_can(selector))
    }
}
