//! How a workload's pods are at a moment, from what the API says of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::Api;
use crate::installation::HARDENED;
use crate::node::is_ready;

/// A container that was not started again for so long, and is ready, counts as running.
pub(crate) const UNBROKEN: Duration = Duration::from_secs(8);

/// How a workload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing can be said yet; or it runs, and is not ready.
    Waiting(String),
    /// Its container came to its end, or cannot be started.
    Broken(String),
    /// It runs, in this posture.
    Running(String),
}

/// Looks at the pods of one workload again and again.
pub(crate) struct Look {
    api: Api,
    path: String,
    /// The pod that was looked at last, since when its container runs, and how often it was started again then.
    running: Option<(String, Instant)>,
    ready: BTreeSet<String>,
    /// Those that are to go.
    past: BTreeSet<String>,
    here: BTreeSet<String>,
    /// Whether a pod went that had been ready.
    pub(crate) ready_went: bool,
}

impl Look {
    pub(crate) fn new(api: Api, namespace: &str, name: &str) -> Self {
        let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{name}");
        Self {
            api,
            path,
            running: None,
            ready: BTreeSet::new(),
            past: BTreeSet::new(),
            here: BTreeSet::new(),
            ready_went: false,
        }
    }

    /// The pods that are to go may: somebody makes them anew on purpose.
    pub(crate) fn expect_others(&mut self) {
        self.ready.clear();
        self.past.append(&mut self.here);
    }

    /// For how long the container of the pod has been running.
    pub(crate) fn runs_for(&self) -> Duration {
        self.running.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    pub(crate) async fn now(&mut self) -> State {
        let list = match self.api.get(&self.path).await {
            Ok(list) => list.object,
            Err(refused) => return State::Waiting(refused.message),
        };
        let pods: Vec<&Value> = list["items"].as_array().into_iter().flatten().collect();
        let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let goes =
            |pod: &Value| pod["metadata"]["deletionTimestamp"].is_string() || self.past.contains(&uid(pod));
        let staying: Vec<&Value> = pods.iter().filter(|pod| !goes(pod)).copied().collect();
        self.here = staying.iter().map(|pod| uid(pod)).collect();
        self.ready_went |= self.ready.iter().any(|ready| !self.here.contains(ready));
        self.ready.retain(|ready| self.here.contains(ready));
        let Some(pod) =
            staying.into_iter().max_by_key(|pod| pod["metadata"]["creationTimestamp"].to_string())
        else {
            return State::Waiting("there is no pod".to_owned());
        };
        if is_ready(pod) {
            self.ready.insert(uid(pod));
        }
        if let Some(end) = end(pod) {
            self.running = None;
            return State::Broken(end);
        }
        let container = &pod["status"]["containerStatuses"][0]["state"];
        if container["running"].is_null() {
            let reason = container["waiting"]["reason"].as_str().unwrap_or("it has not begun");
            return State::Waiting(reason.to_owned());
        }
        let of = uid(pod);
        match &self.running {
            Some((other, _)) if *other == of => {}
            _ => self.running = Some((of, Instant::now())),
        }
        match is_ready(pod) {
            true if self.runs_for() >= UNBROKEN => State::Running(posture(pod)),
            true => State::Waiting("it runs for too short a time".to_owned()),
            false => State::Waiting("it runs, and is not ready".to_owned()),
        }
    }
}

/// How one of its containers came to its end, or why it is not started.
fn end(pod: &Value) -> Option<String> {
    const REASONS: [&str; 6] = [
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "StartError",
        "ErrImageNeverPull",
    ];
    let status = &pod["status"];
    let of = |field: &str| status[field].as_array().cloned().unwrap_or_default();
    let init = of("initContainerStatuses").into_iter().map(|status| (status, true));
    let statuses = init.chain(of("containerStatuses").into_iter().map(|status| (status, false)));
    for (status, is_init) in statuses {
        let ended = |state: &Value| {
            let end = &state["terminated"];
            (end.is_object() && !(is_init && end["exitCode"] == 0)).then(|| text(end))
        };
        if let Some(end) = ended(&status["state"]).or_else(|| ended(&status["lastState"])) {
            return Some(end);
        }
        let waiting = &status["state"]["waiting"];
        if waiting["reason"].as_str().is_some_and(|reason| REASONS.contains(&reason)) {
            return Some(text(waiting));
        }
    }
    None
}

/// What the API says of an end: its reason and exit code in a line, and below it the message, in which what was said
/// last says most.
fn text(end: &Value) -> String {
    let word = |field: &str| end[field].as_str().unwrap_or_default().trim().to_owned();
    let message = Some(word("message")).filter(|message| !message.is_empty());
    let code = end["exitCode"].as_i64().map_or_else(String::new, |code| format!(" {code}"));
    format!("{}{code}\n{}", word("reason"), message.as_deref().unwrap_or("no message"))
}

fn posture(pod: &Value) -> String {
    let Some(hardened) = pod["metadata"]["annotations"][HARDENED].as_str() else {
        return "none".to_owned();
    };
    let policy = hardened.split(':').next().unwrap_or_default();
    let lower = policy.split_once('(').map(|(_, rest)| rest.trim_end_matches(')').to_owned());
    lower.unwrap_or_else(|| "full".to_owned())
}
