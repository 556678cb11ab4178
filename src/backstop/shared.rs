//! What the rules share, in CEL: the pod's parts, and what policy wants.

use super::candidates::Candidates;
use crate::cel::list;
use crate::policy::Policy;
use crate::rules::RuleSet;
use crate::rules::run_as_non_root::{Strategy, UID_RANGE};

/// By name, in the order in which one needs another.
pub(super) fn variables(candidates: &Candidates<'_>) -> Vec<(String, String)> {
    let in_force = |policy: &Policy| -> RuleSet {
        RuleSet::all().iter().filter(|rule| policy.mode(*rule).is_in_force()).collect()
    };
    let enforced = |policy: &Policy| -> RuleSet {
        RuleSet::all().iter().filter(|rule| policy.mode(*rule) == crate::rules::Mode::Enforce).collect()
    };
    let known = "dyn(oldObject).?spec.?ephemeralContainers.orValue([]).exists(o, o.name == c.name)";
    let all = [
        ("inForce", candidates.rules(in_force)),
        ("enforced", candidates.rules(enforced)),
        ("prefix", candidates.by_policy(|policy| format!("'{}'", policy.annotation_prefix))),
        ("notes", "variables.pod.?metadata.?annotations.orValue({})".to_owned()),
        ("context", "variables.spec.?securityContext.orValue({})".to_owned()),
        ("linux", "variables.spec.?os.?name.orValue('') != 'windows'".to_owned()),
        (
            "slots",
            format!(
                "variables.isNew ? variables.containers : \
                 variables.spec.?ephemeralContainers.orValue([]).filter(c, !{known})"
            ),
        ),
        (
            "hostProcess",
            "variables.context.?windowsOptions.?hostProcess.orValue(false) || variables.containers.exists(c, \
             c.?securityContext.?windowsOptions.?hostProcess.orValue(false))"
                .to_owned(),
        ),
    ];
    all.into_iter().map(|(name, expression)| (name.to_owned(), expression)).collect()
}

/// The name of the pod's account.
pub(super) fn account() -> String {
    "[string(variables.spec.?serviceAccountName.orValue('')), string(variables.spec.?serviceAccount.orValue('')), \
     'default'].filter(n, n != '')[0]"
        .to_owned()
}

/// A field of the container's security context.
pub(super) fn own(field: &str) -> String {
    format!("c.?securityContext.?{field}")
}

/// The container's, or else the pod's.
pub(super) fn either(field: &str) -> String {
    format!("{}.or(variables.context.?{field})", own(field))
}

/// Whether a rule replaces what an author wrote.
pub(super) fn is_enforced(rule: &str) -> String {
    format!("'{rule}' in variables.enforced")
}

/// Whether no exemption of its own takes the container `c` out of a rule.
pub(super) fn covers(rule: &str) -> String {
    format!("!variables.exempting.exists(e, e.container == c.name && '{rule}' in e.rules)")
}

/// Whether no container is taken out of a rule, and the pod itself may be changed.
pub(super) fn covers_all(rule: &str) -> String {
    format!(
        "(variables.isNew && !variables.exempting.exists(e, '{rule}' in e.rules && \
         variables.containers.exists(c, c.name == e.container)))"
    )
}

/// The names of the containers for which it is so, and which are not exempted.
pub(super) fn each(rule: &str, is_so: &str) -> String {
    format!(
        "[variables.exempting.filter(e, '{rule}' in e.rules).map(e, e.container)].map(exempted, \
         variables.slots.filter(c, !(c.name in exempted) && ({is_so})).map(c, string(c.name)))[0]"
    )
}

/// The pod itself, where it is so.
pub(super) fn of_pod(is_so: &str) -> String {
    format!("({is_so} ? ['the pod'] : [])")
}

/// Whether it is so on Linux, where most rules have something to say.
pub(super) fn on_linux(places: &str) -> String {
    format!("!variables.linux ? [] : {places}")
}

/// Whether a container may be root, as far as the pod says.
pub(super) fn may_be_root() -> String {
    format!("{}.orValue({}.orValue(false) ? 1 : 0) == 0", either("runAsUser"), either("runAsNonRoot"))
}

/// A capability's name as the kernel spells it, without the prefix.
pub(super) fn bare(name: &str) -> String {
    format!("({name}.upperAscii().startsWith('CAP_') ? {name}.substring(4) : {name}).upperAscii()")
}

/// The capabilities that a container adds or drops.
pub(super) fn capabilities(field: &str) -> String {
    format!("{}.orValue([])", own(&format!("capabilities.?{field}")))
}

/// Whether an optional text is an id that tuning by annotation takes.
pub(super) fn is_id(text: &str) -> String {
    let trimmed = format!("{text}.orValue('').trim()");
    format!("({trimmed}.matches(r'^[+]?0*[1-9][0-9]{{0,9}}$') && int({trimmed}) <= 2147483647)")
}

/// Whether ids are those of the policy: a namespace's range leaves the group out.
pub(super) fn has_fixed_ids(candidates: &Candidates<'_>) -> String {
    let fixed =
        candidates.by_policy(|policy| (policy.rules.run_as_non_root.strategy == Strategy::Fixed).to_string());
    format!("({fixed} || !('{UID_RANGE}' in dyn(namespaceObject).?metadata.?annotations.orValue({{}})))")
}

/// A list of texts in CEL that depends on the policy.
pub(super) fn texts_by(candidates: &Candidates<'_>, of: impl Fn(&Policy) -> Vec<String>) -> String {
    candidates.by_policy(|policy| list(of(policy).iter().map(String::as_str)))
}
