//! Certificates that the webhook manages itself: `--certificates self-managed`.
//!
//! An authority and a certificate by it are in a Secret, which every replica watches and serves. One replica, by a Lease,
//! renews them and writes the authorities into the `caBundle` of both webhook configurations.
//!
//! - [`held`], [`make`], [`trust`]: what the Secret holds, made and verified
//! - [`plan`]: what to do next, given all that is known and the time; knows no cluster and no clock
//! - [`follow`], [`write`]: the cluster; [`crate::leader`]: which replica writes, and the API server's time, for it is
//!   who verifies
//! - [`tend`]: the loop around all of these; [`status`]: what it says of itself

mod follow;
mod held;
mod known;
mod make;
mod pace;
mod plan;
mod status;
mod tend;
mod trust;
mod write;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;

pub use status::Status;

use crate::leader::{Clock, Elector, Office, Running, own_namespace};
use crate::metrics::Metrics;
use crate::serve::CertificateError;
use crate::settings::Settings;
use known::Known;
use tend::Tender;

/// The Secret with authority and certificate.
pub(crate) const SECRET: &str = "pod-hardener-tls";
/// Both webhook configurations.
pub(crate) const CONFIGURATION: &str = "pod-hardener";
/// The Service that the API server calls.
const SERVICE: &str = "pod-hardener";

/// Why certificates cannot be managed here.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is no cluster.
    #[error(
        "self-managed certificates are kept in the cluster: give --kubeconfig, or run in a pod with a token"
    )]
    NoCluster,
    /// It is not known where the Secret would be.
    #[error("self-managed certificates are kept in the server's own namespace: set POD_NAMESPACE")]
    NoNamespace,
}

/// Puts a certificate, with its key, into service: both PEM. Whether that changed anything.
pub(crate) type Serve = Box<dyn FnMut(&[u8], &[u8]) -> Result<bool, CertificateError> + Send>;

/// How long what is made lasts.
#[derive(Debug, Clone, Copy)]
struct Lives {
    authority: Duration,
    certificate: Duration,
}

impl Lives {
    /// How long a new authority is in every `caBundle` before a certificate by it is served: until every API server has
    /// heard of it.
    fn settle(self) -> Duration {
        (self.authority / 20).min(Duration::from_secs(60))
    }
}

/// Manages the certificates once it is started.
pub(crate) struct Manager {
    client: Client,
    namespace: String,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    lives: Lives,
    lease: Duration,
    poll: Duration,
    serve: Serve,
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Manager {
    /// Nothing is sent yet.
    pub(crate) fn new(
        settings: &Settings,
        client: Option<&Client>,
        metrics: &Arc<Metrics>,
        serve: Serve,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            client: client.ok_or(SetupError::NoCluster)?.clone(),
            namespace: own_namespace().ok_or(SetupError::NoNamespace)?,
            status: Arc::new(Status::default()),
            metrics: Arc::clone(metrics),
            lives: Lives {
                authority: settings.authority_lifetime.0,
                certificate: settings.certificate_lifetime.0,
            },
            lease: settings.certificate_lease.0,
            poll: settings.certificate_poll.0,
            serve,
        })
    }

    /// How it is doing.
    pub(crate) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Begins; `leave` at the end gives the Lease back.
    pub(crate) fn start(self) -> Running {
        let clock = Arc::new(Clock::default());
        let (known, _) = watch::channel(Known::default());
        let known = Arc::new(known);
        follow::start(&self.client, &self.namespace, &known);
        let elector = Elector::new(
            Office::Certificates,
            self.client.clone(),
            self.namespace.clone(),
            self.lease,
            Arc::clone(&clock),
            Arc::clone(&self.metrics),
        );
        Running::begin(elector, |leads| Tender::new(self, known, clock, leads).run())
    }
}

/// The name under which the API server calls the Service.
fn service_name(namespace: &str) -> String {
    format!("{SERVICE}.{namespace}.svc")
}
