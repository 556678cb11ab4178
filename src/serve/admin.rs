//! Probes, metrics and the status page.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Incoming;
use hyper::header::ALLOW;
use hyper::{Method, Request, StatusCode};

use super::respond::{Answered, respond, text, with};
use super::status_page::StatusPage;
use crate::certificates;
use crate::metrics::{Metrics, TEXT_FORMAT};
use crate::page::Health;
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
    /// Unless the settings want none.
    pub(super) page: Option<StatusPage>,
}

impl Admin {
    /// Answers any request.
    pub(super) async fn answer(&self, request: &Request<Incoming>, peer: Option<SocketAddr>) -> Answered {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return with(text(StatusCode::METHOD_NOT_ALLOWED, "only GET"), ALLOW, "GET, HEAD");
        }
        let path = request.uri().path();
        if let Some(page) = self.page.as_ref().filter(|_| StatusPage::has(path)) {
            return page.answer(request, peer, || self.health()).await;
        }
        match path {
            "/livez" => text(StatusCode::OK, "ok"),
            "/readyz" => self.readiness(request.uri().query() == Some("verbose")),
            "/metrics" => match self.metrics.render() {
                Ok(metrics) => respond(StatusCode::OK, TEXT_FORMAT, metrics),
                Err(error) => {
                    tracing::error!(%error, "the metrics cannot be given");
                    text(StatusCode::INTERNAL_SERVER_ERROR, "see the log")
                }
            },
            _ if self.page.is_some() => {
                text(StatusCode::NOT_FOUND, "there are / (the status page), /livez, /readyz and /metrics")
            }
            _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics"),
        }
    }

    /// Why it is not ready; `None`: it is.
    fn unready(&self) -> Option<String> {
        let missing = self.watches.as_ref().map(|watches| watches.missing()).unwrap_or_default();
        if !self.ready.load(Ordering::Relaxed) {
            return Some("not serving".to_owned());
        }
        if !missing.is_empty() {
            return Some(format!("not known of the cluster yet: {}", missing.join(", ")));
        }
        self.distrusted().map(|why| format!("not trusted by the API server: {why}"))
    }

    /// Why the API server does not trust what is served; `None`: it does, or that is not known.
    fn distrusted(&self) -> Option<String> {
        self.certificates.as_ref().and_then(|certificates| certificates.trouble())
    }

    fn health(&self) -> (Health, Option<String>) {
        let watches = self.watches.as_ref().map(|watches| watches.states());
        (Health { unready: self.unready(), watches }, self.distrusted())
    }

    fn readiness(&self, verbose: bool) -> Answered {
        let unready = self.unready();
        let status = if unready.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let line = unready.unwrap_or_else(|| "ok".to_owned());
        if !verbose {
            return text(status, &line);
        }
        let mark = if self.ready.load(Ordering::Relaxed) { '+' } else { '-' };
        let watches = match &self.watches {
            Some(watches) => watches.describe(),
            None => "[+] no cluster is watched\n".to_owned(),
        };
        let certificates = self.certificates.as_ref().map(|certificates| certificates.describe());
        let certificates = certificates.unwrap_or_default();
        text(status, &format!("[{mark}] serving\n{certificates}{watches}{line}"))
    }
}
