//! Tables of cases for rules: a pod goes in, one rule is applied, values at paths are compared.

use serde_json::Value;
use time::OffsetDateTime;

use super::{Mode, RuleId, RuleResult};
use crate::facts::Facts;
use crate::harden::harden;
use crate::policy::{Policy, PolicySet, Preset};
use crate::subject::{Reach, Subject};
use crate::view::Pod;

/// One case.
pub(crate) struct Case<'c> {
    pub(crate) name: &'c str,
    pub(crate) mode: Mode,
    /// The spec; for [`table_of_pods`] the whole pod.
    pub(crate) spec: Value,
    /// The results, in the order found.
    pub(crate) results: &'c [RuleResult],
    /// Values after the patch, by JSON Pointer; `null` is absent or null.
    pub(crate) expect: &'c [(&'c str, Value)],
}

/// A policy with one rule, the others off.
pub(crate) fn only(rule: RuleId, mode: Mode) -> Policy {
    let mut document = Preset::Restricted.document();
    for other in RuleId::ALL {
        document.spec.rules.set_mode(*other, if *other == rule { mode } else { Mode::Off });
    }
    Policy::resolve(document)
}

/// Hardens a pod; returns it patched, with what was found.
fn apply(pod: &Value, policy: Policy, facts: &Facts<'_>) -> (Value, Vec<(RuleId, RuleResult)>) {
    let bytes = serde_json::to_vec(pod).expect("JSON");
    let view: Pod<'_> = serde_json::from_slice(&bytes).expect("a pod");
    let subject = Subject::new(&view, Reach::Pod).expect("has a spec");
    let policies = PolicySet::new(vec![policy]);
    let hardened = harden(&subject, &policies, facts, OffsetDateTime::UNIX_EPOCH);
    let patch: json_patch::Patch = serde_json::from_slice(&hardened.patch.to_json()).expect("a JSON Patch");
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &patch).expect("the patch applies");
    let results = hardened.findings.iter().map(|finding| (finding.rule, finding.result)).collect();
    (patched, results)
}

/// The pod, patched by one rule.
pub(crate) fn hardened(rule: RuleId, mode: Mode, pod: &Value) -> Value {
    apply(pod, only(rule, mode), &Facts::default()).0
}

/// Runs cases whose `spec` is a pod's spec.
pub(crate) fn table(rule: RuleId, cases: &[Case<'_>]) {
    for case in cases {
        table_with(&only(rule, case.mode), &Facts::default(), rule, std::slice::from_ref(case));
    }
}

/// Runs cases whose `spec` is a pod's spec, by a policy of their own (the cases' mode is not used), where something
/// is known of the cluster.
pub(crate) fn table_with(policy: &Policy, facts: &Facts<'_>, rule: RuleId, cases: &[Case<'_>]) {
    for case in cases {
        let pod = serde_json::json!({"metadata": {"name": "p"}, "spec": case.spec});
        run(rule, case, &pod, policy, facts);
    }
}

/// Runs cases whose `spec` is a whole pod.
pub(crate) fn table_of_pods(rule: RuleId, cases: &[Case<'_>]) {
    for case in cases {
        run(rule, case, &case.spec, &only(rule, case.mode), &Facts::default());
    }
}

fn run(rule: RuleId, case: &Case<'_>, pod: &Value, policy: &Policy, facts: &Facts<'_>) {
    let (patched, results) = apply(pod, policy.clone(), facts);
    let results: Vec<RuleResult> = results.into_iter().map(|(_, result)| result).collect();
    assert_eq!(results, case.results, "{rule}, {}: results", case.name);
    for (pointer, expected) in case.expect {
        let found = patched.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, expected, "{rule}, {}: {pointer}", case.name);
    }
    let (again, _) = apply(&patched, policy.clone(), facts);
    assert_eq!(again, patched, "{rule}, {}: a second pass changes something", case.name);
}
