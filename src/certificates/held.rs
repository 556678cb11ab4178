//! What the Secret holds.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use rcgen::{KeyPair, PublicKeyData as _};
use time::OffsetDateTime;
use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;

const CERTIFICATE: &str = "tls.crt";
const CERTIFICATE_KEY: &str = "tls.key";
const AUTHORITIES: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";

/// By which somebody asks for a new one before its time.
pub(super) const RENEW: &str = "pod-hardener.dev/renew";

/// The certificate of an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) der: CertificateDer<'static>,
    pub(super) from: OffsetDateTime,
    pub(super) until: OffsetDateTime,
}

impl Authority {
    /// `None`: it is none.
    pub(super) fn read(der: CertificateDer<'static>) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
        let (from, until) = validity(&certificate);
        certificate.is_ca().then_some(())?;
        Some(Self { from, until, der })
    }

    pub(super) fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.from <= now && now < self.until
    }
}

/// A certificate for the Service, and its key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    /// As PEM, with what stands between it and its authority.
    pub(super) cert: Vec<u8>,
    /// As PEM.
    pub(super) key: Vec<u8>,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) from: OffsetDateTime,
    pub(super) until: OffsetDateTime,
}

impl fmt::Debug for Leaf {
    /// The key must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("until", &self.until).finish_non_exhaustive()
    }
}

impl Leaf {
    /// `None`: it is none, or the key is not its own.
    pub(super) fn read(cert: &[u8], key: &[u8]) -> Option<Self> {
        let chain = certificates(cert);
        let signing = any_supported_type(&PrivateKeyDer::from_pem_slice(key).ok()?).ok()?;
        let (from, until) = {
            let (_, certificate) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
            validity(&certificate)
        };
        CertifiedKey::new(chain.clone(), signing).keys_match().ok()?;
        Some(Self { cert: cert.to_vec(), key: key.to_vec(), chain, from, until })
    }

    pub(super) fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.from <= now && now < self.until
    }
}

/// What somebody asks to be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renew {
    Authority,
    Certificate,
}

/// Everything in the Secret that is what it should be; the rest is as if it were not there.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Whom API servers are to trust. The first signs.
    pub(super) authorities: Vec<Authority>,
    /// The first authority's key, PEM.
    pub(super) key: Option<String>,
    pub(super) leaf: Option<Leaf>,
    pub(super) renew: Option<Renew>,
}

impl fmt::Debug for Held {
    /// No keys here either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authorities, key, leaf, renew } = self;
        let until: Vec<_> = authorities.iter().map(|authority| authority.until).collect();
        write!(f, "Held {{ until: {until:?}, signs: {}, leaf: {leaf:?}, renew: {renew:?} }}", key.is_some())
    }
}

impl Held {
    pub(super) fn read(secret: &Secret) -> Self {
        let get = |name: &str| secret.data.as_ref()?.get(name).map(|bytes| bytes.0.as_slice());
        let authorities = get(AUTHORITIES).map(authorities).unwrap_or_default();
        let key = get(AUTHORITY_KEY).and_then(|key| String::from_utf8(key.to_vec()).ok());
        let key = key.filter(|key| authorities.first().is_some_and(|first| belongs(key, first)));
        let leaf = get(CERTIFICATE).zip(get(CERTIFICATE_KEY));
        let renew = secret.metadata.annotations.as_ref().and_then(|annotations| annotations.get(RENEW));
        let renew = renew.and_then(|what| match what.as_str() {
            "authority" => Some(Renew::Authority),
            "certificate" => Some(Renew::Certificate),
            _ => None,
        });
        Self { authorities, key, leaf: leaf.and_then(|(cert, key)| Leaf::read(cert, key)), renew }
    }

    /// Puts it into a Secret, and leaves alone what else is there.
    pub(super) fn write(&self, secret: &mut Secret) {
        let data = secret.data.get_or_insert_with(BTreeMap::new);
        let mut put = |name: &str, bytes: Vec<u8>| data.insert(name.to_owned(), ByteString(bytes));
        put(AUTHORITIES, bundle(&self.authorities));
        put(AUTHORITY_KEY, self.key.clone().unwrap_or_default().into_bytes());
        let leaf = self.leaf.as_ref();
        put(CERTIFICATE, leaf.map(|leaf| leaf.cert.clone()).unwrap_or_default());
        put(CERTIFICATE_KEY, leaf.map(|leaf| leaf.key.clone()).unwrap_or_default());
        if let Some(annotations) = &mut secret.metadata.annotations {
            annotations.remove(RENEW);
        }
    }

    /// The authority that signs, where its key is there.
    pub(super) fn signer(&self) -> Option<(&Authority, &str)> {
        self.authorities.first().zip(self.key.as_deref())
    }
}

/// Every authority in a PEM text, as far as it can be read.
pub(super) fn authorities(pem: &[u8]) -> Vec<Authority> {
    certificates(pem).into_iter().filter_map(Authority::read).collect()
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).map_while(Result::ok).collect()
}

/// As it stands in `caBundle`.
pub(super) fn bundle(authorities: &[Authority]) -> Vec<u8> {
    let mut text = String::new();
    for authority in authorities {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = BASE64_STANDARD.encode(&authority.der);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = more;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text.into_bytes()
}

fn belongs(key: &str, authority: &Authority) -> bool {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&authority.der) else { return false };
    let public = certificate.public_key().subject_public_key.data.as_ref();
    KeyPair::from_pem(key).is_ok_and(|key| key.der_bytes() == public)
}

fn validity(certificate: &X509Certificate<'_>) -> (OffsetDateTime, OffsetDateTime) {
    let validity = certificate.validity();
    (validity.not_before.to_datetime(), validity.not_after.to_datetime())
}
