//! `user-namespace`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, RuleId, Source, host_namespaces};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "a user namespace for the pod",
    mode: Mode::Off,
    enforced: Mode::Off,
    safe: false,
    pod_wide: true,
    sets: "`hostUsers: false`, except with host namespaces, block devices or NFS volumes, which the API server or the kubelet refuse beside it",
    replaces: "`hostUsers: true`",
    why: "Root inside is nobody outside, and images that need root find it.",
    live_with: "Off in every preset but `observe`: a node without support for user namespaces cannot start the pod at all. Turn it on where all nodes report `runtimeHandlers[].features.userNamespaces`.",
    sources: &[
        Source::Kubernetes("KEP-127, https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/"),
        Source::OwaspK01,
    ],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    let spec = desk.subject.spec;
    if !desk.subject.is_linux() || !desk.subject.reaches_pod() || spec.host_users == Some(false) {
        return;
    }
    if let Some(obstacle) = obstacle(desk) {
        desk.impossible(Place::Pod, Note::of("no user namespace beside ", obstacle));
        return;
    }
    if spec.host_users.is_none() {
        desk.inject(Place::Pod, Note::new("hostUsers false"), |plan| plan.pod.host_users_off = true);
    } else {
        let note = Note::new("hostUsers: true");
        desk.replace_or_keep(Place::Pod, note, |plan| plan.pod.host_users_off = true);
    }
}

/// Whether this rule puts the pod into a user namespace.
pub(crate) fn will_be_set(desk: &Desk<'_, '_>) -> bool {
    let mode = desk.mode_of(RuleId::user_namespace);
    let replaceable = desk.subject.spec.host_users.is_none() || mode == Mode::Enforce;
    mode.is_in_force()
        && replaceable
        && desk.subject.is_linux()
        && desk.subject.reaches_pod()
        && !desk.exemptions.pod(RuleId::user_namespace)
        && obstacle(desk).is_none()
}

/// What in the pod does not go with a user namespace.
pub(crate) fn obstacle(desk: &Desk<'_, '_>) -> Option<&'static str> {
    let spec = desk.subject.spec;
    let edits = &desk.plan.pod;
    if host_namespaces::stays_on_host_network(desk) {
        Some("hostNetwork")
    } else if spec.host_pid == Some(true) && !edits.host_pid_off {
        Some("hostPID")
    } else if spec.host_ipc == Some(true) && !edits.host_ipc_off {
        Some("hostIPC")
    } else if desk.subject.slots.iter().any(|slot| !slot.view.devices().is_empty()) {
        Some("volumeDevices")
    } else if spec.volumes().iter().any(|volume| volume.kind.as_deref() == Some("nfs")) {
        Some("an NFS volume, which cannot be id-mapped")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::{Default, Enforce};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Impossible, Injected, Observed, Replaced};
    use crate::rules::testing::{Case, table};

    #[test]
    fn table_of_cases() {
        let field = "/spec/hostUsers";
        let with = |key: &str, value: Value| {
            let mut spec = json!({"containers": [{"name": "a"}]});
            spec[key] = value;
            spec
        };
        table(RuleId::user_namespace, &[
            Case { name: "unset", mode: Default, results: &[Injected],
                spec: with("hostPID", json!(false)), expect: &[(field, json!(false))] },
            Case { name: "default keeps", mode: Default, results: &[Observed],
                spec: with("hostUsers", json!(true)), expect: &[(field, json!(true))] },
            Case { name: "enforce", mode: Enforce, results: &[Replaced],
                spec: with("hostUsers", json!(true)), expect: &[(field, json!(false))] },
            Case { name: "host network", mode: Enforce, results: &[Impossible],
                spec: with("hostNetwork", json!(true)), expect: &[(field, Value::Null)] },
            Case { name: "block device", mode: Enforce, results: &[Impossible], expect: &[(field, Value::Null)],
                spec: with("containers", json!([{"name": "a", "volumeDevices": [{"name": "d", "devicePath": "/d"}]}])) },
            Case { name: "nfs", mode: Enforce, results: &[Impossible], expect: &[(field, Value::Null)],
                spec: with("volumes", json!([{"name": "n", "nfs": {"server": "s", "path": "/"}}])) },
            Case { name: "windows", mode: Enforce, results: &[], expect: &[(field, Value::Null)],
                spec: with("os", json!({"name": "windows"})) },
        ]);
    }
}
