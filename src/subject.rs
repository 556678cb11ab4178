//! The pod under review: its view, its containers in one row, and which of them may be changed.

use crate::view::{Container, ContainerType, Pod, Spec};

/// What the API server lets a mutation change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach<'v> {
    /// A new pod: everything.
    Pod,
    /// `pods/ephemeralcontainers`: only the ephemeral containers that are not among these names.
    NewEphemeral(&'v [&'v str]),
}

/// A container and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Slot<'v, 'a> {
    /// Of which type.
    pub kind: ContainerType,
    /// Its index in its own list.
    pub index: usize,
    /// The container.
    pub view: &'v Container<'a>,
    /// Whether it may be changed.
    pub in_scope: bool,
}

/// A pod with its containers in one row.
#[derive(Debug)]
pub struct Subject<'v, 'a> {
    /// The pod.
    pub pod: &'v Pod<'a>,
    /// Its spec.
    pub spec: &'v Spec<'a>,
    /// Init containers, containers, ephemeral containers.
    pub slots: Vec<Slot<'v, 'a>>,
    /// What may be changed.
    pub reach: Reach<'v>,
}

impl<'v, 'a> Subject<'v, 'a> {
    /// Lines up the containers; `None` for a pod without a spec.
    #[must_use]
    pub fn new(pod: &'v Pod<'a>, reach: Reach<'v>) -> Option<Self> {
        let spec = pod.spec.as_deref()?;
        let slots = spec
            .all_containers()
            .map(|(kind, index, view)| {
                let in_scope = match reach {
                    Reach::Pod => true,
                    Reach::NewEphemeral(known) => {
                        kind == ContainerType::Ephemeral && !known.contains(&view.name.as_str())
                    }
                };
                Slot { kind, index, view, in_scope }
            })
            .collect();
        Some(Self { pod, spec, slots, reach })
    }

    /// Whether pod-level fields may be changed.
    #[must_use]
    pub fn reaches_pod(&self) -> bool {
        self.reach == Reach::Pod
    }

    /// Whether Linux fields may be set.
    #[must_use]
    pub fn is_linux(&self) -> bool {
        !self.spec.is_windows()
    }

    /// Whether the pod runs as a process of a Windows host.
    #[must_use]
    pub fn is_host_process(&self) -> bool {
        let pod = self.spec.security_context.as_ref().and_then(|sc| sc.windows_options.as_ref());
        let containers = self.slots.iter().filter_map(|slot| {
            slot.view.security_context.as_ref().and_then(|sc| sc.windows_options.as_ref())
        });
        pod.into_iter().chain(containers).any(|options| options.host_process == Some(true))
    }
}
