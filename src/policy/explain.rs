//! Why a policy decides: what was tried, in the order in which it is tried.

use super::{By, Mismatch, POLICY_LABEL, Policy, PolicySet, Selection, Selector};
use crate::annotation::EXEMPT;
use crate::facts::Facts;
use crate::inventory::names;
use crate::subject::Subject;

/// One thing that was tried.
#[derive(Debug, Clone)]
pub struct Step<'p> {
    /// The policy that it is about; `None`: the namespace's label.
    pub policy: Option<&'p Policy>,
    /// What came of it.
    pub result: StepResult,
    /// Why, for people.
    pub why: String,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// It decides.
    Decides,
    /// It does not match.
    Misses,
    /// It matches, and may only strengthen what the namespace has.
    Strengthens,
    /// It depends on the pod, and there is none.
    Depends,
}

impl StepResult {
    /// As a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decides => "decides",
            Self::Misses => "no",
            Self::Strengthens => "strengthens",
            Self::Depends => "depends",
        }
    }
}

/// Why a policy decides.
#[derive(Debug, Clone)]
pub struct Explanation<'p> {
    /// What was selected; without a pod, what the namespace has.
    pub selection: Selection<'p>,
    /// What was tried.
    pub steps: Vec<Step<'p>>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// Explains which policy a pod falls under, or without a pod what a namespace has.
#[must_use]
pub fn explain<'p>(
    policies: &'p PolicySet,
    facts: &Facts<'_>,
    subject: Option<&Subject<'_, '_>>,
) -> Explanation<'p> {
    let selection = subject.map_or_else(|| policies.base(facts), |subject| policies.select(facts, subject));
    let mut steps = vec![label(facts, &selection)];
    if selection.by != By::Label {
        for policy in policies.policies() {
            let step = try_policy(policy, facts, subject);
            let decided = step.result == StepResult::Decides;
            steps.push(step);
            if decided {
                break;
            }
        }
    }
    if selection.by != By::Label && std::ptr::eq(selection.base, policies.fallback()) {
        let why = "the built-in default, where nothing else selects".to_owned();
        steps.push(Step { policy: Some(policies.fallback()), result: StepResult::Decides, why });
    }
    Explanation { notes: notes(&selection, facts), selection, steps }
}

fn label<'p>(facts: &Facts<'_>, selection: &Selection<'_>) -> Step<'p> {
    let (result, why) = match &facts.space {
        None => (StepResult::Misses, "not known without the cluster".to_owned()),
        Some(space) => match space.labels.get(POLICY_LABEL) {
            None => (StepResult::Misses, "not set".to_owned()),
            Some(name) if selection.label_is_unknown => {
                (StepResult::Misses, format!("\"{name}\" is the name of no policy"))
            }
            Some(name) => (StepResult::Decides, format!("\"{name}\"")),
        },
    };
    Step { policy: None, result, why }
}

fn try_policy<'p>(policy: &'p Policy, facts: &Facts<'_>, subject: Option<&Subject<'_, '_>>) -> Step<'p> {
    let selector = &policy.selector;
    let missed = selector.misses_space(facts).or_else(|| subject.and_then(|pod| selector.misses_pod(pod)));
    let (result, why) = match missed {
        Some(mismatch) => (StepResult::Misses, describe_mismatch(selector, mismatch)),
        None if !selector.is_tenants() => (StepResult::Decides, describe(selector)),
        None if subject.is_none() => (StepResult::Depends, describe(selector)),
        None if facts.space.is_none() => (StepResult::Decides, describe(selector)),
        None => (StepResult::Strengthens, describe(selector)),
    };
    Step { policy: Some(policy), result, why }
}

fn describe_mismatch(selector: &Selector, mismatch: Mismatch<'_>) -> String {
    match mismatch {
        Mismatch::Namespaces => format!("selector.namespaces: {}", selector.namespaces.join(", ")),
        Mismatch::NamespaceLabel(key, value) => format!("selector.namespaceLabels: {key}={value}"),
        Mismatch::PodLabel(key, value) => format!("selector.podLabels: {key}={value}"),
        Mismatch::ServiceAccounts => {
            format!("selector.serviceAccounts: {}", selector.service_accounts.join(", "))
        }
        Mismatch::Images => format!("selector.images: {}", selector.images.join(", ")),
    }
}

/// All parts of a selector.
fn describe(selector: &Selector) -> String {
    let Selector { namespaces, namespace_labels, pod_labels, service_accounts, images } = selector;
    let of = |labels: &std::collections::BTreeMap<String, String>| -> Vec<String> {
        labels.iter().map(|(key, value)| format!("{key}={value}")).collect()
    };
    let parts = [
        ("namespaces", namespaces.clone()),
        ("namespaceLabels", of(namespace_labels)),
        ("podLabels", of(pod_labels)),
        ("serviceAccounts", service_accounts.clone()),
        ("images", images.clone()),
    ];
    let parts = parts.into_iter().filter(|(_, values)| !values.is_empty());
    let parts: Vec<String> =
        parts.map(|(name, values)| format!("selector.{name}: {}", values.join(", "))).collect();
    if parts.is_empty() { "it has no selector".to_owned() } else { parts.join("; ") }
}

fn notes(selection: &Selection<'_>, facts: &Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(picked) = selection.picked {
        let (base, picked) = (&selection.base.name, &picked.name);
        notes.push(if selection.weakens.is_empty() {
            format!("the pod's author chose {picked}: it is nowhere weaker than {base}, which the namespace has")
        } else {
            format!(
                "the pod's author chose {picked}: it applies as far as it is stronger than {base}, which the namespace \
                 has. It is weaker in {}: who may exempt from these gets it as it is",
                names(selection.weakens)
            )
        });
    }
    let policy = selection.policy;
    let key = format!("{}/{EXEMPT}", policy.annotation_prefix);
    let exempt = facts.space.as_ref().and_then(|space| space.annotations.get(key.as_str()));
    if let Some(exempt) = exempt {
        notes.push(if policy.exemptions.namespaces {
            format!("annotation {key} of the namespace asks to exempt its pods: {exempt}")
        } else {
            format!(
                "annotation {key} of the namespace exempts nobody: exemptions.namespaces is off in policy {}",
                policy.name
            )
        });
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::facts::Space;
    use crate::policy::parse;
    use crate::subject::Reach;
    use crate::view::Pod;

    const POLICIES: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: data}
spec: {selector: {namespaceLabels: {team: data}}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: web}
spec: {preset: observe, selector: {podLabels: {app: web}}}
";

    fn explained(labels: &[(&str, &str)], pod: Option<&str>) -> (String, Vec<String>, Vec<String>) {
        let policies = PolicySet::new(parse("p", POLICIES).expect("valid"));
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let annotations = [("pod-hardener.dev/exempt".into(), "all".into())].into();
        let space = Space { labels, annotations, ..Space::default() };
        let facts = Facts { space: Some(Arc::new(space)), ..Facts::of_namespace("shop") };
        let pod: Option<Pod<'_>> = pod.map(|pod| serde_json::from_str(pod).expect("a pod"));
        let subject = pod.as_ref().and_then(|pod| Subject::new(pod, Reach::Pod));
        let explanation = explain(&policies, &facts, subject.as_ref());
        let steps = explanation.steps.iter().map(|step| {
            let policy = step.policy.map_or("label", |policy| policy.name.as_str());
            format!("{policy} {}: {}", step.result.as_str(), step.why)
        });
        (explanation.selection.policy.name.clone(), steps.collect(), explanation.notes)
    }

    #[test]
    fn what_was_tried_and_what_decided() {
        let web = r#"{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"a"}]}}"#;
        let (policy, steps, notes) = explained(&[], Some(web));
        assert_eq!(policy, "restricted+web");
        assert_eq!(
            steps,
            [
                "label no: not set",
                "data no: selector.namespaceLabels: team=data",
                "web strengthens: selector.podLabels: app=web",
                "restricted decides: the built-in default, where nothing else selects",
            ]
        );
        assert!(notes[0].contains("weaker in run-as-non-root,"), "{notes:?}");
        assert!(notes[1].contains("exempts nobody"), "{notes:?}");
        let (policy, steps, _) = explained(&[("team", "data")], None);
        assert_eq!(policy, "data");
        assert_eq!(steps[1..], ["data decides: selector.namespaceLabels: team=data"]);
        let (policy, steps, _) = explained(&[(POLICY_LABEL, "web")], None);
        assert_eq!((policy.as_str(), steps.len(), &*steps[0]), ("web", 1, "label decides: \"web\""));
        let (_, steps, _) = explained(&[(POLICY_LABEL, "restricted")], None);
        assert_eq!(steps, ["label decides: \"restricted\""]);
        let (_, steps, _) = explained(&[(POLICY_LABEL, "none")], None);
        assert_eq!(steps[0], "label no: \"none\" is the name of no policy");
        assert_eq!(steps[2], "web depends: selector.podLabels: app=web");
    }
}
