//! `capabilities` and `privilege-escalation` in CEL.

use std::collections::BTreeMap;

use super::identity::will_not_be_root;
use super::program::{Program, covers};
use crate::cel::{list, text};
use crate::rules::RuleId;

const RULE: RuleId = RuleId::capabilities;

/// The name `n` without its prefix, in upper case: as runtimes read it.
const BARE: &str = "(n.upperAscii().startsWith('CAP_') ? n.upperAscii().substring(4) : n.upperAscii())";

fn bare(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

/// A list of the container `e`, as the author wrote it.
pub(super) fn written(field: &str) -> String {
    format!("e.context.?capabilities.?{field}.orValue([])")
}

/// Whether the container `e` is privileged in the end.
pub(super) fn stays_privileged(program: &Program<'_>) -> String {
    let privileged = "e.context.?privileged.orValue(false)";
    if program.replaces(RuleId::privileged) {
        format!("({privileged} && !({}))", covers(RuleId::privileged))
    } else {
        privileged.to_owned()
    }
}

/// What other rules go by: the author's capabilities in one spelling, and whether only root can use what there is.
pub(super) fn look(program: &mut Program<'_>) {
    program.let_be("added", format!("variables.containers.map(e, {}.map(n, {BARE}))", written("add")));
    if !program.applies(RuleId::run_as_non_root) {
        return;
    }
    let used = "variables.added[i].exists(n, n != 'NET_BIND_SERVICE')";
    let kept =
        if program.replaces(RULE) { format!("(('{RULE}' in e.exempt) && {used})") } else { used.to_owned() };
    let privileged = stays_privileged(program);
    program.let_be("needsRoot", format!("variables.containers.transformList(i, e, {privileged} || {kept})"));
}

pub(super) fn apply(program: &mut Program<'_>) {
    let covered = format!("variables.linux && {}", covers(RULE));
    if program.applies(RULE) {
        spell(program, &covered);
        program.let_be("addedAfter", added_after(program, &covered));
        drop_all(program, &covered);
        write(program);
    }
    escalation(program);
}

/// Pod Security's spelling of what may be added, by the bare name: for root, and for others.
fn spell(program: &mut Program<'_>, covered: &str) {
    let params = &program.policy.rules.capabilities;
    let root = list(params.root_capabilities.iter().map(String::as_str));
    let not_root = will_not_be_root();
    program.let_be(
        "rootNeeds",
        format!("variables.containers.transformList(i, e, {covered} && !{not_root} ? {root} : [])"),
    );
}

fn spelling<'s>(names: impl Iterator<Item = &'s String>) -> String {
    let mut spelling = BTreeMap::new();
    for name in names {
        spelling.entry(bare(name)).or_insert(name);
    }
    let entries: Vec<String> =
        spelling.into_iter().map(|(bare, name)| format!("{}: {}", text(&bare), text(name))).collect();
    // A map of nothing has no types.
    if entries.is_empty() { "{'': ''}".to_owned() } else { format!("{{{}}}", entries.join(", ")) }
}

/// What is added once what may not be is gone: the container's own list, or a shorter one.
fn added_after(program: &Program<'_>, covered: &str) -> String {
    let own = written("add");
    if !program.replaces(RULE) {
        return format!("variables.containers.map(e, {own})");
    }
    let params = &program.policy.rules.capabilities;
    let others = spelling(params.allowed.iter());
    let root = spelling(params.allowed.iter().chain(&params.root_capabilities));
    let kept = "variables.added[i].filter(n, n in permitted).map(n, permitted[n]).distinct()";
    // A name of either list is fine as it is.
    let fine = format!(
        "{own}.all(n, n in {} || n in variables.rootNeeds[i])",
        list(params.allowed.iter().map(String::as_str))
    );
    format!(
        "variables.containers.transformList(i, e, !({covered}) || {fine} ? {own} : \
         [variables.rootNeeds[i].size() > 0 ? {root} : {others}].map(permitted, {kept})[0])"
    )
}

/// Where `ALL` is dropped, and what is given back with it.
fn drop_all(program: &mut Program<'_>, covered: &str) {
    let dropped = written("drop");
    // With ALL added and dropped, runtimes drop: the workload would lose what it was given.
    let all_stays = format!("variables.addedAfter[i].exists(n, {BARE} == 'ALL')");
    program.let_be(
        "dropsAll",
        format!(
            "variables.containers.transformList(i, e, {covered} && !('ALL' in {dropped}) && !{all_stays})"
        ),
    );
    let privileged = stays_privileged(program);
    // Runtimes read "all" in any case: what drops everything today gets nothing back.
    let nothing_back = format!("({dropped}.exists(n, {BARE} == 'ALL') || {privileged})");
    let there = format!("variables.addedAfter[i].map(n, {BARE}) + {dropped}.map(n, {BARE})");
    program.let_be(
        "givenBack",
        format!(
            "variables.containers.transformList(i, e, !variables.dropsAll[i] || {nothing_back} ? [] : \
             [{there}].map(there, variables.rootNeeds[i].filter(n, !({BARE} in there)))[0])"
        ),
    );
}

fn write(program: &mut Program<'_>) {
    let (own, dropped) = (written("add"), written("drop"));
    let drops = "variables.dropsAll[i]";
    let adds = format!("(variables.givenBack[i].size() > 0 || variables.addedAfter[i] != {own})");
    let added = "variables.addedAfter[i] + variables.givenBack[i]";
    let has = "e.context.?capabilities.hasValue()";
    // Without any, there is nothing to add but what is given back for ALL.
    let both = "variables.givenBack[i].size() > 0 ? {'drop': ['ALL'], 'add': variables.givenBack[i]} : {'drop': ['ALL']}";
    program.set_in_containers(format!("{drops} && !{has}"), "capabilities", both);
    program.set_in_containers(
        format!("{drops} && {has}"),
        "capabilities/drop",
        &format!("{dropped} + ['ALL']"),
    );
    program.set_in_containers(format!("{adds} && {has}"), "capabilities/add", added);
}

fn escalation(program: &mut Program<'_>) {
    let rule = RuleId::privilege_escalation;
    if !program.applies(rule) {
        return;
    }
    let allowed = "e.context.?allowPrivilegeEscalation";
    let open = if program.replaces(rule) {
        format!("{allowed}.orValue(true)")
    } else {
        format!("!{allowed}.hasValue()")
    };
    let added = if program.applies(RULE) {
        format!("variables.addedAfter[i].map(n, {BARE})")
    } else {
        "variables.added[i]".to_owned()
    };
    // The API server refuses `false` beside these.
    let administrator = format!("{added}.exists(n, n in ['SYS_ADMIN', 'ALL'])");
    let condition = format!(
        "variables.linux && {} && {open} && !{} && !{administrator}",
        covers(rule),
        stays_privileged(program)
    );
    program.set_in_containers(condition, "allowPrivilegeEscalation", "false");
}
