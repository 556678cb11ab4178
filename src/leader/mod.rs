//! One replica of all does what only one may do: whoever holds a Lease, as client-go holds it.
//!
//! - [`lease`]: whether this replica leads, given what was seen of the Lease and when
//! - [`elect`]: holds it, or waits for it; [`clock`]: the API server's time

mod clock;
mod elect;
mod lease;

use std::path::Path;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::metrics::Metrics;

pub(crate) use clock::Clock;
pub(crate) use elect::{Elector, Leads, is_now};

/// Where the kubelet says in which namespace a pod is.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// What one replica does for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Office {
    /// It renews self-managed certificates.
    Certificates,
    /// It looks after pods that fail.
    Guard,
}

impl Office {
    /// The name of its Lease.
    pub(crate) const fn lease(self) -> &'static str {
        match self {
            Self::Certificates => "pod-hardener-certificates",
            Self::Guard => "pod-hardener-guard",
        }
    }

    /// What whoever holds it does, for people.
    const fn duty(self) -> &'static str {
        match self {
            Self::Certificates => "manages the certificates",
            Self::Guard => "looks after pods that fail",
        }
    }

    fn measure(self, metrics: &Metrics, leads: bool) {
        match self {
            Self::Certificates => metrics.certificate_leader(leads),
            Self::Guard => metrics.guard_leader(leads),
        }
    }
}

/// What one replica does for all, until it is told to leave.
#[derive(Debug)]
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    electing: JoinHandle<()>,
    working: JoinHandle<()>,
}

impl Running {
    /// Takes part in the election, and begins the work, which looks whether this replica leads.
    pub(crate) fn begin<F>(elector: Elector, work: impl FnOnce(Leads) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let leads = elector.leads();
        let electing = tokio::spawn(elector.run(stopped));
        Self { stop, electing, working: tokio::spawn(work(leads)) }
    }

    /// Does nothing any more, and lets another replica lead at once.
    pub(crate) async fn leave(self) {
        self.working.abort();
        // What it had begun to write is over before another may write.
        let _ = self.working.await;
        self.stop.send_replace(true);
        let _ = self.electing.await;
    }
}

/// The namespace that this pod is in.
pub(crate) fn own_namespace() -> Option<String> {
    let named = std::env::var("POD_NAMESPACE").ok();
    let named = named.or_else(|| std::fs::read_to_string(Path::new(NAMESPACE_FILE)).ok());
    named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}
