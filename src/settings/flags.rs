//! The flags: the settings that one changes by hand. All others are in the file and the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use super::{CertificateMode, ClusterMode, LogFormat, LogLevel, StatusPage};

/// Flags of `pod-hardener serve`. What is not given comes from the environment, the file, or is built in.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Flags {
    /// Where the webhook listens, HTTPS [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDRESS:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,

    /// Where probes, metrics and the status page are answered, plain HTTP [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,

    /// Who is shown the status page; auto: on loopback whoever asks, else who brings a token [default: auto]
    #[arg(long, value_enum, value_name = "WHOM")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_page: Option<StatusPage>,

    /// Where the serving certificate comes from; self-managed: kept in the cluster by the replicas themselves [default: files]
    #[arg(long, value_enum, value_name = "SOURCE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<CertificateMode>,

    /// The serving certificate with its chain, PEM; on loopback one is made when none is given
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,

    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,

    /// Only clients with a certificate of these authorities are served, PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,

    /// A preset, a policy file or a folder of them [default: restricted]
    #[arg(long, value_name = "NAME|FILE|FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,

    /// Facts about images beside those that are built in: a file of ImageProfiles or a folder of them
    #[arg(long, value_name = "FILE|FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<PathBuf>,

    /// Whether to watch the cluster; auto: in a pod with a token [default: auto]
    #[arg(long, value_enum, value_name = "WHEN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterMode>,

    /// The cluster to watch, instead of the one that this runs in
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,

    /// Settings in a TOML file [env: POD_HARDENER_CONFIG]; `pod-hardener config show` prints all there are
    #[arg(long, value_name = "FILE.toml")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// How log lines look [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// From which weight on lines are logged; at debug, one line per decision [default: info]
    #[arg(long, value_enum, value_name = "LEVEL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,
}
