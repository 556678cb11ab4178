//! The check of exemptions that nobody can go around: the generated ValidatingAdmissionPolicy.

use time::OffsetDateTime;

use crate::authority::policy::Settings;

/// The check, while it is in place and denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The uid of its binding: with it somebody who may adopts a template that is older.
    pub uid: Box<str>,
    /// From when on every template was checked: the later of policy and binding.
    pub since: OffsetDateTime,
    /// What it was written for: it says nothing about policies with others.
    pub settings: Settings,
}
