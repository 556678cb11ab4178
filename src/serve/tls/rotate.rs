//! Certificates that change while the server runs.
//!
//! The files' contents are compared every few seconds. Watching them instead misses what the kubelet does: it
//! swaps a link beside them, which is seen once and then never again.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::{CertificateError, Current, Files, Loaded, Pem};
use crate::metrics::{Label as _, Metrics};

/// Keeps the current configuration up to its files.
#[derive(Debug)]
pub(in crate::serve) struct Rotation {
    pub(in crate::serve) files: Files,
    /// What the current configuration was made from.
    pub(in crate::serve) pem: Pem,
    /// When its certificate expires, in seconds since 1970.
    pub(in crate::serve) expires: i64,
    pub(in crate::serve) current: Current,
    pub(in crate::serve) metrics: Arc<Metrics>,
}

impl Rotation {
    /// Compares for ever.
    pub(in crate::serve) async fn run(mut self, every: Duration) {
        let mut failing = false;
        loop {
            tokio::time::sleep(every).await;
            match self.look() {
                Ok(changed) => {
                    if changed {
                        tracing::info!(expires = self.expires, "the certificate was replaced");
                    } else if failing {
                        tracing::info!("the certificate files are again those in use");
                    }
                    failing = false;
                }
                Err(error) => {
                    let reason = error.reason();
                    self.metrics.certificate_failures.count(reason);
                    tracing::error!(
                        reason = reason.as_str(),
                        %error,
                        "the certificate files cannot be used; the last good certificate is kept"
                    );
                    failing = true;
                }
            }
        }
    }

    /// Takes what is in the files now, if it differs and is good.
    fn look(&mut self) -> Result<bool, CertificateError> {
        match self.take(self.files.read()?) {
            // Certificate and key may have been read on different sides of a swap.
            Err(CertificateError::Mismatch) => self.take(self.files.read()?),
            other => other,
        }
    }

    fn take(&mut self, pem: Pem) -> Result<bool, CertificateError> {
        if pem == self.pem {
            return Ok(false);
        }
        let loaded = Loaded::new(&pem)?;
        let now = OffsetDateTime::now_utc().unix_timestamp();
        if loaded.expires <= now && self.expires > now {
            return Err(CertificateError::Expired);
        }
        if loaded.begins > now && self.expires > now {
            return Err(CertificateError::NotYetValid);
        }
        self.current.store(loaded.config);
        self.expires = loaded.expires;
        self.metrics.certificate_expires(loaded.expires);
        self.pem = pem;
        Ok(true)
    }
}
