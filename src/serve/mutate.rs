//! `POST /mutate`

use std::time::{Duration, Instant};

use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use std::sync::Arc;
use tokio::sync::Semaphore;

use super::body::receive;
use super::logging;
use super::respond::{Answered, reject, respond};
use super::reviewer::review;
use super::throttle::Throttle;
use crate::cluster::Cluster;
use crate::metrics::{Label as _, Metrics, Rejection};
use crate::policy::InForce;
use crate::review::answer;
use crate::settings::Settings;

/// What answers reviews.
#[derive(Debug)]
pub(super) struct Webhook {
    /// What is in force; replaced as a whole.
    policies: Arc<InForce>,
    /// What is known of the cluster.
    #[expect(dead_code, reason = "INTEGRATION: the asker passes it on in `World`")]
    cluster: Arc<Cluster>,
    metrics: Arc<Metrics>,
    requests: Semaphore,
    most_bytes: usize,
    body_timeout: Duration,
    throttle: Throttle,
}

impl Webhook {
    pub(super) fn new(
        settings: &Settings,
        policies: Arc<InForce>,
        cluster: Arc<Cluster>,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.policy_loaded();
        Self {
            policies,
            cluster,
            metrics,
            requests: Semaphore::new(settings.max_requests.0),
            most_bytes: settings.max_body_bytes.0,
            body_timeout: settings.body_timeout.0,
            throttle: Throttle::new(),
        }
    }

    /// Answers any request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answered {
        match self.mutate(request).await {
            Ok(body) => respond(StatusCode::OK, "application/json", body),
            Err((rejection, line)) => {
                self.metrics.rejected.count(rejection);
                if self.throttle.lets(rejection) {
                    tracing::warn!(reason = rejection.as_str(), line, "a request was rejected");
                }
                reject(rejection, &line)
            }
        }
    }

    async fn mutate(&self, request: Request<Incoming>) -> Result<Bytes, (Rejection, String)> {
        check(&request)?;
        // Held while the body comes in: the bodies are what takes memory.
        let _permit = self.requests.try_acquire().map_err(|_| {
            (Rejection::Overload, "as many reviews as are allowed are being made, come back".to_owned())
        })?;
        let _entered = self.metrics.in_flight.enter();
        let body = receive(request.into_body(), self.most_bytes, self.body_timeout)
            .await
            .map_err(|rejection| (rejection, self.describe(rejection)))?;
        let received = Instant::now();
        let answered = review(&body, &self.policies.load(), &self.metrics, answer)?;
        self.metrics.record(&answered.record, received.elapsed(), body.len(), answered.body.len());
        logging::decision(&answered.record);
        Ok(answered.body.into())
    }

    fn describe(&self, rejection: Rejection) -> String {
        match rejection {
            Rejection::TooLarge => format!("the body is longer than {} bytes", self.most_bytes),
            Rejection::BodyTimeout => format!("the body took longer than {:?}", self.body_timeout),
            _ => "the body ended early".to_owned(),
        }
    }
}

/// Whether the request may be a review, by its header.
fn check(request: &Request<Incoming>) -> Result<(), (Rejection, String)> {
    if request.uri().path() != "/mutate" {
        return Err((Rejection::Path, "reviews are answered at /mutate only".to_owned()));
    }
    if request.method() != Method::POST {
        return Err((Rejection::Method, "a review is sent by POST".to_owned()));
    }
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(is_json) {
        return Err((Rejection::ContentType, "a review's content type is application/json".to_owned()));
    }
    Ok(())
}

/// `application/json`, with or without parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn json_may_have_parameters() {
        for json in
            ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x"]
        {
            assert!(is_json(json), "{json}");
        }
        for other in ["", "text/json", "application/jsonp", "application/yaml; application/json"] {
            assert!(!is_json(other), "{other}");
        }
    }
}
