//! How each watch is doing: for readiness, people and metrics.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::Client;

use crate::metrics::{Label as _, Metrics, WatchKind};

/// How often the API server is asked whether it is there: a watch may rightly be silent for longer.
const CONTACT_EVERY: Duration = Duration::from_secs(10);

/// How all watches are doing.
#[derive(Debug)]
pub struct Watches {
    states: Vec<State>,
    metrics: Arc<Metrics>,
}

/// How one watch is doing.
#[derive(Debug, Default)]
struct State {
    /// Whether all objects were listed once.
    synced: AtomicBool,
    /// Whether the cluster does not know the kind.
    absent: AtomicBool,
    objects: AtomicUsize,
    /// Why it does not go on, while it does not.
    error: Mutex<Option<String>>,
}

/// What there is to say of one watch.
#[derive(Debug, Clone, Default)]
pub struct WatchState {
    /// The kind's name.
    pub kind: &'static str,
    /// Whether all objects were listed once.
    pub synced: bool,
    /// Whether the cluster does not know the kind.
    pub absent: bool,
    /// How many objects are known.
    pub objects: usize,
    /// When something came last, in seconds since 1970; 0: nothing yet. A quiet kind is begun anew every minute.
    pub heard: i64,
    /// Why it does not go on, while it does not.
    pub error: Option<String>,
}

impl WatchState {
    /// Whether all is known, and goes on to be.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.synced && self.error.is_none()
    }
}

impl Watches {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        let states = WatchKind::ALL.iter().map(|_| State::default()).collect();
        Arc::new(Self { states, metrics })
    }

    /// Whether everything was listed once. What is lost later does not change that: what is known stays in use.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.states.iter().all(|state| state.synced.load(Ordering::Relaxed))
    }

    /// Those that were not listed yet.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let all = WatchKind::ALL.iter().zip(&self.states);
        let missing = all.filter(|(_, state)| !state.synced.load(Ordering::Relaxed));
        missing.map(|(kind, _)| kind.as_str()).collect()
    }

    /// How each is doing.
    #[must_use]
    pub fn states(&self) -> Vec<WatchState> {
        let all = WatchKind::ALL.iter().zip(&self.states);
        let look = |(kind, state): (&WatchKind, &State)| WatchState {
            kind: kind.as_str(),
            synced: state.synced.load(Ordering::Relaxed),
            absent: state.absent.load(Ordering::Relaxed),
            objects: state.objects.load(Ordering::Relaxed),
            heard: self.metrics.watch_last_brought(*kind),
            error: state.error.lock().ok().and_then(|error| error.clone()),
        };
        all.map(look).collect()
    }

    /// A line per watch.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for state in self.states() {
            let mark = if state.is_well() { '+' } else { '-' };
            let WatchState { kind, synced, absent, objects, error, .. } = state;
            // Writing to a string does not fail.
            let _ = write!(text, "[{mark}] watch {kind}: ");
            let _ = match (synced, error) {
                (true, None) if absent => writeln!(text, "the cluster has no such kind"),
                (true, None) => writeln!(text, "{objects} objects"),
                (true, Some(error)) => writeln!(text, "{objects} objects as last known: {error}"),
                (false, None) => writeln!(text, "not listed yet"),
                (false, Some(error)) => writeln!(text, "not listed: {error}"),
            };
        }
        text
    }

    pub(super) fn of(self: &Arc<Self>, kind: WatchKind) -> Report {
        Report { kind, watches: Arc::clone(self) }
    }
}

/// Where one watch says how it is doing.
#[derive(Debug, Clone)]
pub(super) struct Report {
    kind: WatchKind,
    watches: Arc<Watches>,
}

impl Report {
    /// Something came.
    pub(super) fn contact(&self) {
        self.watches.metrics.cluster_answered();
        self.watches.metrics.watch_brought(self.kind);
        if self.state().is_some_and(|state| state.absent.swap(false, Ordering::Relaxed)) {
            tracing::info!(kind = self.kind.as_str(), "the cluster has this kind now");
        }
        if self.set_error(None).is_some() {
            tracing::info!(kind = self.kind.as_str(), "the watch goes on");
        }
    }

    /// All objects were listed.
    pub(super) fn synced(&self) {
        let Some(state) = self.state() else { return };
        if !state.synced.swap(true, Ordering::Relaxed) {
            tracing::debug!(kind = self.kind.as_str(), "listed");
            self.watches.metrics.watch_synced.set(self.kind, 1);
            if self.watches.synced() {
                tracing::info!("everything in the cluster that answers depend on is known");
            }
        }
    }

    /// The cluster does not know the kind: there are no objects of it.
    pub(super) fn absent(&self) {
        self.watches.metrics.cluster_answered();
        self.set_error(None);
        if let Some(state) = self.state() {
            state.absent.store(true, Ordering::Relaxed);
        }
        self.objects(0);
        self.synced();
    }

    /// So many objects are known.
    pub(super) fn objects(&self, count: usize) {
        let Some(state) = self.state() else { return };
        state.objects.store(count, Ordering::Relaxed);
        self.watches.metrics.watch_objects.set(self.kind, count);
    }

    /// It failed, and will be tried again.
    pub(super) fn failed(&self, error: String) {
        self.watches.metrics.watch_errors.count(self.kind);
        // The same again would fill the log.
        if self.set_error(Some(error.clone())).as_ref() != Some(&error) {
            tracing::warn!(kind = self.kind.as_str(), error, "the watch failed; what is known stays in use");
        }
    }

    /// What was there before.
    fn set_error(&self, error: Option<String>) -> Option<String> {
        let state = self.state()?;
        let mut known = state.error.lock().ok()?;
        std::mem::replace(&mut *known, error)
    }

    fn state(&self) -> Option<&State> {
        self.watches.states.get(self.kind.index())
    }
}

/// Asks for ever whether the API server is there.
pub(super) async fn keep_contact(client: Client, watches: Arc<Watches>) {
    loop {
        if client.apiserver_version().await.is_ok() {
            watches.metrics.cluster_answered();
        }
        tokio::time::sleep(CONTACT_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_all_were_listed_and_for_ever_after() {
        let watches = Watches::new(Arc::new(Metrics::new().expect("metrics")));
        assert_eq!(watches.missing().len(), WatchKind::ALL.len());
        watches.of(WatchKind::Nodes).failed("forbidden".to_owned());
        assert!(watches.describe().contains("[-] watch nodes: not listed: forbidden\n"));
        for kind in WatchKind::ALL {
            assert!(!watches.synced());
            watches.of(*kind).contact();
            watches.of(*kind).objects(3);
            watches.of(*kind).synced();
        }
        assert!(watches.synced() && watches.missing().is_empty());
        assert!(watches.describe().contains("[+] watch nodes: 3 objects\n"));
        watches.of(WatchKind::HardeningPolicies).absent();
        assert!(watches.describe().contains("[+] watch hardeningpolicies: the cluster has no such kind\n"));
        watches.of(WatchKind::HardeningPolicies).contact();
        assert!(watches.describe().contains("[+] watch hardeningpolicies: 0 objects\n"));
        watches.of(WatchKind::Nodes).failed("gone".to_owned());
        assert!(watches.synced());
        assert!(watches.describe().contains("[-] watch nodes: 3 objects as last known: gone\n"));
        let text = watches.metrics.render().expect("text");
        assert!(text.contains("pod_hardener_watch_errors_total{kind=\"nodes\"} 2\n"), "{text}");
        assert!(text.contains("pod_hardener_watch_objects{kind=\"nodes\"} 3\n"), "{text}");
    }
}
