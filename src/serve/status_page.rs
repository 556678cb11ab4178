//! `GET /`: the status page.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Request, StatusCode};
use kube::Client;
use time::OffsetDateTime;

use super::gate::Gate;
use super::respond::{Answered, respond, with};
use crate::inventory::Board;
use crate::metrics::Metrics;
use crate::page::{Certificate, Health, Page, Recent, SCRIPT, SCRIPT_PATH, security_policy};
use crate::settings::{CertificateMode, Settings};
use crate::sources::{Sources, report};

/// What the page is made from.
#[derive(Debug)]
pub(super) struct StatusPage {
    gate: Gate,
    /// Where reviews leave what they decided.
    pub(super) recent: Arc<Recent>,
    /// Where it is counted what pods live on.
    pub(super) board: Arc<Board>,
    sources: Arc<Sources>,
    metrics: Arc<Metrics>,
    certificate: (CertificateMode, Option<String>),
    started: OffsetDateTime,
    replica: String,
    security_policy: Option<HeaderValue>,
}

impl StatusPage {
    /// `None`: the settings want no page.
    pub(super) fn new(
        settings: &Settings,
        client: Option<Client>,
        sources: &Arc<Sources>,
        metrics: &Arc<Metrics>,
    ) -> Option<Self> {
        Some(Self {
            gate: Gate::new(settings, client)?,
            recent: Arc::default(),
            board: Arc::default(),
            sources: Arc::clone(sources),
            metrics: Arc::clone(metrics),
            certificate: (
                settings.certificates,
                settings.tls_cert.as_ref().map(|path| path.display().to_string()),
            ),
            started: OffsetDateTime::now_utc(),
            replica: report::own_name(),
            security_policy: HeaderValue::from_str(&security_policy()).ok(),
        })
    }

    /// Whether it is asked for, and not something else.
    pub(super) fn has(path: &str) -> bool {
        matches!(path, "/" | SCRIPT_PATH)
    }

    /// The page or its script, for who may see it; `health` is found out only then.
    pub(super) async fn answer(
        &self,
        request: &Request<Incoming>,
        peer: Option<SocketAddr>,
        health: impl FnOnce() -> (Health, Option<String>),
    ) -> Answered {
        let answered = match self.gate.lets(request.headers()).await {
            Err(refusal) => refusal.answer(peer.is_some_and(|peer| peer.ip().is_loopback())),
            Ok(()) if request.uri().path() == SCRIPT_PATH => {
                respond(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT)
            }
            Ok(()) => {
                let refreshes = request.uri().query() != Some("still");
                let (health, distrusted) = health();
                let page = self.page(refreshes, health, distrusted);
                respond(StatusCode::OK, "text/html; charset=utf-8", page.to_string())
            }
        };
        self.protected(answered)
    }

    fn page(&self, refreshes: bool, health: Health, distrusted: Option<String>) -> Page {
        let (mode, file) = self.certificate.clone();
        Page {
            now: OffsetDateTime::now_utc(),
            started: self.started,
            replica: self.replica.clone(),
            refreshes,
            health,
            numbers: self.metrics.numbers(),
            decisions: self.recent.latest(),
            exemptions: self.board.get(),
            policies: self.sources.policies_shown(),
            profiles: self.sources.profiles_shown(),
            certificate: Certificate { mode, file, distrusted },
        }
    }

    /// With what a browser is told not to do.
    fn protected(&self, answered: Answered) -> Answered {
        let told = [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-store"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        let mut answered =
            told.into_iter().fold(answered, |answered, (name, value)| with(answered, name, value));
        if let Some(policy) = &self.security_policy {
            answered.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        answered
    }
}
