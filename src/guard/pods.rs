//! Pods as the guard reads them, and which of them fail. Nothing is kept of a pod but since when it was ready, and which
//! of its ends was looked at.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::api::Object;
use serde::Deserialize;

use super::classify::{Death, tail};
use super::readiness::{Readiness, Ready};
use super::users::{self, Users};
use crate::annotation::HARDENED;

/// So many pods are remembered. Of others it is not known whether they were ready, so they are never evicted.
const MOST: usize = 20_000;

/// A pod as it is read: all but what is asked for is passed over.
pub type Read = Object<Spec, Status>;

/// A pod's spec, as far as it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    #[serde(default)]
    containers: Vec<Container>,
    init_containers: Option<Vec<Container>>,
    security_context: Option<Context>,
    restart_policy: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    image: Option<String>,
    security_context: Option<Context>,
    resources: Option<Resources>,
    restart_policy: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    run_as_user: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Resources {
    limits: Option<Limits>,
}

#[derive(Debug, Clone, Deserialize)]
struct Limits {
    memory: Option<String>,
}

/// A pod's status, as far as it is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    start_time: Option<Time>,
    /// Why the pod as a whole failed: `Evicted`, `NodeLost`. That is nothing that hardening did.
    reason: Option<String>,
    conditions: Option<Vec<Condition>>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    last_transition_time: Option<Time>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    #[serde(default, rename = "imageID")]
    image_id: String,
    #[serde(default)]
    restart_count: i32,
    state: Option<State>,
    last_state: Option<State>,
    user: Option<User>,
}

#[derive(Debug, Clone, Deserialize)]
struct User {
    linux: Option<LinuxUser>,
}

#[derive(Debug, Clone, Deserialize)]
struct LinuxUser {
    uid: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct State {
    waiting: Option<Waiting>,
    terminated: Option<Terminated>,
}

#[derive(Debug, Clone, Deserialize)]
struct Waiting {
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Terminated {
    exit_code: i32,
    signal: Option<i32>,
    reason: Option<String>,
    message: Option<String>,
    finished_at: Option<Time>,
}

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
    /// How often it was started again.
    pub restarts: i32,
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

/// A pod as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// For how many seconds it was ready without a break, at most.
    pub longest_ready: i64,
    /// Which version of it that was.
    pub resource_version: String,
    /// Whether one of its containers has come to its end, and was not started again yet.
    pub fails: bool,
}

/// Hardened pods, by uid.
#[derive(Debug, Default)]
pub struct Pods {
    tracked: HashMap<Box<str>, Tracked>,
    listed: HashSet<Box<str>>,
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
    }

    /// A pod is gone.
    pub fn delete(&mut self, pod: &Read) {
        self.tracked.remove(pod.metadata.uid.as_deref().unwrap_or_default());
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
        if let Some(tracked) = &mut tracked {
            tracked.readiness.next(ready, listing);
            tracked.resource_version = pod.metadata.resource_version.as_deref().unwrap_or_default().into();
            tracked.fails = failing.is_some();
        }
        let (container, end) = failing?;
        let number = end.number(container);
        if let Some(tracked) = tracked {
            if tracked.looked_at == number {
                return None;
            }
            tracked.looked_at = number;
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut owners = pod.metadata.owner_references.iter().flatten();
        Some(Failure {
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
            started_again: pod.spec.restart_policy.as_deref() != Some("Never"),
            reason: end.reason.to_owned(),
            exit_code: end.exit_code,
            signal: end.signal,
            message: tail(end.message).to_owned(),
        })
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

/// The end of a container.
struct End<'p> {
    status: &'p ContainerStatus,
    reason: &'p str,
    exit_code: Option<i32>,
    signal: Option<i32>,
    message: &'p str,
    finished: Option<i64>,
}

impl End<'_> {
    /// Another one for another end.
    fn number(&self, container: &Container) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&container.name, self.reason, self.exit_code, self.finished, self.status.restart_count)
            .hash(&mut hasher);
        hasher.finish().max(1)
    }
}

/// Reasons to wait that are no ends of the program.
const CONFIG: [&str; 4] =
    ["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"];

impl Spec {
    /// The first container that fails, in the order in which they start.
    fn failing<'p>(&'p self, status: &'p Status) -> Option<(&'p Container, End<'p>)> {
        let pods = self.restart_policy.as_deref().unwrap_or("Always");
        let init = self.init_containers.iter().flatten().map(|container| {
            // A sidecar is started again whenever it ends.
            (container, container.restart_policy.as_deref() == Some("Always"))
        });
        let all = init.chain(self.containers.iter().map(|container| {
            (container, container.restart_policy.as_deref().unwrap_or(pods) == "Always")
        }));
        let statuses = || {
            status.init_container_statuses.iter().chain(&status.container_statuses).flatten()
        };
        all.into_iter().find_map(|(container, always)| {
            let status = statuses().find(|status| status.name == container.name)?;
            let end = status.end()?;
            (always || end.exit_code != Some(0)).then_some((container, end))
        })
    }

    fn user(&self, container: &Container) -> Option<i64> {
        let of = |context: &Option<Context>| context.as_ref().and_then(|context| context.run_as_user);
        of(&container.security_context).or(of(&self.security_context))
    }
}

impl Status {
    fn ready(&self) -> Option<Ready> {
        let condition = self.conditions.iter().flatten().find(|condition| condition.kind == "Ready")?;
        let since = seconds(condition.last_transition_time.as_ref())?;
        Some(Ready { is: condition.status == "True", since })
    }
}

impl ContainerStatus {
    /// How it came to its end, unless it runs, or waits for something else.
    fn end(&self) -> Option<End<'_>> {
        let state = self.state.as_ref()?;
        if let Some(terminated) = &state.terminated {
            return Some(self.ended(terminated));
        }
        let waiting = state.waiting.as_ref()?;
        let reason = waiting.reason.as_deref().unwrap_or_default();
        if CONFIG.contains(&reason) {
            return Some(End {
                status: self,
                reason,
                exit_code: None,
                signal: None,
                message: waiting.message.as_deref().unwrap_or_default(),
                finished: None,
            });
        }
        let last = self.last_state.as_ref().and_then(|last| last.terminated.as_ref());
        last.filter(|_| reason == "CrashLoopBackOff").map(|last| self.ended(last))
    }

    fn ended<'p>(&'p self, terminated: &'p Terminated) -> End<'p> {
        End {
            status: self,
            reason: terminated.reason.as_deref().unwrap_or_default(),
            exit_code: Some(terminated.exit_code),
            signal: terminated.signal,
            message: terminated.message.as_deref().unwrap_or_default(),
            finished: seconds(terminated.finished_at.as_ref()),
        }
    }
}

/// The keys of the annotations by which a pod says that it was hardened.
fn hardened(pod: &Read) -> Vec<String> {
    let keys = pod.metadata.annotations.iter().flatten().map(|(key, _)| key);
    keys.filter(|key| key.split_once('/').is_some_and(|(_, name)| name == HARDENED)).cloned().collect()
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
        });
    }
}

fn seconds(time: Option<&Time>) -> Option<i64> {
    time.map(|time| time.0.as_second())
}

#[cfg(test)]
pub(crate) mod tests;
