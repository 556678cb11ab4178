//! The rules: one rule, one file, one name.
//!
//! A rule's file holds its documentation ([`Meta`]), its parameters, its check and the table of its tests.
//! Adding one means: its file, one line in the registry below, its fixture. Documentation, schema, metrics and
//! the policies that are shipped follow by `cargo xtask generate`.

mod desk;
mod meta;
mod mode;
mod settle;
#[cfg(test)]
pub(crate) mod testing;

pub use desk::{Desk, Finding, Note, Place};
pub use meta::{Meta, Source};
pub use mode::{Mode, RuleResult};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of a rule that has none but its mode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModeOnly {
    /// How strictly the rule is applied; unset: as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

macro_rules! registry {
    ($($module:ident = $id:literal),+ $(,)?) => {
        $(pub mod $module;)+

        /// A rule, by its one name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(non_camel_case_types)]
        #[repr(u8)]
        pub enum RuleId {
            $(#[doc = concat!("`", $id, "`")] $module,)+
        }

        impl RuleId {
            /// Every rule, in the order in which they are applied.
            pub const ALL: &'static [Self] = &[$(Self::$module),+];

            /// The rule's name: kebab-case, the same in policy, metrics, docs and fixtures.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$module => $id,)+ }
            }

            /// What the rule's file says about it.
            #[must_use]
            pub const fn meta(self) -> &'static Meta {
                match self { $(Self::$module => &$module::META,)+ }
            }

            /// Applies the rule at a desk, with its parameters.
            pub(crate) fn check<'v>(self, desk: &mut Desk<'v, '_>, rules: &'v Rules) {
                match self { $(Self::$module => $module::check(desk, &rules.$module),)+ }
            }
        }

        /// Mode and parameters of each rule.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct Rules {
            $(
                #[doc = concat!("The rule `", $id, "`: see `pod-hardener explain ", $id, "`.")]
                #[serde(rename = $id)]
                pub $module: $module::Params,
            )+
        }

        impl Rules {
            /// The mode that the policy's author chose for a rule, if any.
            #[must_use]
            pub const fn mode(&self, rule: RuleId) -> Option<Mode> {
                match rule { $(RuleId::$module => self.$module.mode,)+ }
            }

            /// Chooses the mode of a rule.
            pub const fn set_mode(&mut self, rule: RuleId, mode: Mode) {
                match rule { $(RuleId::$module => self.$module.mode = Some(mode),)+ }
            }

            /// Takes a rule's parameters from others.
            pub(crate) fn take(&mut self, rule: RuleId, others: &Self) {
                match rule { $(RuleId::$module => self.$module.clone_from(&others.$module),)+ }
            }
        }
    };
}

// The order is the order of application: later rules reason on what earlier ones planned.
registry! {
    privileged = "privileged",
    host_process = "host-process",
    host_namespaces = "host-namespaces",
    host_ports = "host-ports",
    run_as_non_root = "run-as-non-root",
    capabilities = "capabilities",
    privilege_escalation = "privilege-escalation",
    seccomp = "seccomp",
    read_only_root_filesystem = "read-only-root-filesystem",
    service_account_token = "service-account-token",
    resources = "resources",
    proc_mount = "proc-mount",
    apparmor = "apparmor",
    selinux = "selinux",
    unprivileged_ports = "unprivileged-ports",
    user_namespace = "user-namespace",
    service_links = "service-links",
    host_path = "host-path",
    volume_types = "volume-types",
    sysctls = "sysctls",
    probe_host = "probe-host",
}

impl RuleId {
    /// The rule of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.as_str() == name)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RuleSet(u32);

impl RuleSet {
    /// Every rule.
    #[must_use]
    pub fn all() -> Self {
        RuleId::ALL.iter().copied().collect()
    }

    /// Those that one container can be exempted from: all but the rules about the pod as a whole.
    #[must_use]
    pub fn of_containers() -> Self {
        RuleId::ALL.iter().copied().filter(|rule| !rule.meta().pod_wide).collect()
    }

    /// Whether the rule is in the set.
    #[must_use]
    pub const fn contains(self, rule: RuleId) -> bool {
        self.0 & rule.bit() != 0
    }

    /// Puts a rule into the set.
    pub const fn insert(&mut self, rule: RuleId) {
        self.0 |= rule.bit();
    }

    /// Takes a rule out of the set.
    pub const fn remove(&mut self, rule: RuleId) {
        self.0 &= !rule.bit();
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its rules, in the order of application.
    pub fn iter(self) -> impl Iterator<Item = RuleId> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let rule = RuleId::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(*rule)
        })
    }
}

impl FromIterator<RuleId> for RuleSet {
    fn from_iter<I: IntoIterator<Item = RuleId>>(rules: I) -> Self {
        let mut set = Self::default();
        for rule in rules {
            set.insert(rule);
        }
        set
    }
}

const _: () = assert!(RuleId::ALL.len() <= 32, "RuleSet is 32 bits wide");
