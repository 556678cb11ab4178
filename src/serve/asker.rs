//! Finds out what a review asks: whether somebody may exempt, and since when a workload exists.
//!
//! The only calls that an admission can cause. They are made only where somebody wants an exemption that needs a
//! permission, are remembered for seconds, asked once at a time, and end well before the API server gives up on us.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answers::{Answer, Answers};
use crate::authority::GROUP;
use crate::cluster::{Cluster, Uid};
use crate::metrics::{Asked, Metrics, Waited};
use crate::review::{Question, Requester, Told};
use crate::rules::{RuleId, RuleSet};

/// How long the API server may take to say whether somebody may exempt.
const ACCESS_DEADLINE: Duration = Duration::from_millis(800);
/// How long the watch may take to bring a workload.
const OWNER_DEADLINE: Duration = Duration::from_millis(500);

/// So many answers are kept.
const MOST: usize = 4096;

/// May this requester exempt from this rule in this namespace?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Access {
    requester: Arc<Requester>,
    namespace: Arc<str>,
    rule: RuleId,
}

/// Who asks.
pub(super) struct Asker {
    client: Option<Client>,
    cluster: Arc<Cluster>,
    metrics: Arc<Metrics>,
    answers: Arc<Answers<Access, bool>>,
    /// Reviews that ask at once: a slow API server must not take every place of those that need nothing from it.
    asking: Semaphore,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

impl Asker {
    /// Without a client nobody is asked; at most `most` reviews ask at once.
    pub(super) fn new(
        client: Option<Client>,
        cluster: Arc<Cluster>,
        metrics: Arc<Metrics>,
        most: usize,
    ) -> Self {
        Self { client, cluster, metrics, answers: Arc::new(Answers::new(MOST)), asking: Semaphore::new(most) }
    }

    /// Adds the answer to a question to what was told before.
    pub(super) async fn find_out(&self, question: Question, told: Told) -> Told {
        match question {
            Question::May { requester, namespace, rules } => {
                let found = self.may(requester, namespace, rules).await;
                Told { may: Some(found.unwrap_or_default()), unreachable: found.is_none(), ..told }
            }
            Question::Owner(uid) => {
                let known = self.owner(&uid).await;
                self.metrics.owner_waits.count(if known { Waited::Known } else { Waited::Unknown });
                Told { waited: true, ..told }
            }
        }
    }

    /// Waits until the workload at the top of the chain is known.
    async fn owner(&self, uid: &Uid) -> bool {
        if !self.cluster.is_connected() {
            return false;
        }
        // Before the first look: what comes after that is not missed.
        let mut changes = self.cluster.owners.changes();
        let known = async {
            while self.cluster.owners.since(uid).is_none() {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        timeout(OWNER_DEADLINE, known).await.is_ok()
    }

    /// The rules from which the requester may exempt; `None`: not every answer came.
    async fn may(&self, requester: Requester, namespace: String, rules: RuleSet) -> Option<RuleSet> {
        let client = self.client.as_ref()?;
        let (requester, namespace): (Arc<Requester>, Arc<str>) = (Arc::new(requester), namespace.into());
        let (mut answers, mut open) = (Vec::new(), Vec::new());
        for rule in rules.iter() {
            let access =
                Access { requester: Arc::clone(&requester), namespace: Arc::clone(&namespace), rule };
            match self.answers.get(&access, Instant::now()) {
                Some(answer) => {
                    self.metrics.access_reviews.count(Asked::Cached);
                    answers.push((rule, answer.said));
                }
                None => open.push(access),
            }
        }
        if !open.is_empty() {
            let Ok(_permit) = self.asking.try_acquire() else {
                self.metrics.access_reviews.count(Asked::Overload);
                return None;
            };
            // Tasks of their own: whoever asked may go, and the answers still serve who comes next.
            let asked = open.into_iter().map(|access| {
                let one = one(client.clone(), Arc::clone(&self.metrics), Arc::clone(&self.answers), access);
                tokio::spawn(one)
            });
            for task in asked.collect::<Vec<_>>() {
                answers.push(task.await.ok()?);
            }
        }
        let mut allowed = RuleSet::default();
        for (rule, answer) in answers {
            if answer? {
                allowed.insert(rule);
            }
        }
        Some(allowed)
    }
}

/// Asks whether one may; the same asked at once is asked once.
async fn one(
    client: Client,
    metrics: Arc<Metrics>,
    answers: Arc<Answers<Access, bool>>,
    access: Access,
) -> (RuleId, Option<bool>) {
    let place = answers.place(&access, Instant::now());
    let answer = place.get_or_init(async || {
        let said = ask(client, &metrics, &access).await;
        Answer { said, at: Instant::now() }
    });
    (access.rule, answer.await.said)
}

async fn ask(client: Client, metrics: &Metrics, access: &Access) -> Option<bool> {
    let start = Instant::now();
    let review = subject_access_review(access);
    let api: Api<SubjectAccessReview> = Api::all(client);
    let sent = timeout(ACCESS_DEADLINE, api.create(&PostParams::default(), &review)).await;
    metrics.access_reviewed(start.elapsed());
    let allowed = match sent {
        Ok(Ok(review)) => review.status.map(|status| status.allowed),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the API server could not be asked whether somebody may exempt");
            None
        }
        Err(_) => {
            tracing::warn!("the API server did not say in time whether somebody may exempt");
            None
        }
    };
    metrics.access_reviews.count(match allowed {
        Some(true) => Asked::Allowed,
        Some(false) => Asked::Denied,
        None => Asked::Failed,
    });
    allowed
}

fn subject_access_review(access: &Access) -> SubjectAccessReview {
    may(&access.requester, |spec| {
        spec.resource_attributes = Some(ResourceAttributes {
            group: Some(GROUP.to_owned()),
            resource: Some("rules".to_owned()),
            verb: Some("exempt".to_owned()),
            name: Some(RuleId::as_str(access.rule).to_owned()),
            namespace: Some(access.namespace.as_ref().to_owned()),
            ..ResourceAttributes::default()
        });
    })
}

/// The question whether somebody may do something; `what` says what.
pub(super) fn may(
    requester: &Requester,
    what: impl FnOnce(&mut SubjectAccessReviewSpec),
) -> SubjectAccessReview {
    let Requester { username, uid, groups, extra } = requester;
    let mut spec = SubjectAccessReviewSpec {
        user: Some(username.clone()),
        uid: Some(uid.clone()).filter(|uid| !uid.is_empty()),
        groups: Some(groups.clone()),
        extra: Some(extra.clone()).filter(|extra| !extra.is_empty()),
        ..SubjectAccessReviewSpec::default()
    };
    what(&mut spec);
    SubjectAccessReview { metadata: ObjectMeta::default(), spec, status: None }
}

#[cfg(test)]
#[path = "asker/tests.rs"]
mod tests;
