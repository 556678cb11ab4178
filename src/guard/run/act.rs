//! Looks at what failed, decides, and does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::Guard;
use time::OffsetDateTime;

use super::requests::{self, RequestError, Workload};
use super::{AT_ONCE, Desk, Means};
use crate::guard::decide::{Change, Decision, SETTLE, Situation, climbs, decide};
use crate::guard::examine::{examine, terms};
use crate::guard::pods::Failure;
use crate::guard::{Circuit, GuardMode, GuardPolicy, Outcome, learnt};
use crate::leader::{Leads, is_now};
use crate::metrics::Label as _;
use crate::policy::PolicySet;
use crate::review::World;
use crate::telling::{About, Reason, Tale};

/// How often it is looked who may go back up.
const CLIMB: Duration = Duration::from_secs(10);
/// How long to wait where a pod has changed that was to be evicted.
const AGAIN: Duration = Duration::from_secs(1);
/// So many profiles are learnt in one namespace, and in all of them: no tenant fills the store.
const MOST_LEARNT: (usize, usize) = (64, 1024);

/// Does some of what there is to do.
pub(super) async fn turn(means: &Means, desk: &mut Desk, leads: &Leads) {
    let now = Instant::now();
    for scope in Circuit::ALL {
        means.metrics.guard_circuits.set(*scope, desk.breaker.count_open(*scope, now));
    }
    if desk.climbed.is_none_or(|last| now.duration_since(last) >= CLIMB) {
        desk.climbed = Some(now);
        climb(means, desk).await;
    }
    never_ready(means, desk);
    for _ in 0..AT_ONCE {
        if !is_now(leads) {
            return;
        }
        if let Some(failure) = desk.due(now) {
            evict(means, desk, &failure).await;
        } else if let Some(failure) = desk.failures.pop_front() {
            look_at(means, desk, failure).await;
        } else {
            return;
        }
    }
}

/// Notes pods that run and were never ready.
fn never_ready(means: &Means, desk: &mut Desk) {
    let policies = policies(means);
    let patience = |namespace: &str| i64::from(terms(&policies, &means.cluster, namespace).unready_seconds);
    let now = OffsetDateTime::now_utc().unix_timestamp();
    for failure in desk.pods.unready(now, patience) {
        desk.note(failure);
    }
}

/// Lets images go back up of which it is seen who they run as. It counts for pods to come; none is evicted for it.
async fn climb(means: &Means, desk: &mut Desk) {
    let lowered = means.sources.lowered();
    if lowered.is_empty() {
        return;
    }
    let policies = policies(means);
    let date = OffsetDateTime::now_utc().date().to_string();
    let seen = desk.users.ready().filter(|(_, _, uid)| *uid > 0).filter_map(|(namespace, image, uid)| {
        let images = learnt::about(image, namespace).filter(|images| lowered.contains(images))?;
        Some((namespace.to_owned(), image.to_owned(), uid, images))
    });
    for (namespace, image, uid, images) in seen.collect::<Vec<_>>() {
        let terms = terms(&policies, &means.cluster, &namespace);
        let (key, now) = ((namespace.clone(), image), Instant::now());
        // With a user that is built in it would stand as it stood before.
        let profile = policies.profiles().find(&key.1, &namespace);
        let stopped = profile.is_some_and(|profile| profile.facts.user.is_some())
            || desk.breaker.waits(&key, now)
            || desk.breaker.open(&namespace, &terms, now).is_some();
        if terms.mode == GuardMode::Off || stopped {
            continue;
        }
        let change = climbs(&means.sources.learnt(&images), uid, &images, &terms, &date);
        let Some(change) = change.filter(|change| has_no_room(means, &namespace, change).is_none()) else {
            continue;
        };
        match requests::write(&means.client, &change).await {
            Ok(()) => {
                desk.breaker.step(key, now);
                desk.breaker.count(&namespace, now);
                let heals = terms.mode == GuardMode::Heal;
                means.metrics.guard_outcomes.count(if heals { Outcome::InForce } else { Outcome::Suggested });
                let profile = &change.profile.metadata.name;
                tracing::info!(profile, namespace, uid, "an image was seen to run as a user of its own");
            }
            Err(error) => tracing::debug!(namespace, %error, "a profile could not be written"),
        }
    }
}

/// What is in force now.
fn policies(means: &Means) -> Arc<PolicySet> {
    Guard::into_inner(means.sources.in_force().load())
}

/// Finds out why a pod failed, and what to do.
async fn look_at(means: &Means, desk: &mut Desk, mut failure: Failure) {
    let policies = policies(means);
    let terms = terms(&policies, &means.cluster, &failure.namespace);
    let Some(owner) = failure.owner.as_ref().filter(|_| terms.mode != GuardMode::Off) else { return };
    let workload = match requests::workload(&means.client, &failure.namespace, owner).await {
        Ok(Some(workload)) => workload,
        Ok(None) => return,
        Err(error) => return failed(means, &failure, &error),
    };
    let now = OffsetDateTime::now_utc();
    let world = World { policies: &policies, cluster: &means.cluster, now, memory: None };
    let Some(standing) = examine(&workload.template, &failure.container, &failure.namespace, &world) else {
        return;
    };
    if !failure.hardened.contains(&standing.policy.hardened_key) {
        return;
    }
    desk.pods.ask_again(&mut failure);
    let key = (failure.namespace.clone(), standing.image.clone());
    let waits = desk.breaker.waits(&key, Instant::now());
    if terms.read_logs && !waits && !standing.is_copier && failure.has_more_to_say(standing.applied) {
        match requests::log(&means.client, &failure).await {
            Ok(log) => failure.hear(&log, standing.applied),
            // It goes on as where no log may be read.
            Err(error) => failed(means, &failure, &error),
        }
    }
    let learnt = learnt::about(&standing.image, &failure.namespace);
    let learnt = learnt.map(|images| means.sources.learnt(&images)).unwrap_or_default();
    let situation = Situation {
        failure: &failure,
        standing: &standing,
        terms: &terms,
        learnt: &learnt,
        image_user: desk.users.of(&failure.namespace, &standing.image),
        workload: &workload.name,
        date: &now.date().to_string(),
    };
    let decision = decide(&situation);
    match decision {
        Decision::Wait => {}
        Decision::Leave { outcome, cause, help, note } => {
            means.metrics.guard_failures.count(cause, help);
            means.metrics.guard_outcomes.count(outcome);
            said(&failure, &workload, outcome);
            let reason = match outcome {
                Outcome::Known => Reason::RemedySuggested,
                _ => Reason::NoRemedy,
            };
            note.into_iter().for_each(|note| tell(means, &failure, reason, note));
        }
        Decision::Evict { not_before } => {
            let wait = u64::try_from(not_before - now.unix_timestamp()).unwrap_or_default();
            desk.evict_at(Instant::now() + Duration::from_secs(wait), failure);
        }
        Decision::Write(change) => {
            if !desk.breaker.waits(&key, Instant::now()) {
                means.metrics.guard_failures.count(change.cause, change.help);
                write(means, desk, failure, &terms, key, &workload, &change).await;
            }
        }
    }
}

async fn write(
    means: &Means,
    desk: &mut Desk,
    failure: Failure,
    terms: &GuardPolicy,
    key: (String, String),
    workload: &Workload,
    change: &Change,
) {
    if is_stopped(means, desk, &failure, terms) {
        return;
    }
    if let Some((here, all)) = has_no_room(means, &failure.namespace, change) {
        means.metrics.guard_outcomes.count(Outcome::Stopped);
        let note =
            format!("{here} profiles are learnt here and {all} in all: no more are, delete what is old");
        return tell(means, &failure, Reason::GuardStopped, note);
    }
    match requests::write(&means.client, change).await {
        Ok(()) => {}
        // Somebody approved it, or another replica was quicker: if it fails again it is looked at again.
        Err(RequestError::Conflict) if change.resource_version.is_some() => return,
        Err(RequestError::Gone) => return,
        Err(error) => return failed(means, &failure, &error),
    }
    let now = Instant::now();
    desk.breaker.step(key, now);
    desk.breaker.count(&failure.namespace, now);
    let heals = change.profile.spec.is_in_force();
    let outcome = if heals { Outcome::InForce } else { Outcome::Suggested };
    let reason = if heals { Reason::RemedyInForce } else { Reason::RemedySuggested };
    means.metrics.guard_outcomes.count(outcome);
    tracing::info!(
        profile = change.profile.metadata.name,
        workload = workload.name,
        namespace = failure.namespace,
        cause = change.cause.as_str(),
        remedy = change.help.as_str(),
        outcome = outcome.as_str(),
        "a hardened pod failed, and something was learnt"
    );
    tell(means, &failure, reason, change.note.clone());
    if heals {
        // Until then every replica knows the profile.
        let settled = Duration::from_secs(SETTLE.unsigned_abs() + 1);
        desk.evict_at(now + settled, failure);
    }
}

/// How many profiles there are, in the namespace and in all, where a change would be one too many.
fn has_no_room(means: &Means, namespace: &str, change: &Change) -> Option<(usize, usize)> {
    let (here, all) = means.sources.count_learnt(namespace);
    let is_full = here >= MOST_LEARNT.0 || all >= MOST_LEARNT.1;
    (change.resource_version.is_none() && is_full).then_some((here, all))
}

/// Evicts a pod, if it is one of those that may be.
async fn evict(means: &Means, desk: &mut Desk, failure: &Failure) {
    let policies = policies(means);
    let terms = terms(&policies, &means.cluster, &failure.namespace);
    let Some(owner) = failure.owner.as_ref().filter(|_| terms.mode == GuardMode::Heal) else { return };
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let current = desk.pods.current(&failure.uid, now);
    // It goes already, or was started again: if it ends once more it is looked at once more.
    if current.as_ref().is_some_and(|current| !current.fails) {
        return;
    }
    if owner.kind == "Job" {
        return means.metrics.guard_outcomes.count(Outcome::LeftToJob);
    }
    let most = i64::from(terms.ready_seconds);
    let Some(current) = current.filter(|current| current.longest_ready < most) else {
        return means.metrics.guard_outcomes.count(Outcome::WasReady);
    };
    if is_stopped(means, desk, failure, &terms) {
        return;
    }
    match requests::evict(&means.client, failure, &current.resource_version).await {
        Ok(()) => {
            desk.breaker.count(&failure.namespace, Instant::now());
            means.metrics.guard_outcomes.count(Outcome::Evicted);
            tracing::info!(pod = failure.name, namespace = failure.namespace, "a failing pod was evicted");
        }
        Err(RequestError::Budget(message)) => {
            means.metrics.guard_outcomes.count(Outcome::EvictionRefused);
            let note = format!(
                "pod {} fails and may not be evicted: {message}. With unhealthyPodEvictionPolicy: AlwaysAllow its \
                 PodDisruptionBudget would let pods go that are not ready",
                failure.name
            );
            tell(means, failure, Reason::EvictionRefused, note);
        }
        // It has changed: how it is now is known as soon as the watch brings it.
        Err(RequestError::Conflict) => desk.evict_at(Instant::now() + AGAIN, failure.clone()),
        Err(RequestError::Gone) => {}
        Err(error) => failed(means, failure, &error),
    }
}

/// Whether a circuit is open, which its owner is told then.
fn is_stopped(means: &Means, desk: &mut Desk, failure: &Failure, terms: &GuardPolicy) -> bool {
    let Some(circuit) = desk.breaker.open(&failure.namespace, terms, Instant::now()) else { return false };
    means.metrics.guard_outcomes.count(Outcome::Stopped);
    let (what, limit) = match circuit {
        Circuit::Namespace => ("this namespace", terms.namespace_limit),
        Circuit::Cluster => ("the cluster", terms.cluster_limit),
    };
    tracing::warn!(namespace = failure.namespace, scope = circuit.as_str(), limit, "the guard stops for now");
    let note =
        format!("in an hour no more than {limit} steps are taken in {what}: the guard stops here for now");
    tell(means, failure, Reason::GuardStopped, note);
    true
}

fn said(failure: &Failure, workload: &Workload, outcome: Outcome) {
    tracing::debug!(
        workload = workload.name,
        namespace = failure.namespace,
        container = failure.container,
        outcome = outcome.as_str(),
        "a hardened pod failed"
    );
}

fn failed(means: &Means, failure: &Failure, error: &RequestError) {
    means.metrics.guard_outcomes.count(Outcome::Failed);
    tracing::warn!(namespace = failure.namespace, pod = failure.name, %error, "the guard could not go on");
}

/// Tells the owner of a pod's workload.
fn tell(means: &Means, failure: &Failure, reason: Reason, note: String) {
    let Some(owner) = &failure.owner else { return };
    let about = About {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        namespace: failure.namespace.clone(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    };
    means.teller.tell(Tale { about, reason, note });
}
