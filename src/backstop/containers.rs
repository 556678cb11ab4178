//! What rules would change in containers, in CEL: each beside what its rule says in Rust.

use super::candidates::Candidates;
use super::shared::{
    bare, capabilities as names, covers, covers_all, each, either, has_fixed_ids, is_enforced, is_id,
    may_be_root, of_pod, on_linux, own, texts_by,
};
use crate::cel::list;
use crate::rules::read_only_root_filesystem::COPIER;
use crate::rules::selinux as selinux_rule;
use crate::tuning::FORBIDDEN;

/// Whether a container is privileged.
fn is_privileged() -> String {
    own("privileged") + ".orValue(false)"
}

/// Each container for which it is so, where what an author wrote is replaced.
fn replaced(rule: &str, is_so: &str) -> String {
    format!("!({}) ? [] : {}", is_enforced(rule), each(rule, is_so))
}

pub(super) fn privileged() -> String {
    on_linux(&replaced("privileged", &is_privileged()))
}

pub(super) fn host_ports() -> String {
    let ports = "c.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) != 0)";
    format!("variables.spec.?hostNetwork.orValue(false) ? [] : {}", replaced("host-ports", ports))
}

pub(super) fn run_as_non_root(candidates: &Candidates<'_>) -> String {
    const RULE: &str = "run-as-non-root";
    let enforced = is_enforced(RULE);
    let (user, group, non_root) = (either("runAsUser"), either("runAsGroup"), either("runAsNonRoot"));
    let wanted = |name: &str| {
        let own = is_id(&format!("variables.notes[?c.name + '.' + variables.prefix + '/{name}']"));
        let pods = is_id(&format!("variables.notes[?variables.prefix + '/{name}']"));
        format!("({own} || {pods})")
    };
    let insists = format!("({user}.orValue(1) == 0 || !{non_root}.orValue(true))");
    let unset = format!("!{non_root}.hasValue() && !{user}.hasValue() && !{}", wanted("run-as-user"));
    let needs_root = format!(
        "({} || (!({} && {}) && {}.exists(n, {} != 'NET_BIND_SERVICE')))",
        is_privileged(),
        is_enforced("capabilities"),
        covers("capabilities"),
        names("add"),
        bare("n"),
    );
    let user_changes = format!("{user}.hasValue() ? {user}.value() == 0 : {}", wanted("run-as-user"));
    let group_changes = format!(
        "{group}.hasValue() ? {group}.value() == 0 && {enforced} : {} || ({enforced} && {} && {user}.hasValue())",
        wanted("run-as-group"),
        has_fixed_ids(candidates),
    );
    let container = format!(
        "!{enforced} && ({insists} || ({unset} && {needs_root})) ? false : \
         !{non_root}.orValue(false) || ({user_changes}) || ({group_changes})"
    )
    .replace(&format!("!{enforced}"), &format!("!({enforced})"));
    let unused = "variables.context.?runAsUser.orValue(1) == 0 || variables.context.?runAsGroup.orValue(1) == 0 || \
                  !variables.context.?runAsNonRoot.orValue(true)";
    let fs_group = candidates.by_policy(|policy| policy.rules.run_as_non_root.fs_group.is_some().to_string());
    let pod = format!(
        "variables.isNew && (({enforced} && (({} && ({unused})) || \
         0 in variables.context.?supplementalGroups.orValue([]))) || (!variables.context.?fsGroup.hasValue() && \
         ({fs_group} || {})))",
        covers_all(RULE),
        is_id("variables.notes[?variables.prefix + '/fs-group']"),
    );
    format!(
        "variables.linux ? {} + {} : variables.hostProcess ? [] : {}",
        each(RULE, &container),
        of_pod(&pod),
        on_windows(RULE)
    )
}

fn on_windows(rule: &str) -> String {
    let enforced = is_enforced(rule);
    let (non_root, user) = (either("runAsNonRoot"), either("windowsOptions.?runAsUserName"));
    let administrator = format!("{user}.orValue('').lowerAscii() == 'containeradministrator'");
    let container = format!(
        "{non_root}.orValue(false) && !({administrator}) ? false : \
         {enforced} || ({user}.hasValue() && !({administrator}) && !{non_root}.hasValue())"
    );
    let pod = format!("{enforced} && {} && !variables.context.?runAsNonRoot.orValue(true)", covers_all(rule));
    format!("{} + {}", each(rule, &container), of_pod(&pod))
}

pub(super) fn capabilities(candidates: &Candidates<'_>) -> String {
    const RULE: &str = "capabilities";
    let allowed = texts_by(candidates, |policy| policy.rules.capabilities.allowed.clone());
    let with_root = texts_by(candidates, |policy| {
        let params = &policy.rules.capabilities;
        params.allowed.iter().chain(&params.root_capabilities).cloned().collect()
    });
    let permitted = format!("({} ? {with_root} : {allowed})", may_be_root());
    let forbidden = format!("{} && {}.exists(n, !(n in {permitted}))", is_enforced(RULE), names("add"));
    let kept =
        format!("!('ALL' in {}) && !{}.exists(n, {} == 'ALL')", names("drop"), names("add"), bare("n"));
    on_linux(&each(RULE, &format!("({forbidden}) || ({kept})")))
}

pub(super) fn privilege_escalation() -> String {
    const RULE: &str = "privilege-escalation";
    let allowed = own("allowPrivilegeEscalation");
    on_linux(&each(
        RULE,
        &format!(
            "({allowed}.hasValue() ? {allowed}.value() && {} : true) && !{} && \
             !{}.exists(n, {} in ['SYS_ADMIN', 'ALL'])",
            is_enforced(RULE),
            is_privileged(),
            names("add"),
            bare("n"),
        ),
    ))
}

/// Legacy annotations that say something else than the runtime's default: where they stay, the fields stay too.
pub(super) fn seccomp() -> String {
    const RULE: &str = "seccomp";
    let (enforced, covers_all) = (is_enforced(RULE), covers_all(RULE));
    let legacy = "(variables.isNew && variables.notes.exists(k, (k == 'seccomp.security.alpha.kubernetes.io/pod' || \
                  k.startsWith('container.seccomp.security.alpha.kubernetes.io/')) && \
                  !(variables.notes[k] in ['runtime/default', 'docker/default'])))";
    let kind = either("seccompProfile.?type");
    let container = format!("{kind}.hasValue() ? {kind}.value() == 'Unconfined' && {enforced} : true");
    let pod = format!(
        "{enforced} && {covers_all} && \
         (legacy || variables.context.?seccompProfile.?type.orValue('') == 'Unconfined')"
    );
    on_linux(&format!(
        "[{legacy}].map(legacy, (legacy && !({enforced} && {covers_all}) ? [] : {}) + {})[0]",
        each(RULE, &container),
        of_pod(&pod),
    ))
}

pub(super) fn read_only_root_filesystem() -> String {
    const RULE: &str = "read-only-root-filesystem";
    let read_only = own("readOnlyRootFilesystem");
    let enforced = is_enforced(RULE);
    // A copier of ours writes nowhere but where it copies to.
    let container = format!(
        "{read_only}.hasValue() ? ({read_only}.value() ? variables.isNew && !c.name.startsWith('{COPIER}') && {} : \
         {enforced}) : true",
        lacks_a_path()
    );
    on_linux(&each(RULE, &container))
}

/// Whether nothing is mounted on a path that an annotation asks for. Of paths and mounts only those count that are
/// written in the plainest way: what the webhook refuses, or finds mounted in another spelling, is not to be denied.
fn lacks_a_path() -> String {
    const PLAIN: &str = "r'^(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$'";
    let key = "variables.prefix + '/writable-paths'";
    let asked = format!(
        "[variables.notes[?{key}], variables.notes[?c.name + '.' + {key}]].filter(t, t.hasValue()).map(t, \
         t.value().split(',').map(p, p.trim()))"
    );
    let forbidden = format!(
        "{}.exists(r, p == r || p.startsWith(r + '/') || '/var' + p == r || ('/var' + p).startsWith(r + '/'))",
        list(FORBIDDEN)
    );
    let taken = "c.?volumeMounts.orValue([]).map(m, string(m.mountPath)) + \
                 c.?volumeDevices.orValue([]).map(d, string(d.devicePath))";
    format!(
        "{asked}.exists(paths, paths.size() <= 32 && paths.exists(p, p.size() <= 255 && p.matches({PLAIN}) && \
         !p.startsWith('/lib') && !{forbidden} && \
         !({taken}).exists(m, !m.matches({PLAIN}) || p == m || p.startsWith(m + '/'))))"
    )
}

pub(super) fn proc_mount() -> String {
    on_linux(&replaced("proc-mount", &format!("!({}.orValue('') in ['Default', ''])", own("procMount"))))
}

pub(super) fn apparmor() -> String {
    const RULE: &str = "apparmor";
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    let container = format!(
        "(variables.linux && {}.orValue('') == 'Unconfined') || (variables.isNew && \
         variables.notes[?'{PREFIX}' + c.name].orValue('') == 'unconfined')",
        own("appArmorProfile.?type")
    );
    let stray = format!(
        "variables.notes.exists(k, k.startsWith('{PREFIX}') && variables.notes[k] == 'unconfined' && \
         !variables.containers.exists(c, '{PREFIX}' + c.name == k))"
    );
    let pod = format!(
        "variables.isNew && ((variables.linux && {} && \
         variables.context.?appArmorProfile.?type.orValue('') == 'Unconfined') || {stray})",
        covers_all(RULE)
    );
    format!("!({}) ? [] : {} + {}", is_enforced(RULE), each(RULE, &container), of_pod(&pod))
}

pub(super) fn selinux() -> String {
    const RULE: &str = "selinux";
    let forbidden = |options: &str| {
        format!(
            "!({options}.?type.orValue('') in {}) || {options}.?user.orValue('') != '' || {options}.?role.orValue('') != ''",
            list(selinux_rule::ALLOWED)
        )
    };
    let pod = format!("{} && ({})", covers_all(RULE), forbidden("variables.context.?seLinuxOptions"));
    let container = each(RULE, &forbidden(&own("seLinuxOptions")));
    on_linux(&format!("!({}) ? [] : {container} + {}", is_enforced(RULE), of_pod(&pod)))
}
