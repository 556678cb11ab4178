//! What a review may have to ask before it can be answered, and what it is told then.
//!
//! Reviews know no network: where an answer depends on somebody's rights, or on a workload that the watch has not
//! brought yet, the review says so, whoever serves it finds out, and the review is done again with the answer.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::{Answer, Memory};
use crate::cluster::{Cluster, Uid};
use crate::policy::PolicySet;
use crate::rules::RuleSet;

/// Everything that an answer depends on besides the review itself.
#[derive(Debug, Clone, Copy)]
pub struct World<'w> {
    /// What is in force.
    pub policies: &'w PolicySet,
    /// What the cluster says.
    pub cluster: &'w Cluster,
    /// The time.
    pub now: OffsetDateTime,
    /// What was answered before; `None`: everything is worked out.
    pub memory: Option<Memory<'w>>,
}

/// An answer, or what has to be found out first.
#[derive(Debug)]
pub enum Reply {
    /// The answer.
    Answer(Answer),
    /// To be found out.
    Ask(Question),
}

/// What has to be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Which of these rules may the requester `exempt` in this namespace? (SubjectAccessReview)
    May {
        /// Who.
        requester: Requester,
        /// Where.
        namespace: String,
        /// From what.
        rules: RuleSet,
    },
    /// Since when does this workload exist? To be waited for, briefly: the watch brings it.
    Owner(Uid),
}

/// What was found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// The rules from which the requester may exempt; `None`: nobody was asked.
    pub may: Option<RuleSet>,
    /// Whether the API server could not be asked: then `may` is empty, as nobody may be assumed to be allowed.
    pub unreachable: bool,
    /// Whether the workload was waited for; what is not known by now counts as unverified.
    pub waited: bool,
}

/// Who sent a request, as a SubjectAccessReview wants to know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Requester {
    /// The user's name.
    pub username: String,
    /// The user's uid.
    pub uid: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// What the authenticator adds.
    pub extra: BTreeMap<String, Vec<String>>,
}
