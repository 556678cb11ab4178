//! Settings of the server: built-in → TOML file → `POD_HARDENER_*` → flags; the later wins.
//!
//! Keys are the same everywhere: `max_body_bytes` in the file, `POD_HARDENER_MAX_BODY_BYTES` in the environment.
//! A key that nobody knows is an error, for it is a setting that somebody believes to be in force.

mod environment;
mod error;
mod flags;
mod layers;
mod scalar;
mod show;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use error::SettingsError;
pub use flags::Flags;
pub use layers::load;
pub use scalar::{Count, Span};
pub use show::show;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// From which weight on lines are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// Also what should be looked at.
    Warn,
    /// Also what happens to the server.
    Info,
    /// Also one line per decision.
    Debug,
    /// Everything.
    Trace,
}

/// Whether the server asks a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ClusterMode {
    /// In a pod with a token, yes; elsewhere no.
    Auto,
    /// Yes: where there is none, the server does not start.
    On,
    /// No: an answer depends on the review, the policy and the time.
    Off,
}

/// Who is shown the status page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StatusPage {
    /// On loopback whoever asks; beyond it as with `token`.
    Auto,
    /// Who brings a token of somebody who may `get` the path `/` of the cluster.
    Token,
    /// Nobody: there is no page.
    Off,
}

/// Where the serving certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateMode {
    /// From the files that `tls_cert` and `tls_key` name; without them one is made, on loopback only.
    Files,
    /// Made, renewed and registered by the server, with all its replicas.
    SelfManaged,
}

/// Every setting, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the webhook listens (HTTPS).
    pub listen: SocketAddr,
    /// Where probes, metrics and the status page are answered (plain HTTP).
    pub admin: SocketAddr,
    /// Who is shown the status page.
    pub status_page: StatusPage,
    /// Where the serving certificate comes from.
    pub certificates: CertificateMode,
    /// The serving certificate and its chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// The authorities whose certificates clients must present, PEM.
    pub client_ca: Option<PathBuf>,
    /// How often the certificate files are compared with what was loaded.
    pub certificate_poll: Span,
    /// How long a self-managed certificate lasts; it is renewed when a third of that is left.
    pub certificate_lifetime: Span,
    /// How long its authority lasts: at least three times as long. Renewed in the same way.
    pub authority_lifetime: Span,
    /// How long the replica that manages the certificates may be silent until another one does.
    pub certificate_lease: Span,
    /// A preset, a policy file or a folder of them.
    pub policy: String,
    /// Facts about images beside those that are built in: a file or a folder of them.
    pub profiles: Option<PathBuf>,
    /// Whether the cluster is watched, for what answers depend on and for policies in it.
    pub cluster: ClusterMode,
    /// How the cluster is reached; unset: by the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// So many namespaces are counted by their names, the first that are seen; 0: none, whatever anybody creates.
    pub metrics_namespaces: Count,
    /// How log lines look.
    pub log_format: LogFormat,
    /// From which weight on lines are logged.
    pub log_level: LogLevel,
    /// Threads that serve; unset: one per processor, from 2 to 4.
    pub worker_threads: Option<Count>,
    /// Connections at once; more are closed at once.
    pub max_connections: Count,
    /// Reviews at once, their bodies' arrival included; more are told to come back (429).
    pub max_requests: Count,
    /// The longest body, in bytes.
    pub max_body_bytes: Count,
    /// All bodies at once that are longer than 64 KiB, in bytes; more are told to come back (429).
    pub max_bodies_bytes: Count,
    /// From connect to the end of the TLS handshake.
    pub handshake_timeout: Span,
    /// From the handshake to the end of the first request's header.
    pub first_request_timeout: Span,
    /// From one answer to the end of the next request's header. Above the 90 s for which the API server keeps
    /// idle connections, or every quiet minute and a half costs it a failed request.
    pub idle_timeout: Span,
    /// From a request's header to the end of its body.
    pub body_timeout: Span,
    /// How long a client may leave what is written to it unread.
    pub write_timeout: Span,
    /// How long to serve on after readiness was withdrawn, until all endpoints know; unset: 5 s, on loopback none.
    pub shutdown_lag: Option<Span>,
    /// How long open requests may take once no new ones are accepted.
    pub shutdown_deadline: Span,
}

/// Seven series each: more would be more than everything else together many times over.
const MOST_NAMESPACES: usize = 1000;

impl Default for Settings {
    fn default() -> Self {
        let seconds = |seconds| Span(Duration::from_secs(seconds));
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8443).into(),
            admin: (Ipv4Addr::LOCALHOST, 9090).into(),
            status_page: StatusPage::Auto,
            certificates: CertificateMode::Files,
            tls_cert: None,
            tls_key: None,
            client_ca: None,
            certificate_poll: seconds(10),
            certificate_lifetime: seconds(90 * 24 * 3600),
            authority_lifetime: seconds(730 * 24 * 3600),
            certificate_lease: seconds(15),
            policy: crate::policy::Preset::Restricted.as_str().to_owned(),
            profiles: None,
            cluster: ClusterMode::Auto,
            kubeconfig: None,
            metrics_namespaces: Count(0),
            log_format: LogFormat::Text,
            log_level: LogLevel::Info,
            worker_threads: None,
            max_connections: Count(512),
            max_requests: Count(64),
            // A pod is at most about 1.5 MiB in etcd, and a review of an update holds it twice.
            max_body_bytes: Count(8 * 1024 * 1024),
            max_bodies_bytes: Count(8 * 1024 * 1024),
            handshake_timeout: seconds(5),
            first_request_timeout: seconds(10),
            idle_timeout: seconds(120),
            body_timeout: seconds(10),
            write_timeout: seconds(10),
            shutdown_lag: None,
            shutdown_deadline: seconds(20),
        }
    }
}

impl Settings {
    /// How long to serve on after readiness was withdrawn.
    #[must_use]
    pub fn lag(&self) -> Duration {
        let usual = if self.listen.ip().is_loopback() { Duration::ZERO } else { Duration::from_secs(5) };
        self.shutdown_lag.map_or(usual, |lag| lag.0)
    }

    /// How many threads serve.
    #[must_use]
    pub fn threads(&self) -> usize {
        let usual = || std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
        self.worker_threads.map_or_else(usual, |count| count.0)
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), SettingsError> {
        let invalid = |key, problem| Err(SettingsError::Contradiction { key, problem });
        match (&self.tls_cert, &self.tls_key) {
            (None, None) if self.certificates == CertificateMode::SelfManaged => {}
            _ if self.certificates == CertificateMode::SelfManaged => {
                return invalid("certificates", "are self-managed, and tls_cert or tls_key is given");
            }
            (Some(_), None) => return invalid("tls_key", "must be given with tls_cert"),
            (None, Some(_)) => return invalid("tls_cert", "must be given with tls_key"),
            (None, None) if self.client_ca.is_some() => {
                return invalid("client_ca", "needs tls_cert and tls_key");
            }
            _ => {}
        }
        if self.cluster == ClusterMode::Off && self.kubeconfig.is_some() {
            return invalid("kubeconfig", "says how to reach the cluster, and cluster is off");
        }
        if self.certificates == CertificateMode::SelfManaged && self.cluster == ClusterMode::Off {
            return invalid("certificates", "are kept in the cluster, and cluster is off");
        }
        if self.authority_lifetime.0 < self.certificate_lifetime.0 * 3 {
            return invalid("authority_lifetime", "must be at least three times certificate_lifetime");
        }
        if self.certificate_lease.0.as_secs() == 0 {
            return invalid("certificate_lease", "must be at least 1s");
        }
        for (key, span) in [
            ("certificate_lifetime", self.certificate_lifetime),
            ("certificate_poll", self.certificate_poll),
            ("handshake_timeout", self.handshake_timeout),
            ("first_request_timeout", self.first_request_timeout),
            ("idle_timeout", self.idle_timeout),
            ("body_timeout", self.body_timeout),
            ("write_timeout", self.write_timeout),
        ] {
            if span.0.is_zero() {
                return invalid(key, "must be longer than 0");
            }
        }
        for (key, count, most) in [
            ("worker_threads", self.worker_threads.unwrap_or(Count(1)), 512),
            ("max_connections", self.max_connections, 1_000_000),
            ("max_requests", self.max_requests, 1_000_000),
            ("max_body_bytes", self.max_body_bytes, 1024 * 1024 * 1024),
            ("max_bodies_bytes", self.max_bodies_bytes, 1024 * 1024 * 1024),
        ] {
            if count.0 == 0 || count.0 > most {
                return Err(SettingsError::Range { key, most });
            }
        }
        if self.metrics_namespaces.0 > MOST_NAMESPACES {
            return invalid("metrics_namespaces", "must be at most 1000");
        }
        if self.max_bodies_bytes.0 < self.max_body_bytes.0 {
            return invalid("max_bodies_bytes", "must not be below max_body_bytes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
