//! `privilege-escalation`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source, capabilities, privileged};
use crate::view::Container;

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no way to gain privileges after the start",
    mode: Mode::Default,
    enforced: Mode::Enforce,
    safe: true,
    pod_wide: false,
    sets: "`allowPrivilegeEscalation: false`, except beside `privileged` or an added SYS_ADMIN, where the API server refuses it",
    replaces: "`true`",
    why: "It sets `no_new_privs`: setuid programs and file capabilities give nothing, so a stolen process stays what it was.",
    live_with: "sudo and su inside the container stop working, unless an image profile says `allowPrivilegeEscalation: true`; programs that only give privileges up (gosu, su-exec, setpriv) do not notice.",
    sources: &[
        Source::PodSecurity("restricted", "Privilege Escalation"),
        Source::Cis("5.2.6", "Minimize the admission of containers with allowPrivilegeEscalation"),
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
        let place = Place::Container(number);
        let allowed = written(slot.view);
        if allowed == Some(false) {
            continue;
        }
        if let Some(obstacle) = obstacle(desk, number) {
            desk.impossible(place, Note::new(obstacle));
        } else if allowed.is_none() {
            desk.inject(place, Note::new("allowPrivilegeEscalation false"), |plan| {
                plan.containers[number].privilege_escalation_off = true;
            });
        } else {
            let note = Note::new("allowPrivilegeEscalation: true");
            desk.replace_or_keep(place, note, |plan| {
                plan.containers[number].privilege_escalation_off = true;
            });
        }
    }
}

/// Whether the rule sets what the container's author left unset.
pub(crate) fn would_set(desk: &Desk<'_, '_>, number: usize) -> bool {
    written(desk.subject.slots[number].view).is_none() && obstacle(desk, number).is_none()
}

fn written(container: &Container<'_>) -> Option<bool> {
    container.security_context.as_ref().and_then(|context| context.allow_privilege_escalation)
}

/// Why the API server would refuse it.
fn obstacle(desk: &Desk<'_, '_>, number: usize) -> Option<&'static str> {
    if privileged::stays_privileged(desk, number) {
        Some("the API refuses it beside privileged")
    } else if capabilities::stays_administrator(desk, number) {
        Some("the API refuses it beside an added SYS_ADMIN")
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

    const FIELD: &str = "/spec/containers/0/securityContext/allowPrivilegeEscalation";

    fn container(context: &Value) -> Value {
        json!({"containers": [{"name": "a", "securityContext": context}]})
    }

    #[test]
    fn table_of_cases() {
        table(RuleId::privilege_escalation, &[
            Case { name: "unset", mode: Default, results: &[Injected, Injected],
                spec: json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]}),
                expect: &[(FIELD, json!(false)),
                    ("/spec/initContainers/0/securityContext/allowPrivilegeEscalation", json!(false))] },
            Case { name: "null context", mode: Default, results: &[Injected],
                spec: container(&Value::Null), expect: &[(FIELD, json!(false))] },
            Case { name: "default keeps true", mode: Default, results: &[Observed],
                spec: container(&json!({"allowPrivilegeEscalation": true})), expect: &[(FIELD, json!(true))] },
            Case { name: "enforce", mode: Enforce, results: &[Replaced],
                spec: container(&json!({"allowPrivilegeEscalation": true})), expect: &[(FIELD, json!(false))] },
            Case { name: "privileged", mode: Enforce, results: &[Impossible],
                spec: container(&json!({"privileged": true})), expect: &[(FIELD, Value::Null)] },
            Case { name: "sys admin in any spelling", mode: Enforce, results: &[Impossible],
                spec: container(&json!({"capabilities": {"add": ["cap_sys_admin"]}})),
                expect: &[(FIELD, Value::Null)] },
            Case { name: "secure", mode: Enforce, results: &[], expect: &[],
                spec: container(&json!({"allowPrivilegeEscalation": false})) },
        ]);
    }
}
