//! The backstop in the cluster beside the policies in force: is it written for them?

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};

use super::Sources;
use crate::backstop::{State, state};
use crate::metrics::{BackstopState, Metrics};

/// What the cluster has.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) policy: Option<ValidatingAdmissionPolicy>,
    pub(crate) binding: Option<ValidatingAdmissionPolicyBinding>,
    /// Whether it, or a policy, changed since it was last told.
    pub(super) changed: bool,
    pub(super) told: Option<State>,
}

impl Sources {
    /// The backstop in the cluster is new, has changed, or is gone.
    pub(crate) fn backstop(&self, change: impl FnOnce(&mut Seen)) {
        let mut state = self.lock();
        change(&mut state.backstop);
        state.backstop.changed = true;
    }

    /// Whether something is known of the backstop.
    pub(crate) fn sees_backstop(&self, is_so: impl FnOnce(&Seen) -> bool) -> bool {
        is_so(&self.lock().backstop)
    }

    /// Says, where something changed, how the backstop stands to the policies in force.
    pub(crate) fn tell_of_backstop(&self) {
        let mut all = self.lock();
        let seen = &mut all.backstop;
        if !std::mem::take(&mut seen.changed) {
            return;
        }
        let now = state(seen.policy.as_ref(), seen.binding.as_ref(), &self.in_force.load());
        measure(&self.metrics, now);
        if seen.told.replace(now) == Some(now) {
            return;
        }
        match now {
            State::Absent => {
                tracing::info!("there is no backstop: what is not hardened passes while no webhook answers")
            }
            State::Current => tracing::info!("the backstop is what the policies in force give"),
            State::Drifted => tracing::warn!(
                "the backstop is not what the policies in force give, as this version writes it: write and apply it again \
                 (pod-hardener generate admission-policy)"
            ),
        }
    }
}

fn measure(metrics: &Metrics, now: State) {
    for (state, label) in [
        (State::Absent, BackstopState::Absent),
        (State::Current, BackstopState::Current),
        (State::Drifted, BackstopState::Drifted),
    ] {
        metrics.backstop.set(label, usize::from(state == now));
    }
}
