//! The borrowed view of a pod: what the rules need, read in one pass, nothing else.
//!
//! A typed `Pod` would drop every field that this build does not know, and a tree of values costs five times
//! the time. So the view borrows from the bytes it was read from, those bytes stay as they are, and the answer
//! is a JSON Patch against them.
//!
//! Mutation precedes validation: what the API server would refuse later (`containers: null`, an empty name)
//! parses here, so that the owner sees the API server's own message and not ours.

mod annotations;
mod container;
mod few;
mod json;
mod owner;
mod pod;
mod quantity;
mod security_context;
mod skip;
mod text;
mod unread;
mod volume;

pub use annotations::{Annotation, Annotations};
pub use container::{
    Container, Handler, HostTarget, Lifecycle, Port, Probe, ResourceList, Resources, VolumeDevice,
    VolumeMount,
};
pub(crate) use few::is_too_many;
pub(crate) use json::read as read_json;
pub use owner::{Controller, Owner};
pub use pod::{Labels, Metadata, Os, Pod, Spec};
pub use quantity::{
    Quantity, compare_doubled, compare_quantities, double_quantity, is_quantity, thousandths,
    write_thousandths,
};
pub use security_context::{
    Capabilities, PodSecurityContext, Profile, SeLinuxOptions, SecurityContext, Sysctl, WindowsOptions,
};
pub(crate) use skip::is_plain;
pub use text::Text;
pub use unread::Unread;
pub use volume::Volume;

/// Which of a pod's three lists a container stands in; a restartable init container is a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainerType {
    /// `spec.containers`
    Container,
    /// `spec.initContainers` that end before the pod starts
    Init,
    /// `spec.initContainers` with `restartPolicy: Always` (KEP-753)
    Sidecar,
    /// `spec.ephemeralContainers`
    Ephemeral,
}

impl ContainerType {
    /// The field of the pod's spec that holds containers of this type.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Container => "containers",
            Self::Init | Self::Sidecar => "initContainers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}
