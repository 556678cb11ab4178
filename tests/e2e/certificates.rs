//! The certificates of the API server and of the webhooks.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A certificate authority of one test run.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM files.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a CA certificate");
        Self { issuer }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// Writes `NAME.crt` and `NAME.key`: a certificate for 127.0.0.1, as a server and as a client.
    pub(crate) fn issue(&self, name: &str, folder: &Path) -> Files {
        self.issue_for(name, &["127.0.0.1"], folder)
    }

    /// The same for other names and addresses.
    pub(crate) fn issue_for(&self, name: &str, subjects: &[&str], folder: &Path) -> Files {
        let subjects: Vec<String> = subjects.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(subjects).expect("names and addresses");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let files = Files {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        };
        std::fs::write(&files.certificate, certificate.pem()).expect("a certificate file");
        std::fs::write(&files.key, key.serialize_pem()).expect("a key file");
        files
    }
}

/// Writes the key pair that signs service account tokens.
pub(crate) fn signing_keys(folder: &Path) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().expect("a key");
    let private = folder.join("service-accounts.key");
    let public = folder.join("service-accounts.pub");
    std::fs::write(&private, key.serialize_pem()).expect("a key file");
    std::fs::write(&public, key.public_key_pem()).expect("a key file");
    (private, public)
}
