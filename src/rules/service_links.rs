//! `service-links`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no list of the namespace's services in the environment",
    mode: Mode::Off,
    enforced: Mode::Off,
    safe: false,
    pod_wide: true,
    sets: "`enableServiceLinks: false`. The API fills in `true`, so `true` counts as unset",
    replaces: "`true`",
    why: "The environment of every process would list all services of the namespace, as a map for whoever gets in; with thousands of services processes fail to start.",
    live_with: "Off in every preset but `observe`, since old applications read `SERVICE_HOST` variables; services are found by DNS.",
    sources: &[
        Source::Kubernetes("https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"),
    ],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    let unset = desk.subject.spec.enable_service_links != Some(false);
    if unset && desk.subject.reaches_pod() {
        desk.inject(Place::Pod, Note::new("enableServiceLinks false"), |plan| {
            plan.pod.service_links_off = true;
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Mode::{Default, Observe};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Injected, Observed};
    use crate::rules::testing::{Case, table};

    #[test]
    fn table_of_cases() {
        let field = "/spec/enableServiceLinks";
        table(RuleId::service_links, &[
            Case { name: "unset", mode: Default, results: &[Injected],
                spec: json!({"containers": []}), expect: &[(field, json!(false))] },
            Case { name: "filled in", mode: Default, results: &[Injected],
                spec: json!({"enableServiceLinks": true}), expect: &[(field, json!(false))] },
            Case { name: "observed", mode: Observe, results: &[Observed],
                spec: json!({"enableServiceLinks": true}), expect: &[(field, json!(true))] },
            Case { name: "secure", mode: Default, results: &[],
                spec: json!({"enableServiceLinks": false}), expect: &[(field, json!(false))] },
        ]);
    }
}
