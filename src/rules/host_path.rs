//! `host-path`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no directories of the node",
    mode: Mode::Observe,
    enforced: Mode::Observe,
    safe: false,
    pod_wide: true,
    sets: "–",
    replaces: "nothing: without its volume the pod would not be the same; it is reported",
    why: "A hostPath is the node's file system: container sockets, credentials of the kubelet, logs of others.",
    live_with: "Use a volume (configMap, emptyDir, PersistentVolumeClaim, CSI). Node agents keep theirs in a namespace of their own.",
    sources: &[
        Source::PodSecurity("baseline", "HostPath Volumes"),
        Source::Cis("5.2.12", "Minimize the admission of HostPath volumes"),
        Source::OwaspK01,
    ],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    if !desk.subject.reaches_pod() {
        return;
    }
    for volume in desk.subject.spec.volumes() {
        if volume.kind.as_deref() == Some("hostPath") {
            desk.impossible(Place::Pod, Note::of("hostPath volume ", volume.name.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Mode::{Enforce, Observe};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Impossible, Observed};
    use crate::rules::testing::{Case, table};

    #[test]
    fn table_of_cases() {
        let spec = json!({"volumes": [{"name": "h", "hostPath": {"path": "/"}}, {"name": "e", "hostPath": null}]});
        table(RuleId::host_path, &[
            Case { name: "observe", mode: Observe, spec: spec.clone(), results: &[Observed], expect: &[] },
            Case { name: "enforce", mode: Enforce, spec, results: &[Impossible], expect: &[] },
            Case { name: "none", mode: Enforce, spec: json!({"volumes": null}), results: &[], expect: &[] },
        ]);
    }
}
