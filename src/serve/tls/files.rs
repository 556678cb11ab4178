//! The files that hold a certificate, its key and the client CA.

use std::path::{Path, PathBuf};

use super::{CertificateError, Pem};
use crate::settings::Settings;

/// Where certificate, key and client CA are.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Files {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
}

impl Files {
    /// The files that the settings name; `None`: none.
    pub(in crate::serve) fn of(settings: &Settings) -> Option<Self> {
        Some(Self {
            cert: settings.tls_cert.clone()?,
            key: settings.tls_key.clone()?,
            client_ca: settings.client_ca.clone(),
        })
    }

    /// Reads all of them.
    pub(in crate::serve) fn read(&self) -> Result<Pem, CertificateError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
        };
        Ok(Pem {
            cert: read(&self.cert)?,
            key: read(&self.key)?,
            client_ca: self.client_ca.as_deref().map(read).transpose()?,
        })
    }
}
