//! Words for what the guard finds and does: labels of its metrics.

use crate::metrics::labels;

labels! {
    /// Why a hardened container came to its end.
    Cause {
        /// It wrote where the root file system is read-only.
        ReadOnly = "read-only-file-system",
        /// Its user may not open a file, or not run the program.
        Permission = "permission",
        /// It could not write, and does not say why.
        Write = "write",
        /// It wanted to change whose a file is, or what others may do with it.
        Ownership = "ownership",
        /// What its image has in a directory could not be copied.
        Content = "content",
        /// It wanted to become another user, or to change its root directory.
        SetUser = "set-user",
        /// It wanted to gain privileges by a program with the setuid bit, such as sudo.
        Setuid = "setuid-program",
        /// It wanted to listen on a port below 1024.
        LowPort = "low-port",
        /// Its program has file capabilities that the container may not have.
        FileCapability = "file-capability",
        /// The image names its user by name, and the kubelet was told to start no root.
        NamedUser = "non-numeric-user",
        /// The image starts as root, and the kubelet was told to start no root.
        RootImage = "root-image",
        /// Its uid has no name in the image, and it looked for one.
        UnknownUser = "unknown-user",
        /// It ended as if all were well, or without a word.
        Silent = "silent",
        /// It runs, and its probe has never found it ready.
        NeverReady = "never-ready",
        /// It needed more memory than its limit.
        OutOfMemory = "out-of-memory",
        /// Nothing that was said tells why; or hardening cannot have been it.
        Unexplained = "unexplained",
    }
}

labels! {
    /// What may help.
    Help {
        /// One more writable directory.
        Path = "writable-path",
        /// The image's own user.
        User = "user",
        /// Another HOME.
        Home = "home",
        /// A capability.
        Capability = "capability",
        /// A higher memory limit.
        Memory = "memory",
        /// The next rung of the ladder.
        Posture = "posture",
        /// Setuid programs that work.
        Escalation = "privilege-escalation",
        /// Nothing.
        None = "none",
    }
}

labels! {
    /// What became of a failure that the guard looked at.
    Outcome {
        /// A profile was written that is not in force yet.
        Suggested = "suggested",
        /// A profile was put in force.
        InForce = "in-force",
        /// The failing pod was evicted, so that its controller makes it anew.
        Evicted = "evicted",
        /// A PodDisruptionBudget does not let it be evicted.
        EvictionRefused = "eviction-refused",
        /// The pod is of a Job, whose next pod gets the remedy.
        LeftToJob = "left-to-job",
        /// The pod has been ready for long, or may have been: it is not evicted.
        WasReady = "was-ready",
        /// The same is suggested already.
        Known = "known",
        /// Nothing explains it.
        Unexplained = "unexplained",
        /// There is nothing left that would help, or that policy allows.
        NothingLeft = "nothing-left",
        /// An administrator's profile about the image goes before what is learnt.
        Outranked = "outranked",
        /// A circuit is open, or there are as many learnt profiles as there may be.
        Stopped = "stopped",
        /// The API server did not take it.
        Failed = "failed",
    }
}

labels! {
    /// How far a circuit reaches.
    Circuit {
        /// One namespace.
        Namespace = "namespace",
        /// All of them.
        Cluster = "cluster",
    }
}

impl Cause {
    /// For people.
    #[must_use]
    pub const fn as_text(self) -> &'static str {
        match self {
            Self::ReadOnly => "it wrote where its root file system is read-only",
            Self::Permission => "permission denied",
            Self::Write => "it could not write",
            Self::Ownership => "it may not change whose a file is",
            Self::Content => "what its image has there could not be copied",
            Self::SetUser => "it may not become another user",
            Self::Setuid => "a setuid program gives it no privileges",
            Self::LowPort => "it may not listen on a low port",
            Self::FileCapability => "its program has capabilities that it may not have",
            Self::NamedUser => "its image names its user by name",
            Self::RootImage => "its image starts as root",
            Self::UnknownUser => "its uid has no name in its image",
            Self::Silent => "it ends without a word",
            Self::NeverReady => "it runs and is never ready",
            Self::OutOfMemory => "it ran out of memory",
            Self::Unexplained => "unexplained",
        }
    }
}
