//! `volume-types`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "only volume types that Pod Security allows",
    mode: Mode::Observe,
    enforced: Mode::Observe,
    safe: false,
    pod_wide: true,
    sets: "–",
    replaces: "nothing: the data is where it is; it is reported (hostPath by its own rule)",
    why: "Drivers inside the kernel or the kubelet (NFS, iSCSI, RBD, gitRepo, flexVolume …) let a pod's author choose what the node mounts.",
    live_with: "Use a PersistentVolumeClaim or a CSI driver: there the administrator chooses.",
    sources: &[Source::PodSecurity("restricted", "Volume Types"), Source::OwaspK01],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

/// Allowed by Pod Security restricted; `hostPath` has a rule of its own.
pub(crate) const ALLOWED: [&str; 10] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
    "hostPath",
];

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    if !desk.subject.reaches_pod() {
        return;
    }
    for volume in desk.subject.spec.volumes() {
        if let Some(kind) = volume.kind.as_deref().filter(|kind| !ALLOWED.contains(kind)) {
            desk.impossible(Place::Pod, Note::of("volume type ", kind));
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
        let spec = json!({"volumes": [{"name": "n", "nfs": {}}, {"name": "c", "configMap": {}}, {"name": "e"}]});
        table(RuleId::volume_types, &[
            Case { name: "observe", mode: Observe, spec: spec.clone(), results: &[Observed], expect: &[] },
            Case { name: "enforce", mode: Enforce, spec, results: &[Impossible], expect: &[] },
            Case { name: "a type that nobody knows yet", mode: Observe, results: &[Observed], expect: &[],
                spec: json!({"volumes": [{"name": "n", "futureThing": {}}]}) },
        ]);
    }
}
