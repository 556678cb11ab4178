//! What can be wrong with settings.

use std::path::PathBuf;

/// Why settings could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or a value is not of its type.
    #[error("{0}")]
    Invalid(#[source] Box<figment::Error>),
    /// A key that means nothing.
    #[error("unknown setting `{key}` in {origin}{hint}")]
    Unknown {
        /// The key, as it is written there.
        key: String,
        /// Where it is.
        origin: String,
        /// The nearest valid key, as a clause.
        hint: String,
    },
    /// Settings that do not fit together.
    #[error("setting `{key}` {problem}")]
    Contradiction {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A number out of range.
    #[error("setting `{key}` must be from 1 to {most}")]
    Range {
        /// The key.
        key: &'static str,
        /// The largest number allowed.
        most: usize,
    },
    /// They could not be printed.
    #[error("cannot print the settings: {0}")]
    Print(#[from] std::io::Error),
}

impl SettingsError {
    /// As a label: one word per kind of error.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Invalid(_) => "invalid",
            Self::Unknown { .. } => "unknown",
            Self::Contradiction { .. } => "contradiction",
            Self::Range { .. } => "range",
            Self::Print(_) => "print",
        }
    }
}

impl From<figment::Error> for SettingsError {
    fn from(error: figment::Error) -> Self {
        Self::Invalid(Box::new(error))
    }
}
