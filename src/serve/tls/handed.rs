//! Certificates that somebody hands over.

use std::path::PathBuf;
use std::sync::Arc;

use super::{CertificateError, Current, Loaded, Pem};
use crate::metrics::Metrics;

/// Puts into service what is handed over.
#[derive(Debug)]
pub(in crate::serve) struct Handed {
    pub(in crate::serve) current: Current,
    /// Read each time.
    pub(in crate::serve) client_ca: Option<PathBuf>,
    /// What the current configuration was made from.
    pub(in crate::serve) pem: Option<Pem>,
    pub(in crate::serve) metrics: Arc<Metrics>,
}

impl Handed {
    /// Takes a certificate and its key; whether that, or the client CA, is new.
    pub(in crate::serve) fn take(&mut self, cert: &[u8], key: &[u8]) -> Result<bool, CertificateError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|source| CertificateError::Read { path: path.clone(), source })
        };
        let client_ca = self.client_ca.as_ref().map(read).transpose()?;
        let pem = Pem { cert: cert.to_vec(), key: key.to_vec(), client_ca };
        if self.pem.as_ref() == Some(&pem) {
            return Ok(false);
        }
        let Loaded { config, expires } = Loaded::new(&pem)?;
        self.current.store(config);
        self.metrics.certificate_expires(expires);
        self.pem = Some(pem);
        Ok(true)
    }
}
