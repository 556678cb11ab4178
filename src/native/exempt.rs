//! Our annotations in CEL: which exemptions are honoured, and what tuning asks for.
//!
//! Each annotation is looked up by its key, container by container: whoever writes thousands of others does not make
//! the policy cost more than the API server pays for.

use time::{Date, Duration};

use crate::annotation::{EXEMPT, EXEMPT_REASON, EXEMPT_UNTIL};
use crate::cel::{list, text};
use crate::policy::{Authorization, Compensation, Policy};
use crate::rules::{RuleId, RuleSet};

/// The engine reads no longer value.
const LONGEST_VALUE: usize = 2048;
/// More names than there are rules: what lists more is not honoured.
pub(super) const MOST_NAMES: usize = 32;

/// In CEL, where `k` is a key: the value of the annotation.
const VALUE: &str = "variables.annotations[k]";

/// By what exemptions are judged.
pub(super) struct Terms<'t> {
    pub(super) policy: &'t Policy,
    /// The rules that the native policy applies: others need no exemption.
    pub(super) applied: RuleSet,
    /// What is taken for today.
    pub(super) as_of: Option<Date>,
}

impl Terms<'_> {
    /// From what an annotation can exempt.
    fn exemptible(&self) -> RuleSet {
        let policy = &self.policy.exemptions;
        let mut rules = self.applied.intersection(policy.allowed());
        if policy.compensation != Compensation::None {
            rules.remove(RuleId::run_as_non_root);
        }
        match policy.authorization {
            Authorization::Annotations => rules,
            Authorization::Rbac => RuleSet::default(),
        }
    }

    /// The rules from which the whole pod is exempted: a list of names.
    pub(super) fn of_pod(&self) -> String {
        let key = text(&format!("{}/{EXEMPT}", self.policy.annotation_prefix));
        self.honoured(&key, self.exemptible())
    }

    /// The rules from which the container `c` is exempted by annotations of its own: a list of names.
    pub(super) fn of_container(&self) -> String {
        let key = format!("c.name + {}", text(&format!(".{}/{EXEMPT}", self.policy.annotation_prefix)));
        let rules = self.exemptible().intersection(RuleSet::of_containers());
        self.honoured(&key, rules)
    }

    fn honoured(&self, key: &str, rules: RuleSet) -> String {
        if rules.is_empty() {
            return "[]".to_owned();
        }
        let names = list(rules.iter().map(RuleId::as_str));
        let mut terms = vec![format!("k in variables.annotations && {VALUE}.size() <= {LONGEST_VALUE}")];
        terms.extend(self.reason());
        terms.push(self.end());
        format!(
            "[{key}].filter(k, {terms}).map(k, [{VALUE}.split(',').map(n, n.trim())].map(names, \
             names.size() > {MOST_NAMES} ? [] : {names}.filter(r, r in names || 'all' in names))[0]).flatten()",
            terms = terms.join(" && "),
        )
    }

    fn reason(&self) -> Option<String> {
        let reason = self.beside(EXEMPT_REASON);
        self.policy.exemptions.require_reason.then(|| format!("{reason}.exists(r, r.trim() != '')"))
    }

    /// CEL knows no clock, and a pod that is being created has no time of creation yet: without a date to go by, an
    /// exemption with an end is none.
    fn end(&self) -> String {
        let end = self.beside(EXEMPT_UNTIL);
        let days = self.policy.exemptions.max_days;
        let Some(today) = self.as_of else {
            return if days.is_some() { "false".to_owned() } else { format!("{end}.size() == 0") };
        };
        let after = format!("{} > timestamp('{today}T00:00:00Z')", ends("u.trim()"));
        let Some(days) = days else { return format!("{end}.all(u, {} && {after})", readable("u.trim()")) };
        let latest = today.saturating_add(Duration::days(i64::from(days)));
        let before = format!("{} <= timestamp('{latest}T00:00:00Z')", ends("u.trim()"));
        format!("{end}.exists(u, {} && {after} && {before})", readable("u.trim()"))
    }

    /// The annotation beside the `exempt` of the key `k`, or else the pod's: a list of one value, or of none.
    fn beside(&self, name: &str) -> String {
        let suffix = name.strip_prefix(EXEMPT).unwrap_or(name);
        let own = format!("k + '{suffix}'");
        let of_pod = text(&format!("{}/{name}", self.policy.annotation_prefix));
        let of = |key: &str| format!("variables.annotations[{key}]");
        format!(
            "({own} in variables.annotations ? [{}] : {of_pod} in variables.annotations ? [{}] : [])",
            of(&own),
            of(&of_pod)
        )
    }
}

/// Whether a text is a date or a time that `timestamp` takes: an error would leave the pod as it is.
fn readable(end: &str) -> String {
    let date = "[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}";
    let hours = "([01][0-9]|2[0-3])";
    let time = format!("T{hours}:[0-5][0-9]:[0-5][0-9](\\\\.[0-9]{{1,9}})?(Z|[+-]{hours}:[0-5][0-9])");
    format!(
        "{end}.matches('^{date}({time})?$') && !format.date().validate({end}.substring(0, 10)).hasValue() && \
         ({end}.size() == 10 || {end} < '9999')"
    )
}

fn ends(end: &str) -> String {
    format!("timestamp({end}.size() == 10 ? {end} + 'T23:59:59Z' : {end})")
}

/// The id that an annotation asks for, or -1; `keys` in the order in which they count.
pub(super) fn id(keys: &[String]) -> String {
    let value = format!("{VALUE}.trim()");
    let read = format!(
        "k in variables.annotations && {VALUE}.size() <= 64 && {value}.matches('^[+]?0*[1-9][0-9]{{0,9}}$') && \
         int({value}) <= 2147483647"
    );
    format!("([{}].filter(k, {read}).map(k, int({value})) + [-1])[0]", keys.join(", "))
}

/// The keys of an annotation: the container's own (`c`), and the pod's.
pub(super) fn keys(prefix: &str, name: &str) -> [String; 2] {
    [format!("c.name + {}", text(&format!(".{prefix}/{name}"))), text(&format!("{prefix}/{name}"))]
}
