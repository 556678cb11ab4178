//! The policy file's own type: what people write, and what the JSON Schema is generated from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PolicyStatus, Preset};
use crate::annotation::DEFAULT_PREFIX;
use crate::guard::GuardPolicy;
use crate::posture::{Posture, PosturePolicy};
use crate::rules::{RuleId, RuleSet, Rules};

/// The only version there is.
pub const API_VERSION: &str = "pod-hardener.dev/v1alpha1";
/// The kind of a policy.
pub const KIND: &str = "HardeningPolicy";

/// How pods are hardened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HardeningPolicy {
    /// `pod-hardener.dev/v1alpha1`
    pub api_version: String,
    /// `HardeningPolicy`
    pub kind: String,
    /// The policy's name.
    pub metadata: Metadata,
    /// The policy itself; without one it is the preset `restricted`.
    #[serde(default)]
    pub spec: PolicySpec,
    /// What the webhook says of the policy where it is a custom resource; in files it is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "ignore")]
    pub status: Option<PolicyStatus>,
}

/// Whatever stands there is passed over.
fn ignore<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<PolicyStatus>, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| None)
}

/// The policy's metadata; what Kubernetes adds to it is taken and not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// A name in lower case: it appears in annotations and metrics.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicySpec {
    /// Where rules that set no mode get theirs.
    pub preset: Preset,
    /// For which pods; an empty selector is for all.
    pub selector: Selector,
    /// Mode and parameters, rule by rule.
    pub rules: Rules,
    /// How far pods are hardened whose images cannot live with everything.
    pub posture: PosturePolicy,
    /// How hardened pods that fail are looked after: what the policy that the namespace has says, not one that a pod
    /// chooses.
    pub guard: GuardPolicy,
    /// Which exemptions are honoured.
    pub exemptions: ExemptionPolicy,
    /// The answer when the review of a pod fails inside the webhook.
    pub on_error: OnError,
    /// The prefix of the annotations that are read and written.
    #[schemars(length(min = 1, max = 180))]
    pub annotation_prefix: String,
    /// Whether creating or changing a workload answers warnings that say what will become of its pods.
    pub workload_warnings: bool,
    /// Whether the containers of a pod that is changed get `terminationMessagePolicy: FallbackToLogsOnError`: one that
    /// dies without a message of its own leaves the end of its log in the pod's status, for whoever wonders why.
    pub fallback_to_logs_on_error: bool,
}

impl Default for PolicySpec {
    fn default() -> Self {
        Self {
            preset: Preset::Restricted,
            selector: Selector::default(),
            rules: Rules::default(),
            posture: PosturePolicy::default(),
            guard: GuardPolicy::default(),
            exemptions: ExemptionPolicy::default(),
            on_error: OnError::Allow,
            annotation_prefix: DEFAULT_PREFIX.to_owned(),
            workload_warnings: true,
            fallback_to_logs_on_error: true,
        }
    }
}

impl PolicySpec {
    /// How low pods may stand on the ladder: what is written, else what the rest of the policy means.
    #[must_use]
    pub fn floor(&self) -> Posture {
        let by_right = self.exemptions.authorization == Authorization::Rbac;
        let usual = if by_right { Posture::Full } else { self.preset.floor() };
        self.posture.floor.unwrap_or(usual)
    }
}

/// Which pods a policy is for: all that is given must match; of a list, one entry.
/// Names and images may hold `*` for any run of characters and `?` for one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Selector {
    /// Names of namespaces.
    pub namespaces: Vec<String>,
    /// Labels of the namespace, with their values.
    pub namespace_labels: BTreeMap<String, String>,
    /// Labels of the pod, with their values.
    pub pod_labels: BTreeMap<String, String>,
    /// Names of service accounts.
    pub service_accounts: Vec<String>,
    /// Images, as written in the pod; every container's must match.
    pub images: Vec<String>,
}

/// Which exemptions are honoured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ExemptionPolicy {
    /// Whether `exempt-reason` must be given.
    pub require_reason: bool,
    /// The longest time from admission to `exempt-until`, in days; with one, an exemption without an end is not honoured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub max_days: Option<u32>,
    /// The rules that may be exempted; unset: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<RuleName>>,
    /// Whose word an exemption needs.
    pub authorization: Authorization,
    /// With `rbac`: users whose pods are trusted like those of the built-in workload controllers, although the
    /// templates behind them are not checked. Whoever can make such a controller make pods can exempt them.
    pub trusted_controllers: Vec<String>,
    /// Whether annotations of the namespace exempt all its pods.
    pub namespaces: bool,
    /// With `rbac`: whether changing an image of an exempted template needs the right to its exemptions again.
    pub pin_images: bool,
    /// What an exempted pod gets instead.
    pub compensation: Compensation,
}

impl Default for ExemptionPolicy {
    fn default() -> Self {
        Self {
            require_reason: true,
            max_days: None,
            rules: None,
            authorization: Authorization::Annotations,
            trusted_controllers: Vec::new(),
            namespaces: false,
            pin_images: false,
            compensation: Compensation::None,
        }
    }
}

/// Whose word an exemption needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Authorization {
    /// Nobody's: who may write the annotation may exempt.
    #[default]
    Annotations,
    /// Of somebody with the verb `exempt` on the resource `rules` in the API group `pod-hardener.dev`.
    Rbac,
}

/// What a pod gets that is exempted from `run-as-non-root`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compensation {
    /// Nothing.
    #[default]
    None,
    /// A user namespace (KEP-127), where every node that it can reach has them: root inside, nobody outside.
    UserNamespace,
}

impl ExemptionPolicy {
    /// The rules that may be exempted.
    #[must_use]
    pub fn allowed(&self) -> RuleSet {
        match &self.rules {
            None => RuleSet::all(),
            Some(rules) => rules.iter().map(|rule| rule.0).collect(),
        }
    }
}

/// The answer when a review fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The pod passes unchanged, with a warning and a metric.
    #[default]
    Allow,
    /// The pod is denied.
    Deny,
}

/// A rule in a list of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleName(pub RuleId);

impl Serialize for RuleName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for RuleName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let names = || RuleId::ALL.iter().map(|rule| rule.as_str());
        RuleId::find(&name).map(RuleName).ok_or_else(|| {
            let hint = crate::nearest::nearest(&name, names())
                .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
            serde::de::Error::custom(format!("no rule is named `{name}`{hint}"))
        })
    }
}

impl JsonSchema for RuleName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RuleName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = RuleId::ALL.iter().map(|rule| rule.as_str()).collect();
        schemars::json_schema!({ "type": "string", "enum": names })
    }
}
