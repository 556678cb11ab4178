//! `unprivileged-ports`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source, host_namespaces, run_as_non_root};
use crate::view::{Spec, Sysctl};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "low ports for containers that are not root",
    mode: Mode::Default,
    enforced: Mode::Default,
    safe: false,
    pod_wide: true,
    sets: "the sysctl `net.ipv4.ip_unprivileged_port_start=0`, where a container that will not be root declares a port below 1024 and the pod is not on the host network",
    replaces: "–",
    why: "Without root, binding port 80 fails unless the pod's network allows it. The sysctl is namespaced, on Pod Security's safe list, and containerd's own default; other runtimes may differ.",
    live_with: "Nothing to do. An author's own value of the sysctl stays.",
    sources: &[
        Source::PodSecurity("baseline", "Sysctls"),
        Source::Kubernetes("https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/"),
    ],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

/// The sysctl, with its parts separated as Pod Security spells them.
pub(crate) const SYSCTL: &str = "net.ipv4.ip_unprivileged_port_start";
const FIRST_UNPRIVILEGED: i64 = 1024;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    let subject = desk.subject;
    if !subject.is_linux()
        || !subject.reaches_pod()
        || host_namespaces::stays_on_host_network(desk)
    {
        return;
    }
    if has_sysctl(subject.spec) {
        return;
    }
    let needs = desk.slots().find_map(|(number, slot)| {
        let port = slot.view.ports().iter().filter_map(|port| port.container_port).find(is_low)?;
        run_as_non_root::will_not_be_root(desk, number).then_some(port)
    });
    if let Some(port) = needs {
        let note = Note::of("sysctl for port ", port.to_string());
        desk.inject(Place::Pod, note, |plan| plan.pod.unprivileged_ports = true);
    }
}

/// Whether only root may listen on it, unless a sysctl says otherwise.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "as iterators call it")]
pub(crate) fn is_low(port: &i64) -> bool {
    (1..FIRST_UNPRIVILEGED).contains(port)
}

/// Whether the pod sets the sysctl, to whatever value.
pub(crate) fn has_sysctl(spec: &Spec<'_>) -> bool {
    let sysctls = spec.security_context.as_ref().and_then(|context| context.sysctls.as_deref());
    sysctls.unwrap_or_default().iter().any(is_set)
}

/// Sysctls may be written with slashes too; the API server refuses the same one twice.
fn is_set(sysctl: &Sysctl<'_>) -> bool {
    sysctl.name.replace('/', ".") == SYSCTL
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::Default;
    use crate::rules::RuleId;
    use crate::rules::RuleResult::Injected;
    use crate::rules::testing::{Case, table};

    const SYSCTLS: &str = "/spec/securityContext/sysctls";

    #[test]
    fn table_of_cases() {
        let web = json!([{"name": "a", "ports": [{"containerPort": 8080}, {"containerPort": 80}]}]);
        let added = json!({"name": super::SYSCTL, "value": "0"});
        table(RuleId::unprivileged_ports, &[
            Case { name: "non-root with a low port", mode: Default, results: &[Injected],
                spec: json!({"securityContext": {"runAsUser": 1}, "containers": web}),
                expect: &[(SYSCTLS, json!([added]))] },
            Case { name: "beside another sysctl", mode: Default, results: &[Injected],
                spec: json!({"securityContext": {"runAsNonRoot": true, "sysctls": [{"name": "x", "value": "1"}]},
                    "containers": web}),
                expect: &[("/spec/securityContext/sysctls/1", added)] },
            Case { name: "root binds anyway", mode: Default, results: &[],
                spec: json!({"containers": web}), expect: &[(SYSCTLS, Value::Null)] },
            Case { name: "host network", mode: Default, results: &[],
                spec: json!({"hostNetwork": true, "securityContext": {"runAsUser": 1}, "containers": web}),
                expect: &[(SYSCTLS, Value::Null)] },
            Case { name: "set by the author, with slashes", mode: Default, results: &[],
                spec: json!({"securityContext": {"runAsUser": 1, "sysctls":
                    [{"name": "net/ipv4/ip_unprivileged_port_start", "value": "80"}]}, "containers": web}),
                expect: &[("/spec/securityContext/sysctls/1", Value::Null)] },
        ]);
    }
}
