//! `resources` in CEL: defaults beside what is written.

use super::program::{Program, covers};
use crate::cel::{list, text};
use crate::rules::RuleId;
use crate::rules::resources::{Defaults, Quantities};

const RULE: RuleId = RuleId::resources;
const NAMES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

fn of(quantities: &Quantities) -> [&str; 3] {
    [&quantities.cpu, &quantities.memory, &quantities.ephemeral_storage]
}

pub(super) fn apply(program: &mut Program<'_>) {
    if !program.applies(RULE) {
        return;
    }
    let params = &program.policy.rules.resources;
    let types =
        [("container", &params.containers), ("init", &params.init_containers), ("sidecar", &params.sidecars)];
    let defaults = |which: fn(&Defaults) -> &Quantities| {
        let types = types.map(|(name, defaults)| {
            let quantities = of(which(defaults)).into_iter().zip(NAMES);
            let quantities: Vec<String> =
                quantities.map(|(quantity, name)| format!("'{name}': {}", text(quantity))).collect();
            format!("'{name}': {{{}}}", quantities.join(", "))
        });
        format!("{{{}}}", types.join(", "))
    };
    // A default could exceed what the pod as a whole may have; ephemeral containers may have none.
    let free = "!(r in variables.spec.?resources.?limits.orValue({})) && \
                !(r in variables.spec.?resources.?requests.orValue({}))";
    let names = list(NAMES);
    program.let_be("unbounded", format!("{names}.filter(r, {free})"));
    let covered = format!("e.kind != 'ephemeral' && {}", covers(RULE));
    let [requests, limits] =
        ["requests", "limits"].map(|list| format!("e.own.?resources.?{list}.orValue({{}})"));
    program.let_be("defaultRequests", defaults(|defaults| &defaults.requests));
    program.let_be("defaultLimits", defaults(|defaults| &defaults.limits));
    let nothing = format!("!(r in {limits}) && !(r in {requests})");
    program.let_be(
        "requests",
        format!(
            "variables.containers.map(e, !({covered}) ? [] : variables.unbounded.filter(r, {nothing} && \
             variables.defaultRequests[e.kind][r] != '').map(r, [r, variables.defaultRequests[e.kind][r]]))"
        ),
    );
    let default = "variables.defaultLimits[e.kind][r]";
    program.let_be(
        "limits",
        format!(
            "variables.containers.map(e, !({covered}) ? [] : variables.unbounded.filter(r, !(r in {limits}) && \
             {default} != '').map(r, [r, r in {requests} ? {} : {default}]).filter(l, l[1] != ''))",
            above(&format!("string({requests}[r])"), default),
        ),
    );
    for (list, written) in [("requests", &requests), ("limits", &limits)] {
        let (path, new) = (format!("e.at + '/resources/{list}'"), format!("variables.{list}[i]"));
        program.operate_in_containers(&format!(
            "({new}.size() > 0 && {written}.size() == 0 ? [JSONPatch{{op: 'add', path: {path}, \
             value: {new}.transformMapEntry(k, q, {{q[0]: q[1]}})}}] : \
             {new}.map(q, JSONPatch{{op: 'add', path: {path} + '/' + q[0], value: q[1]}}))"
        ));
    }
}

/// The default limit, or twice the author's request where that is more: its digits doubled, as the API server writes
/// quantities; nothing where they are too many.
fn above(request: &str, limit: &str) -> String {
    let digits = "q.find('^[0-9]+')";
    format!(
        "[{request}].map(q, quantity(q).add(quantity(q)).compareTo(quantity({limit})) <= 0 ? {limit} : \
         q.matches('^[0-9]{{1,17}}([A-Za-z][A-Za-z0-9]*)?$') ? \
         string(int({digits}) * 2) + q.substring({digits}.size()) : '')[0]"
    )
}
