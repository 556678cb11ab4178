//! The answer to a review.

use std::sync::LazyLock;

use time::OffsetDateTime;

use super::envelope::{AdmissionReview, Envelope, OldPod, Request, ReviewError};
use super::note::{Note, notes};
use super::question::{Reply, Told, World};
use super::remembered::Remembering;
use super::trust::{Maker, Settled, is_mirror};
use super::workload::Reviewed;
use super::writer::Writer;
use crate::annotation::RefusalReason;
use crate::cluster::Cluster;
use crate::exemption::may_be_exempted;
use crate::facts::{Facts, Grants};
use crate::harden::{Hardened, RemarkReason, Results, harden};
use crate::message::warnings;
use crate::policy::{OnError, PolicySet};
use crate::posture::Posture;
use crate::rules::RuleSet;
use crate::subject::{Reach, Subject};
use crate::view::is_too_many;

/// What became of a request: the label of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Allowed, with a patch.
    Patched,
    /// Allowed; there was nothing to change.
    Unchanged,
    /// Allowed without a look: a mirror pod, or an operation that is not ours.
    Skipped,
    /// Validated: allowed, maybe with warnings.
    Allowed,
    /// Validated: denied, for the requester may not exempt.
    Denied,
    /// The review failed; allowed unchanged.
    FailedOpen,
    /// The review failed; denied.
    FailedClosed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Patched,
        Self::Unchanged,
        Self::Skipped,
        Self::Allowed,
        Self::Denied,
        Self::FailedOpen,
        Self::FailedClosed,
    ];

    /// As a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::FailedOpen => "failed-open",
            Self::FailedClosed => "failed-closed",
        }
    }
}

/// What logs and metrics are made from.
#[derive(Debug, Clone)]
pub struct Record {
    /// The request's uid.
    pub uid: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name, or what its name will begin with.
    pub name: String,
    /// The policy's name.
    pub policy: String,
    /// What it is about.
    pub reviewed: Reviewed,
    /// What became of the request.
    pub outcome: Outcome,
    /// What each rule did.
    pub results: Results,
    /// The lowest rung of the ladder on which a container stands.
    pub posture: Option<Posture>,
    /// The rules from which an exemption was honoured.
    pub exempted: RuleSet,
    /// Why annotations were not honoured.
    pub refusals: Vec<RefusalReason>,
    /// What there was to say of the choice of the policy.
    pub remarks: Vec<RemarkReason>,
    /// What the owner of the workload is to be told.
    pub notes: Vec<Note>,
    /// Why it failed or was denied, as its requester is told; `None`: it was not.
    pub why: Option<String>,
    /// Whether nothing will be stored: then nothing is to be counted.
    pub dry_run: bool,
    /// Whether it is the answer to an earlier review again.
    pub remembered: bool,
}

/// The answer's body, and what to tell of it.
#[derive(Debug)]
pub struct Answer {
    /// An AdmissionReview with a response.
    pub body: Vec<u8>,
    /// For logs and metrics.
    pub record: Record,
}

/// Answers a review without a cluster: nobody has to be asked anything.
///
/// # Errors
/// As [`reply`].
pub fn answer(body: &[u8], policies: &PolicySet, now: OffsetDateTime) -> Result<Answer, ReviewError> {
    static NO_CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::default);
    let world = World { policies, cluster: &NO_CLUSTER, now, memory: None };
    match reply(body, &world, Told::default())? {
        Reply::Answer(answer) => Ok(answer),
        Reply::Ask(_) => answer_failure(body, policies, "there is nobody to ask"),
    }
}

/// Answers a review, or says what has to be found out first; told it, it answers.
///
/// # Errors
/// When the body is no review of a pod. A pod that cannot be read is no error: policy says what becomes of it.
pub fn reply(body: &[u8], world: &World<'_>, told: Told) -> Result<Reply, ReviewError> {
    match AdmissionReview::parse(body) {
        Ok(review) => {
            let request = review.open()?;
            answer_request(&request, world, told)
        }
        Err(error) => {
            answer_failure(body, world.policies, &error.to_string()).map(Reply::Answer).map_err(|other| {
                match other {
                    ReviewError::Malformed(_) => ReviewError::Malformed(error),
                    other => other,
                }
            })
        }
    }
}

/// Answers a review that failed inside: allowed unchanged with a warning, or denied, as policy says; denied where there is
/// more in the pod than is read.
///
/// # Errors
/// When the body is no review of a pod.
pub fn answer_failure(body: &[u8], policies: &PolicySet, why: &str) -> Result<Answer, ReviewError> {
    let review: Envelope<'_> = serde_json::from_slice(body).map_err(ReviewError::Malformed)?;
    let request = review.open()?;
    let policy = policies.for_unreadable();
    let mut record = record(&request, &policy.name);
    let mut out = Writer::new(&request.uid);
    let on_error = if is_too_many(why) { OnError::Deny } else { policy.on_error };
    let why = crate::message::shorten(format!("pod-hardener: the pod could not be reviewed: {why}"));
    match on_error {
        OnError::Allow => {
            record.outcome = Outcome::FailedOpen;
            out.allow();
            out.warnings(&[crate::message::shorten(format!("{why} (passed unchanged)"))]);
        }
        OnError::Deny => {
            record.outcome = Outcome::FailedClosed;
            out.deny(500, &why);
        }
    }
    record.why = Some(why);
    Ok(Answer { body: out.finish(), record })
}

pub(super) fn record<P, O>(request: &Request<'_, P, O>, policy: &str) -> Record {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Record {
        uid: request.uid.as_str().to_owned(),
        namespace: owned(request.namespace.as_deref()),
        name: owned(request.name.as_deref()),
        policy: policy.to_owned(),
        reviewed: Reviewed::of(request),
        outcome: Outcome::Skipped,
        results: Results::default(),
        posture: None,
        exempted: RuleSet::default(),
        refusals: Vec::new(),
        remarks: Vec::new(),
        notes: Vec::new(),
        why: None,
        dry_run: request.dry_run == Some(true),
        remembered: false,
    }
}

fn answer_request(request: &Request<'_>, world: &World<'_>, told: Told) -> Result<Reply, ReviewError> {
    let known = request.old_object.as_ref().map(OldPod::ephemeral_containers).unwrap_or_default();
    let Some(reach) = reach(request, &known) else { return Ok(Reply::Answer(skip(request))) };
    let pod = request.object.as_ref().ok_or(ReviewError::NoObject)?;
    let Some(subject) = Subject::new(pod, reach) else { return Ok(Reply::Answer(skip(request))) };
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let user = request.user_info.as_ref();
    let maker = Maker::of(user, &subject);
    let mut facts = Facts {
        namespace,
        space: world.cluster.space(namespace),
        account: world.cluster.account(namespace, subject.spec.account()),
        requester: user.map_or("", |user| user.username.as_str()),
        grants: maker.grants(world, told),
        unreachable: told.unreachable,
        ..Facts::default()
    };
    learn_of_nodes(&mut facts, &subject, world);
    let is_connected = world.cluster.is_connected();
    let memory = world.memory.filter(|memory| subject.reaches_pod() && memory.is_under(world.policies));
    let mut remembering = memory.and_then(|memory| memory.of(request, &facts, is_connected));
    if let Some(answer) = remembering.as_ref().and_then(|remembering| remembering.recall(&request.uid)) {
        return Ok(Reply::Answer(answer));
    }
    let mut hardened = harden(&subject, world.policies, &facts, world.now);
    // Most pods want nothing that somebody would have to stand behind.
    if !hardened.asks.is_empty() {
        match maker.settle(&hardened, &subject, namespace, world, told) {
            Settled::Ask(question) => return Ok(Reply::Ask(question)),
            Settled::Trusted => facts.grants = Grants::Trusted,
            Settled::Unverified(check) => facts.check = check,
        }
        hardened = harden(&subject, world.policies, &facts, world.now);
        // It depends on who was asked, too.
        remembering = None;
    }
    let answer = say(request, &subject, hardened, is_connected, remembering);
    Ok(Reply::Answer(answer))
}

/// What came of it, in bytes and for the record.
fn say(
    request: &Request<'_>,
    subject: &Subject<'_, '_>,
    hardened: Hardened<'_>,
    is_connected: bool,
    remembering: Option<Remembering<'_>>,
) -> Answer {
    let mut record = record(request, &hardened.policy.name);
    if record.name.is_empty() {
        let metadata = subject.pod.metadata.as_ref();
        let name = metadata.and_then(|metadata| metadata.generate_name.as_deref());
        record.name = name.unwrap_or_default().to_owned();
    }
    record.outcome = if hardened.is_changed() { Outcome::Patched } else { Outcome::Unchanged };
    record.results = hardened.results;
    record.posture = hardened.posture;
    record.exempted = hardened.exemptions.rules();
    if is_connected && !record.dry_run {
        record.notes = notes(&hardened, subject);
    }
    record.refusals = hardened.refusals.iter().map(|refusal| refusal.reason).collect();
    record.remarks = hardened.remarks.iter().map(|remark| remark.reason).collect();
    // With room for the patch, and what is commonly said of one.
    let mut out = Writer::with_capacity(&request.uid, 2048 + hardened.patch.bytes() / 2 * 3);
    let uid_ends = out.len();
    out.allow();
    out.warnings(&warnings(&hardened, subject));
    out.audit(&hardened);
    let patch = if hardened.is_changed() { hardened.patch.into_json() } else { Vec::new() };
    out.patch(&patch);
    let body = out.finish();
    if let (Some(remembering), Some(rest)) = (remembering, body.get(uid_ends..)) {
        remembering.keep(rest, &patch, &record);
    }
    Answer { body, record }
}

/// What every node can do that the pod can reach, as far as labels say. What all nodes can do is known; some of them are
/// looked for only where the pod may need it, instead of what is exempted, or of what its image cannot live with.
pub(crate) fn learn_of_nodes(facts: &mut Facts<'_>, subject: &Subject<'_, '_>, world: &World<'_>) {
    let selector = subject.spec.node_selector.as_ref().filter(|_| world.cluster.is_connected());
    if selector.is_some() && !may_need_nodes(facts, subject, world.policies) {
        return;
    }
    let selector: Vec<(&str, &str)> = selector.map_or_else(Vec::new, |selector| selector.entries().collect());
    let abilities = world.cluster.abilities(&selector);
    facts.user_namespaces = abilities.user_namespaces;
    facts.image_volumes = abilities.image_volumes;
}

fn may_need_nodes(facts: &Facts<'_>, subject: &Subject<'_, '_>, policies: &PolicySet) -> bool {
    let compensates = policies.compensates() && may_be_exempted(subject.pod, facts.space.as_deref());
    compensates || policies.isolates(subject, facts.namespace) || policies.copies_up(subject, facts.namespace)
}

fn skip(request: &Request<'_>) -> Answer {
    let mut out = Writer::new(&request.uid);
    out.allow();
    Answer { body: out.finish(), record: record(request, "") }
}

/// What may be changed; `None` where nothing is to be.
fn reach<'v>(request: &Request<'_>, known: &'v [&'v str]) -> Option<Reach<'v>> {
    let sub_resource = request.sub_resource.as_deref().unwrap_or_default();
    let pod = request.object.as_ref();
    match (request.operation.as_str(), sub_resource) {
        ("CREATE", "") if pod.is_some_and(|pod| is_mirror(pod, request.user_info.as_ref())) => None,
        ("CREATE", "") => Some(Reach::Pod),
        ("UPDATE", "ephemeralcontainers") => Some(Reach::NewEphemeral(known)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
