//! Labels: every value is a variant of an enum, so that no request can make a new time series.

use crate::review::ReviewError;

/// An enum whose variants are the values of a label.
pub trait Label: Copy + 'static {
    /// Every variant, each at the place that [`Label::index`] gives.
    const ALL: &'static [Self];

    /// The label's value.
    fn as_str(self) -> &'static str;

    /// The variant's place.
    fn index(self) -> usize;
}

pub(super) fn values_of<L: Label>() -> Vec<&'static str> {
    L::ALL.iter().map(|label| label.as_str()).collect()
}

/// An enum of labels, each with its value.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $crate::metrics::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $value,)+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use labels;

labels! {
    /// Where reviews are answered.
    Endpoint {
        /// Pods are hardened.
        Mutate = "mutate",
        /// Exemptions are authorised, and people told of a workload's pods.
        Validate = "validate",
    }
}

labels! {
    /// What became of a question to the API server.
    Asked {
        /// The requester may exempt.
        Allowed = "allowed",
        /// The requester may not.
        Denied = "denied",
        /// It was answered a few seconds ago.
        Cached = "cached",
        /// There was no answer in time.
        Failed = "failed",
        /// As many as are allowed were being asked.
        Overload = "overload",
    }
}

labels! {
    /// What came of waiting for a workload.
    Waited {
        /// The watch brought it.
        Known = "known",
        /// It did not, in time.
        Unknown = "unknown",
    }
}

labels! {
    /// Why a request was not reviewed.
    Rejection {
        /// As many reviews as are allowed are being made.
        Overload = "overload",
        /// Other long bodies take what memory there is for them.
        Memory = "memory",
        /// The body is longer than allowed.
        TooLarge = "too-large",
        /// The body did not arrive in time.
        BodyTimeout = "body-timeout",
        /// The body ended early.
        Truncated = "truncated",
        /// Another path.
        Path = "path",
        /// Another method.
        Method = "method",
        /// Another content type.
        ContentType = "content-type",
        /// A failure inside for which there is no answer.
        Internal = "internal",
        /// No JSON, or of another shape.
        Malformed = "malformed",
        /// No AdmissionReview.
        Kind = "kind",
        /// Another version of it.
        Version = "version",
        /// Nothing is asked.
        NoRequest = "no-request",
        /// No uid.
        NoUid = "no-uid",
        /// Not about pods.
        NotAPod = "not-a-pod",
        /// Not about pods, workloads or namespaces.
        NotValidated = "not-validated",
        /// No pod in it.
        NoObject = "no-object",
    }
}

impl From<&ReviewError> for Rejection {
    fn from(error: &ReviewError) -> Self {
        match error {
            ReviewError::Malformed(_) => Self::Malformed,
            ReviewError::Kind(_) => Self::Kind,
            ReviewError::Version(_) => Self::Version,
            ReviewError::NoRequest => Self::NoRequest,
            ReviewError::NoUid => Self::NoUid,
            ReviewError::NotAPod(_) => Self::NotAPod,
            ReviewError::NotValidated(_) => Self::NotValidated,
            ReviewError::NoObject => Self::NoObject,
        }
    }
}

labels! {
    /// What the settings allow at once.
    Limit {
        /// `max_connections`
        Connections = "connections",
        /// `max_requests`
        Requests = "requests",
        /// `max_bodies_bytes`
        LongBodies = "long-body-bytes",
    }
}

labels! {
    /// Why a connection was not taken, or ended early.
    ConnectionFailure {
        /// As many as are allowed are open.
        Limit = "limit",
        /// The system did not hand it over.
        Accept = "accept",
        /// No request came in time.
        HeaderTimeout = "header-timeout",
        /// The client did not read.
        WriteTimeout = "write-timeout",
        /// What came is no HTTP.
        Protocol = "protocol",
        /// It broke.
        Broken = "broken",
        /// Shutdown could wait no longer.
        Shutdown = "shutdown",
    }
}

labels! {
    /// Why a TLS handshake failed.
    HandshakeFailure {
        /// It took too long.
        Timeout = "timeout",
        /// The client presented no certificate and must.
        NoCertificate = "no-certificate",
        /// The client's certificate is not valid here.
        BadCertificate = "bad-certificate",
        /// The client does not take ours.
        Rejected = "rejected-by-client",
        /// Nothing in common, or no TLS at all.
        Protocol = "protocol",
        /// The connection broke.
        Broken = "broken",
    }
}

labels! {
    /// What became of something to be told as an Event.
    Told {
        /// It was written.
        Written = "written",
        /// The same was told a short while ago, or too much was.
        Held = "held-back",
        /// Too many waited.
        Dropped = "dropped",
        /// The API server did not take it.
        Failed = "failed",
    }
}

labels! {
    /// Why certificate files are not used.
    CertificateFailure {
        /// A file cannot be read.
        Read = "read",
        /// The certificate is none.
        Certificate = "certificate",
        /// The key is none.
        Key = "key",
        /// The key is of another certificate.
        Mismatch = "mismatch",
        /// The client CA is none.
        ClientCa = "client-ca",
        /// It is over, and the one in use is not.
        Expired = "expired",
        /// Its time has not come, and the one in use is good.
        NotYetValid = "not-yet-valid",
        /// TLS refuses it otherwise.
        Tls = "tls",
    }
}

labels! {
    /// What of the self-managed certificates is made anew.
    Rotated {
        /// The authority.
        Authority = "authority",
        /// The serving certificate.
        Certificate = "certificate",
    }
}

labels! {
    /// What became of it.
    RotationOutcome {
        /// It is in the Secret.
        Written = "written",
        /// Somebody else had written the Secret meanwhile; what is there now counts.
        Conflict = "conflict",
        /// It could not be written.
        Failed = "failed",
    }
}

labels! {
    /// What was not as it should be with self-managed certificates, and was put right.
    CertificateHeal {
        /// The Secret was gone.
        SecretLost = "secret-lost",
        /// The Secret's authority or its key could not be used.
        SecretUnusable = "secret-unusable",
        /// The Secret no longer held the authority of a certificate that is served.
        SecretReplaced = "secret-replaced",
        /// The authority was over, or not valid yet.
        AuthorityInvalid = "authority-invalid",
        /// The certificate or its key could not be used, was over, or not valid yet.
        CertificateInvalid = "certificate-invalid",
        /// A webhook had no caBundle: its configuration is new.
        BundleMissing = "bundle-missing",
        /// A webhook's caBundle had something else in it.
        BundleForeign = "bundle-foreign",
    }
}

labels! {
    /// What is written for self-managed certificates.
    CertificateWrite {
        /// Authority and certificate.
        Secret = "secret",
        /// The caBundle of what hardens.
        Mutating = "mutatingwebhookconfiguration",
        /// The caBundle of what validates.
        Validating = "validatingwebhookconfiguration",
        /// Who writes.
        Lease = "lease",
    }
}

labels! {
    /// A kind of object that is watched.
    WatchKind {
        /// Labels and annotations.
        Namespaces = "namespaces",
        /// Bounds of defaults.
        LimitRanges = "limitranges",
        /// What defaults could use up.
        ResourceQuotas = "resourcequotas",
        /// Their automount, and what tells of workload identity.
        ServiceAccounts = "serviceaccounts",
        /// Whom they reach.
        RoleBindings = "rolebindings",
        /// Whom they reach.
        ClusterRoleBindings = "clusterrolebindings",
        /// Labels, and user namespaces.
        Nodes = "nodes",
        /// Since when, and made by whom; as all workloads.
        ReplicaSets = "replicasets",
        /// As above.
        Deployments = "deployments",
        /// As above.
        StatefulSets = "statefulsets",
        /// As above.
        DaemonSets = "daemonsets",
        /// As above.
        Jobs = "jobs",
        /// As above.
        CronJobs = "cronjobs",
        /// As above.
        ReplicationControllers = "replicationcontrollers",
        /// The check of exemptions.
        AdmissionPolicies = "validatingadmissionpolicies",
        /// What puts it in force.
        AdmissionPolicyBindings = "validatingadmissionpolicybindings",
        /// Policies; a cluster need not have them.
        HardeningPolicies = "hardeningpolicies",
        /// ImageProfiles.
        ImageProfiles = "imageprofiles",
    }
}

labels! {
    /// Where policies come from.
    PolicySource {
        /// What `--policy` names.
        Files = "files",
        /// Custom resources.
        Objects = "objects",
    }
}

labels! {
    /// How the backstop in the cluster stands to the policies in force.
    BackstopState {
        /// There is none.
        Absent = "absent",
        /// It is what they give.
        Current = "current",
        /// It was written for other policies, by another version, or by somebody else.
        Drifted = "drifted",
    }
}

labels! {
    /// What became of a policy that is new or has changed.
    PolicyOutcome {
        /// It is in force.
        Taken = "taken",
        /// It is wrong; the last good version stays.
        Refused = "refused",
        /// It was deleted, and is out of force.
        Gone = "gone",
    }
}
