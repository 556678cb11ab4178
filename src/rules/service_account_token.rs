//! `service-account-token`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Desk, Meta, Mode, Note, Place, Source};
use crate::policy::glob;
use crate::view::Volume;

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "no service account token where none is needed",
    mode: Mode::Default,
    enforced: Mode::Enforce,
    safe: true,
    pod_wide: true,
    sets: "`automountServiceAccountToken: false`, and removes the token volume that the ServiceAccount admission plugin has injected by then, with its mounts in every container. By `scope`: pods whose account no RoleBinding and no ClusterRoleBinding reaches (built in; where no cluster is known, as in files: pods of the account `default`), of the account `default`, or all. Left alone: pods of a workload identity (`workloadIdentity`)",
    replaces: "an explicit `true`, of the pod or of its account",
    why: "A token that nobody uses is a way into the API server for whoever gets a file read in the container.",
    live_with: "A workload that talks to the API server runs under an account that is bound to a role; the pods of one that is bound later have to be restarted, and an event says so. What a webhook authorizer grants, or somebody outside who trusts the cluster's tokens (OIDC), no binding tells of: write `automountServiceAccountToken: true` at the account, or its annotation into `workloadIdentity`. A token volume that the author wrote stays.",
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
    DefaultAccount,
    /// Pods of accounts that no binding reaches; as `default-account` where the bindings are not known.
    #[default]
    UnboundAccounts,
}

/// Parameters of `service-account-token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Params {
    /// How strictly the rule is applied; unset: as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Whose pods lose the token.
    pub scope: Scope,
    /// Annotations by which the token has a use outside of the cluster's own rights: their keys, with `*` for any run
    /// of characters. On the service account, or as annotation or label on the pod unless its value is "false".
    pub workload_identity: Vec<String>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            mode: None,
            scope: Scope::default(),
            workload_identity: WORKLOAD_IDENTITY.map(str::to_owned).to_vec(),
        }
    }
}

/// IAM roles for service accounts (Amazon), Workload Identity Federation (Google), Workload ID (Microsoft Entra) and
/// the agent injector of Vault, each by the key that its documentation names.
const WORKLOAD_IDENTITY: [&str; 4] = [
    "eks.amazonaws.com/role-arn",
    "iam.gke.io/gcp-service-account",
    "azure.workload.identity/*",
    "vault.hashicorp.com/*",
];

/// How the ServiceAccount plugin names the volume it injects: this and five random characters.
pub(crate) const INJECTED_PREFIX: &str = "kube-api-access-";

pub(super) fn check(desk: &mut Desk<'_, '_>, params: &Params) {
    let subject = desk.subject;
    if !subject.reaches_pod() || !in_scope(desk, params.scope) || has_use(desk, &params.workload_identity) {
        return;
    }
    let by_account = desk.account.as_ref().and_then(|account| account.automount) == Some(true);
    match subject.spec.automount_service_account_token {
        None if !by_account => {
            desk.inject(Place::Pod, Note::new("automountServiceAccountToken false"), |plan| {
                plan.pod.automount_off = true;
            });
        }
        explicit @ (None | Some(true)) => {
            let note = Note::new(if explicit.is_some() {
                "automountServiceAccountToken: true"
            } else {
                "automountServiceAccountToken: true of the service account"
            });
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

fn in_scope(desk: &Desk<'_, '_>, scope: Scope) -> bool {
    let is_default = || desk.subject.spec.account() == "default";
    match scope {
        Scope::All => true,
        Scope::DefaultAccount => is_default(),
        Scope::UnboundAccounts => desk.account.as_ref().map_or_else(is_default, |account| !account.bound),
    }
}

/// Whether somebody other than the API server takes the token for an identity.
fn has_use(desk: &Desk<'_, '_>, patterns: &[String]) -> bool {
    let named = |key: &str| patterns.iter().any(|pattern| glob(pattern, key));
    let metadata = desk.subject.pod.metadata.as_ref();
    let labels = metadata.and_then(|metadata| metadata.labels.as_ref());
    let annotations = desk.subject.pod.annotations();
    desk.account.as_ref().is_some_and(|account| account.annotations.iter().any(|key| named(key)))
        || labels.is_some_and(|labels| labels.entries().any(|(key, value)| value != "false" && named(key)))
        || annotations.is_some_and(|annotations| {
            let entries = annotations.entries().iter();
            entries.into_iter().any(|entry| entry.value.as_deref() != Some("false") && named(&entry.key))
        })
}

/// The plugin's own volume; one that the author wrote under another name is a choice.
pub(crate) fn is_injected(volume: &Volume<'_>) -> bool {
    volume.projects_token && volume.name.starts_with(INJECTED_PREFIX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::{Default, Enforce};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Injected, Observed, Replaced};
    use std::sync::Arc;

    use super::{Params, Scope};
    use crate::facts::{Account, Facts};
    use crate::policy::Policy;
    use crate::rules::testing::{Case, only, table, table_of_pods, table_with};

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

    fn under(scope: Scope, mode: super::Mode, account: Account, cases: &[Case<'_>]) {
        let mut policy: Policy = only(RuleId::service_account_token, mode);
        policy.rules.service_account_token.scope = scope;
        let facts = Facts { account: Some(Arc::new(account)), ..Facts::default() };
        table_with(&policy, &facts, RuleId::service_account_token, cases);
    }

    #[test]
    fn by_what_the_cluster_knows_of_the_account() {
        const FIELD: &str = "/spec/automountServiceAccountToken";
        let pod = |automount: Value| {
            let mut pod = injected(&automount);
            pod["serviceAccountName"] = json!("app");
            pod
        };
        let unbound = Account::default;
        let bound = || Account { bound: true, ..Account::default() };
        let federated =
            || Account { annotations: vec!["azure.workload.identity/client-id".into()], ..Account::default() };
        let wanting = || Account { automount: Some(true), ..Account::default() };
        let gone = |mode, results| Case { name: "gone", mode, spec: pod(Value::Null), results, expect: &[] };
        let kept = |mode, results| Case {
            name: "kept",
            mode,
            spec: pod(Value::Null),
            results,
            expect: &[],
        };
        let is_gone = (FIELD, json!(false));
        let is_kept = (FIELD, Value::Null);
        for (account, scope, mode, results, expected) in [
            (unbound(), Scope::UnboundAccounts, Default, &[Injected][..], &is_gone),
            (bound(), Scope::UnboundAccounts, Enforce, &[], &is_kept),
            (bound(), Scope::All, Default, &[Injected], &is_gone),
            (unbound(), Scope::DefaultAccount, Enforce, &[], &is_kept),
            (federated(), Scope::All, Enforce, &[], &is_kept),
            (wanting(), Scope::UnboundAccounts, Default, &[Observed], &is_kept),
            (wanting(), Scope::UnboundAccounts, Enforce, &[Replaced], &is_gone),
        ] {
            let case = if expected.1 == json!(false) { gone(mode, results) } else { kept(mode, results) };
            let expect = [expected.clone()];
            under(scope, mode, account, &[Case { expect: &expect, ..case }]);
        }
        under(Scope::UnboundAccounts, Enforce, unbound(), &[
            Case { name: "explicit", mode: Enforce, spec: pod(json!(true)), results: &[Replaced],
                expect: &[(FIELD, json!(false))] },
        ]);
    }

    #[test]
    fn by_what_the_pod_says_of_its_identity() {
        const FIELD: &str = "/spec/automountServiceAccountToken";
        let pod = |metadata: Value| json!({"metadata": metadata, "spec": {"containers": [{"name": "a"}]}});
        table_of_pods(RuleId::service_account_token, &[
            Case { name: "Vault's agent", mode: Enforce, results: &[], expect: &[(FIELD, Value::Null)],
                spec: pod(json!({"annotations": {"vault.hashicorp.com/agent-inject": "true"}})) },
            Case { name: "not Vault's agent", mode: Enforce, results: &[Injected], expect: &[(FIELD, json!(false))],
                spec: pod(json!({"annotations": {"vault.hashicorp.com/agent-inject": "false"}})) },
            Case { name: "by label", mode: Enforce, results: &[], expect: &[(FIELD, Value::Null)],
                spec: pod(json!({"labels": {"azure.workload.identity/use": "true"}})) },
        ]);
        assert_eq!(Params::default().scope, Scope::UnboundAccounts);
    }
}
