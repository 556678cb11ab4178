//! `proc-mount`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "the masked /proc",
    mode: Mode::Enforce,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: false,
    sets: "–",
    replaces: "`procMount: Unmasked` by `Default`",
    why: "The runtime hides the parts of /proc that show or change the kernel; Unmasked shows them all.",
    live_with: "Containers within containers need it, together with `hostUsers: false`: exempt that container.",
    sources: &[Source::PodSecurity("baseline", "/proc Mount Type"), Source::OwaspK01],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    if !desk.subject.is_linux() {
        return;
    }
    for (number, slot) in desk.slots() {
        let context = slot.view.security_context.as_ref();
        let proc_mount = context.and_then(|context| context.proc_mount.as_deref());
        let Some(other) = proc_mount.filter(|value| !matches!(*value, "Default" | "")) else {
            continue;
        };
        desk.replace_or_keep(Place::Container(number), Note::of("procMount: ", other), |plan| {
            plan.containers[number].proc_mount_default = true;
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Mode::{Default, Enforce};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Observed, Replaced};
    use crate::rules::testing::{Case, table};

    #[test]
    fn table_of_cases() {
        let field = "/spec/containers/0/securityContext/procMount";
        let unmasked = json!({"hostUsers": false,
            "containers": [{"name": "a", "securityContext": {"procMount": "Unmasked"}}]});
        table(RuleId::proc_mount, &[
            Case { name: "enforce", mode: Enforce, spec: unmasked.clone(), results: &[Replaced],
                expect: &[(field, json!("Default")), ("/spec/hostUsers", json!(false))] },
            Case { name: "default", mode: Default, spec: unmasked, results: &[Observed],
                expect: &[(field, json!("Unmasked"))] },
            Case { name: "secure", mode: Enforce, results: &[], expect: &[],
                spec: json!({"containers": [{"name": "a", "securityContext": {"procMount": "Default"}}]}) },
        ]);
    }
}
