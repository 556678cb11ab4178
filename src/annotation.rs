//! The annotations that this project reads: their names, and which pod or container they speak of.

use crate::view::Annotations;

/// The prefix where policy names no other.
pub const DEFAULT_PREFIX: &str = "pod-hardener.dev";

/// The annotation in which a hardened pod says by which policy and rules.
pub const HARDENED: &str = "hardened";
/// Rules that are not to be applied.
pub const EXEMPT: &str = "exempt";
/// Why.
pub const EXEMPT_REASON: &str = "exempt-reason";
/// Until when.
pub const EXEMPT_UNTIL: &str = "exempt-until";
/// The uid of the check (its ValidatingAdmissionPolicyBinding) under which a template that is older was adopted.
pub const EXEMPT_ADOPTED: &str = "exempt-adopted";
/// The uid instead of the policy's.
pub const RUN_AS_USER: &str = "run-as-user";
/// The gid instead of the policy's.
pub const RUN_AS_GROUP: &str = "run-as-group";
/// The group that is to own volumes.
pub const FS_GROUP: &str = "fs-group";
/// Paths that get an emptyDir beside `/tmp`.
pub const WRITABLE_PATHS: &str = "writable-paths";

/// From a kubelet it makes a pod the mirror of a static one, which the API server must take as it is.
pub const MIRROR: &str = "kubernetes.io/config.mirror";

/// All names that mean something.
pub const NAMES: [&str; 9] = [
    HARDENED,
    EXEMPT,
    EXEMPT_REASON,
    EXEMPT_UNTIL,
    EXEMPT_ADOPTED,
    RUN_AS_USER,
    RUN_AS_GROUP,
    FS_GROUP,
    WRITABLE_PATHS,
];

/// Those that make an exemption.
pub const EXEMPTING: [&str; 4] = [EXEMPT, EXEMPT_REASON, EXEMPT_UNTIL, EXEMPT_ADOPTED];

/// Those that also exist for one container: `<container>.pod-hardener.dev/<name>`.
pub const CONTAINER_NAMES: [&str; 6] =
    [EXEMPT, EXEMPT_REASON, EXEMPT_UNTIL, RUN_AS_USER, RUN_AS_GROUP, WRITABLE_PATHS];

/// One annotation under our prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ours<'v> {
    /// The whole key.
    pub key: &'v str,
    /// The part after the slash.
    pub name: &'v str,
    /// The container it speaks of; `None`: the pod.
    pub container: Option<&'v str>,
    /// Its value; `None` when absurdly long.
    pub value: Option<&'v str>,
}

/// The annotations under `prefix`, in the order written.
pub fn ours<'v>(annotations: Option<&'v Annotations<'_>>, prefix: &'v str) -> impl Iterator<Item = Ours<'v>> {
    annotations.into_iter().flat_map(Annotations::entries).filter_map(move |entry| {
        let (domain, name) = entry.key.as_str().split_once('/')?;
        let container =
            if domain == prefix { None } else { Some(domain.strip_suffix(prefix)?.strip_suffix('.')?) };
        Some(Ours { key: &entry.key, name, container, value: entry.value.as_deref() })
    })
}

/// An annotation that is not honoured: which, why, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal<'v> {
    /// The annotation's key.
    pub key: std::borrow::Cow<'v, str>,
    /// Why: the label of the metric.
    pub reason: RefusalReason,
    /// Why and how to mend it, for people.
    pub message: String,
}

/// Why an annotation is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// It names a rule, a container or an annotation that does not exist.
    Unknown,
    /// Its value cannot be read.
    Malformed,
    /// Its time is over.
    Expired,
    /// It gives no reason, and policy wants one.
    MissingReason,
    /// Policy does not allow it, or not for so long.
    NotAllowed,
    /// The requester may not exempt from the rule.
    Unauthorized,
    /// A controller made the pod from a template that was never checked.
    Unverified,
}

impl RefusalReason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Malformed,
        Self::Expired,
        Self::MissingReason,
        Self::NotAllowed,
        Self::Unauthorized,
        Self::Unverified,
    ];

    /// As a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Malformed => "malformed",
            Self::Expired => "expired",
            Self::MissingReason => "missing-reason",
            Self::NotAllowed => "not-allowed",
            Self::Unauthorized => "unauthorized",
            Self::Unverified => "unverified",
        }
    }
}
