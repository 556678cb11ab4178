//! How strictly a rule is applied, and what came of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a rule may do to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Not looked at.
    Off,
    /// Says what it would do, changes nothing.
    Observe,
    /// Sets what the author left unset.
    Default,
    /// Also replaces what the author set insecurely.
    Enforce,
}

impl Mode {
    /// As written in a policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Default => "default",
            Self::Enforce => "enforce",
        }
    }

    /// Whether the rule changes pods.
    #[must_use]
    pub const fn is_in_force(self) -> bool {
        matches!(self, Self::Default | Self::Enforce)
    }
}

/// What came of one rule for one pod or container: the label of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleResult {
    /// Set where the author left it unset.
    Injected,
    /// An insecure value of the author's was replaced.
    Replaced,
    /// Nothing to do.
    AlreadySecure,
    /// An exemption was honoured.
    Exempted,
    /// Insecure, and left so by the rule's mode.
    Observed,
    /// Insecure, and no mutation can repair it without breaking the pod.
    Impossible,
    /// Left alone, for the image cannot live with it: the pod stands on a lower rung of the ladder.
    Lowered,
}

impl RuleResult {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::Injected,
        Self::Replaced,
        Self::AlreadySecure,
        Self::Exempted,
        Self::Observed,
        Self::Impossible,
        Self::Lowered,
    ];

    /// As a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Replaced => "replaced",
            Self::AlreadySecure => "already-secure",
            Self::Exempted => "exempted",
            Self::Observed => "observed",
            Self::Impossible => "impossible",
            Self::Lowered => "lowered",
        }
    }
}
