//! What is known of a pod besides its own text. All of it is passed in: the engine asks nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::Check;
use crate::rules::RuleSet;

/// What the engine is told of where a pod goes and who sends it.
#[derive(Debug, Clone, Default)]
pub struct Facts<'f> {
    /// The namespace it goes to; empty when unknown.
    pub namespace: &'f str,
    /// The namespace itself; `None` where no cluster was asked.
    pub space: Option<Arc<Space>>,
    /// The pod's service account; `None` where no cluster was asked.
    pub account: Option<Arc<Account>>,
    /// Whether every node that the pod can reach starts pods in user namespaces (KEP-127).
    pub user_namespaces: bool,
    /// Where every node that the pod can reach mounts images as volumes (KEP-4639).
    pub image_volumes: ImageVolumes,
    /// Who sends it: the user's name; empty when unknown.
    pub requester: &'f str,
    /// Whose word stands behind the pod's exemptions.
    pub grants: Grants,
    /// Whether nobody could be asked, as the API server did not answer.
    pub unreachable: bool,
    /// The check of templates that is in place; looked at only to say how one that is older is adopted.
    pub check: Option<Arc<Check>>,
}

impl<'f> Facts<'f> {
    /// Only the namespace's name is known, as in files.
    #[must_use]
    pub fn of_namespace(namespace: &'f str) -> Self {
        Self { namespace, ..Self::default() }
    }
}

/// Where a node mounts images as volumes; the least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageVolumes {
    /// Nowhere, or it is not known.
    #[default]
    No,
    /// In pods that have no user namespace.
    WithoutUserNamespace,
    /// In every pod.
    Everywhere,
}

impl ImageVolumes {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::No, Self::WithoutUserNamespace, Self::Everywhere];
}

/// Which exemptions somebody with the right to it stands behind. It counts for exemptions under a policy that wants
/// authority (`exemptions.authorization: rbac`), and for a policy that the pod's author chose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Grants {
    /// All: files, where nobody can be asked, and pods whose template was checked.
    #[default]
    Trusted,
    /// Nobody was asked yet: none is honoured, and [`crate::harden::Hardened::asks`] says for which to ask.
    Unasked,
    /// The requester may exempt from these rules.
    Rules(RuleSet),
    /// A controller made the pod, and its template was never checked.
    Unverified,
}

impl Grants {
    /// The rules from which exemptions may be honoured.
    #[must_use]
    pub fn rules(self) -> RuleSet {
        match self {
            Self::Trusted => RuleSet::all(),
            Self::Rules(rules) => rules,
            Self::Unasked | Self::Unverified => RuleSet::default(),
        }
    }
}

/// A namespace, as far as answers depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Space {
    /// All its labels: policies select by them.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// Its annotations under our prefixes, and those with uid ranges.
    pub annotations: BTreeMap<Box<str>, Box<str>>,
    /// What its LimitRanges bound.
    pub limits: Vec<Limit>,
    /// What its ResourceQuotas count.
    pub quota: Quota,
}

/// What a LimitRange bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// Each container, init containers too.
    Container,
    /// The pod as a whole.
    Pod,
}

/// One of the resources that have defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitedResource {
    /// `cpu`
    Cpu,
    /// `memory`
    Memory,
    /// `ephemeral-storage`
    EphemeralStorage,
}

impl LimitedResource {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::EphemeralStorage];

    /// As the API names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::EphemeralStorage => "ephemeral-storage",
        }
    }
}

/// One bound of one LimitRange; quantities as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Of what.
    pub scope: LimitScope,
    /// In which resource.
    pub resource: LimitedResource,
    /// No request below it.
    pub min: Option<Box<str>>,
    /// No limit above it.
    pub max: Option<Box<str>>,
    /// The limit is at most so many times the request.
    pub max_ratio: Option<Box<str>>,
}

/// What the ResourceQuotas of a namespace count that a default of ours could use up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Requests of each [`LimitedResource`].
    pub requests: [bool; LimitedResource::ALL.len()],
    /// Limits of each [`LimitedResource`].
    pub limits: [bool; LimitedResource::ALL.len()],
    /// The scope `BestEffort` or `NotBestEffort`: a pod's first request or limit would take it from one to the other.
    pub by_best_effort: bool,
}

impl Quota {
    /// What either counts.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let either = |a: [bool; 3], b: [bool; 3]| [a[0] | b[0], a[1] | b[1], a[2] | b[2]];
        Self {
            requests: either(self.requests, other.requests),
            limits: either(self.limits, other.limits),
            by_best_effort: self.by_best_effort | other.by_best_effort,
        }
    }
}

/// A service account, as far as answers depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Account {
    /// Whether a RoleBinding or ClusterRoleBinding reaches it, those of discovery roles left out.
    pub bound: bool,
    /// Its own `automountServiceAccountToken`.
    pub automount: Option<bool>,
    /// The keys of its annotations: workload identity is told by them.
    pub annotations: Vec<Box<str>>,
}
