//! The policies that are built in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{API_VERSION, HardeningPolicy, KIND, Metadata, PolicySpec};
use crate::posture::Posture;
use crate::rules::{Mode, RuleId};

/// A built-in policy, usable by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Sets what is unset, by the built-in modes: the default.
    #[default]
    Restricted,
    /// Every rule that can repair also replaces what is insecure.
    Enforced,
    /// Every rule says what it would do, none changes anything.
    Observe,
    /// Only the rules that ordinary workloads do not notice.
    Safe,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Restricted, Self::Enforced, Self::Observe, Self::Safe];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Enforced => "enforced",
            Self::Observe => "observe",
            Self::Safe => "safe",
        }
    }

    /// In one line, for people.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Restricted => "sets what the author left unset (built-in default)",
            Self::Enforced => "also replaces what the author set insecurely, wherever that can be repaired",
            Self::Observe => "says what it would do, changes nothing",
            Self::Safe => "only the settings that ordinary workloads do not notice",
        }
    }

    /// The preset of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == name)
    }

    /// The mode of a rule.
    #[must_use]
    pub const fn mode(self, rule: RuleId) -> Mode {
        let meta = rule.meta();
        match self {
            Self::Restricted => meta.mode,
            Self::Enforced => meta.enforced,
            Self::Observe => Mode::Observe,
            Self::Safe if meta.safe => meta.mode,
            Self::Safe => Mode::Off,
        }
    }

    /// How low its pods may stand on the ladder.
    #[must_use]
    pub const fn floor(self) -> Posture {
        match self {
            Self::Enforced => Posture::Full,
            Self::Restricted | Self::Observe | Self::Safe => Posture::Safe,
        }
    }

    /// The preset as a policy file: every mode written out.
    #[must_use]
    pub fn document(self) -> HardeningPolicy {
        let mut spec = PolicySpec { preset: self, ..PolicySpec::default() };
        spec.posture.floor = Some(self.floor());
        for rule in RuleId::ALL {
            spec.rules.set_mode(*rule, self.mode(*rule));
        }
        HardeningPolicy {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            metadata: Metadata { name: self.as_str().to_owned() },
            spec,
            status: None,
        }
    }
}
