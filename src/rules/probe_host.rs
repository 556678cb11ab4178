//! `probe-host`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};
use crate::view::{Container, Probe};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "probes and hooks ask the pod itself",
    mode: Mode::Observe,
    enforced: Mode::Observe,
    safe: false,
    pod_wide: false,
    sets: "–",
    replaces: "nothing: without its host the probe would ask something else and the pod might never be ready; it is reported",
    why: "The kubelet sends the request from the node: a `host` lets a pod's author make it ask anything that the node can reach.",
    live_with: "Leave `host` out; to name a virtual host use an HTTP header `Host`.",
    sources: &[Source::PodSecurity("baseline", "Host Probes / Lifecycle Hooks"), Source::OwaspK01],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    for (number, slot) in desk.slots() {
        for host in hosts(slot.view) {
            desk.impossible(Place::Container(number), Note::of("probe or hook host ", host));
        }
    }
}

pub(crate) fn hosts<'v>(container: &'v Container<'_>) -> impl Iterator<Item = &'v str> {
    let lifecycle = container.lifecycle.as_ref();
    let handlers: [Option<&Probe<'_>>; 5] = [
        container.liveness_probe.as_ref(),
        container.readiness_probe.as_ref(),
        container.startup_probe.as_ref(),
        lifecycle.and_then(|lifecycle| lifecycle.post_start.as_ref()),
        lifecycle.and_then(|lifecycle| lifecycle.pre_stop.as_ref()),
    ];
    handlers
        .into_iter()
        .flatten()
        .flat_map(|handler| [handler.http_get.as_ref(), handler.tcp_socket.as_ref()])
        .flatten()
        .filter_map(|target| target.host.as_deref())
        .filter(|host| !host.is_empty())
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
        let spec = json!({"containers": [{"name": "a",
            "livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}},
            "readinessProbe": {"tcpSocket": {"port": 80, "host": ""}},
            "lifecycle": {"preStop": {"tcpSocket": {"host": "x", "port": 1}}, "postStart": {"exec": {}}}}]});
        table(RuleId::probe_host, &[
            Case { name: "observe", mode: Observe, spec: spec.clone(), results: &[Observed, Observed], expect: &[] },
            Case { name: "enforce", mode: Enforce, spec, results: &[Impossible, Impossible], expect: &[] },
        ]);
    }
}
