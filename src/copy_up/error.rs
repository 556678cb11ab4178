//! Why nothing was copied. The target is made last and at once, so there is never half a copy.

use std::io;
use std::path::{Path, PathBuf};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The directory is something else in the image.
    #[error("{0} is no directory in the image: take it out of the image's profile")]
    NoDirectory(String),
    /// Symbolic links in the way to the directory go in a circle.
    #[error("{0} cannot be followed in the image: too many symbolic links")]
    Circle(String),
    /// There is more than the volume may hold.
    #[error(
        "{path} holds more than {limit} bytes in the image: give it a larger size in the image's profile"
    )]
    TooLarge {
        /// The directory.
        path: String,
        /// What the volume may hold.
        limit: u64,
    },
    /// Something of the image, other than by lack of permission.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something of the volume.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl CopyError {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
