//! `apparmor`

use std::borrow::Cow;

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no switching AppArmor off",
    mode: Mode::Enforce,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: false,
    sets: "– (`RuntimeDefault` is what nodes with AppArmor use anyway; written down, nodes without it refuse the pod)",
    replaces: "`appArmorProfile: {type: Unconfined}` and the legacy annotation `container.apparmor.security.beta.kubernetes.io/<container>: unconfined` are removed, both together",
    why: "Unconfined takes a container out of the profile that keeps it from the node's files and mounts.",
    live_with: "A `Localhost` profile stays. A container that must be unconfined: exempt it.",
    sources: &[Source::PodSecurity("baseline", "AppArmor"), Source::OwaspK01],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

/// What the keys of the legacy annotations begin with.
pub(crate) const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    if desk.subject.is_linux() {
        check_pod(desk);
        check_containers(desk);
    }
    // Pod Security reads the annotation whatever the operating system.
    check_annotations(desk);
}

fn check_containers(desk: &mut Desk<'_, '_>) {
    for (number, slot) in desk.slots() {
        let context = slot.view.security_context.as_ref();
        let profile = context.and_then(|context| context.app_armor_profile.as_ref());
        if profile.is_some_and(crate::view::Profile::is_unconfined) {
            let note = Note::new("AppArmor Unconfined");
            desk.replace_or_keep(Place::Container(number), note, |plan| {
                plan.containers[number].apparmor_removed = true;
            });
        }
    }
}

fn check_pod(desk: &mut Desk<'_, '_>) {
    let context = desk.subject.spec.security_context.as_ref();
    let profile = context.and_then(|context| context.app_armor_profile.as_ref());
    let unconfined = profile.is_some_and(crate::view::Profile::is_unconfined);
    if !unconfined || !desk.subject.reaches_pod() {
        return;
    }
    if desk.covers_all() {
        let note = Note::new("AppArmor Unconfined");
        desk.replace_or_keep(Place::Pod, note, |plan| plan.pod.apparmor_removed = true);
    } else {
        desk.keep(Place::Pod, Note::new("AppArmor Unconfined, which an exempted container inherits"));
    }
}

fn check_annotations(desk: &mut Desk<'_, '_>) {
    let Some(annotations) = desk.subject.pod.annotations() else { return };
    if !desk.subject.reaches_pod() {
        return;
    }
    for entry in annotations.entries() {
        let Some(name) = entry.key.strip_prefix(ANNOTATION) else { continue };
        let slots = &desk.subject.slots;
        let number = slots.iter().position(|slot| slot.view.name.as_str() == name);
        let covered = number.is_none_or(|number| desk.covers(number));
        if covered && entry.value.as_deref() == Some("unconfined") {
            let place = number.map_or(Place::Pod, Place::Container);
            let note = Note::new("AppArmor unconfined by annotation");
            desk.replace_or_keep(place, note, |plan| {
                plan.pod.annotations_removed.push(Cow::Borrowed(entry.key.as_str()));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::{Default, Enforce};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Observed, Replaced};
    use crate::rules::testing::{Case, table_of_pods};

    #[test]
    fn table_of_cases() {
        let key = "/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1a";
        let unconfined = json!({"appArmorProfile": {"type": "Unconfined"}});
        let pod = json!({
            "metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined", "k": "v"}},
            "spec": {"securityContext": unconfined, "containers": [{"name": "a", "securityContext": unconfined},
                {"name": "b", "securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}}}]}});
        table_of_pods(RuleId::apparmor, &[
            Case { name: "field and annotation together", mode: Enforce, spec: pod.clone(),
                results: &[Replaced, Replaced, Replaced], expect: &[
                    (key, Value::Null),
                    ("/metadata/annotations/k", json!("v")),
                    ("/spec/securityContext", json!({})),
                    ("/spec/containers/0/securityContext", json!({})),
                    ("/spec/containers/1/securityContext/appArmorProfile/type", json!("Localhost")),
                ]},
            Case { name: "default", mode: Default, spec: pod, results: &[Observed, Observed, Observed],
                expect: &[(key, json!("unconfined"))] },
            Case { name: "none", mode: Enforce, results: &[], expect: &[],
                spec: json!({"spec": {"containers": [{"name": "a"}]}}) },
            Case { name: "the annotation on windows", mode: Enforce, results: &[Replaced], expect: &[(key, Value::Null)],
                spec: json!({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}},
                    "spec": {"os": {"name": "windows"}, "containers": [{"name": "a"}]}}) },
        ]);
    }
}
