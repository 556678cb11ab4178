//! Where the certificate comes from, and who keeps it up to date.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kube::Client;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use super::{Current, Files, Handed, Loaded, Rotation, ephemeral};
use crate::certificates::{Manager, Status};
use crate::leader::Running;
use crate::metrics::Metrics;
use crate::serve::ServeError;
use crate::settings::{CertificateMode, Settings};

/// Keeps the certificate up to date.
#[derive(Debug)]
pub(in crate::serve) enum Keeper {
    /// It is for this run.
    Nobody,
    /// It is in files.
    Files(Rotation),
    /// The server manages it.
    Managed(Manager),
}

/// The certificate to begin with.
pub(in crate::serve) struct Beginning {
    pub(in crate::serve) current: Current,
    pub(in crate::serve) keeper: Keeper,
    /// For clients to trust, if it was made for this run.
    pub(in crate::serve) certificate: Option<String>,
}

impl Beginning {
    /// As the settings say.
    pub(in crate::serve) fn new(
        settings: &Settings,
        client: Option<&Client>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        if settings.certificates == CertificateMode::SelfManaged {
            return Self::managed(settings, client, metrics);
        }
        let files = Files::of(settings);
        let (pem, certificate) = match &files {
            Some(files) => (files.read()?, None),
            None if settings.listen.ip().is_loopback() => {
                let (pem, certificate) = ephemeral()?;
                (pem, Some(certificate))
            }
            None => return Err(ServeError::NoCertificate(settings.listen)),
        };
        let Loaded { config, begins, expires } = Loaded::new(&pem)?;
        let now = OffsetDateTime::now_utc().unix_timestamp();
        if !(begins..expires).contains(&now) {
            tracing::warn!(
                begins,
                expires,
                "the certificate is not valid now: the API server will not trust it"
            );
        }
        metrics.certificate_expires(expires);
        let current: Current = Arc::new(ArcSwap::new(config));
        let keeper = files.map_or(Keeper::Nobody, |files| {
            let (current, metrics) = (Arc::clone(&current), Arc::clone(metrics));
            Keeper::Files(Rotation { files, pem, expires, current, metrics })
        });
        Ok(Self { current, keeper, certificate })
    }

    /// Until the first certificate has come, one that nobody trusts: nobody is sent here before.
    fn managed(
        settings: &Settings,
        client: Option<&Client>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let (pem, _) = ephemeral()?;
        let current: Current = Arc::new(ArcSwap::new(Loaded::new(&pem)?.config));
        let mut handed = Handed {
            current: Arc::clone(&current),
            client_ca: settings.client_ca.clone(),
            pem: None,
            metrics: Arc::clone(metrics),
        };
        let serve = Box::new(move |cert: &[u8], key: &[u8]| handed.take(cert, key));
        let keeper = Keeper::Managed(Manager::new(settings, client, metrics, serve)?);
        Ok(Self { current, keeper, certificate: None })
    }
}

/// What keeps it, while the server runs.
#[derive(Debug)]
pub(in crate::serve) enum Keeping {
    Nobody,
    Files(JoinHandle<()>),
    Managed(Running),
}

impl Keeper {
    /// Whether what is served is trusted, where that is known.
    pub(in crate::serve) fn status(&self) -> Option<Arc<Status>> {
        match self {
            Self::Managed(manager) => Some(manager.status()),
            Self::Nobody | Self::Files(_) => None,
        }
    }

    /// Begins.
    pub(in crate::serve) fn start(self, every: Duration) -> Keeping {
        match self {
            Self::Nobody => Keeping::Nobody,
            Self::Files(rotation) => Keeping::Files(tokio::spawn(rotation.run(every))),
            Self::Managed(manager) => Keeping::Managed(manager.start()),
        }
    }
}

impl Keeping {
    /// Ends, and lets another replica go on.
    pub(in crate::serve) async fn leave(self) {
        match self {
            Self::Nobody => {}
            Self::Files(rotating) => rotating.abort(),
            Self::Managed(running) => running.leave().await,
        }
    }
}
