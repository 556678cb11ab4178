//! Which exemptions are honoured, in CEL: as [`crate::exemption`] does it, as far as the API server can know.

use super::candidates::Candidates;
use super::shared::is_enforced;
use crate::annotation::HARDENED;
use crate::cel::list;
use crate::policy::Compensation;
use crate::posture::Posture;
use crate::rules::{RuleId, RuleSet};

/// Clocks differ, and a pod that the webhook let pass is not to be denied a moment later.
const GRACE: &str = "duration('5m')";

/// Years from 1000 on, and only days that there are; except that there is a 29th of February every year.
const DATE: &str = "[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|\
                    02-(?:0[1-9]|[12][0-9]))";
/// A leap second is not among them.
const TIME: &str =
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

/// `exempting`: whose, from which rules; `applied`: the rules in force from which the pod as a whole is not exempted.
pub(super) fn variables(candidates: &Candidates<'_>) -> Vec<(String, String)> {
    let named = |name: &str, expression: String| (name.to_owned(), expression);
    let allowed = candidates.rules(|policy| policy.exemptions.allowed());
    let reason = candidates.by_policy(|policy| policy.exemptions.require_reason.to_string());
    let days = candidates.by_policy(|policy| policy.exemptions.max_days.unwrap_or(0).to_string());
    let of_namespaces = candidates.by_policy(|policy| policy.exemptions.namespaces.to_string());
    let compensated =
        candidates.by_policy(|policy| (policy.exemptions.compensation != Compensation::None).to_string());
    let root = RuleId::run_as_non_root;
    vec![
        named("clock", clock()),
        named("exemptable", allowed),
        named("needsReason", reason),
        named("mostDays", days),
        named("ofPod", written("variables.notes", true)),
        named(
            "ofNamespace",
            format!(
                "!{of_namespaces} ? [] : [dyn(namespaceObject).?metadata.?annotations.orValue({{}})].map(notes, {})[0]",
                written("notes", false)
            ),
        ),
        // Where policy wants a user namespace instead, none is honoured without it.
        named(
            "exempting",
            format!(
                "[!({compensated} && variables.linux && variables.spec.?hostUsers.orValue(true))].map(lets, \
                 (variables.ofPod + variables.ofNamespace).map(e, {{'container': e.container, 'rules': \
                 dyn(e.rules.filter(r, r in variables.exemptable && (lets || r != '{root}')))}}))[0]"
            ),
        ),
        named("lowered", lowered(candidates)),
        named(
            "applied",
            "variables.inForce.filter(r, !(r in variables.lowered) && \
             !variables.exempting.exists(e, e.container == '' && r in e.rules))"
                .to_owned(),
        ),
    ]
}

/// The rules that a lower rung of the ladder leaves out, where the pod says that it stands there and the floor lets it.
///
/// Which images need that is not known here, nor which container of a pod stands there; and what an image has that must
/// be there may leave its root writable on the highest rung too. Who writes it into a pod gets no more than the floor
/// gives to whoever picks an image that needs it.
fn lowered(candidates: &Candidates<'_>) -> String {
    let floor = candidates.by_policy(|policy| {
        let floor = policy.posture.floor.unwrap_or(Posture::Full);
        format!("'{}'", floor.as_str())
    });
    let rung = |posture: Posture| format!("stamp.contains(' ({}):')", posture.as_str());
    let (safe, isolated) = (rung(Posture::Safe), rung(Posture::Isolated));
    let (user, root) = (RuleId::run_as_non_root, RuleId::read_only_root_filesystem);
    let gain = RuleId::privilege_escalation;
    let in_namespace = format!("{isolated} && !variables.spec.?hostUsers.orValue(true)");
    format!(
        "[{floor}].map(floor, [variables.notes[?variables.prefix + '/{HARDENED}'].orValue('')].map(stamp, \
         floor == 'full' ? [] : (stamp != '' && (variables.isNew || !stamp.contains('{root}')) ? ['{root}'] : []) + \
         (floor == 'safe' && {safe} ? ['{user}', '{capabilities}'] : []) + \
         ({in_namespace} ? ['{user}'] : []) + \
         (floor == 'safe' && ({safe} || ({in_namespace})) && !({enforced}) ? \
         ['{gain}'] : [])))[0][0]",
        enforced = is_enforced(gain.as_str()),
        capabilities = RuleId::capabilities,
    )
}

/// When the request is made. The API server fills the time of creation in before it validates; of an update the fields'
/// managers tell, unless somebody dropped them: then the pod's creation is the least that can be said.
fn clock() -> String {
    let created = "variables.pod.?metadata.?creationTimestamp";
    let managed = "variables.pod.?metadata.?managedFields.orValue([])";
    format!(
        "{created}.hasValue() ? (variables.isNew ? [] : {managed}.map(m, m.?time.hasValue(), timestamp(m.time)))\
         .filter(t, t > timestamp({created}.value())) + [timestamp({created}.value())] : []"
    )
}

/// The exemptions among annotations that have a reason and an end, where they need them: whose, and from which rules.
fn written(notes: &str, of_containers: bool) -> String {
    let pods = "variables.prefix + '/exempt'";
    let containers = "'.' + variables.prefix + '/exempt'";
    let ours = if of_containers {
        format!("(k == {pods} || k.endsWith({containers}))")
    } else {
        format!("k == {pods}")
    };
    let names = |rules: RuleSet| list(rules.iter().map(RuleId::as_str));
    let beside = |suffix: &str| {
        format!(
            "(k + '{suffix}' in {notes} ? [{notes}[k + '{suffix}']] : \
             {pods} + '{suffix}' in {notes} ? [{notes}[{pods} + '{suffix}']] : [])"
        )
    };
    format!(
        "{notes}.map(k, {ours} && (!variables.needsReason || {reason}.exists(t, t.trim() != '')) && {until}, \
         {{'container': dyn(k == {pods} ? '' : k.substring(0, k.size() - size({containers}))), \
         'rules': dyn([{notes}[k].split(',').map(n, n.trim())].map(names, (k == {pods} ? {all} : {some})\
         .filter(r, r in names || 'all' in names))[0])}})",
        reason = beside("-reason"),
        until = lasts(&beside("-until")),
        all = names(RuleSet::all()),
        some = names(RuleSet::of_containers()),
    )
}

/// Whether an end, if there is one, has not come, and is not later than policy allows.
///
/// Ends are compared only where CEL can surely read them: what the webhook perhaps could read is let pass.
fn lasts(until: &str) -> String {
    let date = format!("t.matches(r'^{DATE}$')");
    let time = format!("t.matches(r'^{DATE}[\\x00-\\x7f]{TIME}$')");
    // Beyond what CEL can reckon with: it is far away all the same.
    let text = format!(
        "(t.startsWith('9999-') ? '9998-12-31T00:00:00Z' : {date} ? t + 'T23:59:59Z' : \
         t.substring(0, 10) + 'T' + t.substring(11).upperAscii())"
    );
    let leap = "(x.contains('-02-29T') ? timestamp(x.replace('-02-29T', '-03-01T')) - duration('24h') : timestamp(x))";
    let compared = format!(
        "[{text}].map(x, {leap}).exists(end, variables.clock.all(now, end > now - {GRACE}) && \
         (variables.mostDays == 0 || !variables.isNew || variables.clock.all(now, \
         end <= now + duration(string(variables.mostDays * 24) + 'h') + {GRACE})))"
    );
    format!(
        "({until}.map(u, u.trim()).exists(t, {date} || {time} ? {compared} : t.matches(r'{LOOSE}')) || \
         ({until}.size() == 0 && variables.mostDays == 0))"
    )
}

/// What else may be a time: with a sign, or a leap second.
const LOOSE: &str =
    "^(?:[+][0-9]{4,6}-[0-9]{2}-[0-9]{2}$|[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}.[0-9]{2}:[0-9]{2}:60)";
