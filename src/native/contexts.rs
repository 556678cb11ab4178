//! Rules about single fields of security contexts, in CEL.

use super::cel::{all, any, backwards, remove_if};
use super::program::{Field, Program, covers, covers_all, settle};
use crate::cel::{list, text};
use crate::rules::{RuleId, selinux};

pub(super) fn apply(program: &mut Program<'_>) {
    privileged(program);
    if program.applies(RuleId::seccomp) {
        seccomp(program);
    }
    proc_mount(program);
}

/// What takes fields away: after everything that adds to the same objects.
pub(super) fn remove(program: &mut Program<'_>) {
    if program.replaces(RuleId::selinux) {
        selinux(program);
    }
    if program.replaces(RuleId::apparmor) {
        apparmor(program);
    }
}

fn privileged(program: &mut Program<'_>) {
    if !program.replaces(RuleId::privileged) {
        return;
    }
    let is =
        format!("variables.linux && {} && e.context.?privileged.orValue(false)", covers(RuleId::privileged));
    program.set_in_containers(is.clone(), "privileged", "false");
    // Only a privileged container may have it.
    program.operate_in_containers(&format!(
        "({is} ? e.own.?volumeMounts.orValue([]).transformList(k, m, \
         m.?mountPropagation.orValue('') == 'Bidirectional', JSONPatch{{op: 'add', \
         path: e.at + '/volumeMounts/' + string(k) + '/mountPropagation', value: 'HostToContainer'}}) : [])"
    ));
}

fn proc_mount(program: &mut Program<'_>) {
    let rule = RuleId::proc_mount;
    if program.replaces(rule) {
        let other = "!(e.context.?procMount.orValue('') in ['', 'Default'])";
        program.set_in_containers(
            format!("variables.linux && {} && {other}", covers(rule)),
            "procMount",
            "'Default'",
        );
    }
}

fn seccomp(program: &mut Program<'_>) {
    let rule = RuleId::seccomp;
    let replaces = program.replaces(rule);
    let of_container = text("container.seccomp.security.alpha.kubernetes.io/");
    let legacy = format!(
        "variables.annotations.filter(k, (k == 'seccomp.security.alpha.kubernetes.io/pod' || \
         k.startsWith({of_container})) && \
         !(variables.annotations[k] in ['runtime/default', 'docker/default']))"
    );
    program.let_be("contradicting", format!("variables.linux && variables.creates ? {legacy} : []"));
    // Such an annotation must match the field, or the API server refuses the pod.
    let stays = if replaces {
        let all = covers_all(rule);
        program.operate(format!(
            "({all} ? variables.contradicting.map(k, JSONPatch{{op: 'remove', \
             path: '/metadata/annotations/' + jsonpatch.escapeKey(k)}}) : [])"
        ));
        format!("(variables.contradicting.size() > 0 && !({all}))")
    } else {
        "variables.contradicting.size() > 0".to_owned()
    };
    program.let_be("contradicted", stays);
    let (own, pod) = ("e.context.?seccompProfile.?type.orValue('')", "variables.podProfile");
    program.let_be("podProfile", "variables.context.?seccompProfile.?type.orValue('')");
    let open = if replaces { "now in ['', 'Unconfined']" } else { "now == ''" };
    program.let_be(
        "profiles",
        format!(
            "variables.containers.map(e, [{own} != '' ? {own} : {pod}].map(now, variables.linux && {} && \
             !variables.contradicted && {open} ? 'RuntimeDefault' : now)[0])",
            covers(rule)
        ),
    );
    let target = "variables.profiles[i]";
    let may_edit_pod = "variables.creates && variables.linux";
    let settled = settle("profileAtPod", &Field { none: "''", own, pod, target, may_edit_pod });
    program.let_be("profileAtPod", settled.at_pod);
    let value = "{'type': 'RuntimeDefault'}";
    program.set_in_containers(
        format!("variables.linux && {}", settled.in_container),
        "seccompProfile",
        value,
    );
    let mut at_pod = vec!["variables.profileAtPod != ''".to_owned()];
    if replaces {
        at_pod.push(format!(
            "variables.linux && {pod} == 'Unconfined' && !variables.contradicted && {}",
            covers_all(rule)
        ));
    }
    program.set_in_pod(any(&at_pod), "'/seccompProfile'", value);
}

fn selinux(program: &mut Program<'_>) {
    let rule = RuleId::selinux;
    let allowed = list(selinux::ALLOWED);
    let removals = |covered: &str, context: &str, path: &str| {
        ["type", "user", "role"]
            .map(|field| {
                let value = format!("{context}.?seLinuxOptions.?{field}.orValue('')");
                let fine = if field == "type" { allowed.as_str() } else { "['']" };
                let wrong = all(&[covered.to_owned(), format!("!({value} in {fine})")]);
                remove_if(&wrong, &format!("{path} + '/seLinuxOptions/{field}'"))
            })
            .join(" + ")
    };
    let pod = format!("variables.linux && {}", covers_all(rule));
    program.operate(removals(&pod, "variables.context", "'/spec/securityContext'"));
    let container = format!("variables.linux && {}", covers(rule));
    program.operate_in_containers(&removals(&container, "e.context", "e.at + '/securityContext'"));
}

fn apparmor(program: &mut Program<'_>) {
    let rule = RuleId::apparmor;
    let unconfined = |context: &str| format!("{context}.?appArmorProfile.?type.orValue('') == 'Unconfined'");
    let pod = format!("variables.linux && {} && {}", unconfined("variables.context"), covers_all(rule));
    program.operate(remove_if(&pod, "'/spec/securityContext/appArmorProfile'"));
    let container = format!("variables.linux && {} && {}", unconfined("e.context"), covers(rule));
    program.operate_in_containers(&remove_if(&container, "e.at + '/securityContext/appArmorProfile'"));
    // Pod Security reads the annotation whatever the operating system.
    let prefix = "container.apparmor.security.beta.kubernetes.io/";
    let name = format!("k.substring({})", prefix.len());
    program.operate(format!(
        "({} ? variables.annotations.filter(k, k.startsWith({}) && variables.annotations[k] == 'unconfined' && \
         !variables.containers.exists(e, e.own.name == {name} && !({}))).map(k, JSONPatch{{op: 'remove', \
         path: '/metadata/annotations/' + jsonpatch.escapeKey(k)}}) : [])",
        super::program::covers_pod(rule),
        text(prefix),
        covers(rule),
    ));
}

/// Host ports of a container that go.
pub(super) fn ports(program: &mut Program<'_>) {
    let [namespaces, ports] = [RuleId::host_namespaces, RuleId::host_ports];
    let on_host = "variables.spec.?hostNetwork.orValue(false)";
    let mut gone = Vec::new();
    if program.replaces(namespaces) {
        // On the host network the API fills every one of them in: nobody chose it.
        gone.push(format!("{on_host} && !variables.staysOnHost && has(x.hostPort)"));
    }
    if program.replaces(ports) {
        gone.push(format!("!{on_host} && {} && x.?hostPort.orValue(0) != 0", covers(ports)));
    }
    if gone.is_empty() {
        return;
    }
    let indices = backwards("e.own.?ports.orValue([])", &any(&gone));
    program.operate_in_containers(&format!(
        "{indices}.map(k, JSONPatch{{op: 'remove', path: e.at + '/ports/' + string(k) + '/hostPort'}})"
    ));
}
