//! Pods as the guard reads them, and which of them fail. Nothing is kept of a pod but since when it was ready, and which
//! of its ends was looked at.

mod read;

use std::collections::{BTreeMap, HashMap, HashSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::classify::{Death, LONGEST, NEVER_READY, classify, tail};
use super::proven::{Mark, Proven};
use super::readiness::Readiness;
use super::users::{self, Users};
use crate::annotation::HARDENED;
use crate::rules::RuleSet;
use read::seconds;
use read::{Container, End};
pub use read::{Read, Spec, Status};

/// So many pods are remembered. Of others it is not known whether they were ready, so they are never evicted.
const MOST: usize = 20_000;

/// A pod that is still not ready is looked at again after so many seconds.
const AGAIN: i64 = 30;

/// So many that were never ready are remembered with all that is known of them: some hundred bytes each.
const MOST_UNREADY: usize = 1024;

/// So much of a message is kept, from its end, in bytes: the kubelet keeps 4096 of a file and 2048 of a log.
const MOST_KEPT: usize = 4096;

/// What was ready for so many seconds without being asked runs.
const LONG: i64 = 30;

/// A hardened pod that fails, and how.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// What made it; a bare pod has none.
    pub owner: Option<OwnerReference>,
    /// Annotations by which it says that it was hardened: their keys.
    pub hardened: Vec<String>,
    /// The container that came to its end.
    pub container: String,
    /// The image as the runtime resolved it.
    pub digest: String,
    /// The uid that pod or container name.
    pub user: Option<i64>,
    /// The container's memory limit.
    pub memory: Option<String>,
    /// The working directory that the pod names.
    pub working_dir: Option<String>,
    /// How often it was started again.
    pub restarts: i32,
    /// Whether one like it was ready before: then nothing is tried without a cause.
    pub proven: bool,
    mark: Mark,
    /// Whether the kubelet starts it again when it ends.
    started_again: bool,
    reason: String,
    exit_code: Option<i32>,
    signal: Option<i32>,
    message: String,
}

impl Failure {
    /// Whether the kubelet starts the container again when it ends.
    #[must_use]
    pub const fn is_started_again(&self) -> bool {
        self.started_again
    }

    /// How its container came to its end.
    #[must_use]
    pub fn death(&self) -> Death<'_> {
        Death {
            reason: &self.reason,
            exit_code: self.exit_code,
            signal: self.signal,
            message: &self.message,
            working_dir: self.working_dir.as_deref(),
        }
    }

    /// Whether it runs, and was never ready.
    #[must_use]
    pub fn is_unready(&self) -> bool {
        self.reason == NEVER_READY
    }

    /// Whether its log may tell what its status does not: the kubelet keeps 2048 bytes of a log, and only of what ended
    /// badly.
    #[must_use]
    pub fn has_more_to_say(&self, applied: RuleSet) -> bool {
        let began = self.exit_code.is_some() || self.is_unready();
        began && !self.proven && !classify(&self.death(), applied).is_whole()
    }

    /// Takes the end of its log for what it says, where that tells why.
    pub fn hear(&mut self, log: &str, applied: RuleSet) {
        let log = tail(log, LONGEST);
        if classify(&Death { message: log, ..self.death() }, applied).is_whole() {
            log.clone_into(&mut self.message);
        }
    }
}

/// What is kept of a pod.
#[derive(Debug)]
struct Tracked {
    readiness: Readiness,
    /// Which end was looked at last.
    looked_at: u64,
    resource_version: Box<str>,
    fails: bool,
}

/// A pod that runs and was never ready.
#[derive(Debug)]
struct Unready {
    /// From when on it could have been ready.
    since: i64,
    /// When it is to be looked at again.
    next: i64,
    failure: Failure,
}

/// A pod as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// For how many seconds it was ready without a break, at most.
    pub longest_ready: i64,
    /// Which version of it that was.
    pub resource_version: String,
    /// Whether one of its containers has come to its end, and was not started again yet; or runs, and was never ready.
    pub fails: bool,
}

/// Hardened pods, by uid.
#[derive(Debug, Default)]
pub struct Pods {
    tracked: HashMap<Box<str>, Tracked>,
    listed: HashSet<Box<str>>,
    unready: BTreeMap<Box<str>, Unready>,
    proven: Proven,
}

impl Pods {
    /// A list begins.
    pub fn begin(&mut self) {
        self.listed.clear();
    }

    /// A list is whole: what it does not name is gone.
    pub fn listed(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        self.tracked.retain(|uid, _| listed.contains(uid));
        self.unready.retain(|uid, _| listed.contains(uid));
    }

    /// A pod is gone.
    pub fn delete(&mut self, pod: &Read) {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        self.tracked.remove(uid);
        self.unready.remove(uid);
    }

    /// Those that run for so long, and were never ready; `patience` says for each namespace how long that is.
    pub fn unready(&mut self, now: i64, patience: impl Fn(&str) -> i64) -> Vec<Failure> {
        let mut found = Vec::new();
        for waiting in self.unready.values_mut() {
            let since = waiting.since;
            if now >= waiting.next && now >= since.saturating_add(patience(&waiting.failure.namespace)) {
                waiting.next = now.saturating_add(AGAIN);
                waiting.failure.proven = self.proven.holds(&waiting.failure.mark);
                found.push(waiting.failure.clone());
            }
        }
        found
    }

    /// Asks again whether one like it was ready: others may have been seen since.
    pub fn ask_again(&self, failure: &mut Failure) {
        failure.proven = self.proven.holds(&failure.mark);
    }

    /// Takes a pod that is new or has changed; the way in which it fails, unless that is known already.
    pub fn apply(&mut self, pod: &Read, listing: bool, users: &mut Users) -> Option<Failure> {
        see_users(pod, users);
        let hardened = hardened(pod);
        let uid = pod.metadata.uid.as_deref().filter(|_| !hardened.is_empty())?;
        if listing {
            self.listed.insert(uid.into());
        }
        let created = seconds(pod.metadata.creation_timestamp.as_ref())?;
        let status = pod.status.as_ref()?;
        let ready = status.ready();
        if !self.tracked.contains_key(uid) && self.tracked.len() < MOST {
            let readiness = Readiness::first(created, seconds(status.start_time.as_ref()), ready);
            let resource_version = Box::default();
            let tracked = Tracked { readiness, looked_at: 0, resource_version, fails: false };
            self.tracked.insert(uid.into(), tracked);
        }
        let goes = pod.metadata.deletion_timestamp.is_some() || status.reason.is_some();
        let failing = pod.spec.failing(status).filter(|_| !goes);
        let mut tracked = self.tracked.get_mut(uid);
        // Of one that is not tracked it is not known whether it was ready.
        let (mut was_ready, mut longest) = (true, 0);
        if let Some(tracked) = &mut tracked {
            tracked.readiness.next(ready, listing);
            tracked.resource_version = pod.metadata.resource_version.as_deref().unwrap_or_default().into();
            tracked.fails = failing.is_some();
            longest = tracked.readiness.longest(created);
            was_ready = ready.is_some_and(|ready| ready.is) || longest > 0;
        }
        // Without a probe it is ready for the moment between its start and its end.
        let asked = |container: &&Container| container.readiness_probe.is_some() || longest >= LONG;
        for container in pod.spec.containers.iter().filter(|_| was_ready).filter(asked) {
            self.proven.see(mark_of(pod, container));
        }
        let known = self.unready.remove(uid);
        let unready = pod.spec.unready(status).filter(|_| !goes && !was_ready && failing.is_none());
        if let Some((container, end, since)) = unready {
            let failure = failure(pod, uid, created, hardened, container, &end);
            let next = known.filter(|known| known.since == since).map_or(0, |known| known.next);
            if let Some(tracked) = tracked {
                tracked.fails = true;
            }
            if self.unready.len() < MOST_UNREADY {
                self.unready.insert(uid.into(), Unready { since, next, failure });
            }
            return None;
        }
        let (container, end) = failing?;
        let number = end.number(container);
        if let Some(tracked) = tracked {
            if tracked.looked_at == number {
                return None;
            }
            tracked.looked_at = number;
        }
        let mut failure = failure(pod, uid, created, hardened, container, &end);
        self.ask_again(&mut failure);
        Some(failure)
    }

    /// How a pod is, in seconds since 1970; `None` where that is not known.
    #[must_use]
    pub fn current(&self, uid: &str, now: i64) -> Option<Current> {
        let tracked = self.tracked.get(uid)?;
        Some(Current {
            longest_ready: tracked.readiness.longest(now),
            resource_version: tracked.resource_version.to_string(),
            fails: tracked.fails,
        })
    }

    /// How many pods are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracked.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracked.is_empty()
    }
}

fn failure(
    pod: &Read,
    uid: &str,
    created: i64,
    hardened: Vec<String>,
    container: &Container,
    end: &End<'_>,
) -> Failure {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut owners = pod.metadata.owner_references.iter().flatten();
    Failure {
        namespace: text(&pod.metadata.namespace),
        name: text(&pod.metadata.name),
        uid: uid.to_owned(),
        created,
        owner: owners.find(|owner| owner.controller == Some(true)).cloned(),
        hardened,
        container: container.name.clone(),
        digest: end.status.image_id.clone(),
        user: pod.spec.user(container),
        memory: container.resources.as_ref().and_then(|all| all.limits.as_ref()?.memory.clone()),
        restarts: end.status.restart_count,
        proven: false,
        mark: mark_of(pod, container),
        working_dir: container.working_dir.clone(),
        started_again: pod.spec.restart_policy.as_deref() != Some("Never"),
        reason: end.reason.to_owned(),
        exit_code: end.exit_code,
        signal: end.signal,
        message: tail(end.message, MOST_KEPT).to_owned(),
    }
}

/// What stands for a container's image as it is hardened.
fn mark_of(pod: &Read, container: &Container) -> Mark {
    let annotations = pod.metadata.annotations.iter().flatten();
    let values: Vec<&str> =
        annotations.filter(|(key, _)| says_hardened(key)).map(|(_, value)| value.as_str()).collect();
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    Mark::new(namespace, container.image.as_deref().unwrap_or_default(), &values)
}

fn says_hardened(key: &str) -> bool {
    key.split_once('/').is_some_and(|(_, name)| name == HARDENED)
}

/// The keys of the annotations by which a pod says that it was hardened.
fn hardened(pod: &Read) -> Vec<String> {
    let keys = pod.metadata.annotations.iter().flatten().map(|(key, _)| key);
    keys.filter(|key| says_hardened(key)).cloned().collect()
}

fn see_users(pod: &Read, users: &mut Users) {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    for status in statuses {
        let Some(container) = pod.spec.containers.iter().find(|other| other.name == status.name) else {
            continue;
        };
        users.see(&users::Seen {
            namespace,
            image: container.image.as_deref().unwrap_or_default(),
            digest: &status.image_id,
            uid: status.user.as_ref().and_then(|user| user.linux.as_ref()).map(|user| user.uid),
            chosen: pod.spec.user(container).is_some(),
            ready: status.ready,
        });
    }
}

#[cfg(test)]
pub(crate) mod tests;
