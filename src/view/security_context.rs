//! Security contexts of pods and containers.

use serde::Deserialize;

use super::Text;
use super::few::{Weigh, few};

/// `spec.containers[*].securityContext`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityContext<'a> {
    /// All capabilities, all devices, no confinement.
    pub privileged: Option<bool>,
    /// Whether a process may gain more privileges than its parent.
    pub allow_privilege_escalation: Option<bool>,
    /// Whether `/` is read-only.
    pub read_only_root_filesystem: Option<bool>,
    /// The kubelet refuses to start the container as uid 0.
    pub run_as_non_root: Option<bool>,
    /// The uid.
    pub run_as_user: Option<i64>,
    /// The primary gid.
    pub run_as_group: Option<i64>,
    /// Added and dropped capabilities.
    #[serde(borrow)]
    pub capabilities: Option<Capabilities<'a>>,
    /// The seccomp profile.
    #[serde(borrow)]
    pub seccomp_profile: Option<Profile<'a>>,
    /// The AppArmor profile.
    #[serde(borrow)]
    pub app_armor_profile: Option<Profile<'a>>,
    /// The SELinux label.
    #[serde(borrow)]
    pub se_linux_options: Option<SeLinuxOptions<'a>>,
    /// `Default` or `Unmasked`.
    #[serde(borrow)]
    pub proc_mount: Option<Text<'a>>,
    /// Windows only.
    #[serde(borrow)]
    pub windows_options: Option<WindowsOptions<'a>>,
}

/// `spec.securityContext`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurityContext<'a> {
    /// As of the container, for all that do not set their own.
    pub run_as_non_root: Option<bool>,
    /// As of the container, for all that do not set their own.
    pub run_as_user: Option<i64>,
    /// As of the container, for all that do not set their own.
    pub run_as_group: Option<i64>,
    /// The group that owns volumes.
    pub fs_group: Option<i64>,
    /// When volumes are changed over to that group.
    #[serde(borrow)]
    pub fs_group_change_policy: Option<Text<'a>>,
    /// Further groups of the first process.
    #[serde(default, deserialize_with = "few")]
    pub supplemental_groups: Option<Vec<i64>>,
    /// The seccomp profile.
    #[serde(borrow)]
    pub seccomp_profile: Option<Profile<'a>>,
    /// The AppArmor profile.
    #[serde(borrow)]
    pub app_armor_profile: Option<Profile<'a>>,
    /// The SELinux label.
    #[serde(borrow)]
    pub se_linux_options: Option<SeLinuxOptions<'a>>,
    /// Kernel parameters of the pod's namespaces.
    #[serde(borrow, default, deserialize_with = "few")]
    pub sysctls: Option<Vec<Sysctl<'a>>>,
    /// Windows only.
    #[serde(borrow)]
    pub windows_options: Option<WindowsOptions<'a>>,
}

/// Capabilities in the author's own spelling.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
pub struct Capabilities<'a> {
    /// Added to the runtime's default set.
    #[serde(borrow, default, deserialize_with = "few")]
    pub add: Option<Vec<Text<'a>>>,
    /// Taken away from it.
    #[serde(borrow, default, deserialize_with = "few")]
    pub drop: Option<Vec<Text<'a>>>,
}

impl Weigh for Sysctl<'_> {}

impl<'a> Capabilities<'a> {
    /// The added ones; empty when unset.
    #[must_use]
    pub fn added(&self) -> &[Text<'a>] {
        self.add.as_deref().unwrap_or_default()
    }

    /// The dropped ones; empty when unset.
    #[must_use]
    pub fn dropped(&self) -> &[Text<'a>] {
        self.drop.as_deref().unwrap_or_default()
    }
}

/// A seccomp or AppArmor profile.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
pub struct Profile<'a> {
    /// `RuntimeDefault`, `Localhost` or `Unconfined`.
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
}

impl Profile<'_> {
    /// Whether the profile confines nothing.
    #[must_use]
    pub fn is_unconfined(&self) -> bool {
        self.kind.as_deref() == Some("Unconfined")
    }
}

/// `seLinuxOptions`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
pub struct SeLinuxOptions<'a> {
    /// The domain.
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
    /// The SELinux user.
    #[serde(borrow)]
    pub user: Option<Text<'a>>,
    /// The SELinux role.
    #[serde(borrow)]
    pub role: Option<Text<'a>>,
}

/// `windowsOptions`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowsOptions<'a> {
    /// A process of the host, in no container.
    pub host_process: Option<bool>,
    /// The Windows account.
    #[serde(borrow)]
    pub run_as_user_name: Option<Text<'a>>,
}

/// `sysctls[*]`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
pub struct Sysctl<'a> {
    /// With dots or slashes between the parts.
    #[serde(borrow, default)]
    pub name: Text<'a>,
}
