//! `host-ports`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no ports on the node",
    mode: Mode::Observe,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: false,
    sets: "–",
    replaces: "`hostPort` is removed; the container's port stays",
    why: "A host port goes around Services and NetworkPolicies, and ties the pod to nodes where it is free.",
    live_with: "Use a Service (NodePort, LoadBalancer); ingress controllers on bare metal may need an exemption. A pod on the host network is `host-namespaces`' business: its host ports are filled in by the API.",
    sources: &[
        Source::PodSecurity("baseline", "Host Ports"),
        Source::Cis("5.2.13", "Minimize the admission of containers which use HostPorts"),
        Source::OwaspK01,
    ],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    // Under hostNetwork the API server fills the host ports in, and would again after a removal.
    // Where `host-namespaces` takes the pod off the host network, it takes those ports along.
    if desk.subject.spec.host_network == Some(true) {
        return;
    }
    for (number, slot) in desk.slots() {
        for (index, port) in slot.view.ports().iter().enumerate() {
            let Some(host_port) = port.host_port.filter(|port| *port != 0) else { continue };
            let note = Note::of("hostPort ", host_port.to_string());
            desk.replace_or_keep(Place::Container(number), note, |plan| {
                plan.containers[number].host_ports_removed.push(index);
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
    use crate::rules::testing::{Case, table};

    #[test]
    fn table_of_cases() {
        let spec = json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "hostPort": 8080}]}],
            "initContainers": [{"name": "i", "restartPolicy": "Always",
                "ports": [{"containerPort": 1, "hostPort": 0}, {"containerPort": 2, "hostPort": 2}]}]});
        table(RuleId::host_ports, &[
            Case { name: "enforce", mode: Enforce, spec: spec.clone(), results: &[Replaced, Replaced], expect: &[
                ("/spec/containers/0/ports/0/hostPort", Value::Null),
                ("/spec/containers/0/ports/0/containerPort", json!(80)),
                ("/spec/initContainers/0/ports/1/hostPort", Value::Null),
            ]},
            Case { name: "default", mode: Default, spec, results: &[Observed, Observed], expect: &[
                ("/spec/containers/0/ports/0/hostPort", json!(8080)),
            ]},
            Case { name: "filled in on the host network", mode: Enforce, results: &[], expect: &[],
                spec: json!({"hostNetwork": true, "containers": [
                    {"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}]}) },
        ]);
    }
}
