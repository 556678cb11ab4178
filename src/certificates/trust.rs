//! Whether an API server trusts a certificate.

use time::OffsetDateTime;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;

use super::held::{Authority, Leaf, authorities};

/// A webhook as the API server calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The webhook's name.
    pub(super) webhook: String,
    /// The name that the certificate must have.
    pub(super) server: String,
    /// Its `caBundle`, PEM.
    pub(super) bundle: Vec<u8>,
}

impl Call {
    /// Why it does not trust this certificate; `None`: it does.
    pub(super) fn distrust(&self, leaf: &Leaf, now: OffsetDateTime) -> Option<String> {
        let trusted = authorities(&self.bundle);
        let why = if self.bundle.is_empty() {
            "has no caBundle yet"
        } else if !leaf.is_valid(now) {
            "is served a certificate that is not valid now"
        } else if !is_for(leaf, &self.server) {
            "calls a name that the certificate is not for"
        } else if !trusted.iter().any(|authority| is_by(leaf, authority, now)) {
            "has a caBundle without the certificate's authority"
        } else {
            return None;
        };
        Some(format!("{} {why}", self.webhook))
    }

    /// Whether it trusts this authority.
    pub(super) fn has(&self, authority: &Authority) -> bool {
        authorities(&self.bundle).contains(authority)
    }
}

/// Whether the certificate is by this authority, and both are valid.
pub(super) fn is_by(leaf: &Leaf, authority: &Authority, now: OffsetDateTime) -> bool {
    // What is an anchor is not asked for its own end; the API server does ask.
    if !authority.is_valid(now) {
        return false;
    }
    let Some((end, between)) = leaf.chain.split_first() else { return false };
    let Ok(end) = ParsedCertificate::try_from(end) else { return false };
    let mut anchors = RootCertStore::empty();
    if anchors.add(authority.der.clone()).is_err() {
        return false;
    }
    let since = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(since));
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&end, &anchors, between, time, algorithms).is_ok()
}

/// Whether the certificate has this name.
pub(super) fn is_for(leaf: &Leaf, server: &str) -> bool {
    let Some(Ok(end)) = leaf.chain.first().map(ParsedCertificate::try_from) else { return false };
    ServerName::try_from(server).is_ok_and(|name| verify_server_name(&end, &name).is_ok())
}
