//! The two checks in the API server that this program writes: is that of exemptions in place, and does it deny? Is the
//! backstop what the policies in force give?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};

use super::follow::Keep;
use crate::authority::policy::{self, in_force};
use crate::backstop;
use crate::cluster::{Check, Cluster};
use crate::sources::Sources;

/// How often it is looked at the backstop. Policies and backstop are mostly changed together: what differs for a moment
/// is not worth a word.
const LOOK: Duration = Duration::from_secs(5);

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Which {
    Exemptions,
    Backstop,
}

impl Which {
    fn of(name: Option<&str>) -> Option<Self> {
        match name? {
            policy::NAME => Some(Self::Exemptions),
            backstop::NAME => Some(Self::Backstop),
            _ => None,
        }
    }
}

/// Says what becomes of the backstop, for ever.
pub(super) async fn tell_of_backstop(sources: Arc<Sources>) {
    loop {
        tokio::time::sleep(LOOK).await;
        sources.tell_of_backstop();
    }
}

/// A policy and its binding, as they are in the cluster now.
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

/// Keepers of policies and of bindings, which decide together.
pub(super) fn keepers(sources: &Arc<Sources>) -> (Policies, Bindings) {
    let pair = Arc::new(Mutex::new(Pair::default()));
    let both = Both { exemptions: pair, sources: Arc::clone(sources) };
    (Policies(both.clone()), Bindings(both))
}

#[derive(Clone)]
struct Both {
    exemptions: Arc<Mutex<Pair>>,
    sources: Arc<Sources>,
}

impl Both {
    fn change(&self, cluster: &Cluster, change: impl FnOnce(&mut Pair)) {
        let Ok(mut pair) = self.exemptions.lock() else { return };
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

    fn keys(&self, of_pair: impl FnOnce(&Pair) -> bool, of_backstop: bool) -> Vec<Which> {
        let exemptions = self.exemptions.lock().is_ok_and(|pair| of_pair(&pair));
        let all = [(exemptions, Which::Exemptions), (of_backstop, Which::Backstop)];
        all.into_iter().filter_map(|(is_there, which)| is_there.then_some(which)).collect()
    }
}

/// ValidatingAdmissionPolicies.
pub(super) struct Policies(Both);

impl Keep<ValidatingAdmissionPolicy> for Policies {
    type Key = Which;

    fn key(&self, object: &ValidatingAdmissionPolicy) -> Option<Which> {
        Which::of(object.metadata.name.as_deref())
    }

    fn apply(&mut self, cluster: &Cluster, key: Which, object: ValidatingAdmissionPolicy) {
        match key {
            Which::Exemptions => self.0.change(cluster, |pair| pair.policy = Some(object)),
            Which::Backstop => self.0.sources.backstop(|seen| seen.policy = Some(object)),
        }
    }

    fn delete(&mut self, cluster: &Cluster, key: &Which) {
        match key {
            Which::Exemptions => self.0.change(cluster, |pair| pair.policy = None),
            Which::Backstop => self.0.sources.backstop(|seen| seen.policy = None),
        }
    }

    fn keys(&self, _: &Cluster) -> Vec<Which> {
        self.0.keys(|pair| pair.policy.is_some(), self.0.sources.sees_backstop(|seen| seen.policy.is_some()))
    }
}

/// ValidatingAdmissionPolicyBindings.
pub(super) struct Bindings(Both);

impl Keep<ValidatingAdmissionPolicyBinding> for Bindings {
    type Key = Which;

    fn key(&self, object: &ValidatingAdmissionPolicyBinding) -> Option<Which> {
        Which::of(object.metadata.name.as_deref())
    }

    fn apply(&mut self, cluster: &Cluster, key: Which, object: ValidatingAdmissionPolicyBinding) {
        match key {
            Which::Exemptions => self.0.change(cluster, |pair| pair.binding = Some(object)),
            Which::Backstop => self.0.sources.backstop(|seen| seen.binding = Some(object)),
        }
    }

    fn delete(&mut self, cluster: &Cluster, key: &Which) {
        match key {
            Which::Exemptions => self.0.change(cluster, |pair| pair.binding = None),
            Which::Backstop => self.0.sources.backstop(|seen| seen.binding = None),
        }
    }

    fn keys(&self, _: &Cluster) -> Vec<Which> {
        self.0
            .keys(|pair| pair.binding.is_some(), self.0.sources.sees_backstop(|seen| seen.binding.is_some()))
    }
}
