//! The policies in force: replaced as a whole while reviews go on.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::PolicySet;

/// The policies in force. Whoever reviews loads them once per review: no pod is hardened by half a change.
#[derive(Debug)]
pub struct InForce {
    policies: ArcSwap<PolicySet>,
}

impl InForce {
    /// These policies, until others come.
    #[must_use]
    pub fn new(policies: PolicySet) -> Self {
        Self { policies: ArcSwap::from_pointee(policies) }
    }

    /// What is in force now.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<PolicySet>> {
        self.policies.load()
    }

    /// Puts other policies in force.
    pub fn replace(&self, policies: PolicySet) {
        self.policies.store(Arc::new(policies));
    }
}
