//! What can be wrong with a manifest.

/// Something wrong with a manifest, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct ManifestError {
    /// The line in the file, from 1.
    pub line: usize,
    /// The column in the line, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl ManifestError {
    /// An error at a byte of a text whose first line is line `first_line` of its file.
    #[must_use]
    pub fn at(text: &str, offset: usize, first_line: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: first_line + before.matches('\n').count(),
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }
}
