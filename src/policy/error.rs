//! What can be wrong with a policy.

use std::path::PathBuf;

/// Why a policy could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Neither a preset nor a file.
    #[error("no policy named \"{name}\": neither one of the presets ({presets}) nor a file{hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The presets.
        presets: String,
        /// The nearest name, as a sentence.
        hint: String,
    },
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no policy.
    #[error("{place}: {message}")]
    Invalid {
        /// File, line and column.
        place: String,
        /// What is wrong and the nearest valid name.
        message: String,
    },
}

impl PolicyError {
    /// As a metric label.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown",
            Self::Read { .. } => "read",
            Self::Invalid { .. } => "invalid",
        }
    }
}
