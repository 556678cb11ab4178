//! A pod as it is read, and which of its containers has come to its end.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::Object;
use serde::Deserialize;

use crate::guard::classify::NEVER_READY;
use crate::guard::readiness::Ready;

/// A pod as it is read: all but what is asked for is passed over.
pub type Read = Object<Spec, Status>;

/// A pod's spec, as far as it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    #[serde(default)]
    pub(super) containers: Vec<Container>,
    pub(super) init_containers: Option<Vec<Container>>,
    pub(super) security_context: Option<Context>,
    pub(super) restart_policy: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: Option<String>,
    pub(super) security_context: Option<Context>,
    pub(super) resources: Option<Resources>,
    pub(super) restart_policy: Option<String>,
    pub(super) working_dir: Option<String>,
    pub(super) readiness_probe: Option<Probe>,
    pub(super) startup_probe: Option<Probe>,
}

/// What a probe waits before it can have failed for good.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Probe {
    initial_delay_seconds: Option<i64>,
    period_seconds: Option<i64>,
    failure_threshold: Option<i64>,
}

impl Probe {
    /// In seconds, by what Kubernetes takes where nothing is said.
    fn patience(&self) -> i64 {
        let rounds = self.period_seconds.unwrap_or(10).saturating_mul(self.failure_threshold.unwrap_or(3));
        self.initial_delay_seconds.unwrap_or_default().saturating_add(rounds).max(0)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context {
    pub(super) run_as_user: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Resources {
    pub(super) limits: Option<Limits>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Limits {
    pub(super) memory: Option<String>,
}

/// A pod's status, as far as it is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub(super) start_time: Option<Time>,
    /// Why the pod as a whole failed: `Evicted`, `NodeLost`. That is nothing that hardening did.
    pub(super) reason: Option<String>,
    pub(super) conditions: Option<Vec<Condition>>,
    pub(super) container_statuses: Option<Vec<ContainerStatus>>,
    pub(super) init_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) last_transition_time: Option<Time>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    #[serde(default, rename = "imageID")]
    pub(super) image_id: String,
    #[serde(default)]
    pub(super) restart_count: i32,
    #[serde(default)]
    pub(super) ready: bool,
    pub(super) state: Option<State>,
    pub(super) last_state: Option<State>,
    pub(super) user: Option<User>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) linux: Option<LinuxUser>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LinuxUser {
    pub(super) uid: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct State {
    pub(super) running: Option<Running>,
    pub(super) waiting: Option<Waiting>,
    pub(super) terminated: Option<Terminated>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Running {
    pub(super) started_at: Option<Time>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Waiting {
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Terminated {
    pub(super) exit_code: i32,
    pub(super) signal: Option<i32>,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) finished_at: Option<Time>,
}

/// The end of a container.
pub(super) struct End<'p> {
    pub(super) status: &'p ContainerStatus,
    pub(super) reason: &'p str,
    pub(super) exit_code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) message: &'p str,
    finished: Option<i64>,
}

impl End<'_> {
    /// Another one for another end.
    pub(super) fn number(&self, container: &Container) -> u64 {
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
    pub(super) fn failing<'p>(&'p self, status: &'p Status) -> Option<(&'p Container, End<'p>)> {
        let pods = self.restart_policy.as_deref().unwrap_or("Always");
        let init = self.init_containers.iter().flatten().map(|container| {
            // A sidecar is started again whenever it ends.
            (container, container.restart_policy.as_deref() == Some("Always"))
        });
        let all =
            init.chain(self.containers.iter().map(|container| {
                (container, container.restart_policy.as_deref().unwrap_or(pods) == "Always")
            }));
        let statuses = || status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
        all.into_iter().find_map(|(container, always)| {
            let status = statuses().find(|status| status.name == container.name)?;
            let end = status.end()?;
            (always || end.exit_code != Some(0)).then_some((container, end))
        })
    }

    /// The first container that runs and whose probe does not find it ready, with the second from which on it could have
    /// been.
    pub(super) fn unready<'p>(&'p self, status: &'p Status) -> Option<(&'p Container, End<'p>, i64)> {
        let statuses = status.container_statuses.iter().flatten();
        self.containers.iter().find_map(|container| {
            let probe = container.readiness_probe.as_ref().or(container.startup_probe.as_ref())?;
            let startup = container.startup_probe.as_ref().map_or(0, Probe::patience);
            let status = statuses.clone().find(|status| status.name == container.name && !status.ready)?;
            let running = status.state.as_ref()?.running.as_ref()?;
            let since = seconds(running.started_at.as_ref())?;
            let end = End {
                status,
                reason: NEVER_READY,
                exit_code: None,
                signal: None,
                message: "",
                finished: Some(since),
            };
            Some((container, end, since.saturating_add(probe.patience()).saturating_add(startup)))
        })
    }

    pub(super) fn user(&self, container: &Container) -> Option<i64> {
        let of = |context: &Option<Context>| context.as_ref().and_then(|context| context.run_as_user);
        of(&container.security_context).or(of(&self.security_context))
    }
}

impl Status {
    pub(super) fn ready(&self) -> Option<Ready> {
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

pub(super) fn seconds(time: Option<&Time>) -> Option<i64> {
    time.map(|time| time.0.as_second())
}
