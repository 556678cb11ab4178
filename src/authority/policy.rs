//! The check that nobody can go around: a ValidatingAdmissionPolicy with its binding, written from the code, and whether
//! what is in a cluster is that.

use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::cel;
use crate::annotation::DEFAULT_PREFIX;
use crate::cluster::Check;
use crate::policy::{Authorization, Policy, PolicySet};
use crate::rules::RuleId;

/// The name of both.
pub const NAME: &str = "pod-hardener-exemptions";
/// Where the policy says with which settings it was written.
const SETTINGS: &str = "pod-hardener.dev/settings";
/// Every API server follows a change within this time.
const MARGIN: Duration = Duration::seconds(30);

/// What of our policies the check depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The prefix of the annotations.
    pub prefix: String,
    /// Whether changing an image of an exempted template asks again.
    pub pin_images: bool,
    /// Whose workloads and pods are not checked.
    pub trusted_controllers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { prefix: DEFAULT_PREFIX.to_owned(), pin_images: false, trusted_controllers: Vec::new() }
    }
}

/// Two policies that one check cannot serve.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "policies {one} and {other} differ in annotationPrefix, exemptions.pinImages or exemptions.trustedControllers: \
     one check cannot serve both"
)]
pub struct Differing {
    one: String,
    other: String,
}

impl Settings {
    /// The settings for a policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            prefix: policy.annotation_prefix.clone(),
            pin_images: policy.exemptions.pin_images,
            trusted_controllers: policy.exemptions.trusted_controllers.clone(),
        }
    }

    /// The settings for all policies that want authority; for all policies, where none does.
    ///
    /// # Errors
    /// When they differ.
    pub fn of_all(policies: &PolicySet) -> Result<Self, Differing> {
        let wants = |policy: &&Policy| policy.exemptions.authorization == Authorization::Rbac;
        let mut chosen: Vec<&Policy> = policies.policies().iter().filter(wants).collect();
        if chosen.is_empty() {
            chosen = policies.policies().iter().collect();
        }
        let Some((first, others)) = chosen.split_first() else { return Ok(Self::default()) };
        let settings = Self::of(first);
        match others.iter().find(|other| Self::of(other) != settings) {
            None => Ok(settings),
            Some(other) => Err(Differing { one: first.name.clone(), other: other.name.clone() }),
        }
    }

    /// Whether what a check with these settings lets pass, a policy may trust: it reads the same annotations, asks at
    /// least as often, and leaves out nobody whom the policy does not trust.
    #[must_use]
    pub fn suffice_for(&self, policy: &Policy) -> bool {
        let trusted = &policy.exemptions.trusted_controllers;
        self.prefix == policy.annotation_prefix
            && (self.pin_images || !policy.exemptions.pin_images)
            && self.trusted_controllers.iter().all(|user| trusted.contains(user))
    }
}

/// What becomes of a change that the requester may not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is denied. Only then pods of checked templates are trusted.
    Deny,
    /// It passes, with a warning.
    Warn,
    /// It passes, and the audit log says so.
    Audit,
}

impl Action {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "Deny",
            Self::Warn => "Warn",
            Self::Audit => "Audit",
        }
    }

    /// The name of the binding. What only warns has another than what denies: so the binding that denies is always a
    /// new object, whose uid nobody could write into a template before templates were checked.
    const fn binding(self) -> &'static str {
        match self {
            Self::Deny => NAME,
            Self::Warn => "pod-hardener-exemptions-warn",
            Self::Audit => "pod-hardener-exemptions-audit",
        }
    }
}

/// The ValidatingAdmissionPolicy and its binding, for `kubectl apply`.
#[must_use]
pub fn documents(settings: &Settings, action: Action) -> [Value; 2] {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME, "annotations": {SETTINGS: json!(settings).to_string()}},
        "spec": spec(settings),
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": action.binding()},
        "spec": {"policyName": NAME, "validationActions": [action.as_str()]},
    });
    [policy, binding]
}

/// Everything written out that the API server would fill in: so it can be compared.
fn spec(settings: &Settings) -> Value {
    let rule = |group: &str, operations: &[&str], resources: &[&str]| json!({"apiGroups": [group], "apiVersions": ["v1"], "operations": operations, "resources": resources, "scope": "*"});
    let both = &["CREATE", "UPDATE"];
    let conditions = cel::match_conditions(settings);
    let conditions = conditions.map(|(name, expression)| json!({"name": name, "expression": expression}));
    let variables: Vec<Value> = cel::variables(settings)
        .into_iter()
        .map(|(name, expression)| json!({"name": name, "expression": expression}))
        .collect();
    let validations: Vec<Value> = RuleId::ALL
        .iter()
        .map(|rule| {
            let (expression, message, said) = cel::validation(*rule);
            json!({"expression": expression, "message": message, "messageExpression": said, "reason": "Forbidden"})
        })
        .collect();
    json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": [
                rule("", both, &["namespaces", "pods", "replicationcontrollers"]),
                rule("", &["UPDATE"], &["namespaces/finalize", "namespaces/status", "pods/ephemeralcontainers"]),
                rule("apps", both, &["controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"]),
                rule("batch", both, &["cronjobs", "jobs"]),
            ],
        },
        "matchConditions": conditions,
        "variables": variables,
        "validations": validations,
    })
}

/// The check that these two are, where they are what this version writes, for everybody and everywhere, and deny.
///
/// It counts from when both were there, with time for every API server to follow. Where a spec was changed since, the
/// last change counts, as the API server keeps it in `managedFields`; where those were removed there is no check until
/// both are made anew. A binding that was edited is none: it may have let something pass under the uid that it has.
#[must_use]
pub fn in_force(
    policy: &ValidatingAdmissionPolicy,
    binding: &ValidatingAdmissionPolicyBinding,
) -> Option<Check> {
    let settings = match policy.metadata.annotations.as_ref().and_then(|all| all.get(SETTINGS)) {
        Some(settings) => serde_json::from_str(settings).ok()?,
        None => Settings::default(),
    };
    let ours: ValidatingAdmissionPolicySpec = serde_json::from_value(spec(&settings)).ok()?;
    let is_edited = binding.metadata.generation? > 1;
    if policy.spec.as_ref()? != &ours || is_edited || !is_for_everything(binding) {
        return None;
    }
    let since = changed(&policy.metadata)?.max(changed(&binding.metadata)?) + MARGIN;
    Some(Check { uid: binding.metadata.uid.as_deref()?.into(), since, settings })
}

fn is_for_everything(binding: &ValidatingAdmissionPolicyBinding) -> bool {
    let spec = &binding.spec;
    let narrowed = spec.match_resources.clone().map(|mut resources| {
        // What the API server fills in narrows nothing.
        let anything = LabelSelector::default();
        resources.match_policy = None;
        resources.namespace_selector = resources.namespace_selector.filter(|selector| *selector != anything);
        resources.object_selector = resources.object_selector.filter(|selector| *selector != anything);
        resources
    });
    spec.policy_name == NAME
        && spec.param_ref.is_none()
        && narrowed.is_none_or(|resources| resources == MatchResources::default())
        && spec.validation_actions.iter().any(|action| action == Action::Deny.as_str())
}

/// When the spec was last changed; `None` where nobody can know, or where it is about to go.
fn changed(metadata: &ObjectMeta) -> Option<OffsetDateTime> {
    if metadata.deletion_timestamp.is_some() {
        return None;
    }
    let time = |time: &Time| OffsetDateTime::from_unix_timestamp(time.0.as_second()).ok();
    let created = time(metadata.creation_timestamp.as_ref()?)?;
    if metadata.generation? <= 1 {
        return Some(created);
    }
    let of_spec = metadata.managed_fields.iter().flatten().filter(|entry| {
        let fields = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec"));
        entry.subresource.is_none() && fields.is_some()
    });
    let last = of_spec.filter_map(|entry| time(entry.time.as_ref()?)).max()?;
    Some(last.max(created))
}

#[cfg(test)]
mod tests;
