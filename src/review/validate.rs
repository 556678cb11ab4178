//! What people do is validated: whether they may exempt, and what will become of the pods of a workload.
//!
//! Nothing is changed here. Pods that exempt, and templates that do, need somebody with the right to it where policy
//! wants that (`exemptions.authorization: rbac`); a workload's pods are hardened when they come, and whoever applies
//! the workload is told of it now.

use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::answer::{Answer, Outcome, Record, learn_of_nodes, record};
use super::envelope::{AdmissionReview, ReviewError};
use super::question::{Question, Reply, Told, World};
use super::trust::{is_adopted, is_mirror};
use super::workload::{Kind, Object, RawRequest};
use super::writer::Writer;
use crate::authority::{GROUP, Terms, controllers, demands, demands_namespace};
use crate::cluster::Check;
use crate::exemption::excerpt;
use crate::facts::{Facts, Grants};
use crate::harden::harden;
use crate::message::{shorten, warnings_of_pods};
use crate::policy::{Authorization, OnError, Policy, PolicySet};
use crate::rules::{RuleId, RuleSet};
use crate::subject::{Reach, Subject};
use crate::view::{Pod, is_too_many};

/// Validates a request, or says what has to be found out first; told it, it answers.
///
/// # Errors
/// When the body is no review of a pod, a workload or a namespace. An object that cannot be read is no error: policy
/// says what becomes of it.
pub fn validate(body: &[u8], world: &World<'_>, told: Told) -> Result<Reply, ReviewError> {
    let request = open(body)?;
    let kind = kind(&request)?;
    match examine(&request, kind, world, told) {
        Ok(reply) => Ok(reply),
        Err(error) => Ok(Reply::Answer(failure(&request, world.policies, &error.to_string()))),
    }
}

/// Answers a validation that failed inside: allowed with a warning, or denied, as policy says.
///
/// # Errors
/// When the body is no review of a pod, a workload or a namespace.
pub fn validate_failure(body: &[u8], policies: &PolicySet, why: &str) -> Result<Answer, ReviewError> {
    let request = open(body)?;
    kind(&request)?;
    Ok(failure(&request, policies, why))
}

fn open(body: &[u8]) -> Result<Box<RawRequest<'_>>, ReviewError> {
    AdmissionReview::read(body).map_err(ReviewError::Malformed)?.open_any()
}

fn kind(request: &RawRequest<'_>) -> Result<Kind, ReviewError> {
    Kind::of(&request.resource).ok_or_else(|| ReviewError::NotValidated(request.resource.describe()))
}

fn failure(request: &RawRequest<'_>, policies: &PolicySet, why: &str) -> Answer {
    let policy = policies.for_unreadable();
    let mut record = record(request, &policy.name);
    let mut out = Writer::new(&request.uid);
    let unchecked = match policy.exemptions.authorization {
        Authorization::Annotations => "the object could not be checked",
        Authorization::Rbac => "whether its exemptions are allowed could not be checked",
    };
    let on_error = if is_too_many(why) { OnError::Deny } else { policy.on_error };
    let why = shorten(format!("pod-hardener: {unchecked}: {why}"));
    match on_error {
        OnError::Allow => {
            record.outcome = Outcome::FailedOpen;
            out.allow();
            out.warnings(std::slice::from_ref(&why));
        }
        OnError::Deny => {
            record.outcome = Outcome::FailedClosed;
            out.deny(500, &why);
        }
    }
    record.why = Some(why);
    Answer { body: out.finish(), record }
}

fn examine(request: &RawRequest<'_>, kind: Kind, world: &World<'_>, told: Told) -> serde_json::Result<Reply> {
    let Some(text) = request.object.filter(|_| is_checked(request, kind)) else {
        return Ok(skip(request));
    };
    let object = Object::read(kind, text.text())?;
    let old = request.old_object.map(|old| Object::read(kind, old.text())).transpose()?;
    // The API server writes both alike, so the same text is the same template.
    if old.as_ref().is_some_and(|old| old.template == object.template) {
        return Ok(skip(request));
    }
    let Some(pod) = object.pod()? else { return Ok(skip(request)) };
    if is_mirror(&pod, request.user_info.as_ref()) {
        return Ok(skip(request));
    }
    let old = old.as_ref().map(Object::pod).transpose()?.flatten();
    let case = Case { request, kind, object: &object, pod: &pod, old: old.as_ref(), world };
    Ok(case.answer(told))
}

/// Whether such a request can bring a new exemption.
fn is_checked(request: &RawRequest<'_>, kind: Kind) -> bool {
    let sub_resource = request.sub_resource.as_deref().unwrap_or_default();
    match (request.operation.as_str(), sub_resource) {
        ("CREATE" | "UPDATE", "") => true,
        ("UPDATE", "ephemeralcontainers") => kind == Kind::Pod,
        _ => false,
    }
}

fn skip(request: &RawRequest<'_>) -> Reply {
    let mut out = Writer::new(&request.uid);
    out.allow();
    Reply::Answer(Answer { body: out.finish(), record: record(request, "") })
}

/// One change of a pod, a template or a namespace.
struct Case<'c> {
    request: &'c RawRequest<'c>,
    kind: Kind,
    object: &'c Object<'c>,
    pod: &'c Pod<'c>,
    old: Option<&'c Pod<'c>>,
    world: &'c World<'c>,
}

impl Case<'_> {
    fn answer(&self, told: Told) -> Reply {
        let namespace = self.namespace();
        let facts = Facts {
            namespace,
            space: self.world.cluster.space(namespace),
            requester: self.username(),
            ..Facts::default()
        };
        // What the namespace has: neither the pod's author nor who changes a namespace chooses who must be allowed.
        let policy = self.world.policies.base(&facts).policy;
        let demanded = self.demanded(policy);
        let may = match told.may {
            None if !demanded.is_empty() => return Reply::Ask(self.question(demanded)),
            may => may.unwrap_or_default(),
        };
        let lacking = demanded.without(may);
        let mut record = self.record(policy);
        let mut out = Writer::new(&self.request.uid);
        if lacking.is_empty() {
            record.outcome = Outcome::Allowed;
            out.allow();
            out.warnings(&self.warnings(policy, facts));
        } else {
            record.outcome = Outcome::Denied;
            let (code, message) = self.denial(policy, lacking, told.unreachable);
            out.deny(code, &message);
            record.why = Some(shorten(message));
        }
        out.audit_exempting(&policy.name, demanded, lacking);
        Reply::Answer(Answer { body: out.finish(), record })
    }

    /// The namespace that it is about: also where that is the object itself.
    fn namespace(&self) -> &str {
        let own = if self.kind == Kind::Namespace { self.request.name.as_deref() } else { None };
        own.or(self.request.namespace.as_deref()).unwrap_or_default()
    }

    /// The user's name.
    fn username(&self) -> &str {
        self.request.user_info.as_ref().map_or("", |user| user.username.as_str())
    }

    /// A controller that only carries on a template that was checked where it was written.
    fn carries_on(&self) -> bool {
        let owner = self.object.metadata.controller();
        controllers::is_controller(self.username())
            && owner.is_some_and(|(version, kind)| controllers::is_checked_owner(version, kind))
    }

    /// The rules from which the requester must be allowed to exempt.
    fn demanded(&self, policy: &Policy) -> RuleSet {
        let exemptions = &policy.exemptions;
        let is_listed = || exemptions.trusted_controllers.iter().any(|name| name == self.username());
        // An ephemeral container is never a controller's to add.
        let is_whole = self.request.sub_resource.as_deref().unwrap_or_default().is_empty();
        let is_trusted = is_whole && (self.carries_on() || is_listed());
        if exemptions.authorization == Authorization::Annotations || is_trusted {
            return RuleSet::default();
        }
        let terms = Terms { prefix: &policy.annotation_prefix, pin_images: exemptions.pin_images };
        if self.kind == Kind::Namespace {
            let old = self.old.and_then(|old| old.metadata.as_ref());
            return demands_namespace(old, &self.pod.metadata.clone().unwrap_or_default(), terms.prefix);
        }
        demands(self.old, self.pod, terms)
    }

    fn question(&self, rules: RuleSet) -> Question {
        let requester = self.request.user_info.as_ref().map(|user| user.requester());
        Question::May {
            requester: requester.unwrap_or_default(),
            namespace: self.namespace().to_owned(),
            rules,
        }
    }

    fn record(&self, policy: &Policy) -> Record {
        let mut record = record(self.request, &policy.name);
        if record.name.is_empty() {
            self.object.metadata.name().clone_into(&mut record.name);
        }
        record
    }

    /// Why not, for whoever asked: status code and message.
    fn denial(&self, policy: &Policy, lacking: RuleSet, unreachable: bool) -> (u16, String) {
        let names: Vec<&str> = lacking.iter().map(RuleId::as_str).collect();
        let (user, namespace) = (excerpt(self.username()), self.namespace());
        let what = names.join(", ");
        if unreachable {
            let message = format!(
                "whether user \"{user}\" may exempt from {what} in namespace \"{namespace}\" could not be found \
                 out, as the API server could not be asked: try again"
            );
            return (503, message);
        }
        let message = format!(
            "user \"{user}\" may not exempt from {what} in namespace \"{namespace}\", as policy {} wants a \
             permission for it: leave the exemption out, or ask an administrator for a Role with this rule: \
             {{verbs: [exempt], apiGroups: [{GROUP}], resources: [rules], resourceNames: [{what}]}}",
            policy.name
        );
        (403, message)
    }

    /// What will become of the workload's pods, for whoever applies it.
    fn warnings(&self, policy: &Policy, facts: Facts<'_>) -> Vec<String> {
        let Kind::Workload(kind) = self.kind else { return Vec::new() };
        // A controller reads no warnings: who wrote the workload above was told.
        if self.carries_on() {
            return Vec::new();
        }
        let Some(subject) = Subject::new(self.pod, Reach::Pod) else { return Vec::new() };
        let (grants, check) = self.grants(policy);
        let account = self.world.cluster.account(facts.namespace, subject.spec.account());
        let mut facts = Facts { account, grants, check, ..facts };
        learn_of_nodes(&mut facts, &subject, self.world);
        let hardened = harden(&subject, self.world.policies, &facts, self.world.now);
        if !hardened.policy.workload_warnings {
            return Vec::new();
        }
        let name = excerpt(self.object.metadata.name());
        warnings_of_pods(&hardened, &subject, &format!("{}/{name}", kind.as_str()))
    }

    /// Whose word will stand behind the exemptions of the workload's pods, once a controller makes them, and by which
    /// check.
    fn grants(&self, policy: &Policy) -> (Grants, Option<Arc<Check>>) {
        if policy.exemptions.authorization == Authorization::Annotations {
            return (Grants::Trusted, None);
        }
        let Some(check) = self.world.cluster.check_for(policy) else { return (Grants::Unverified, None) };
        let created = self.object.metadata.creation_timestamp.as_deref();
        let created = created.and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
        let is_checked =
            created.unwrap_or(self.world.now) >= check.since || is_adopted(self.pod, policy, &check);
        (if is_checked { Grants::Trusted } else { Grants::Unverified }, Some(check))
    }
}

#[cfg(test)]
#[path = "validate/tests.rs"]
mod tests;
