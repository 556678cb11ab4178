//! `privileged`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no privileged containers",
    mode: Mode::Observe,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: false,
    sets: "–",
    replaces: "`privileged: true` by `false`; mounts with `mountPropagation: Bidirectional`, which only a privileged container may have, become `HostToContainer`",
    why: "A privileged container has every capability, every device and no seccomp, AppArmor or SELinux confinement: it is root on the node.",
    live_with: "Node agents (CSI, CNI, device plugins) need it: keep them in a namespace with a policy of its own, or exempt them by annotation with a reason and an end. Often two capabilities and a hostPath do.",
    sources: &[
        Source::PodSecurity("baseline", "Privileged Containers"),
        Source::Cis("5.2.2", "Minimize the admission of privileged containers"),
        Source::OwaspK01,
    ],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    if !desk.subject.is_linux() {
        return;
    }
    for (number, slot) in desk.slots() {
        if !slot.view.is_privileged() {
            continue;
        }
        let note = Note::new("privileged: true");
        desk.replace_or_keep(Place::Container(number), note, |plan| {
            let edits = &mut plan.containers[number];
            edits.privileged_off = true;
            for (index, mount) in slot.view.mounts().iter().enumerate() {
                if mount.mount_propagation.as_deref() == Some("Bidirectional") {
                    edits.propagation_lowered.push(index);
                }
            }
        });
    }
}

/// Whether the container is privileged once the plan is carried out.
pub(crate) fn stays_privileged(desk: &Desk<'_, '_>, number: usize) -> bool {
    desk.subject.slots[number].view.is_privileged() && !desk.plan.containers[number].privileged_off
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Mode::{Default, Enforce, Observe};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Observed, Replaced};
    use crate::rules::testing::{Case, table};

    #[test]
    fn table_of_cases() {
        let privileged = json!({"containers": [{"name": "a", "securityContext": {"privileged": true},
            "volumeMounts": [{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}]}]});
        table(RuleId::privileged, &[
            Case { name: "enforce", mode: Enforce, spec: privileged.clone(), results: &[Replaced], expect: &[
                ("/spec/containers/0/securityContext/privileged", json!(false)),
                ("/spec/containers/0/volumeMounts/0/mountPropagation", json!("HostToContainer")),
            ]},
            Case { name: "default keeps", mode: Default, spec: privileged.clone(), results: &[Observed], expect: &[
                ("/spec/containers/0/securityContext/privileged", json!(true)),
            ]},
            Case { name: "observe", mode: Observe, spec: privileged, results: &[Observed], expect: &[
                ("/spec/containers/0/volumeMounts/0/mountPropagation", json!("Bidirectional")),
            ]},
            Case { name: "windows", mode: Enforce, results: &[], expect: &[],
                spec: json!({"os": {"name": "windows"}, "containers": [{"name": "a"}]}) },
        ]);
    }
}
