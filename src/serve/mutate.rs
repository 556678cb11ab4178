//! `POST /mutate` and `POST /validate`

use std::time::Instant;

use arc_swap::Guard;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use std::sync::{Arc, OnceLock};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::asker::Asker;
use super::body::{Bodies, Room};
use super::logging;
use super::respond::{Answered, reject, respond};
use super::reviewer::{Reviewer, give_up, review};
use super::tell::tell;
use super::throttle::Throttle;
use crate::cluster::Cluster;
use crate::metrics::{Endpoint, Label as _, Limit, Metrics, Rejection};
use crate::page::Recent;
use crate::policy::{InForce, PolicySet};
use crate::review::{Answer, Question, Remembered, Reply, Told, World};
use crate::settings::Settings;
use crate::telling::Teller;

/// A review asks who may exempt, then for a workload; whatever it asks after that is too much.
const ROUNDS: usize = 3;

/// What answers reviews.
#[derive(Debug)]
pub(super) struct Webhook {
    /// What is in force; replaced as a whole.
    policies: Arc<InForce>,
    /// What is known of the cluster.
    cluster: Arc<Cluster>,
    /// What was answered before.
    remembered: Remembered,
    asker: Asker,
    /// Who tells the owners of workloads, once the server runs and where there is a cluster.
    teller: OnceLock<Teller>,
    metrics: Arc<Metrics>,
    requests: Semaphore,
    bodies: Bodies,
    throttle: Throttle,
    /// Where decisions are left for the status page, if there is one.
    recent: Option<Arc<Recent>>,
}

impl Webhook {
    pub(super) fn new(
        settings: &Settings,
        policies: Arc<InForce>,
        cluster: Arc<Cluster>,
        client: Option<kube::Client>,
        metrics: Arc<Metrics>,
        recent: Option<Arc<Recent>>,
    ) -> Self {
        metrics.policy_loaded();
        for (limit, count) in [
            (Limit::Connections, settings.max_connections),
            (Limit::Requests, settings.max_requests),
            (Limit::LongBodies, settings.max_bodies_bytes),
        ] {
            metrics.limits.set(limit, count.0);
        }
        let most = (settings.max_requests.0 / 2).max(1);
        let asker = Asker::new(client, Arc::clone(&cluster), Arc::clone(&metrics), most);
        Self {
            policies,
            cluster,
            remembered: Remembered::default(),
            asker,
            teller: OnceLock::new(),
            requests: Semaphore::new(settings.max_requests.0),
            bodies: Bodies::new(settings, metrics.long_bodies.clone()),
            metrics,
            throttle: Throttle::new(),
            recent,
        }
    }

    /// From now on owners are told.
    pub(super) fn tells(&self, teller: Teller) {
        // There is one for the life of the server.
        let _ = self.teller.set(teller);
    }

    /// Answers any request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answered {
        match self.review(request).await {
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

    async fn review(&self, request: Request<Incoming>) -> Result<Bytes, (Rejection, String)> {
        let endpoint = endpoint(&request)?;
        let body = request.into_body();
        // Both are held while the body comes in: the bodies are what takes memory.
        let (_room, _permit) = match self.place(&body) {
            Ok(place) => place,
            Err(rejection) => {
                // One that is too long may be without end.
                if rejection != Rejection::TooLarge {
                    self.bodies.discard(body).await;
                }
                return Err((rejection, self.bodies.describe(rejection)));
            }
        };
        let _entered = self.metrics.in_flight.enter();
        let body = self.bodies.receive(body).await;
        let body = body.map_err(|rejection| (rejection, self.bodies.describe(rejection)))?;
        let received = Instant::now();
        let answered = match self.reply(endpoint, &body)? {
            Replied::Answer(answered) => answered,
            // Most reviews ask nothing, and are not to carry the room that this takes.
            Replied::Ask(question, policies) => {
                Box::pin(self.ask(endpoint.into(), &body, question, &policies)).await?
            }
        };
        self.metrics.record(endpoint, &answered.record, received.elapsed(), body.len(), answered.body.len());
        logging::decision(endpoint, &answered.record);
        if let Some(teller) = self.teller.get() {
            tell(teller, &body, &answered.record);
        }
        if let Some(recent) = &self.recent {
            recent.keep(endpoint, answered.record, OffsetDateTime::now_utc());
        }
        Ok(answered.body.into())
    }

    /// Room for the body, and a place among the reviews at once. What is shed keeps neither.
    fn place(&self, body: &Incoming) -> Result<(Room<'_>, SemaphorePermit<'_>), Rejection> {
        let room = self.bodies.room_for(body)?;
        let permit = self.requests.try_acquire().map_err(|_| Rejection::Overload)?;
        Ok((room, permit))
    }

    /// The answer, or what has to be found out first.
    fn reply(&self, endpoint: Endpoint, body: &[u8]) -> Result<Replied, (Rejection, String)> {
        let policies = self.policies.load();
        let now = OffsetDateTime::now_utc();
        let memory = Some(self.remembered.under(&policies));
        let world = World { policies: &policies, cluster: &self.cluster, now, memory };
        Ok(match review(endpoint.into(), body, &world, Told::default(), &self.metrics)? {
            Reply::Answer(answer) => Replied::Answer(answer),
            Reply::Ask(question) => Replied::Ask(question, Guard::into_inner(policies)),
        })
    }

    /// Finds out what a review asks, and answers it by the policies under which it asked.
    async fn ask(
        &self,
        reviewer: Reviewer,
        body: &[u8],
        mut question: Question,
        policies: &PolicySet,
    ) -> Result<Answer, (Rejection, String)> {
        let mut told = Told::default();
        for _ in 0..ROUNDS {
            told = self.asker.find_out(question, told).await;
            let now = OffsetDateTime::now_utc();
            let world = World { policies, cluster: &self.cluster, now, memory: None };
            match review(reviewer, body, &world, told, &self.metrics)? {
                Reply::Answer(answer) => return Ok(answer),
                Reply::Ask(next) => question = next,
            }
        }
        give_up(reviewer, body, policies)
    }
}

/// A reply, with the policies under which something is asked.
enum Replied {
    Answer(Answer),
    Ask(Question, Arc<PolicySet>),
}

/// Where the request goes, if it may be a review by its header.
fn endpoint(request: &Request<Incoming>) -> Result<Endpoint, (Rejection, String)> {
    let endpoint = match request.uri().path() {
        "/mutate" => Endpoint::Mutate,
        "/validate" => Endpoint::Validate,
        _ => {
            let line = "reviews are answered at /mutate and /validate only".to_owned();
            return Err((Rejection::Path, line));
        }
    };
    if request.method() != Method::POST {
        return Err((Rejection::Method, "a review is sent by POST".to_owned()));
    }
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(is_json) {
        return Err((Rejection::ContentType, "a review's content type is application/json".to_owned()));
    }
    Ok(endpoint)
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
