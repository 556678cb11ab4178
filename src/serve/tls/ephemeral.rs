//! A certificate for one run, on loopback.

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use time::{Duration, OffsetDateTime};

use super::{CertificateError, Pem};

/// The names and addresses of this machine to itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Makes a self-signed certificate; also as the PEM that clients are to trust.
pub(in crate::serve) fn ephemeral() -> Result<(Pem, String), CertificateError> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "pod-hardener on loopback");
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(365);
    let key = KeyPair::generate()?;
    let cert = params.self_signed(&key)?.pem();
    let pem = Pem { cert: cert.clone().into_bytes(), key: key.serialize_pem().into_bytes(), client_ca: None };
    Ok((pem, cert))
}
