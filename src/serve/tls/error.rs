//! What can be wrong with certificates.

use std::io;
use std::path::PathBuf;

use tokio_rustls::rustls;

use crate::metrics::CertificateFailure;

/// Why a certificate is not used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificate is none.
    #[error("the certificate file holds no valid PEM certificate: {0}")]
    Certificate(String),
    /// The key is none.
    #[error("the key file holds no valid PEM private key: {0}")]
    Key(String),
    /// The key is of another certificate.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The client CA is none.
    #[error("the client CA file holds no valid PEM certificate: {0}")]
    ClientCa(String),
    /// It is over, and the one in use is not.
    #[error("the new certificate has expired already")]
    Expired,
    /// Its time has not come, and the one in use is good.
    #[error("the new certificate is not valid yet")]
    NotYetValid,
    /// TLS refuses it otherwise.
    #[error("TLS: {0}")]
    Tls(#[source] rustls::Error),
    /// None could be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

impl CertificateError {
    /// As a metric label.
    #[must_use]
    pub const fn reason(&self) -> CertificateFailure {
        match self {
            Self::Read { .. } => CertificateFailure::Read,
            Self::Certificate(_) => CertificateFailure::Certificate,
            Self::Key(_) => CertificateFailure::Key,
            Self::Mismatch => CertificateFailure::Mismatch,
            Self::ClientCa(_) => CertificateFailure::ClientCa,
            Self::Expired => CertificateFailure::Expired,
            Self::NotYetValid => CertificateFailure::NotYetValid,
            Self::Tls(_) | Self::Make(_) => CertificateFailure::Tls,
        }
    }
}
