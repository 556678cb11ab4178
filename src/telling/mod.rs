//! Telling the owners of workloads: Events, deduplicated and bounded, written after the answer was sent.
//!
//! Nothing here can slow an admission down: a review hands a [`Tale`] to a queue that drops what it cannot hold.

mod bound;
mod event;
mod exempted;
mod owner;
mod pace;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::annotation::DEFAULT_PREFIX;
use crate::cluster::Cluster;
use crate::inventory::Board;
use crate::metrics::{Metrics, Told};
use crate::watch::Watches;

/// How many tales wait at most.
const QUEUE: usize = 256;

/// Why somebody is told: an Event's `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An exemption was not honoured.
    ExemptionRefused,
    /// Something in the pod is insecure and could not be hardened.
    NotHardened,
    /// A running pod lives on an exemption that ends within seven days.
    ExemptionExpiring,
    /// A running pod lives on an exemption that has ended.
    ExemptionExpired,
    /// A binding reached the account of running pods that have no token.
    TokenMissing,
    /// A HardeningPolicy is wrong; its last good version stays in force.
    PolicyRefused,
    /// A hardened pod fails, and something may help once it is approved.
    RemedySuggested,
    /// A hardened pod fails, and something was put in force that may help.
    RemedyInForce,
    /// A hardened pod fails, and nothing is known that would help.
    NoRemedy,
    /// A PodDisruptionBudget keeps a failing pod from being evicted.
    EvictionRefused,
    /// The guard has done as much as it may in an hour.
    GuardStopped,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ExemptionRefused => "ExemptionRefused",
            Self::NotHardened => "NotHardened",
            Self::ExemptionExpiring => "ExemptionExpiring",
            Self::ExemptionExpired => "ExemptionExpired",
            Self::TokenMissing => "TokenMissing",
            Self::PolicyRefused => "PolicyRefused",
            Self::RemedySuggested => "RemedySuggested",
            Self::RemedyInForce => "RemedyInForce",
            Self::NoRemedy => "NoRemedy",
            Self::EvictionRefused => "EvictionRefused",
            Self::GuardStopped => "GuardStopped",
        }
    }

    /// The same is told again after so many seconds at the earliest. The API server keeps Events for an hour.
    const fn interval(self) -> i64 {
        match self {
            Self::ExemptionExpiring | Self::ExemptionExpired => 24 * 3600,
            _ => 3600,
        }
    }
}

/// An object that an Event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct About {
    /// `apps/v1`
    pub api_version: String,
    /// `ReplicaSet`
    pub kind: String,
    /// Where it is; empty: in no namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl About {
    /// The controller that a pod says it is of, or the pod itself.
    fn of_pod(metadata: &ObjectMeta) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let namespace = text(&metadata.namespace);
        let mut owners = metadata.owner_references.iter().flatten();
        match owners.find(|owner| owner.controller == Some(true)) {
            Some(owner) => Self {
                api_version: owner.api_version.clone(),
                kind: owner.kind.clone(),
                namespace,
                name: owner.name.clone(),
                uid: owner.uid.clone(),
            },
            None => Self {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                namespace,
                name: text(&metadata.name),
                uid: text(&metadata.uid),
            },
        }
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tale {
    /// Of what.
    pub about: About,
    /// What happened, in a word.
    pub reason: Reason,
    /// What happened, for people.
    pub note: String,
}

/// How often it is looked whether the cluster is known.
const GLANCE: Duration = Duration::from_secs(1);

/// Begins to tell: of what is handed to the teller, of exemptions that end, of accounts that are bound; what pods live
/// on goes to the `board` as well. It ends with the runtime.
#[must_use]
pub fn start(
    client: &Client,
    cluster: &Arc<Cluster>,
    watches: &Arc<Watches>,
    metrics: &Arc<Metrics>,
    board: Option<Arc<Board>>,
) -> Teller {
    let (teller, writing) = Teller::new(client.clone(), Arc::clone(metrics));
    tokio::spawn(writing);
    tokio::spawn(exempted::run(client.clone(), DEFAULT_PREFIX, teller.clone(), Arc::clone(metrics), board));
    let bound = bound::run(client.clone(), Arc::clone(cluster), teller.clone());
    let watches = Arc::clone(watches);
    tokio::spawn(async move {
        // Bindings that were there before the server tell nothing new.
        while !watches.synced() {
            tokio::time::sleep(GLANCE).await;
        }
        bound.await;
    });
    teller
}

/// Takes tales; cloned freely.
#[derive(Debug, Clone)]
pub struct Teller {
    queue: mpsc::Sender<Tale>,
    metrics: Arc<Metrics>,
}

impl Teller {
    /// A teller, and the task that writes what it is told; the task ends with the last teller.
    fn new(client: Client, metrics: Arc<Metrics>) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, tales) = mpsc::channel(QUEUE);
        let writing = write(client, tales, Arc::clone(&metrics));
        (Self { queue, metrics }, writing)
    }

    /// Hands a tale over; dropped and counted where too many wait.
    pub fn tell(&self, tale: Tale) {
        if self.queue.try_send(tale).is_err() {
            self.metrics.told.count(Told::Dropped);
        }
    }
}

async fn write(client: Client, mut tales: mpsc::Receiver<Tale>, metrics: Arc<Metrics>) {
    let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| "pod-hardener".to_owned());
    let mut pace = pace::Pace::default();
    let mut tops = owner::Tops::new(client.clone());
    while let Some(mut tale) = tales.recv().await {
        if !pace.lets(&tale, Instant::now()) {
            metrics.told.count(Told::Held);
            continue;
        }
        tale.about = tops.top(tale.about).await;
        let event = event::of(&tale, OffsetDateTime::now_utc(), &instance);
        let events = Api::namespaced(client.clone(), event.metadata.namespace.as_deref().unwrap_or_default());
        match events.create(&PostParams::default(), &event).await {
            Ok(_) => metrics.told.count(Told::Written),
            // Its name says what it tells: another replica told it, or this one before it was started anew.
            Err(kube::Error::Api(status)) if status.code == 409 => metrics.told.count(Told::Held),
            Err(error) => {
                metrics.told.count(Told::Failed);
                tracing::debug!(%error, reason = tale.reason.as_str(), "an event could not be written");
            }
        }
    }
}
