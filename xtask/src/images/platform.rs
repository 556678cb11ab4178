//! For which machines there are images.

use clap::ValueEnum;

/// Where an image runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Platform {
    #[cfg_attr(target_arch = "x86_64", default)]
    Amd64,
    #[cfg_attr(not(target_arch = "x86_64"), default)]
    Arm64,
}

impl Platform {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    pub(super) const fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// What compiles C for it.
    pub(super) fn packages(self) -> &'static str {
        match self {
            own if own == Self::default() => "gcc,libc6-dev",
            Self::Amd64 => "gcc,libc6-dev,gcc-x86-64-linux-gnu,libc6-dev-amd64-cross",
            Self::Arm64 => "gcc,libc6-dev,gcc-aarch64-linux-gnu,libc6-dev-arm64-cross",
        }
    }
}
