//! Makes authorities, and certificates by them.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::held::{Authority, Held, Leaf};

/// How far an API server's clock may be behind the one by which a certificate was made.
pub(super) const SLACK: Duration = Duration::from_secs(3600);

/// A new authority, and its key as PEM.
pub(super) fn authority(now: OffsetDateTime, life: Duration) -> Result<(Authority, String), rcgen::Error> {
    let mut params = params(&format!("pod-hardener authority of {}", shown(now)), Vec::new(), now)?;
    params.not_after = now + life;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let der = params.self_signed(&key)?.der().clone();
    let authority = Authority::read(der).ok_or(rcgen::Error::CouldNotParseCertificate)?;
    Ok((authority, key.serialize_pem()))
}

/// A new certificate by the authority that signs.
pub(super) fn leaf(
    held: &Held,
    name: &str,
    now: OffsetDateTime,
    life: Duration,
) -> Result<Leaf, rcgen::Error> {
    let (authority, key) = held.signer().ok_or(rcgen::Error::CouldNotParseCertificate)?;
    let issuer = Issuer::from_ca_cert_der(&authority.der, KeyPair::from_pem(key)?)?;
    // The Service's name may be too long for a common name, and none looks there.
    let mut params = params("pod-hardener", vec![name.to_owned()], now)?;
    // One that outlives its authority would look valid, and not be.
    params.not_after = (now + life).min(authority.until);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, &issuer)?.pem();
    Leaf::read(cert.as_bytes(), key.serialize_pem().as_bytes()).ok_or(rcgen::Error::CouldNotParseCertificate)
}

/// A time for people, in seconds.
pub(super) fn shown(time: OffsetDateTime) -> String {
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}

fn params(
    common_name: &str,
    names: Vec<String>,
    now: OffsetDateTime,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = now - SLACK;
    Ok(params)
}
