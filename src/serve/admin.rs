//! Probes and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Incoming;
use hyper::header::ALLOW;
use hyper::{Method, Request, StatusCode};

use super::respond::{Answered, respond, text, with};
use crate::metrics::{Metrics, TEXT_FORMAT};

/// What answers probes and gives metrics.
#[derive(Debug)]
pub(super) struct Admin {
    /// From when reviews are answered until shutdown begins.
    pub(super) ready: AtomicBool,
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
            "/readyz" if self.ready.load(Ordering::Relaxed) => text(StatusCode::OK, "ok"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not serving"),
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
}
