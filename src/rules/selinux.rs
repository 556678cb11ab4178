//! `selinux`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};
use crate::plan::SeLinuxEdits;
use crate::view::SeLinuxOptions;

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no SELinux label with more rights than a container's",
    mode: Mode::Enforce,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: false,
    sets: "–",
    replaces: "a `type` other than container_t, container_init_t, container_kvm_t, container_engine_t, and any `user` or `role`, are removed; the `level` stays",
    why: "Types such as spc_t switch off the confinement that keeps a container from the node's files.",
    live_with: "A container that must have another domain: exempt it.",
    sources: &[Source::PodSecurity("baseline", "SELinux"), Source::OwaspK01],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

/// Allowed by Pod Security since 1.31.
pub(crate) const ALLOWED: [&str; 5] =
    ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    if !desk.subject.is_linux() {
        return;
    }
    let context = desk.subject.spec.security_context.as_ref();
    let options = context.and_then(|context| context.se_linux_options.as_ref());
    if let Some((edits, note)) = options.and_then(forbidden).filter(|_| desk.subject.reaches_pod()) {
        if desk.covers_all() {
            desk.replace_or_keep(Place::Pod, note, |plan| plan.pod.selinux = edits);
        } else {
            desk.keep(Place::Pod, note);
        }
    }
    for (number, slot) in desk.slots() {
        let context = slot.view.security_context.as_ref();
        let options = context.and_then(|context| context.se_linux_options.as_ref());
        if let Some((edits, note)) = options.and_then(forbidden) {
            desk.replace_or_keep(Place::Container(number), note, |plan| {
                plan.containers[number].selinux = edits;
            });
        }
    }
}

fn forbidden<'v>(options: &'v SeLinuxOptions<'_>) -> Option<(SeLinuxEdits, Note<'v>)> {
    let kind = options.kind.as_deref().filter(|kind| !ALLOWED.contains(kind));
    let user = options.user.as_deref().filter(|user| !user.is_empty());
    let role = options.role.as_deref().filter(|role| !role.is_empty());
    let note = kind
        .map(|kind| Note::of("seLinuxOptions.type ", kind))
        .or(user.map(|user| Note::of("seLinuxOptions.user ", user)))
        .or(role.map(|role| Note::of("seLinuxOptions.role ", role)))?;
    let edits = SeLinuxEdits {
        kind_removed: kind.is_some(),
        user_removed: user.is_some(),
        role_removed: role.is_some(),
    };
    Some((edits, note))
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
        let spec = json!({
            "securityContext": {"seLinuxOptions": {"user": "system_u", "level": "s0:c1,c2"}},
            "containers": [{"name": "a", "securityContext": {"seLinuxOptions": {"type": "spc_t", "role": "r"}}},
                {"name": "b", "securityContext": {"seLinuxOptions": {"type": "container_kvm_t", "user": ""}}}]});
        table(RuleId::selinux, &[
            Case { name: "enforce", mode: Enforce, spec: spec.clone(), results: &[Replaced, Replaced], expect: &[
                ("/spec/securityContext/seLinuxOptions", json!({"level": "s0:c1,c2"})),
                ("/spec/containers/0/securityContext/seLinuxOptions", json!({})),
                ("/spec/containers/1/securityContext/seLinuxOptions/type", json!("container_kvm_t")),
            ]},
            Case { name: "default", mode: Default, spec, results: &[Observed, Observed], expect: &[
                ("/spec/containers/0/securityContext/seLinuxOptions/type", json!("spc_t")),
            ]},
        ]);
    }
}
