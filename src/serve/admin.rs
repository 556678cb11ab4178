//! Probes and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Incoming;
use hyper::header::ALLOW;
use hyper::{Method, Request, StatusCode};

use super::respond::{Answered, respond, text, with};
use crate::certificates;
use crate::metrics::{Metrics, TEXT_FORMAT};
use crate::watch::Watches;

/// What answers probes and gives metrics.
#[derive(Debug)]
pub(super) struct Admin {
    /// From when reviews are answered until shutdown begins.
    pub(super) ready: AtomicBool,
    /// What has to be known of the cluster first, if there is one.
    pub(super) watches: Option<Arc<Watches>>,
    /// Whether what is served is trusted, where the server manages its certificates.
    pub(super) certificates: Option<Arc<certificates::Status>>,
    pub(super) metrics: Arc<Metrics>,
}

impl Admin {
    /// Answers any request.
    pub(super) fn answer(&self, request: &Request<Incoming>) -> Answered {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return with(text(StatusCode::METHOD_NOT_ALLOWED, "only GET"), ALLOW, "GET, HEAD");
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "ok"),
            "/readyz" => self.readiness(request.uri().query() == Some("verbose")),
            "/metrics" => match self.metrics.render() {
                Ok(metrics) => respond(StatusCode::OK, TEXT_FORMAT, metrics),
                Err(error) => {
                    tracing::error!(%error, "the metrics cannot be given");
                    text(StatusCode::INTERNAL_SERVER_ERROR, "see the log")
                }
            },
            _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics"),
        }
    }

    fn readiness(&self, verbose: bool) -> Answered {
        let serving = self.ready.load(Ordering::Relaxed);
        let missing = self.watches.as_ref().map(|watches| watches.missing()).unwrap_or_default();
        let distrusted = self.certificates.as_ref().and_then(|certificates| certificates.trouble());
        let ready = serving && missing.is_empty() && distrusted.is_none();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let line = match (serving, missing.is_empty(), &distrusted) {
            (false, ..) => "not serving".to_owned(),
            (true, false, _) => format!("not known of the cluster yet: {}", missing.join(", ")),
            (true, true, Some(why)) => format!("not trusted by the API server: {why}"),
            (true, true, None) => "ok".to_owned(),
        };
        if !verbose {
            return text(status, &line);
        }
        let mark = if serving { '+' } else { '-' };
        let watches = match &self.watches {
            Some(watches) => watches.describe(),
            None => "[+] no cluster is watched\n".to_owned(),
        };
        let certificates = self.certificates.as_ref().map(|certificates| certificates.describe());
        let certificates = certificates.unwrap_or_default();
        text(status, &format!("[{mark}] serving\n{certificates}{watches}{line}"))
    }
}
