//! Where the policies in force come from while the server runs: what `--policy` names, and custom resources.
//!
//! Whatever changes, the set that reviews read is made anew from the last good version of each, and replaced as a
//! whole. A version that is wrong leaves the last good one in force, and is told: in the log, by metrics and, of a
//! custom resource, in its status and by an Event.

mod backstop;
pub mod files;
mod object;
mod profiles;
pub mod report;
mod shown;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

use crate::metrics::{Metrics, PolicyOutcome, PolicySource};
use crate::policy::{self, HardeningPolicy, InForce, Policy, PolicyError, PolicySet, Replica};
use crate::profiles::{ProfileSet, with_built_in};
use object::Object;
pub use object::{Seen, Write};
pub(crate) use profiles::Learnt;
use profiles::Profiles;
pub use shown::{PolicyShown, ProfileShown, ProfilesShown};

/// All sources of policy of one server.
#[derive(Debug)]
pub struct Sources {
    in_force: Arc<InForce>,
    state: Mutex<State>,
    metrics: Arc<Metrics>,
    /// Something is to be reported.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The last good version of what `--policy` names.
    files: Vec<Policy>,
    /// Why what stands there now is refused, if it is.
    files_refused: Option<String>,
    /// Custom resources by name.
    objects: BTreeMap<String, Object>,
    /// Policies of files in whose place a custom resource of the same name is.
    replaced: Vec<String>,
    profiles: Profiles,
    /// The profiles in force, in one set.
    known: Arc<ProfileSet>,
    /// The backstop in the cluster.
    backstop: backstop::Seen,
}

impl Sources {
    /// These policies are in force, and the profiles that are built in, until something changes.
    #[must_use]
    pub fn new(policies: &PolicySet, metrics: Arc<Metrics>) -> Arc<Self> {
        let backstop = backstop::Seen { changed: true, ..backstop::Seen::default() };
        let files = policies.policies().to_vec();
        let known = with_built_in(Vec::new());
        let policies = policies.clone().with_profiles(Arc::clone(&known));
        let state = State { files, known, backstop, ..State::default() };
        let sources = Self {
            in_force: Arc::new(InForce::new(policies)),
            state: Mutex::default(),
            metrics,
            changed: Notify::new(),
        };
        sources.measure(&state, &state.files);
        sources.measure_profiles(&state);
        *sources.lock() = state;
        Arc::new(sources)
    }

    /// What reviews read.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force)
    }

    /// What `--policy` names was looked at again.
    pub fn look(&self, found: Result<Vec<Policy>, PolicyError>) {
        let mut state = self.lock();
        let was_refused = state.files_refused.take().is_some();
        match found {
            Ok(policies) => {
                if fingerprint(&policies) == fingerprint(&state.files) {
                    if was_refused {
                        tracing::info!("the policy files are again those in force");
                    }
                    self.measure(&state, &together(&state));
                    return;
                }
                self.metrics.policy_loads.count(PolicySource::Files, PolicyOutcome::Taken);
                let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
                tracing::info!(policies = names.join(","), "the policy files were taken up");
                state.files = policies;
                self.assemble(&mut state);
            }
            Err(error) => {
                state.files_refused = Some(crate::message::shorten(error.to_string()));
                self.metrics.policy_loads.count(PolicySource::Files, PolicyOutcome::Refused);
                tracing::error!(
                    reason = error.reason(),
                    %error,
                    "the policy files cannot be used; the last good policies stay in force"
                );
                self.measure(&state, &together(&state));
            }
        }
    }

    /// A custom resource is new, or has changed.
    pub fn apply(&self, name: &str, seen: Seen) {
        let mut state = self.lock();
        let object = state.objects.entry(name.to_owned()).or_default();
        if object.take(name, seen) {
            let outcome = match &object.refusal {
                None => {
                    tracing::info!(policy = name, generation = object.generation, "the policy was taken up");
                    PolicyOutcome::Taken
                }
                Some(why) => {
                    tracing::error!(
                        policy = name,
                        generation = object.generation,
                        why,
                        "the policy is refused"
                    );
                    PolicyOutcome::Refused
                }
            };
            self.metrics.policy_loads.count(PolicySource::Objects, outcome);
            self.assemble(&mut state);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// A custom resource is gone, and its policy out of force.
    pub fn delete(&self, name: &str) {
        let mut state = self.lock();
        if state.objects.remove(name).is_some() {
            tracing::info!(policy = name, "the policy is gone, and out of force");
            self.metrics.policy_loads.count(PolicySource::Objects, PolicyOutcome::Gone);
            self.assemble(&mut state);
        }
    }

    /// The custom resources that are known.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// Waits until there may be something to report.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The statuses that do not say yet what `replica` makes of the policies.
    pub(crate) fn unsaid(&self, replica: &str, now: &str) -> Vec<Write> {
        let state = self.lock();
        state.objects.iter().filter_map(|(name, object)| object.unsaid(name, replica, now)).collect()
    }

    /// The statuses that name a replica which goes.
    pub(crate) fn farewell(&self, replica: &str, now: &str) -> Vec<Write> {
        let state = self.lock();
        state.objects.iter().filter_map(|(name, object)| object.farewell(name, replica, now)).collect()
    }

    /// What was written is known before the watch tells it.
    pub(crate) fn written(&self, write: &Write, seen: Seen) {
        if let Some(object) = self.lock().objects.get_mut(&write.name) {
            object.written(write, seen);
        }
    }

    /// Refusals that nobody was told of: name, uid, what is wrong.
    pub(crate) fn take_refusals(&self) -> Vec<(String, String, String)> {
        let mut state = self.lock();
        let refusals = state.objects.iter_mut().filter_map(|(name, object)| {
            let why = object.refusal_to_tell()?;
            Some((name.clone(), object.uid.clone(), why))
        });
        refusals.collect()
    }

    fn assemble(&self, state: &mut State) {
        let policies = together(state);
        let replaced: Vec<String> = state
            .files
            .iter()
            .map(|policy| &policy.name)
            .filter(|name| state.objects.get(*name).is_some_and(|object| object.policy.is_some()))
            .cloned()
            .collect();
        if replaced != state.replaced && !replaced.is_empty() {
            tracing::info!(
                policies = replaced.join(","),
                "custom resources take the place of the policies of the same name that --policy names"
            );
        }
        state.replaced = replaced;
        self.measure(state, &policies);
        self.replace(state);
        state.backstop.changed = true;
        self.metrics.policy_loaded();
    }

    /// Puts in force what is known of both.
    fn replace(&self, state: &State) {
        let policies = PolicySet::new(together(state)).with_profiles(Arc::clone(&state.known));
        self.in_force.replace(policies);
    }

    fn measure(&self, state: &State, policies: &[Policy]) {
        let refused = state.objects.values().filter(|object| object.refusal.is_some()).count();
        let of_objects = state.objects.values().filter(|object| object.policy.is_some()).count();
        for (source, in_force, refused) in [
            (
                PolicySource::Files,
                policies.len().saturating_sub(of_objects),
                usize::from(state.files_refused.is_some()),
            ),
            (PolicySource::Objects, of_objects, refused),
        ] {
            self.metrics.policies.set(source, in_force);
            self.metrics.policies_refused.set(source, refused);
        }
        self.metrics.policy_fingerprint(fingerprint(policies));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Each change is whole: what a panic left is as good as what was there before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is in force of everything that is known.
fn together(state: &State) -> Vec<Policy> {
    let objects = state.objects.values().filter_map(|object| object.policy.clone());
    policy::together(objects.collect(), state.files.clone())
}

/// The same for the same policies in the same order, in every replica of one version.
fn fingerprint(policies: &[Policy]) -> u64 {
    fingerprint_of(&policies.iter().map(HardeningPolicy::from).collect::<Vec<_>>())
}

fn fingerprint_of<T: Serialize>(documents: &[T]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for document in documents {
        serde_json::to_string(document).unwrap_or_default().hash(&mut hasher);
    }
    hasher.finish()
}

/// What this replica says of an object.
fn replica(name: &str, object: &Object) -> Replica {
    let message = object.refusal.clone().unwrap_or_default();
    Replica { name: name.to_owned(), generation: object.generation, accepted: message.is_empty(), message }
}

#[cfg(test)]
mod tests;
