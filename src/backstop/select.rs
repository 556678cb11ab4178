//! Which policy decides, in CEL: as [`PolicySet::select`](crate::policy::PolicySet::select) does it.

use super::candidates::Candidates;
use crate::authority::{GROUP, controllers};
use crate::cel::{list, text};
use crate::policy::{POLICY_LABEL, Selector};
use crate::rules::{RuleId, RuleSet};

type Variable = (String, String);

/// Up to `policy`, the key of the policy that decides.
pub(super) fn variables(candidates: &Candidates<'_>) -> Vec<Variable> {
    let named = |name: &str, expression: String| (name.to_owned(), expression);
    let label = format!("variables.labels[?{}].orValue('')", text(POLICY_LABEL));
    let mut all = vec![
        named("labels", "dyn(namespaceObject).?metadata.?labels.orValue({})".to_owned()),
        named("pod", "dyn(object)".to_owned()),
        named("spec", "variables.pod.?spec.orValue({})".to_owned()),
        named("isNew", "request.operation == 'CREATE'".to_owned()),
        named("containers", containers("variables.spec")),
        named(
            "label",
            format!(
                "[{label}].map(l, l in {} ? l : '')[0]",
                list(candidates.names.iter().map(String::as_str))
            ),
        ),
    ];
    let base = format!("variables.label != '' ? variables.label : {}", first_of(candidates, false));
    if candidates.pairs.is_empty() {
        all.push(named("policy", base));
        return all;
    }
    all.push(named("base", base));
    all.push(named(
        "picked",
        format!("variables.label != '' ? variables.label : {}", first_of(candidates, true)),
    ));
    let weakens = |pair: &super::candidates::Pair| {
        let rules: Vec<&str> = pair.weakens.iter().map(RuleId::as_str).collect();
        text(&rules.join(","))
    };
    all.push(named("weakens", format!("{}.split(',')", by_pair(candidates, weakens, "''"))));
    all.extend(granting(candidates));
    all.push(named(
        "policy",
        by_pair(
            candidates,
            |pair| format!("(variables.granted ? {} : {})", text(&pair.granted), text(&pair.withheld)),
            "variables.picked",
        ),
    ));
    all
}

/// Init containers, containers, ephemeral containers.
fn containers(spec: &str) -> String {
    ["initContainers", "containers", "ephemeralContainers"]
        .map(|list| format!("{spec}.?{list}.orValue([])"))
        .join(" + ")
}

/// The first policy whose selector matches; those by which the pod's author chooses only where `tenants`.
fn first_of(candidates: &Candidates<'_>, tenants: bool) -> String {
    let tried = candidates.loaded.iter().filter(|policy| tenants || !policy.selector.is_tenants());
    let tried: Vec<String> =
        tried.map(|policy| format!("{} ? {} : ''", matches(&policy.selector), text(&policy.name))).collect();
    format!("([{}].filter(n, n != '') + [{}])[0]", tried.join(", "), text(&candidates.fallback))
}

/// Whether a selector matches.
fn matches(selector: &Selector) -> String {
    let Selector { namespaces, namespace_labels, pod_labels, service_accounts, images } = selector;
    let mut all = Vec::new();
    if !namespaces.is_empty() {
        all.push(any(namespaces, "request.namespace"));
    }
    let label =
        |of: &str, key: &str, value: &str| format!("{of}[?{}] == optional.of({})", text(key), text(value));
    all.extend(namespace_labels.iter().map(|(key, value)| label("variables.labels", key, value)));
    if !service_accounts.is_empty() {
        all.push(any(service_accounts, &super::shared::account()));
    }
    let of_pod = "variables.pod.?metadata.?labels.orValue({})";
    all.extend(pod_labels.iter().map(|(key, value)| label(of_pod, key, value)));
    if !images.is_empty() {
        all.push(format!("variables.containers.all(c, {})", any(images, "c.?image.orValue('')")));
    }
    if all.is_empty() { "true".to_owned() } else { all.join(" && ") }
}

/// Whether one of the patterns matches.
fn any(patterns: &[String], name: &str) -> String {
    let each: Vec<String> = patterns.iter().map(|pattern| glob(pattern)).collect();
    format!("{name}.matches({})", text(&format!("^(?s:{})$", each.join("|"))))
}

/// The regular expression of a pattern with `*` and `?`.
pub(super) fn glob(pattern: &str) -> String {
    let mut expression = String::new();
    for c in pattern.chars() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            c if c.is_ascii_punctuation() => expression.extend(['\\', c]),
            c => expression.push(c),
        }
    }
    expression
}

/// What depends on both policies; `otherwise` where the pod's author chose none.
fn by_pair(
    candidates: &Candidates<'_>,
    of: impl Fn(&super::candidates::Pair) -> String,
    otherwise: &str,
) -> String {
    // A list, not nested conditions: their depth is limited.
    let each: Vec<String> = candidates
        .pairs
        .iter()
        .map(|pair| {
            let (base, picked) = (text(&pair.base), text(&pair.picked));
            format!("(variables.base == {base} && variables.picked == {picked} ? [{}] : [])", of(pair))
        })
        .collect();
    format!("([{}].filter(l, l.size() > 0) + [[{otherwise}]])[0][0]", each.join(", "))
}

/// Whether the requester may exempt from all rules in which the chosen policy is weaker: never for what the built-in
/// controllers make. Each question to the authorizer is dear, so each has a variable of its own.
fn granting(candidates: &Candidates<'_>) -> Vec<Variable> {
    let rules = candidates.pairs.iter().fold(RuleSet::default(), |all, pair| all.union(pair.weakens));
    let variable = |rule: RuleId| format!("may_{}", super::variable_of(rule));
    let mut all: Vec<Variable> = rules
        .iter()
        .map(|rule| {
            let may = format!(
                "authorizer.group('{GROUP}').resource('rules').namespace(request.namespace).name('{rule}')\
                 .check('exempt').allowed()"
            );
            (variable(rule), may)
        })
        .collect();
    let makers = controllers::OWNERS
        .into_iter()
        .filter(|(version, kind)| controllers::is_checked_maker(version, kind));
    let makers: Vec<String> = makers.map(|(version, kind)| format!("{version}/{kind}")).collect();
    let made = format!(
        "variables.isNew && request.userInfo.?username.orValue('') in {} && \
         variables.pod.?metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false) && \
         o.apiVersion + '/' + o.kind in {})",
        list(controllers::USERS),
        list(makers.iter().map(String::as_str)),
    );
    let each: Vec<String> = rules
        .iter()
        .map(|rule| format!("(!('{rule}' in variables.weakens) || variables.{})", variable(rule)))
        .collect();
    let allowed = if each.is_empty() { "true".to_owned() } else { each.join(" && ") };
    all.push(("granted".to_owned(), format!("variables.weakens == [''] || (!({made}) && {allowed})")));
    all
}
