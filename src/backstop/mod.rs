//! The backstop: a ValidatingAdmissionPolicy that denies what the webhook would still have changed, so that failing open
//! is no hole.
//!
//! It is written from all policies at once: which of them decides for a namespace is decided in CEL too, by its labels.
//! The mutation is idempotent, so "hardened" needs no trust in what a pod says of itself: hardened is a pod that the
//! engine leaves alone. Every rule is judged as it would be judged on a pod in which nothing has been planned yet, which
//! is exact: the first rule that changes something finds just that.

mod candidates;
mod containers;
mod exempt;
mod pods;
mod select;
mod shared;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicySpec,
};
use serde_json::{Value, json};

use crate::annotation::MIRROR;
use crate::authority::controllers;
use crate::authority::policy::Action;
use crate::cel::text;
use crate::policy::PolicySet;
use crate::rules::RuleId;
use candidates::Candidates;

/// The name of both.
pub const NAME: &str = "pod-hardener-backstop";
/// Namespaces that it leaves alone, as the webhook does.
const LEFT_OUT: [&str; 2] = ["kube-system", "pod-hardener"];

/// The ValidatingAdmissionPolicy and its binding, for `kubectl apply`; in some more namespaces it is not bound.
#[must_use]
pub fn documents(policies: &PolicySet, action: Action, left_out: &[String]) -> [Value; 2] {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": spec(policies),
    });
    let mut binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": [action.as_str()]},
    });
    if !left_out.is_empty() {
        binding["spec"]["matchResources"] = json!({"namespaceSelector": not_in(left_out)});
    }
    [policy, binding]
}

/// Every namespace but these: by the label that the API server itself keeps.
fn not_in<N: serde::Serialize>(names: &[N]) -> Value {
    json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": names}]})
}

/// Everything written out that the API server would fill in: so it can be compared.
fn spec(policies: &PolicySet) -> Value {
    let rule = |operation: &str, resource: &str| json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource], "scope": "Namespaced"});
    // Static pods run whatever the API server says of their mirrors.
    let mirror = format!(
        "!({} in dyn(object).?metadata.?annotations.orValue({{}}) && {} in request.userInfo.?groups.orValue([]))",
        text(MIRROR),
        text(controllers::NODES),
    );
    let variables = variables(&Candidates::new(policies));
    let variables: Vec<Value> = variables
        .into_iter()
        .map(|(name, expression)| json!({"name": name, "expression": expression}))
        .collect();
    json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": not_in(&LEFT_OUT),
            "objectSelector": {},
            "resourceRules": [rule("CREATE", "pods"), rule("UPDATE", "pods/ephemeralcontainers")],
        },
        "matchConditions": [{"name": "not-the-mirror-of-a-static-pod", "expression": mirror}],
        "variables": variables,
        "validations": [{
            "expression": "variables.failing.size() == 0",
            "message": "the pod is neither hardened nor exempted: pod-hardener did not harden it. Try again when it runs, \
                        or write what `pod-hardener harden` would write",
            "messageExpression": message(),
            "reason": "Forbidden",
        }],
    })
}

/// What the validation is made from, by name, in the order in which one needs another.
fn variables(candidates: &Candidates<'_>) -> Vec<(String, String)> {
    let mut all = select::variables(candidates);
    all.extend(shared::variables(candidates));
    all.extend(exempt::variables(candidates));
    let rules: Vec<(RuleId, String)> =
        RuleId::ALL.iter().filter_map(|rule| Some((*rule, places(*rule, candidates)?))).collect();
    let failing: Vec<String> = rules
        .iter()
        .map(|(rule, _)| format!("(variables.{}.size() == 0 ? [] : ['{rule}'])", variable_of(*rule)))
        .collect();
    let complaints: Vec<String> = rules.iter().map(|(rule, _)| complaint(*rule)).collect();
    all.extend(rules.iter().map(|(rule, places)| {
        (variable_of(*rule), format!("!('{rule}' in variables.applied) ? [] : {places}"))
    }));
    all.push(("failing".to_owned(), failing.join(" + ")));
    all.push(("complaints".to_owned(), complaints.join(" + ")));
    all
}

/// The variable of a rule: where in the pod it would change something.
fn variable_of(rule: RuleId) -> String {
    rule.as_str().replace('-', "_")
}

/// The places in which a rule would change something; `None` for a rule that never changes anything, or of which the
/// API server does not know enough.
fn places(rule: RuleId, candidates: &Candidates<'_>) -> Option<String> {
    match rule {
        RuleId::privileged => Some(containers::privileged()),
        RuleId::host_namespaces => Some(pods::host_namespaces()),
        RuleId::host_ports => Some(containers::host_ports()),
        RuleId::run_as_non_root => Some(containers::run_as_non_root(candidates)),
        RuleId::capabilities => Some(containers::capabilities(candidates)),
        RuleId::privilege_escalation => Some(containers::privilege_escalation()),
        RuleId::seccomp => Some(containers::seccomp()),
        RuleId::read_only_root_filesystem => Some(containers::read_only_root_filesystem()),
        RuleId::service_account_token => pods::service_account_token(candidates),
        RuleId::proc_mount => Some(containers::proc_mount()),
        RuleId::apparmor => Some(containers::apparmor()),
        RuleId::selinux => Some(containers::selinux()),
        RuleId::unprivileged_ports => Some(pods::unprivileged_ports()),
        RuleId::user_namespace => Some(pods::user_namespace()),
        RuleId::service_links => Some(pods::service_links()),
        // What only reports changes nothing. LimitRanges and ResourceQuotas of the namespace decide whether `resources` sets
        // anything. What nobody has written in CEL yet denies nothing: the backstop is never stricter than the webhook.
        _ => None,
    }
}

/// A rule and the first places that it complains of.
fn complaint(rule: RuleId) -> String {
    let list = format!("variables.{}", variable_of(rule));
    format!(
        "({list}.size() == 0 ? [] : ['{rule} (' + ({list}.size() <= 3 ? {list}.join(', ') : {list}[0] + ', ' + \
         {list}[1] + ' and ' + string({list}.size() - 2) + ' more') + ')'])"
    )
}

/// What people are told: what is missing, why, and what to do.
fn message() -> String {
    "'policy ' + variables.policy + ': neither hardened nor exempted: ' + variables.complaints.join(', ') + \
     '. The webhook pod-hardener sets this in new pods, but was not asked, or did not answer: try again when it runs; \
     controllers do so by themselves. Or write it yourself: `pod-hardener harden` says how. Or exempt the pod by the \
     annotations ' + variables.prefix + '/exempt: ' + variables.failing.join(',') + ' and ' + variables.prefix + \
     '/exempt-reason'"
        .to_owned()
}

/// How the backstop in a cluster stands to the policies in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is none, or it is bound to nothing.
    Absent,
    /// It is what these policies give.
    Current,
    /// It was written for other policies, by another version, or by somebody else.
    Drifted,
}

/// How what is in the cluster stands to these policies.
#[must_use]
pub fn state(
    policy: Option<&ValidatingAdmissionPolicy>,
    binding: Option<&ValidatingAdmissionPolicyBinding>,
    policies: &PolicySet,
) -> State {
    let (Some(policy), Some(_)) = (policy, binding) else { return State::Absent };
    let ours: Option<ValidatingAdmissionPolicySpec> = serde_json::from_value(spec(policies)).ok();
    if policy.spec == ours { State::Current } else { State::Drifted }
}

#[cfg(test)]
mod cases;

#[cfg(test)]
mod tests;
