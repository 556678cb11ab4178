//! `service-account-token`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Desk, Meta, Mode, Note, Place, Source};
use crate::view::Volume;

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no service account token where none is needed",
    mode: Mode::Default,
    enforced: Mode::Enforce,
    safe: true,
    pod_wide: true,
    sets: "`automountServiceAccountToken: false`, and removes the token volume that the ServiceAccount admission plugin has injected by then, with its mounts in every container. By `scope`: pods of the account `default` only (built in until the cluster's bindings are known), or all",
    replaces: "an explicit `true`",
    why: "A token that nobody uses is a way into the API server for whoever gets a file read in the container.",
    live_with: "A workload that talks to the API server runs under an account of its own, which `default-account` leaves alone. A token volume that the author wrote stays.",
    sources: &[
        Source::Cis("5.1.5", "Ensure that default service accounts are not actively used"),
        Source::Cis("5.1.6", "Ensure that Service Account Tokens are only mounted where necessary"),
        Source::OwaspK01,
    ],
};

/// Whose pods lose the token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every pod.
    All,
    /// Pods of the account `default`.
    #[default]
    DefaultAccount,
    /// Pods of accounts that no binding reaches; as `default-account` while the bindings are not known.
    UnboundAccounts,
}

/// Parameters of `service-account-token`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Params {
    /// How strictly the rule is applied; unset: as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Whose pods lose the token.
    pub scope: Scope,
}

/// How the ServiceAccount plugin names the volume it injects: this and five random characters.
const INJECTED_PREFIX: &str = "kube-api-access-";

pub(super) fn check(desk: &mut Desk<'_, '_>, params: &Params) {
    let subject = desk.subject;
    let in_scope = params.scope == Scope::All || subject.spec.account() == "default";
    if !in_scope || !subject.reaches_pod() {
        return;
    }
    match subject.spec.automount_service_account_token {
        None => {
            desk.inject(Place::Pod, Note::new("automountServiceAccountToken false"), |plan| {
                plan.pod.automount_off = true;
            });
        }
        Some(true) => {
            let note = Note::new("automountServiceAccountToken: true");
            desk.replace_or_keep(Place::Pod, note, |plan| plan.pod.automount_off = true);
            if !desk.replaces() {
                return;
            }
        }
        Some(false) => {
            if !subject.spec.volumes().iter().any(is_injected) {
                return;
            }
            // Somebody set the field and forgot the volume, which the plugin had injected before.
            desk.inject(Place::Pod, Note::new("token volume removed"), |_| {});
        }
    }
    desk.also(|plan| {
        for (index, volume) in subject.spec.volumes().iter().enumerate() {
            if !is_injected(volume) {
                continue;
            }
            plan.pod.volumes_removed.push(index);
            for (slot, edits) in subject.slots.iter().zip(&mut plan.containers) {
                for (index, mount) in slot.view.mounts().iter().enumerate() {
                    if mount.name.as_str() == volume.name.as_str() {
                        edits.mounts_removed.push(index);
                    }
                }
            }
        }
    });
}

/// The plugin's own volume; one that the author wrote under another name is a choice.
fn is_injected(volume: &Volume<'_>) -> bool {
    volume.projects_token && volume.name.starts_with(INJECTED_PREFIX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::{Default, Enforce};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Injected, Observed, Replaced};
    use crate::rules::testing::{Case, table};

    fn injected(automount: &Value) -> Value {
        let token = "/var/run/secrets/kubernetes.io/serviceaccount";
        let mount = json!({"name": "kube-api-access-x", "mountPath": token, "readOnly": true});
        json!({
            "serviceAccountName": "default", "automountServiceAccountToken": automount,
            "volumes": [{"name": "a", "emptyDir": {}},
                {"name": "kube-api-access-x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
                {"name": "own", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
            "containers": [{"name": "a", "volumeMounts": [mount, {"name": "own", "mountPath": "/own"}]}],
            "initContainers": [{"name": "i", "volumeMounts": [{"name": "a", "mountPath": "/a"}, mount]}],
        })
    }

    const GONE: [(&str, &str); 3] = [
        ("/spec/volumes", r#"[{"name":"a","emptyDir":{}},{"name":"own","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}]"#),
        ("/spec/containers/0/volumeMounts", r#"[{"name":"own","mountPath":"/own"}]"#),
        ("/spec/initContainers/0/volumeMounts", r#"[{"name":"a","mountPath":"/a"}]"#),
    ];

    #[test]
    fn table_of_cases() {
        let gone: Vec<(&str, Value)> = GONE
            .iter()
            .map(|(pointer, json)| (*pointer, serde_json::from_str(json).expect("valid")))
            .chain([("/spec/automountServiceAccountToken", json!(false))])
            .collect();
        let explicit = injected(&json!(true));
        table(RuleId::service_account_token, &[
            Case { name: "unset", mode: Default, spec: injected(&Value::Null), results: &[Injected], expect: &gone },
            Case { name: "field set, volume left", mode: Default, spec: injected(&json!(false)),
                results: &[Injected], expect: &gone },
            Case { name: "explicit, default", mode: Default, spec: explicit.clone(), results: &[Observed],
                expect: &[("/spec/volumes/1/name", json!("kube-api-access-x"))] },
            Case { name: "explicit, enforce", mode: Enforce, spec: explicit, results: &[Replaced], expect: &gone },
            Case { name: "own account", mode: Enforce, results: &[],
                spec: json!({"serviceAccountName": "app", "containers": [{"name": "a"}]}),
                expect: &[("/spec/automountServiceAccountToken", Value::Null)] },
            Case { name: "secure", mode: Enforce, results: &[], expect: &[],
                spec: json!({"automountServiceAccountToken": false, "containers": [{"name": "a"}]}) },
        ]);
    }
}
