//! The copier: an init container of ours that fills an emptyDir with what an image has in a directory.
//!
//! The image is mounted as a volume (KEP-4639), the emptyDir beside it. It runs as the container's own user with
//! nothing that this user has not: what it may not read is left out and said, and what it copies is its own. Owners
//! are kept where that is allowed (never for a user that is not root), modes and times always, but for the setuid and
//! setgid bits of a file whose owner changes. Extended attributes, and with them file capabilities, are not kept.

mod copy;
mod error;
mod report;
mod request;
mod resolve;

pub use copy::{Outcome, copy};
pub use error::CopyError;
pub use report::{Report, Skipped, Why};
pub use request::Request;

/// Where this program is in its image.
pub const PROGRAM: &str = "/pod-hardener";
/// The subcommand that copies.
pub const COMMAND: &str = "copy-up";
/// Its option that says where the image is.
pub const FROM: &str = "from";
/// Where a copier has the image: where the API server would mount the service account's token otherwise, which it
/// leaves out of a container that has something there.
pub const SOURCE: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Below it a copier has the emptyDirs, by their number.
pub const TARGETS: &str = "/copy-up";
/// The directory of the emptyDir that is filled, and mounted: it belongs to who made it, as the emptyDir itself does
/// not, so a program may change its mode.
pub const SUB_PATH: &str = "content";
/// What is written here becomes the container's message in the pod's status: the API's own default.
pub const TERMINATION_LOG: &str = "/dev/termination-log";

#[cfg(test)]
mod tests;
