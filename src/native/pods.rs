//! Rules about the pod as a whole, in CEL.

use super::cel::any;
use super::identity::will_not_be_root;
use super::program::{Program, covers_pod};
use crate::cel::text;
use crate::policy::Policy;
use crate::rules::service_account_token::Scope;
use crate::rules::{RuleId, unprivileged_ports};

pub(super) fn apply(program: &mut Program<'_>) {
    host_namespaces(program);
    service_links(program);
    user_namespace(program);
    if program.applies(RuleId::unprivileged_ports) {
        low_ports(program);
    }
}

fn host_namespaces(program: &mut Program<'_>) {
    let rule = RuleId::host_namespaces;
    let on_host = "variables.spec.?hostNetwork.orValue(false)";
    if !program.replaces(rule) {
        program.let_be("staysOnHost", on_host);
        return;
    }
    let covered = covers_pod(rule);
    program.let_be("staysOnHost", format!("{on_host} && !({covered} && !variables.hostProcess)"));
    for field in ["hostPID", "hostIPC"] {
        program.turn_off(&format!("{covered} && variables.spec.?{field}.orValue(false)"), field);
    }
    program.turn_off(&format!("{on_host} && !variables.staysOnHost"), "hostNetwork");
}

fn service_links(program: &mut Program<'_>) {
    let rule = RuleId::service_links;
    if program.applies(rule) {
        let set = "variables.spec.?enableServiceLinks.orValue(true)";
        program.turn_off(&format!("{} && {set}", covers_pod(rule)), "enableServiceLinks");
    }
}

fn user_namespace(program: &mut Program<'_>) {
    let rule = RuleId::user_namespace;
    if !program.applies(rule) {
        return;
    }
    let host = |field: &str| {
        let is = format!("variables.spec.?{field}.orValue(false)");
        let namespaces = RuleId::host_namespaces;
        if program.replaces(namespaces) { format!("({is} && !({}))", covers_pod(namespaces)) } else { is }
    };
    let obstacles = any(&[
        "variables.staysOnHost".to_owned(),
        host("hostPID"),
        host("hostIPC"),
        "variables.containers.exists(e, e.own.?volumeDevices.orValue([]).size() > 0)".to_owned(),
        "variables.volumes.exists(v, v.?nfs.hasValue())".to_owned(),
    ]);
    let open = if program.replaces(rule) {
        "variables.spec.?hostUsers.orValue(true)"
    } else {
        "!variables.spec.?hostUsers.hasValue()"
    };
    let condition = format!("variables.linux && {} && {open} && !{obstacles}", covers_pod(rule));
    program.turn_off(&condition, "hostUsers");
}

fn low_ports(program: &mut Program<'_>) {
    let sysctls = "variables.context.?sysctls.orValue([])";
    let name = text(unprivileged_ports::SYSCTL);
    let low = "e.own.?ports.orValue([]).exists(p, p.containerPort > 0 && p.containerPort < 1024)";
    program.let_be(
        "needsLowPorts",
        format!(
            "variables.linux && {} && !variables.staysOnHost && \
             !{sysctls}.exists(s, s.name.replace('/', '.') == {name}) && \
             variables.containers.transformList(i, e, {low} && {}).exists(x, x)",
            covers_pod(RuleId::unprivileged_ports),
            will_not_be_root(),
        ),
    );
    let sysctl = format!("{{'name': {name}, 'value': '0'}}");
    let needs = "variables.needsLowPorts";
    program.set_in_pod(format!("{needs} && {sysctls}.size() == 0"), "'/sysctls'", &format!("[{sysctl}]"));
    program.set_in_pod(format!("{needs} && {sysctls}.size() > 0"), "'/sysctls/-'", &sysctl);
}

/// Whether the pod loses its token, and the volumes that go with it.
pub(super) fn token(program: &mut Program<'_>) {
    let rule = RuleId::service_account_token;
    if !program.applies(rule) {
        program.let_be("tokens", "[]");
        return;
    }
    let mut conditions = vec![covers_pod(rule)];
    if program.policy.rules.service_account_token.scope != Scope::All {
        conditions.push("variables.spec.?serviceAccountName.orValue('') in ['', 'default']".to_owned());
    }
    conditions.extend(use_of_token(program.policy));
    if !program.replaces(rule) {
        // An explicit `true` is the author's.
        conditions.push("!variables.spec.?automountServiceAccountToken.orValue(false)".to_owned());
    }
    program.let_be("losesToken", conditions.join(" && "));
    // The ServiceAccount plugin, which comes before, has mounted it by now.
    let injected = "v.name.startsWith('kube-api-access-') && \
                    v.?projected.?sources.orValue([]).exists(s, s.?serviceAccountToken.hasValue())";
    program.let_be(
        "tokens",
        format!("variables.losesToken ? variables.volumes.filter(v, {injected}).map(v, v.name) : []"),
    );
    program.turn_off(
        "variables.losesToken && variables.spec.?automountServiceAccountToken.orValue(true)",
        "automountServiceAccountToken",
    );
}

/// That nobody else takes the token for an identity.
fn use_of_token(policy: &Policy) -> Option<String> {
    let patterns = &policy.rules.service_account_token.workload_identity;
    if patterns.is_empty() {
        return None;
    }
    let named: Vec<String> = patterns.iter().map(|pattern| named(pattern, "k")).collect();
    let used = |map: &str| format!("!{map}.exists(k, {} && {map}[k] != 'false')", any(&named));
    Some(format!("{} && {}", used("variables.annotations"), used("variables.labels")))
}

/// Whether a name matches a pattern: a regular expression only where it takes one, for it costs the most.
pub(super) fn named(pattern: &str, name: &str) -> String {
    let plain = |text: &str| !text.contains(['*', '?']);
    if plain(pattern) {
        return format!("{name} == {}", text(pattern));
    }
    match pattern.strip_suffix('*').filter(|prefix| plain(prefix)) {
        Some(prefix) => format!("{name}.startsWith({})", text(prefix)),
        None => format!("{name}.matches({})", text(&format!("^{}$", glob(pattern)))),
    }
}

/// A pattern with `*` and `?` as a regular expression.
fn glob(pattern: &str) -> String {
    let mut out = String::new();
    for c in pattern.chars() {
        match c {
            '*' => out.push_str("(?s:.*)"),
            '?' => out.push('.'),
            c if c.is_alphanumeric() => out.push(c),
            c => out.extend(['\\', c]),
        }
    }
    out
}
