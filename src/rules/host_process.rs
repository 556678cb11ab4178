//! `host-process`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no Windows host processes",
    mode: Mode::Observe,
    enforced: Mode::Observe,
    safe: false,
    pod_wide: false,
    sets: "–",
    replaces: "nothing: a host process has no image of its own to run in a container; it is reported",
    why: "A HostProcess container is a process of the Windows host with the host's network and account.",
    live_with: "Keep such agents in a namespace of their own; this rule only tells you where they are.",
    sources: &[Source::PodSecurity("baseline", "HostProcess"), Source::OwaspK01],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    let pod = desk.subject.spec.security_context.as_ref();
    let pod = pod.and_then(|context| context.windows_options.as_ref());
    if desk.subject.reaches_pod() && pod.and_then(|options| options.host_process) == Some(true) {
        desk.impossible(Place::Pod, Note::new("windowsOptions.hostProcess: true"));
    }
    for (number, slot) in desk.slots() {
        let options = slot.view.security_context.as_ref();
        let options = options.and_then(|context| context.windows_options.as_ref());
        if options.and_then(|options| options.host_process) == Some(true) {
            let note = Note::new("windowsOptions.hostProcess: true");
            desk.impossible(Place::Container(number), note);
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
        let spec = json!({"os": {"name": "windows"}, "hostNetwork": true,
            "securityContext": {"windowsOptions": {"hostProcess": true}}, "containers": [{"name": "a"}]});
        table(RuleId::host_process, &[
            Case { name: "observed", mode: Observe, spec: spec.clone(), results: &[Observed], expect: &[] },
            Case { name: "impossible", mode: Enforce, spec, results: &[Impossible], expect: &[] },
            Case { name: "in a container", mode: Observe, results: &[Observed], expect: &[], spec: json!({
                "containers": [{"name": "a", "securityContext": {"windowsOptions": {"hostProcess": true}}}]}) },
            Case { name: "none", mode: Enforce, results: &[], expect: &[],
                spec: json!({"containers": [{"name": "a"}]}) },
        ]);
    }
}
