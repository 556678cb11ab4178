//! The check of exemptions that nobody can go around: is it in place, and does it deny?

use std::sync::{Arc, Mutex};

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};

use super::follow::Keep;
pub(super) use crate::authority::policy::NAME;
use crate::authority::policy::in_force;
use crate::cluster::{Check, Cluster};

/// Both, as they are in the cluster now.
#[derive(Debug, Default)]
struct Pair {
    policy: Option<ValidatingAdmissionPolicy>,
    binding: Option<ValidatingAdmissionPolicyBinding>,
}

impl Pair {
    fn in_force(&self) -> Option<Check> {
        in_force(self.policy.as_ref()?, self.binding.as_ref()?)
    }
}

/// Keepers of the policy and of its binding, which decide together.
pub(super) fn keepers() -> (Policy, Binding) {
    let pair = Arc::new(Mutex::new(Pair::default()));
    (Policy(Arc::clone(&pair)), Binding(pair))
}

fn change(pair: &Mutex<Pair>, cluster: &Cluster, change: impl FnOnce(&mut Pair)) {
    let Ok(mut pair) = pair.lock() else { return };
    change(&mut pair);
    let check = pair.in_force();
    let known = cluster.check.load();
    if known.as_deref() == check.as_ref() {
        return;
    }
    match &check {
        Some(check) => tracing::info!(since = %check.since, "the check of exemptions is in force"),
        None => tracing::warn!("the check of exemptions is not in force any more"),
    }
    cluster.check.store(check.map(Arc::new));
}

/// The ValidatingAdmissionPolicy.
pub(super) struct Policy(Arc<Mutex<Pair>>);

impl Keep<ValidatingAdmissionPolicy> for Policy {
    type Key = ();

    fn key(&self, object: &ValidatingAdmissionPolicy) -> Option<()> {
        (object.metadata.name.as_deref() == Some(NAME)).then_some(())
    }

    fn apply(&mut self, cluster: &Cluster, (): (), object: ValidatingAdmissionPolicy) {
        change(&self.0, cluster, |pair| pair.policy = Some(object));
    }

    fn delete(&mut self, cluster: &Cluster, (): &()) {
        change(&self.0, cluster, |pair| pair.policy = None);
    }

    fn keys(&self, _: &Cluster) -> Vec<()> {
        self.0.lock().is_ok_and(|pair| pair.policy.is_some()).then_some(()).into_iter().collect()
    }
}

/// Its binding.
pub(super) struct Binding(Arc<Mutex<Pair>>);

impl Keep<ValidatingAdmissionPolicyBinding> for Binding {
    type Key = ();

    fn key(&self, object: &ValidatingAdmissionPolicyBinding) -> Option<()> {
        (object.metadata.name.as_deref() == Some(NAME)).then_some(())
    }

    fn apply(&mut self, cluster: &Cluster, (): (), object: ValidatingAdmissionPolicyBinding) {
        change(&self.0, cluster, |pair| pair.binding = Some(object));
    }

    fn delete(&mut self, cluster: &Cluster, (): &()) {
        change(&self.0, cluster, |pair| pair.binding = None);
    }

    fn keys(&self, _: &Cluster) -> Vec<()> {
        self.0.lock().is_ok_and(|pair| pair.binding.is_some()).then_some(()).into_iter().collect()
    }
}
