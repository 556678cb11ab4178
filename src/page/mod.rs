//! The status page: what one replica knows of itself and its cluster, as HTML.
//!
//! A value in, text out: it knows no network, clock or cluster. Whatever is shown was written by somebody else, most of
//! it by whoever may create a pod: all of it goes through [`crate::html::escape`].

mod certificate;
mod coverage;
mod decisions;
mod exemptions;
mod frame;
mod health;
mod policies;
mod recent;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod words;

use std::sync::Arc;

use time::OffsetDateTime;

pub use frame::{SCRIPT, SCRIPT_PATH, security_policy};
pub use recent::{Decision, Recent};

use crate::inventory::Posted;
use crate::metrics::Numbers;
use crate::settings::CertificateMode;
use crate::sources::{PolicyShown, ProfilesShown};
use crate::watch::WatchState;

/// Everything that is on the page.
#[derive(Debug)]
pub struct Page {
    /// The time.
    pub now: OffsetDateTime,
    /// When the server started: from then on it counts.
    pub started: OffsetDateTime,
    /// The replica's name.
    pub replica: String,
    /// Whether the page loads itself again where there are no scripts.
    pub refreshes: bool,
    /// How it is doing.
    pub health: Health,
    /// What was counted.
    pub numbers: Numbers,
    /// The latest decisions, the newest first.
    pub decisions: Vec<Decision>,
    /// What running pods live on; `None`: no cluster is watched, or it was not listed yet.
    pub exemptions: Option<Arc<Posted>>,
    /// What the policies in force come from.
    pub policies: Vec<PolicyShown>,
    /// The profiles beside those that are built in.
    pub profiles: ProfilesShown,
    /// What is served.
    pub certificate: Certificate,
}

/// How the replica is doing.
#[derive(Debug, Default)]
pub struct Health {
    /// Why it is not ready, for people; `None`: it is.
    pub unready: Option<String>,
    /// How each watch is doing; `None`: no cluster is watched.
    pub watches: Option<Vec<WatchState>>,
}

/// The certificate that is served.
#[derive(Debug)]
pub struct Certificate {
    /// Where it comes from.
    pub mode: CertificateMode,
    /// The file that it is read from.
    pub file: Option<String>,
    /// Why the API server does not trust it, where that is known.
    pub distrusted: Option<String>,
}

#[cfg(test)]
mod tests;
