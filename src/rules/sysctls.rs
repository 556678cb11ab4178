//! `sysctls`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "only sysctls that Pod Security allows",
    mode: Mode::Observe,
    enforced: Mode::Observe,
    safe: false,
    pod_wide: true,
    sets: "–",
    replaces: "nothing: the workload asked for a kernel parameter; it is reported",
    why: "Sysctls outside the safe list reach beyond the pod, or switch off what protects it.",
    live_with: "The safe list holds what most need (ports, keepalive, shared memory). Others only where the node allows them, with an exemption from Pod Security for that namespace.",
    sources: &[Source::PodSecurity("baseline", "Sysctls"), Source::OwaspK01],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

/// Pod Security's safe list of 1.32, in its spelling; the two that 1.37 added are not yet safe on older nodes.
pub(crate) const SAFE: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    let context = desk.subject.spec.security_context.as_ref();
    let Some(sysctls) = context.and_then(|context| context.sysctls.as_deref()) else { return };
    if !desk.subject.reaches_pod() {
        return;
    }
    for sysctl in sysctls {
        if !SAFE.contains(&sysctl.name.as_str()) {
            desk.impossible(Place::Pod, Note::of("sysctl ", sysctl.name.as_str()));
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
        let spec = json!({"securityContext": {"sysctls": [
            {"name": "kernel.msgmax", "value": "1"}, {"name": "net.ipv4.tcp_syncookies", "value": "1"}]}});
        table(RuleId::sysctls, &[
            Case { name: "observe", mode: Observe, spec: spec.clone(), results: &[Observed], expect: &[] },
            Case { name: "enforce", mode: Enforce, spec, results: &[Impossible], expect: &[] },
            Case { name: "none", mode: Enforce, results: &[], expect: &[],
                spec: json!({"securityContext": {"sysctls": null}}) },
        ]);
    }
}
