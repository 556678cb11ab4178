//! The plan: what the rules decided, as edits that agree with one another. One place per field, so two rules
//! cannot write to one path; [`crate::patch`] turns it into operations.

mod mount_path;
mod volume_name;

pub use mount_path::{is_within, normalize, real};
pub use volume_name::{copier_name, volume_name};

use std::borrow::Cow;

/// Everything to change in one pod.
#[derive(Debug, Clone, Default)]
pub struct Plan<'v> {
    /// At the pod.
    pub pod: PodEdits<'v>,
    /// At each container, in the order of the subject's slots.
    pub containers: Vec<ContainerEdits<'v>>,
    /// Init containers to add before all others, in this order.
    pub copiers: Vec<Copier<'v>>,
    /// Whether the containers of a pod that is changed leave the end of their log where they fail without a message.
    pub fall_back_to_logs: bool,
}

/// Edits of pod-level fields. `None`, `false` and empty mean: untouched.
#[derive(Debug, Clone, Default)]
pub struct PodEdits<'v> {
    /// `spec.securityContext.runAsNonRoot`
    pub run_as_non_root: Option<bool>,
    /// `spec.securityContext.runAsUser`
    pub run_as_user: Option<i64>,
    /// `spec.securityContext.runAsGroup`
    pub run_as_group: Option<i64>,
    /// `spec.securityContext.fsGroup`, with `fsGroupChangePolicy: OnRootMismatch`
    pub fs_group: Option<i64>,
    /// Indices in `supplementalGroups` to remove.
    pub supplemental_groups_removed: Vec<usize>,
    /// `seccompProfile: {type: RuntimeDefault}`
    pub seccomp: bool,
    /// `appArmorProfile` goes.
    pub apparmor_removed: bool,
    /// Fields of `seLinuxOptions` that go.
    pub selinux: SeLinuxEdits,
    /// The sysctl that opens the low ports is added.
    pub unprivileged_ports: bool,
    /// `windowsOptions.runAsUserName`
    pub windows_user: Option<&'static str>,
    /// `automountServiceAccountToken: false`
    pub automount_off: bool,
    /// `enableServiceLinks: false`
    pub service_links_off: bool,
    /// `hostUsers: false`
    pub host_users_off: bool,
    /// `hostNetwork: false`
    pub host_network_off: bool,
    /// `hostPID: false`
    pub host_pid_off: bool,
    /// `hostIPC: false`
    pub host_ipc_off: bool,
    /// Indices in `spec.volumes` to remove.
    pub volumes_removed: Vec<usize>,
    /// emptyDirs to add.
    pub volumes_added: Vec<EmptyDir<'v>>,
    /// Image volumes to add.
    pub images_added: Vec<ImageVolume<'v>>,
    /// Annotations to remove, by key.
    pub annotations_removed: Vec<Cow<'v, str>>,
}

/// Edits of one container.
#[derive(Debug, Clone, Default)]
pub struct ContainerEdits<'v> {
    /// `privileged: false`
    pub privileged_off: bool,
    /// `runAsNonRoot`
    pub run_as_non_root: Option<bool>,
    /// `runAsUser`
    pub run_as_user: Option<i64>,
    /// `runAsGroup`
    pub run_as_group: Option<i64>,
    /// `allowPrivilegeEscalation: false`
    pub privilege_escalation_off: bool,
    /// `readOnlyRootFilesystem: true`
    pub read_only_root: bool,
    /// `procMount: Default`
    pub proc_mount_default: bool,
    /// `seccompProfile: {type: RuntimeDefault}`
    pub seccomp: bool,
    /// `appArmorProfile` goes.
    pub apparmor_removed: bool,
    /// Fields of `seLinuxOptions` that go.
    pub selinux: SeLinuxEdits,
    /// `ALL` is appended to `capabilities.drop`.
    pub drop_all: bool,
    /// What `capabilities.add` shall hold instead.
    pub capabilities_added: Option<Vec<Cow<'v, str>>>,
    /// `windowsOptions.runAsUserName`
    pub windows_user: Option<&'static str>,
    /// Indices in `ports` whose `hostPort` goes.
    pub host_ports_removed: Vec<usize>,
    /// Indices in `volumeMounts` whose propagation becomes `HostToContainer`.
    pub propagation_lowered: Vec<usize>,
    /// Indices in `volumeMounts` to remove.
    pub mounts_removed: Vec<usize>,
    /// Mounts to add.
    pub mounts_added: Vec<Mount<'v>>,
    /// Environment variables to add: name, value.
    pub environment_added: Vec<(&'v str, &'v str)>,
    /// Requests to set.
    pub requests: ResourceEdits<'v>,
    /// Limits to set.
    pub limits: ResourceEdits<'v>,
}

/// Which fields of `seLinuxOptions` go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeLinuxEdits {
    /// `type`
    pub kind_removed: bool,
    /// `user`
    pub user_removed: bool,
    /// `role`
    pub role_removed: bool,
}

/// Quantities to set, one per resource that has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceEdits<'v> {
    /// `cpu`
    pub cpu: Option<Cow<'v, str>>,
    /// `memory`
    pub memory: Option<Cow<'v, str>>,
    /// `ephemeral-storage`
    pub ephemeral_storage: Option<Cow<'v, str>>,
}

impl<'v> ResourceEdits<'v> {
    /// Takes from others what is not set.
    pub fn complete(&mut self, others: Self) {
        self.cpu = self.cpu.take().or(others.cpu);
        self.memory = self.memory.take().or(others.memory);
        self.ephemeral_storage = self.ephemeral_storage.take().or(others.ephemeral_storage);
    }

    /// Whether nothing is set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cpu.is_none() && self.memory.is_none() && self.ephemeral_storage.is_none()
    }
}

/// An emptyDir to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyDir<'v> {
    /// Unique in the pod.
    pub name: Cow<'v, str>,
    /// Its `sizeLimit`, a quantity.
    pub size_limit: Option<Cow<'v, str>>,
    /// Whether its `medium` is `Memory`.
    pub in_memory: bool,
}

/// A mount to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<'v> {
    /// The volume's name.
    pub volume: Cow<'v, str>,
    /// Where it is mounted, normalised.
    pub path: Cow<'v, str>,
    /// The directory of the volume that is mounted, instead of all of it.
    pub sub_path: Option<&'static str>,
}

/// A volume with the content of an image (KEP-4639) to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageVolume<'v> {
    /// Unique in the pod.
    pub name: Cow<'v, str>,
    /// The image, as the pod's container writes it.
    pub reference: &'v str,
    /// When it is pulled, as the container says.
    pub pull_policy: Option<&'v str>,
}

/// An init container of ours to add: it fills emptyDirs with what the image of a container has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copier<'v> {
    /// Unique in the pod.
    pub name: Cow<'v, str>,
    /// The number of the container that it copies for.
    pub of: usize,
    /// The image of this program.
    pub image: &'v str,
    /// When that is pulled; unset: as the API says.
    pub pull_policy: Option<&'v str>,
    /// As whom it runs: the container's own uid.
    pub user: i64,
    /// The container's own gid; `None`: what is set at the pod, or none.
    pub group: Option<i64>,
    /// The name of the image volume.
    pub source: Cow<'v, str>,
    /// What it copies.
    pub copies: Vec<Copied<'v>>,
    /// Its requests.
    pub requests: ResourceEdits<'v>,
    /// Its limits.
    pub limits: ResourceEdits<'v>,
}

/// A directory that a copier fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied<'v> {
    /// Where it is in the image, normalised.
    pub path: Cow<'v, str>,
    /// The name of the emptyDir.
    pub volume: Cow<'v, str>,
    /// No more than that, a quantity; `None`: as much as there is.
    pub size_limit: Option<Cow<'v, str>>,
}
