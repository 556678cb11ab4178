//! Pods, created at a steady rate while something happens.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::api::{Answer, Api};
use crate::installation::is_hardened;

/// What became of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Hardened,
    /// Admitted as it was sent.
    Unhardened,
    /// Why.
    Refused(String),
}

impl Outcome {
    pub(crate) fn of(answer: Answer) -> Self {
        match answer {
            Ok(accepted) if is_hardened(&accepted.object) => Self::Hardened,
            Ok(_) => Self::Unhardened,
            Err(refused) => Self::Refused(format!("{}: {}", refused.code, refused.message)),
        }
    }
}

/// One creation.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) sent: Instant,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

/// How many pods, and how often one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) pods: u32,
    pub(crate) every: Duration,
}

/// Creates pods at this pace, whatever becomes of the ones before: as many as it says, and on until the fault
/// is over. Nobody runs them.
pub(crate) async fn create(
    api: Api,
    namespace: String,
    pace: Pace,
    mut over: watch::Receiver<bool>,
) -> Vec<Attempt> {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let begin = tokio::time::Instant::now();
    let mut creations = Vec::new();
    for number in 0.. {
        if number >= pace.pods && *over.borrow_and_update() {
            break;
        }
        sleep_until(begin + pace.every * number).await;
        let (api, path) = (api.clone(), path.clone());
        creations.push(tokio::spawn(async move { attempt(&api, &path).await }));
    }
    let mut attempts = Vec::new();
    for creation in creations {
        attempts.push(creation.await.expect("an attempt"));
    }
    attempts
}

async fn attempt(api: &Api, path: &str) -> Attempt {
    let sent = Instant::now();
    let outcome = Outcome::of(api.create(path, &pod()).await);
    Attempt { sent, took: sent.elapsed(), outcome }
}

/// A dry run in the namespace.
pub(crate) async fn probe(api: &Api, namespace: &str) -> Attempt {
    attempt(api, &format!("/api/v1/namespaces/{namespace}/pods?dryRun=All")).await
}

/// What every pod of the load is.
pub(crate) fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": LABEL}},
        "spec": {
            // No scheduler takes it while this is there.
            "schedulingGates": [{"name": "example.com/not-to-be-run"}],
            "containers": [{"name": "app", "image": "localhost/busybox:1"}],
        },
    })
}

fn pod() -> Value {
    let mut pod = template();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["generateName"] = json!("load-");
    pod
}

/// Not the ReplicaSet's, which would take them for its own.
const LABEL: &str = "load";

/// Removes all of the load that is in the namespace.
pub(crate) async fn remove(api: &Api, namespace: &str) {
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{LABEL}");
    api.delete(&path).await.expect("to be removed");
}

/// What became of many.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) hardened: usize,
    pub(crate) unhardened: usize,
    pub(crate) refused: usize,
    pub(crate) longest: Duration,
    /// Of these, how many name us.
    pub(crate) refused_by_us: usize,
    /// One reason why some were refused, if any were.
    pub(crate) reason: Option<String>,
}

impl Counts {
    pub(crate) fn of(attempts: &[Attempt]) -> Self {
        let mut counts = Self::default();
        for attempt in attempts {
            match &attempt.outcome {
                Outcome::Hardened => counts.hardened += 1,
                Outcome::Unhardened => counts.unhardened += 1,
                Outcome::Refused(reason) => {
                    counts.refused += 1;
                    counts.refused_by_us += usize::from(reason.contains("pod-hardener"));
                    counts.reason.get_or_insert_with(|| reason.clone());
                }
            }
            counts.longest = counts.longest.max(attempt.took);
        }
        counts
    }
}
