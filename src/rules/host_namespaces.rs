//! `host-namespaces`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no host network, processes or IPC",
    mode: Mode::Observe,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: true,
    sets: "–",
    replaces: "`hostPID`, `hostIPC`, `hostNetwork: true` by `false`; with the host network also the host ports that API defaulting had filled in",
    why: "With the node's process, IPC or network namespace a container sees and reaches what belongs to the node and to other pods.",
    live_with: "Network plugins, node exporters and the like need it: a namespace with its own policy, or an exemption. A Windows host process must keep the host's network and does.",
    sources: &[
        Source::PodSecurity("baseline", "Host Namespaces"),
        Source::Cis("5.2.3", "Minimize the admission of containers wishing to share the host process ID namespace"),
        Source::Cis("5.2.4", "Minimize the admission of containers wishing to share the host IPC namespace"),
        Source::Cis("5.2.5", "Minimize the admission of containers wishing to share the host network namespace"),
        Source::OwaspK01,
    ],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    if !desk.subject.reaches_pod() {
        return;
    }
    let spec = desk.subject.spec;
    if spec.host_pid == Some(true) {
        let note = Note::new("hostPID: true");
        desk.replace_or_keep(Place::Pod, note, |plan| plan.pod.host_pid_off = true);
    }
    if spec.host_ipc == Some(true) {
        let note = Note::new("hostIPC: true");
        desk.replace_or_keep(Place::Pod, note, |plan| plan.pod.host_ipc_off = true);
    }
    if spec.host_network != Some(true) {
        return;
    }
    let note = Note::new("hostNetwork: true");
    if desk.subject.is_host_process() {
        desk.impossible(Place::Pod, Note::new("hostNetwork: true, which a host process must have"));
        return;
    }
    let subject = desk.subject;
    desk.replace_or_keep(Place::Pod, note, |plan| {
        plan.pod.host_network_off = true;
        for (slot, edits) in subject.slots.iter().zip(&mut plan.containers) {
            // Under hostNetwork defaulting makes every host port equal to the container's: nobody chose it.
            for (index, port) in slot.view.ports().iter().enumerate() {
                if port.host_port.is_some() {
                    edits.host_ports_removed.push(index);
                }
            }
        }
    });
}

/// Whether the pod is on the node's network once the plan is carried out.
pub(super) fn stays_on_host_network(desk: &Desk<'_, '_>) -> bool {
    desk.subject.spec.host_network == Some(true) && !desk.plan.pod.host_network_off
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::{Default, Enforce};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Impossible, Observed, Replaced};
    use crate::rules::testing::{Case, table};

    #[test]
    fn table_of_cases() {
        let all = json!({"hostPID": true, "hostIPC": true, "hostNetwork": true, "containers": [
            {"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81}]}]});
        table(RuleId::host_namespaces, &[
            Case { name: "enforce", mode: Enforce, spec: all.clone(), results: &[Replaced, Replaced, Replaced],
                expect: &[
                    ("/spec/hostPID", json!(false)),
                    ("/spec/hostIPC", json!(false)),
                    ("/spec/hostNetwork", json!(false)),
                    ("/spec/containers/0/ports/0/hostPort", Value::Null),
                    ("/spec/containers/0/ports/0/containerPort", json!(80)),
                ]},
            Case { name: "default keeps", mode: Default, spec: all, results: &[Observed, Observed, Observed],
                expect: &[("/spec/containers/0/ports/0/hostPort", json!(80))] },
            Case { name: "windows host process", mode: Enforce, results: &[Impossible],
                spec: json!({"os": {"name": "windows"}, "hostNetwork": true, "containers": [{"name": "a",
                    "securityContext": {"windowsOptions": {"hostProcess": true}}}]}),
                expect: &[("/spec/hostNetwork", json!(true))] },
            Case { name: "explicit false", mode: Enforce, results: &[], expect: &[],
                spec: json!({"hostPID": false, "containers": [{"name": "a"}]}) },
        ]);
    }
}
