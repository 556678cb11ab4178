//! Containers of every type.

use serde::Deserialize;

use super::few::{Weigh, few};
use super::{ContainerType, Quantity, SecurityContext, Text, Unread};

/// Above this the environment is not looked into.
const LONGEST_ENVIRONMENT: usize = 64 * 1024;

/// A container, init container, sidecar or ephemeral container.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container<'a> {
    /// Unique in the pod.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// As written.
    #[serde(borrow)]
    pub image: Option<Text<'a>>,
    /// `Always` makes an init container a sidecar.
    #[serde(borrow)]
    pub restart_policy: Option<Text<'a>>,
    /// Of an ephemeral container: the one it looks into.
    #[serde(borrow)]
    pub target_container_name: Option<Text<'a>>,
    /// What this project is about.
    #[serde(borrow)]
    pub security_context: Option<Box<SecurityContext<'a>>>,
    /// Environment variables, unread: who needs their names asks for [`Self::environment_names`].
    #[serde(borrow)]
    pub env: Option<Unread<'a>>,
    /// Requests and limits.
    #[serde(borrow)]
    pub resources: Option<Resources<'a>>,
    /// Declared ports.
    #[serde(default, deserialize_with = "few")]
    pub ports: Option<Vec<Port>>,
    /// Mounted volumes.
    #[serde(borrow, default, deserialize_with = "few")]
    pub volume_mounts: Option<Vec<VolumeMount<'a>>>,
    /// Raw block devices.
    #[serde(borrow, default, deserialize_with = "few")]
    pub volume_devices: Option<Vec<VolumeDevice<'a>>>,
    /// When the image is pulled.
    #[serde(borrow)]
    pub image_pull_policy: Option<Text<'a>>,
    /// What is said of its end: `File`, which the API fills in, or `FallbackToLogsOnError`.
    #[serde(borrow)]
    pub termination_message_policy: Option<Text<'a>>,
    /// Is it alive?
    #[serde(borrow)]
    pub liveness_probe: Option<Probe<'a>>,
    /// May it have traffic?
    #[serde(borrow)]
    pub readiness_probe: Option<Probe<'a>>,
    /// Has it started?
    #[serde(borrow)]
    pub startup_probe: Option<Probe<'a>>,
    /// Hooks.
    #[serde(borrow)]
    pub lifecycle: Option<Box<Lifecycle<'a>>>,
}

impl<'a> Container<'a> {
    /// Tells a sidecar from an init container; `list` is the list that the container stands in.
    #[must_use]
    pub fn container_type(&self, list: ContainerType) -> ContainerType {
        match list {
            ContainerType::Init if self.restart_policy.as_deref() == Some("Always") => ContainerType::Sidecar,
            other => other,
        }
    }

    /// The mounts; empty when unset.
    #[must_use]
    pub fn mounts(&self) -> &[VolumeMount<'a>] {
        self.volume_mounts.as_deref().unwrap_or_default()
    }

    /// The block devices; empty when unset.
    #[must_use]
    pub fn devices(&self) -> &[VolumeDevice<'a>] {
        self.volume_devices.as_deref().unwrap_or_default()
    }

    /// The ports; empty when unset.
    #[must_use]
    pub fn ports(&self) -> &[Port] {
        self.ports.as_deref().unwrap_or_default()
    }

    /// The names of the environment variables; `None` for what is no list of variables, or absurdly long.
    #[must_use]
    pub fn environment_names(&self) -> Option<Vec<Text<'a>>> {
        let Some(env) = self.env else { return Some(Vec::new()) };
        if env.text().len() > LONGEST_ENVIRONMENT {
            return None;
        }
        let variables: Vec<Variable<'a>> = serde_json::from_str(env.text()).ok()?;
        Some(variables.into_iter().map(|variable| variable.name).collect())
    }

    /// The capabilities that the author added.
    #[must_use]
    pub fn added_capabilities(&self) -> &[Text<'a>] {
        self.security_context
            .as_ref()
            .and_then(|context| context.capabilities.as_ref())
            .map_or(&[], |capabilities| capabilities.added())
    }

    /// The capabilities that the author dropped.
    #[must_use]
    pub fn dropped_capabilities(&self) -> &[Text<'a>] {
        self.security_context
            .as_ref()
            .and_then(|context| context.capabilities.as_ref())
            .map_or(&[], |capabilities| capabilities.dropped())
    }

    /// Whether the author made it privileged.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.security_context.as_ref().and_then(|context| context.privileged) == Some(true)
    }
}

/// `env[*]`
#[derive(Debug, Deserialize)]
struct Variable<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

impl Weigh for Container<'_> {
    /// Itself, and what stands in it.
    fn weight(&self) -> usize {
        let lists = [self.ports().len(), self.mounts().len(), self.devices().len()];
        let capabilities = [self.added_capabilities().len(), self.dropped_capabilities().len()];
        10 + lists.iter().chain(&capabilities).sum::<usize>()
    }
}

impl Weigh for Port {}

impl Weigh for VolumeMount<'_> {}

impl Weigh for VolumeDevice<'_> {}

/// `resources` of a container or of a pod.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
pub struct Resources<'a> {
    /// Never used above this.
    #[serde(borrow)]
    pub limits: Option<ResourceList<'a>>,
    /// Set aside by the scheduler.
    #[serde(borrow)]
    pub requests: Option<ResourceList<'a>>,
}

/// The three resources that this project has defaults for; others are none of its business.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ResourceList<'a> {
    /// In cores.
    #[serde(borrow)]
    pub cpu: Option<Quantity<'a>>,
    /// In bytes.
    #[serde(borrow)]
    pub memory: Option<Quantity<'a>>,
    /// In bytes: logs, writable layer, emptyDirs.
    #[serde(borrow)]
    pub ephemeral_storage: Option<Quantity<'a>>,
}

/// `ports[*]`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// In the pod's network.
    pub container_port: Option<i64>,
    /// On the node; 0 is unset.
    pub host_port: Option<i64>,
}

/// `volumeMounts[*]`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount<'a> {
    /// The volume's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Where; in whatever spelling the author chose.
    #[serde(borrow, default)]
    pub mount_path: Text<'a>,
    /// `None`, `HostToContainer`, `Bidirectional`.
    #[serde(borrow)]
    pub mount_propagation: Option<Text<'a>>,
    /// A directory of the volume instead of all of it.
    #[serde(borrow)]
    pub sub_path: Option<Text<'a>>,
    /// The same, made from the environment.
    #[serde(borrow)]
    pub sub_path_expr: Option<Text<'a>>,
}

/// `volumeDevices[*]`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeDevice<'a> {
    /// The volume's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Where the device appears.
    #[serde(borrow, default)]
    pub device_path: Text<'a>,
}

/// A liveness, readiness or startup probe.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe<'a> {
    /// By HTTP.
    #[serde(borrow)]
    pub http_get: Option<HostTarget<'a>>,
    /// By connecting.
    #[serde(borrow)]
    pub tcp_socket: Option<HostTarget<'a>>,
}

/// The part of `httpGet` and `tcpSocket` that Pod Security looks at.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
pub struct HostTarget<'a> {
    /// The host to ask instead of the pod itself.
    #[serde(borrow)]
    pub host: Option<Text<'a>>,
}

/// `lifecycle`
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle<'a> {
    /// After the start.
    #[serde(borrow)]
    pub post_start: Option<Handler<'a>>,
    /// Before the stop.
    #[serde(borrow)]
    pub pre_stop: Option<Handler<'a>>,
}

/// A lifecycle handler has the very fields of a probe.
pub type Handler<'a> = Probe<'a>;
