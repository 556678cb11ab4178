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
        let Loaded { config, expires, .. } = Loaded::new(&pem)?;
        self.current.store(config);
        self.metrics.certificate_expires(expires);
        self.pem = Some(pem);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use arc_swap::ArcSwap;

    use super::super::ephemeral;
    use super::*;

    #[test]
    fn what_is_new_is_taken_and_what_is_wrong_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clients.pem");
        let [first, second] = [(); 2].map(|()| ephemeral().unwrap().0);
        std::fs::write(&file, &first.cert).unwrap();
        let current: Current = Arc::new(ArcSwap::new(Loaded::new(&first).unwrap().config));
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut handed =
            Handed { current: Arc::clone(&current), client_ca: Some(file.clone()), pem: None, metrics };
        let mut served = current.load_full();
        let mut take = |pem: &Pem| {
            let taken = handed.take(&pem.cert, &pem.key).map_err(|error| error.to_string());
            let before = std::mem::replace(&mut served, current.load_full());
            (taken.is_ok(), taken == Ok(true), Arc::ptr_eq(&before, &served))
        };
        assert_eq!(take(&second), (true, true, false));
        assert_eq!(take(&second), (true, false, true), "the same again");
        std::fs::write(&file, &second.cert).unwrap();
        assert_eq!(take(&second), (true, true, false), "others may call");
        assert_eq!(take(&Pem { key: first.key.clone(), ..second.clone() }), (false, false, true));
        std::fs::write(&file, "nothing").unwrap();
        assert_eq!(take(&first), (false, false, true));
    }
}
