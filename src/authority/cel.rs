//! The same judgement in CEL, for the API server to ask its own authorizer: see [`super::demands`].
//!
//! A check of the authorizer costs 350,000 of the 1,000,000 that an expression may cost, and of the 10,000,000 that all
//! may: so each rule has a validation of its own, everything else is in variables, and each is cheap.

use super::looks::{Look, looks};
use super::policy::Settings;
use super::{GROUP, controllers};
use crate::annotation::{EXEMPTING, MIRROR};
use crate::cel::{list, text};
use crate::policy::POLICY_LABEL;
use crate::rules::{RuleId, RuleSet};

const _: () =
    assert!(RuleId::ALL.len() <= 28, "28 checks of the authorizer are all that a policy can pay for");

/// The variable of a rule: a list with the reason for which the rule is demanded, or nothing.
fn variable_of(rule: RuleId) -> String {
    rule.as_str().replace('-', "_")
}

/// Where the pod's or the template's metadata and spec stand in an object.
fn template(object: &str) -> String {
    let kind = "request.kind.kind";
    format!(
        "({kind} in ['Pod', 'Namespace'] ? dyn({object}) : {kind} == 'CronJob' ? \
         dyn({object}).?spec.?jobTemplate.?spec.?template.orValue({{}}) : {kind} == 'ControllerRevision' ? \
         dyn({object}).?data.?spec.?template.orValue({{}}) : dyn({object}).?spec.?template.orValue({{}}))"
    )
}

/// Whether the key `k` is that of an exemption.
fn is_exempt(prefix: &str) -> String {
    format!(
        "k == {} || k.endsWith({})",
        text(&format!("{prefix}/exempt")),
        text(&format!(".{prefix}/exempt"))
    )
}

/// Requests that do not meet each of these are not looked at.
pub(super) fn match_conditions(settings: &Settings) -> [(&'static str, String); 3] {
    let username = "request.userInfo.?username.orValue('')";
    let owners = controllers::OWNERS.map(|(version, kind)| format!("{version}/{kind}"));
    let exempting = format!(
        "request.kind.kind == 'Namespace' || {}.?metadata.?annotations.orValue({{}}).exists(k, {})",
        template("object"),
        is_exempt(&settings.prefix)
    );
    // What they make, they make from a template that was checked; and whom policy trusts is trusted.
    let carried_on = format!(
        "request.kind.kind == 'Namespace' || request.?subResource.orValue('') != '' || \
         !({username} in {} || {username} in {} && dyn(object).?metadata.?ownerReferences.orValue([]).exists(o, \
         o.?controller.orValue(false) && o.apiVersion + '/' + o.kind in {}))",
        list(settings.trusted_controllers.iter().map(String::as_str)),
        list(controllers::USERS),
        list(owners.iter().map(String::as_str)),
    );
    // Static pods run whatever the API server says of their mirrors.
    let mirror = format!(
        "!(request.kind.kind == 'Pod' && {} in dyn(object).?metadata.?annotations.orValue({{}}) && \
         {} in request.userInfo.?groups.orValue([]))",
        text(MIRROR),
        text(controllers::NODES),
    );
    [
        ("there-is-an-exemption", exempting),
        ("not-carried-on-by-a-controller", carried_on),
        ("not-the-mirror-of-a-static-pod", mirror),
    ]
}

/// What the validations share, by name.
pub(super) fn variables(settings: &Settings) -> Vec<(String, String)> {
    let prefix = &settings.prefix;
    let or_empty = |of: &str, path: &str, empty: &str| format!("variables.{of}.{path}.orValue({empty})");
    let old = format!("request.operation == 'UPDATE' ? {} : dyn({{}})", template("oldObject"));
    let lasting = |of: &str| {
        format!(
            "{} + {}",
            or_empty(of, "?spec.?initContainers", "[]"),
            or_empty(of, "?spec.?containers", "[]")
        )
    };
    let with_ephemeral = |of: &str, lasting: &str| {
        format!("variables.{lasting} + {}", or_empty(of, "?spec.?ephemeralContainers", "[]"))
    };
    let shared: Vec<(&str, String)> = vec![
        (
            "where",
            "request.kind.kind == 'Namespace' ? string(dyn(object).metadata.name) : \
             request.?namespace.orValue('')"
                .to_owned(),
        ),
        ("pod", template("object")),
        ("oldPod", old),
        ("notes", or_empty("pod", "?metadata.?annotations", "{}")),
        ("oldNotes", or_empty("oldPod", "?metadata.?annotations", "{}")),
        ("spec", or_empty("pod", "?spec", "{}")),
        ("oldSpec", or_empty("oldPod", "?spec", "{}")),
        ("exemptions", exemptions("variables.notes", prefix)),
        ("oldExemptions", exemptions("variables.oldNotes", prefix)),
        ("adopted", adopted(prefix)),
        ("lasting", lasting("pod")),
        ("oldLasting", lasting("oldPod")),
        ("containers", with_ephemeral("pod", "lasting")),
        ("oldContainers", with_ephemeral("oldPod", "oldLasting")),
        ("touched", touched(settings.pin_images)),
        ("everything", everything(prefix)),
    ];
    let mut all: Vec<(String, String)> =
        shared.into_iter().map(|(name, expression)| (name.to_owned(), expression)).collect();
    all.extend(RuleId::ALL.iter().map(|rule| (variable_of(*rule), demanded(*rule, settings))));
    let every: Vec<String> =
        RuleId::ALL.iter().map(|rule| format!("variables.{}", variable_of(*rule))).collect();
    all.push(("demanded".to_owned(), every.join(" + ")));
    all
}

/// Each exemption: whose, from which rules, on which terms.
fn exemptions(notes: &str, prefix: &str) -> String {
    let pods = text(&format!("{prefix}/exempt"));
    let names = |rules: RuleSet| list(rules.iter().map(RuleId::as_str));
    let beside = |suffix: &str| {
        let own = format!("k + '{suffix}'");
        let of_pod = text(&format!("{prefix}/exempt{suffix}"));
        format!("({own} in {notes} ? [{notes}[{own}]] : {of_pod} in {notes} ? [{notes}[{of_pod}]] : [])")
    };
    format!(
        "{notes}.map(k, {is_exempt}, {{\
         'container': dyn(k == {pods} ? '' : k.substring(0, k.size() - {length})), \
         'rules': dyn([{notes}[k].split(',').map(n, n.trim())].map(names, \
         (k == {pods} ? {all} : {some}).filter(r, r in names || 'all' in names))[0]), \
         'terms': dyn([{reason}, {until}])}})",
        is_exempt = is_exempt(prefix),
        length = format!(".{prefix}/exempt").chars().count(),
        all = names(RuleSet::all()),
        some = names(RuleSet::of_containers()),
        reason = beside("-reason"),
        until = beside("-until"),
    )
}

/// Whether the pod says anew that its template was adopted.
fn adopted(prefix: &str) -> String {
    let key = text(&format!("{prefix}/exempt-adopted"));
    format!(
        "{key} in variables.notes && \
         !({key} in variables.oldNotes && variables.oldNotes[{key}] == variables.notes[{key}])"
    )
}

/// The names of new containers, and of those whose image changed.
fn touched(pin_images: bool) -> String {
    let same_image = if pin_images { " && o.?image.orValue('') == c.?image.orValue('')" } else { "" };
    format!(
        "variables.lasting.filter(c, !variables.oldContainers.exists(o, o.name == c.name{same_image})).map(c, c.name)"
    )
}

/// Whether something of ours that is no exemption changes at a namespace.
fn everything(prefix: &str) -> String {
    let starts = text(&format!("{prefix}/"));
    let exempting: Vec<String> = EXEMPTING.iter().map(|name| format!("{prefix}/{name}")).collect();
    let is_other =
        format!("k.startsWith({starts}) && !(k in {})", list(exempting.iter().map(String::as_str)));
    let differs = |of: &str, is_ours: &str| {
        let labels = |object: &str| format!("variables.{object}.?metadata.?{of}.orValue({{}})");
        let (new, old) = (labels("pod"), labels("oldPod"));
        format!(
            "{new}.exists(k, {is_ours} && !(k in {old} && {old}[k] == {new}[k])) || \
             {old}.exists(k, {is_ours} && !(k in {new}))"
        )
    };
    format!(
        "request.kind.kind == 'Namespace' && ({} || {})",
        differs("labels", &format!("(k == {} || k.startsWith({starts}))", text(POLICY_LABEL))),
        differs("annotations", &is_other),
    )
}

/// Why a rule is demanded.
fn demanded(rule: RuleId, settings: &Settings) -> String {
    let image = if settings.pin_images { " or image" } else { "" };
    let because = |why: &str| format!("['{rule} ({why})']");
    let covers = |of_container: &str| {
        format!("variables.exemptions.exists(e, '{rule}' in e.rules && ({of_container}))")
    };
    let fresh = covers(&format!(
        "variables.adopted || !variables.oldExemptions.exists(o, \
         (o.container == e.container || o.container == '') && o.terms == e.terms && '{rule}' in o.rules)"
    ));
    let touched =
        covers("e.container == '' ? variables.touched.size() > 0 : e.container in variables.touched");
    let weaker: Vec<String> = looks(rule).iter().map(|look| weaker(rule, look)).collect();
    let weaker = if weaker.is_empty() { "false".to_owned() } else { weaker.join(" || ") };
    format!(
        "variables.everything ? {} : !variables.exemptions.exists(e, '{rule}' in e.rules) ? [] : \
         {fresh} ? {} : {touched} ? {} : {weaker} ? {} : []",
        because("our labels or annotations of the namespace"),
        because("new or changed exemption"),
        because(&format!("new container{image}")),
        because("weaker than before"),
    )
}

/// Whether a look finds a word that was not there.
fn weaker(rule: RuleId, look: &Look) -> String {
    let new = look.cel("variables.spec", "variables.notes");
    let old = look.cel("variables.oldSpec", "variables.oldNotes");
    let list = match look {
        Look::Pod { .. } => return format!("[{old}].exists(old, ({new}).exists(w, !(w in old)))"),
        Look::Container { .. } => ["containers", "oldContainers"],
        Look::Lasting { .. } => ["lasting", "oldLasting"],
    };
    let [list, old_list] = list.map(|name| format!("variables.{name}"));
    format!(
        "[{old_list}.map(c, {{'name': dyn(c.name), 'words': dyn({old})}})].exists(old, {list}.exists(c, \
         variables.exemptions.exists(e, '{rule}' in e.rules && (e.container == '' || e.container == c.name)) && \
         ({new}).exists(w, !old.exists(o, o.name == c.name && w in o.words))))"
    )
}

/// The validation of a rule: the expression, the message, and the expression that makes a better one.
pub(super) fn validation(rule: RuleId) -> (String, String, String) {
    let variable = variable_of(rule);
    let expression = format!(
        "variables.{variable}.size() == 0 || authorizer.group('{GROUP}').resource('rules')\
         .namespace(variables.where).name('{rule}').check('exempt').allowed()"
    );
    let message = format!("the requester may not exempt from {rule} in this namespace");
    let said = format!(
        "'user \"' + request.userInfo.?username.orValue('') + '\" may not exempt from {rule} in namespace \"' + \
         variables.where + '\". The change needs that right for: ' + variables.demanded.join(', ') + \
         '. A Role or ClusterRole gives it: verbs [\"exempt\"], apiGroups [\"{GROUP}\"], resources [\"rules\"], \
         resourceNames [\"{rule}\"]'"
    );
    (expression, message, said)
}
