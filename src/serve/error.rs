//! Why the server cannot start.

use std::io;
use std::net::SocketAddr;

use super::tls::CertificateError;
use crate::certificates::SetupError;
use crate::metrics::MetricsError;
use crate::policy::PolicyError;
use crate::settings::SettingsError;
use crate::watch::ClusterError;

/// Why the server cannot start: one variant per step.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The settings cannot be resolved.
    #[error("settings: {0}")]
    Settings(#[from] SettingsError),
    /// The policy cannot be loaded.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// The certificate cannot be loaded or made.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// Certificates cannot be managed here.
    #[error("certificates: {0}")]
    Certificates(#[from] SetupError),
    /// It is not known how to reach the cluster.
    #[error("cluster: {0}")]
    Cluster(#[from] ClusterError),
    /// Other machines would have to trust a certificate that nobody gave.
    #[error(
        "{0} is not a loopback address: give --tls-cert and --tls-key, or --certificates self-managed (without, a certificate is made only for loopback)"
    )]
    NoCertificate(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({purpose}): {source}")]
    Bind {
        /// What for.
        purpose: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The metrics contradict each other.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// No threads.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    /// No signals.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
}

impl ServeError {
    /// As a label: one word per step.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Settings(_) => "settings",
            Self::Policy(_) => "policy",
            Self::Certificate(_) => "certificate",
            Self::Certificates(_) => "certificates",
            Self::Cluster(_) => "cluster",
            Self::NoCertificate(_) => "no-certificate",
            Self::Bind { .. } => "bind",
            Self::Metrics(_) => "metrics",
            Self::Runtime(_) => "runtime",
            Self::Signals(_) => "signals",
        }
    }
}
