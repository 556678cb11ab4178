//! From PEM to a TLS configuration.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, Error, RootCertStore, ServerConfig};

use super::CertificateError;

/// The contents of the files: what is compared to notice a change.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::serve) struct Pem {
    pub(super) cert: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
}

impl fmt::Debug for Pem {
    /// The key must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pem").finish_non_exhaustive()
    }
}

/// A configuration, ready to serve.
#[derive(Debug)]
pub(in crate::serve) struct Loaded {
    pub(in crate::serve) config: Arc<ServerConfig>,
    /// When the certificate begins to be valid, in seconds since 1970.
    pub(in crate::serve) begins: i64,
    /// When the certificate expires, in seconds since 1970.
    pub(in crate::serve) expires: i64,
}

impl Loaded {
    /// Checks that the parts are what they should be and belong together.
    pub(in crate::serve) fn new(pem: &Pem) -> Result<Self, CertificateError> {
        let chain = certificates(&pem.cert).map_err(CertificateError::Certificate)?;
        let leaf = chain.first().ok_or_else(|| CertificateError::Certificate("empty".to_owned()))?;
        let (begins, expires) = validity(leaf)?;
        let key = PrivateKeyDer::from_pem_slice(&pem.key)
            .map_err(|error| CertificateError::Key(error.to_string()))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(CertificateError::Tls)?;
        let builder = match &pem.client_ca {
            Some(ca) => builder.with_client_cert_verifier(client_verifier(ca, provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            Error::InconsistentKeys(_) => CertificateError::Mismatch,
            Error::InvalidCertificate(error) => CertificateError::Certificate(error.to_string()),
            other => CertificateError::Tls(other),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Tickets die with their configuration: a session never outlives the client CA that it was checked by.
        config.ticketer = ring::Ticketer::new().map_err(CertificateError::Tls)?;
        Ok(Self { config: Arc::new(config), begins, expires })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, rustls::pki_types::pem::Error>>()
        .map_err(|error| error.to_string())?;
    if chain.is_empty() { Err("there is none in it".to_owned()) } else { Ok(chain) }
}

fn validity(leaf: &CertificateDer<'_>) -> Result<(i64, i64), CertificateError> {
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|error| CertificateError::Certificate(error.to_string()))?;
    Ok((leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp()))
}

fn client_verifier(
    pem: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem).map_err(CertificateError::ClientCa)? {
        roots.add(authority).map_err(|error| CertificateError::ClientCa(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| CertificateError::ClientCa(error.to_string()))
}

#[cfg(test)]
mod tests;
