//! `run-as-non-root` in CEL.
//!
//! Ids are numbers, and `runAsNonRoot` is 1, 0 or -1 for unset: so each list has values of one type.

use super::exempt;
use super::program::{Field, NONE, Program, covers, covers_all, settle};
use crate::annotation::FS_GROUP;
use crate::cel::text;
use crate::rules::RuleId;

const RULE: RuleId = RuleId::run_as_non_root;

/// `runAsNonRoot` as a number.
fn number(optional: &str) -> String {
    format!("{optional}.optMap(b, b ? 1 : 0).orValue({NONE})")
}

fn own(field: &str) -> String {
    let own = format!("e.context.?{field}");
    if field == "runAsNonRoot" { number(&own) } else { format!("{own}.orValue({NONE})") }
}

fn pods(field: &str) -> String {
    let pods = format!("variables.context.?{field}");
    if field == "runAsNonRoot" { number(&pods) } else { format!("{pods}.orValue({NONE})") }
}

const FIELDS: [(&str, &str, &str); 3] = [
    ("nonRootAtPod", "nonRoot", "runAsNonRoot"),
    ("userAtPod", "user", "runAsUser"),
    ("groupAtPod", "group", "runAsGroup"),
];

/// Who each container runs as, now and in the end; other parts go by it.
pub(super) fn identities(program: &mut Program<'_>) {
    let now = FIELDS.map(|(_, name, field)| {
        let (own, pods) = (own(field), pods(field));
        format!("'{name}': dyn({own} != {NONE} ? {own} : {pods})")
    });
    program.let_be("now", format!("variables.containers.map(e, {{{}}})", now.join(", ")));
    let targets = if program.applies(RULE) { targets(program) } else { "variables.now".to_owned() };
    program.let_be("targets", targets);
}

/// The engine's `target`, for each container.
fn targets(program: &Program<'_>) -> String {
    let params = &program.policy.rules.run_as_non_root;
    let (ids_user, ids_group) = (params.run_as_user, params.run_as_group);
    let replaces = program.replaces(RULE);
    let mut leave = vec!["!variables.linux".to_owned(), format!("!({})", covers(RULE))];
    if !replaces {
        leave.push("n.user == 0".to_owned());
        leave.push("n.nonRoot == 0".to_owned());
        let unset = format!("n.nonRoot == {NONE} && n.user == {NONE} && e.user == {NONE}");
        leave.push(format!("{unset} && variables.needsRoot[i]"));
    }
    // Who says runAsNonRoot without a uid relies on the image's numeric user.
    let by_image = format!("n.nonRoot == 1 && e.user == {NONE}");
    let user = format!(
        "n.user == 0 || (n.user == {NONE} && !({by_image})) ? (e.user != {NONE} ? e.user : {ids_user}) : n.user"
    );
    let group = if replaces {
        format!(
            "e.group != {NONE} && (n.group == {NONE} || n.group == 0) ? e.group : n.group == 0 ? {ids_group} : \
             n.group == {NONE} && user != {NONE} ? {ids_group} : n.group"
        )
    } else {
        format!(
            "n.group == {NONE} && e.group != {NONE} ? e.group : \
             n.group == {NONE} && user != n.user ? {ids_group} : n.group"
        )
    };
    format!(
        "variables.containers.transformList(i, e, [variables.now[i]].map(n, {} ? n : [{user}].map(user, \
         {{'nonRoot': dyn(1), 'user': dyn(user), 'group': dyn({group})}})[0])[0])",
        leave.join(" || "),
    )
}

/// Whether the container `e` with the number `i` is sure not to run as root in the end.
pub(super) fn will_not_be_root() -> String {
    format!(
        "(variables.targets[i].user != {NONE} ? variables.targets[i].user != 0 : variables.targets[i].nonRoot == 1)"
    )
}

pub(super) fn apply(program: &mut Program<'_>) {
    if !program.applies(RULE) {
        return;
    }
    linux(program);
    groups(program);
    windows(program);
}

fn linux(program: &mut Program<'_>) {
    let params = &program.policy.rules.run_as_non_root;
    let replaces = program.replaces(RULE);
    let instead_of_root = [1.to_string(), params.run_as_user.to_string(), params.run_as_group.to_string()];
    for ((variable, name, field), instead) in FIELDS.into_iter().zip(instead_of_root) {
        let (own, pod) = (own(field), pods(field));
        let target = format!("variables.targets[i].{name}");
        // Where a container may come later that is root, runAsNonRoot at the pod would keep it from starting.
        let may_edit_pod = match field {
            "runAsNonRoot" => format!("variables.creates && {pod} != {NONE}"),
            _ => "variables.creates".to_owned(),
        };
        let (none, may_edit_pod) = (NONE, may_edit_pod.as_str());
        let settled = settle(variable, &Field { none, own: &own, pod: &pod, target: &target, may_edit_pod });
        program.let_be(variable, settled.at_pod);
        let value = if name == "nonRoot" { "true".to_owned() } else { target };
        // On Windows targets are what is: nothing is written.
        program.set_in_containers(settled.in_container, field, &value);
        let at_pod = format!("variables.{variable}");
        let value = if name == "nonRoot" { "true" } else { at_pod.as_str() };
        program.set_in_pod(format!("{at_pod} != {NONE}"), &format!("'/{field}'"), value);
        if replaces {
            // A root at the pod that no container inherits is refused by Pod Security all the same.
            let unused =
                format!("variables.linux && {at_pod} == {NONE} && {pod} == 0 && {}", covers_all(RULE));
            let value = if name == "nonRoot" { "true" } else { instead.as_str() };
            program.set_in_pod(unused, &format!("'/{field}'"), value);
        }
    }
}

fn groups(program: &mut Program<'_>) {
    let covered = super::program::covers_pod(RULE);
    if program.replaces(RULE) {
        let list = "variables.context.?supplementalGroups.orValue([])";
        program.operate(format!(
            "(variables.linux && {covered} ? {}.map(k, \
             JSONPatch{{op: 'remove', path: '/spec/securityContext/supplementalGroups/' + string(k)}}) : [])",
            super::cel::backwards(list, "x == 0"),
        ));
    }
    let key = text(&format!("{}/{FS_GROUP}", program.policy.annotation_prefix));
    let asked = exempt::id(&[key]);
    let otherwise = program.policy.rules.run_as_non_root.fs_group.unwrap_or(-1);
    program.let_be("fsGroup", format!("[{asked}].map(g, g != {NONE} ? g : {otherwise})[0]"));
    let sets = format!(
        "variables.linux && {covered} && variables.fsGroup != {NONE} && !variables.context.?fsGroup.hasValue()"
    );
    let unset = "!variables.context.?fsGroupChangePolicy.hasValue()";
    program.set_in_pod(sets.clone(), "'/fsGroup'", "variables.fsGroup");
    program.set_in_pod(format!("{sets} && {unset}"), "'/fsGroupChangePolicy'", "'OnRootMismatch'");
}

/// `default` only confirms an account that the author chose; `enforce` chooses the one that every base image has.
fn windows(program: &mut Program<'_>) {
    let replaces = program.replaces(RULE);
    let name = "windowsOptions.?runAsUserName";
    program.let_be(
        "accounts",
        format!("variables.containers.map(e, e.context.?{name}.or(variables.context.?{name}).orValue(''))"),
    );
    let administrator = "variables.accounts[i].lowerAscii() == 'containeradministrator'";
    let non_root = "variables.now[i].nonRoot";
    let on_windows = format!("!variables.linux && !variables.hostProcess && {}", covers(RULE));
    let chosen = format!("variables.accounts[i] != '' && !({administrator})");
    let unconfirmed = if replaces {
        format!("{on_windows} && {non_root} != 1")
    } else {
        format!("{on_windows} && {chosen} && {non_root} == {NONE}")
    };
    program.set_in_containers(unconfirmed, "runAsNonRoot", "true");
    if !replaces {
        return;
    }
    let wrong = format!("{on_windows} && !({non_root} == 1 && !({administrator})) && !({chosen})");
    let has_options = "e.context.?windowsOptions.hasValue()";
    program.set_in_containers(
        format!("{wrong} && !{has_options}"),
        "windowsOptions",
        "{'runAsUserName': 'ContainerUser'}",
    );
    program.set_in_containers(
        format!("{wrong} && {has_options}"),
        "windowsOptions/runAsUserName",
        "'ContainerUser'",
    );
    let pod = format!(
        "!variables.linux && !variables.hostProcess && {} == 0 && {}",
        pods("runAsNonRoot"),
        covers_all(RULE)
    );
    program.set_in_pod(pod, "'/runAsNonRoot'", "true");
}
