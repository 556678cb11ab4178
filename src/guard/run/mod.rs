//! The guard in the cluster: one replica, by a Lease, watches pods, and does what is decided.

mod act;
mod requests;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ApiResource;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};

use super::breaker::Breaker;
use super::pods::{Failure, Pods, Read};
use super::users::Users;
use crate::cluster::Cluster;
use crate::leader::{Clock, Elector, Leads, Office, Running, is_now, own_namespace};
use crate::metrics::Metrics;
use crate::sources::Sources;
use crate::telling::Teller;
use crate::watch::{self, Watches};

/// How long the Lease lasts.
const LASTS: Duration = Duration::from_secs(15);
/// How often it is looked whether there is something to do.
const TICK: Duration = Duration::from_millis(500);
/// So many failures are looked at in a turn.
const AT_ONCE: usize = 8;
/// So many failures wait at most. What is dropped fails again.
const QUEUE: usize = 1024;

/// What the guard needs of the server.
#[derive(Clone)]
pub(crate) struct Means {
    /// One that asks once: a refused eviction is an answer.
    pub(crate) client: Client,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) teller: Teller,
    pub(crate) metrics: Arc<Metrics>,
}

/// Begins to take part; `None` where it is not known in which namespace the Lease would be.
pub(crate) fn start(means: Means) -> Option<Running> {
    let Some(namespace) = own_namespace() else {
        tracing::info!(
            "nobody looks after pods that fail: it is not known where the Lease is, set POD_NAMESPACE"
        );
        return None;
    };
    let elector = Elector::new(
        Office::Guard,
        means.client.clone(),
        namespace,
        LASTS,
        Arc::new(Clock::default()),
        Arc::clone(&means.metrics),
    );
    Some(Running::begin(elector, |leads| work(means, leads)))
}

/// What is known while this replica leads.
#[derive(Default)]
struct Desk {
    pods: Pods,
    users: Users,
    breaker: Breaker,
    failures: VecDeque<Failure>,
    /// Pods to be evicted, and from when on.
    evictions: Vec<(Instant, Failure)>,
    listing: bool,
    /// When it was last looked who may go back up.
    climbed: Option<Instant>,
}

async fn work(means: Means, mut leads: Leads) {
    loop {
        // What it would decide by is not known before.
        while !is_now(&leads) || !means.watches.synced() {
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                Ok(()) = leads.changed() => {}
            }
        }
        lead(&means, &leads).await;
    }
}

/// For as long as this replica leads.
async fn lead(means: &Means, leads: &Leads) {
    let api: Api<Read> = Api::all_with(means.client.clone(), &ApiResource::erase::<Pod>(&()));
    let mut desk = Desk::default();
    let mut streaming = true;
    while is_now(leads) {
        // Pods come one by one where they can: a page of them takes ten megabytes.
        let config = watch::config(streaming).fields("status.phase!=Succeeded");
        let events = watcher(api.clone(), config).default_backoff();
        let refused = |error: &watcher::Error| streaming && watch::is_refused_stream(error);
        if look(means, leads, &mut desk, events, refused).await.is_err() {
            streaming = false;
        }
    }
}

/// The API server knows no lists as streams.
struct NoStreams;

/// Looks after pods, for as long as this replica leads.
async fn look(
    means: &Means,
    leads: &Leads,
    desk: &mut Desk,
    events: impl Stream<Item = Result<Event<Read>, watcher::Error>>,
    refused: impl Fn(&watcher::Error) -> bool,
) -> Result<(), NoStreams> {
    let mut events = pin!(events);
    let mut clock = tokio::time::interval(TICK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while is_now(leads) {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => desk.take(event),
                Some(Err(error)) if refused(&error) => return Err(NoStreams),
                // It lists anew by itself; what is known stays.
                Some(Err(error)) => tracing::debug!(error = watch::describe(&error), "watching pods"),
                None => break,
            },
            // Before a list is whole it is not known which images ran well.
            _ = clock.tick(), if !desk.listing => act::turn(means, desk, leads).await,
        }
    }
    Ok(())
}

impl Desk {
    /// Notes a pod that is to be evicted.
    fn evict_at(&mut self, due: Instant, failure: Failure) {
        self.evictions.retain(|(_, other)| other.uid != failure.uid);
        if self.evictions.len() < QUEUE {
            self.evictions.push((due, failure));
        }
    }

    /// One that is due.
    fn due(&mut self, now: Instant) -> Option<Failure> {
        let place = self.evictions.iter().position(|(due, _)| *due <= now)?;
        Some(self.evictions.swap_remove(place).1)
    }

    fn take(&mut self, event: Event<Read>) {
        let pod = match event {
            Event::Init => {
                self.listing = true;
                return self.pods.begin();
            }
            Event::InitDone => {
                self.listing = false;
                return self.pods.listed();
            }
            Event::Delete(pod) => return self.pods.delete(&pod),
            Event::InitApply(pod) | Event::Apply(pod) => pod,
        };
        let failure = self.pods.apply(&pod, self.listing, &mut self.users);
        failure.into_iter().for_each(|failure| self.note(failure));
    }

    /// Notes a failure that is to be looked at.
    fn note(&mut self, failure: Failure) {
        self.failures.retain(|other| other.uid != failure.uid);
        if self.failures.len() < QUEUE {
            self.failures.push_back(failure);
        }
    }
}
