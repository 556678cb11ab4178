//! The smallest next step that may help, and that policy allows.
//!
//! Whatever a program says, a step adds one directory that is none of the system's, the user that the image starts as
//! anyway, the one capability that policy and Pod Security let a container have, memory up to a cap, or goes down one
//! rung as far as the floor. Where the floor is the lowest rung, it lets setuid programs work. Where what they give may
//! be something on the node ([`Remedy::gains_on_node`]), the guard does no more than suggest it.

use std::cmp::Ordering;

use super::classify::SHARED;
use super::{Cause, Help};
use crate::plan::{is_within, normalize, real};
use crate::policy::Policy;
use crate::posture::Posture;
use crate::profiles::{Content, MOST_PATHS, ProfileSpec, WritablePath};
use crate::rules::{Mode, RuleId};
use crate::tuning::{self, TOKEN};
use crate::view::{compare_quantities, double_quantity, is_quantity};

/// What was found out of a failure.
#[derive(Debug, Clone, Copy)]
pub struct Trouble<'a> {
    /// Why the container came to its end.
    pub cause: Cause,
    /// The directory that it should have been able to write to.
    pub directory: Option<&'a str>,
    /// Whether its root file system is read-only by us.
    pub read_only: bool,
    /// The uid that the image starts as where nobody says otherwise, as it was seen.
    pub image_user: Option<i64>,
    /// Paths on which the pod's author mounts something.
    pub mounts: &'a [&'a str],
    /// The uid that it ran as, where the pod says.
    pub user: Option<i64>,
    /// Its memory limit.
    pub memory: Option<&'a str>,
    /// The rung that it stands on.
    pub posture: Posture,
    /// The lowest that it may stand on.
    pub floor: Posture,
    /// What is learnt of the image so far.
    pub known: &'a ProfileSpec,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// This directory is writable.
    Path(String),
    /// It runs as this uid, which is the image's own.
    User(i64),
    /// Its HOME is one that it may write to.
    Home,
    /// It keeps this capability.
    Capability(&'static str),
    /// Its memory limit is this quantity.
    Memory(String),
    /// It stands on this rung.
    Posture(Posture),
    /// Setuid programs work: in a user namespace, or wherever the pod stands.
    Escalation {
        /// Whether what they give may be something on the node.
        on_node: bool,
    },
    /// It stands on the highest rung again, as this uid, which is the image's own.
    Climb(i64),
}

/// The only capability that is ever given: who may listen on low ports can do no more.
const CAPABILITY: &str = "NET_BIND_SERVICE";

/// Where everybody may write. A uid without a name has `/` for its home.
const HOME: (&str, &str) = ("HOME", "/tmp");

/// So evidence says that an image failed although its setuid programs worked.
pub(super) const GAINED: &str = ", although its setuid programs worked";

/// So evidence says that an image went down.
const LOWERED_TO: &str = "its posture is";

/// Above the token and yet fine: programs write there, and mounts below a mount stay.
const RUN: [&str; 2] = ["/run", "/var/run"];

/// The smallest next step; `None` where nothing is left, or nothing is known.
#[must_use]
pub fn remedy(trouble: &Trouble<'_>, policy: &Policy) -> Option<Remedy> {
    let step = match trouble.cause {
        Cause::Unexplained => return None,
        // Less of anything else gives no privileges.
        Cause::Setuid => return escalation(trouble, policy),
        // Less hardening gives no memory.
        Cause::OutOfMemory => return memory(trouble, policy),
        Cause::ReadOnly => home(trouble).or_else(|| path(trouble, policy)),
        Cause::Permission | Cause::Write => {
            user(trouble).or_else(|| home(trouble)).or_else(|| path(trouble, policy))
        }
        Cause::Ownership => path(trouble, policy),
        Cause::NamedUser | Cause::RootImage | Cause::UnknownUser => user(trouble),
        Cause::LowPort | Cause::FileCapability => capability(trouble, policy),
        Cause::SetUser | Cause::Content | Cause::Silent | Cause::NeverReady => None,
    };
    step.or_else(|| rung(trouble))
}

/// The home of a uid without a name is `/`: what is to be written there is something hidden, or stands there itself.
fn home(trouble: &Trouble<'_>) -> Option<Remedy> {
    let wanted = trouble.directory.is_some_and(|directory| directory == "/" || directory.starts_with("/."));
    let known = trouble.known.environment.contains_key(HOME.0);
    (wanted && !known && trouble.posture == Posture::Full).then_some(Remedy::Home)
}

fn path(trouble: &Trouble<'_>, policy: &Policy) -> Option<Remedy> {
    // As its image's own user, and where its root is writable, it may write what it might without us.
    let may_help = trouble.posture == Posture::Full || trouble.read_only;
    let directory = trouble.directory.filter(|_| may_help)?;
    let known = trouble.known.writable_paths.as_deref().unwrap_or_default();
    let by_policy = &policy.rules.read_only_root_filesystem.writable_paths;
    let covered = known
        .iter()
        .map(|entry| entry.path.as_str())
        .chain(by_policy.iter().map(String::as_str))
        .chain(trouble.mounts.iter().copied())
        .any(|other| is_within(directory, &normalize(other)));
    let possible = !covered && known.len() < MOST_PATHS && is_safe(directory);
    possible.then(|| Remedy::Path(with_its_like(directory, known).to_owned()))
}

/// Of two in one directory that directory, where it is the program's own: there may be more.
fn with_its_like<'d>(directory: &'d str, known: &[WritablePath]) -> &'d str {
    let parent = parent(directory);
    let is_own = !parent.is_empty() && !SHARED.contains(&parent) && is_safe(parent);
    if is_own && known.iter().any(|entry| self::parent(&entry.path) == parent) { parent } else { directory }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether a directory that a program named may be made writable.
#[must_use]
pub fn is_safe(directory: &str) -> bool {
    let clean = normalize(directory);
    let above_token = is_within(TOKEN, &clean) || is_within(&real(TOKEN), &clean);
    *clean == *directory
        && !is_within(&clean, "/boot")
        && tuning::check_path(directory).is_ok()
        && (!above_token || RUN.contains(&directory))
}

/// The image's own user, where it is none that it ran as already, and not root.
fn user(trouble: &Trouble<'_>) -> Option<Remedy> {
    let known = trouble.known.user;
    let own = trouble.image_user.filter(|own| is_uid(*own))?;
    let tried = known.is_some() || trouble.user == Some(own);
    (!tried).then_some(Remedy::User(own))
}

fn capability(trouble: &Trouble<'_>, policy: &Policy) -> Option<Remedy> {
    let known = trouble.known.capabilities.iter().any(|name| name == CAPABILITY);
    let allowed = policy.rules.capabilities.allowed.iter().any(|name| name == CAPABILITY);
    (allowed && !known).then_some(Remedy::Capability(CAPABILITY))
}

/// Twice as much, up to the cap.
fn memory(trouble: &Trouble<'_>, policy: &Policy) -> Option<Remedy> {
    let (now, cap) = (trouble.memory?, policy.guard.memory_cap.as_str());
    let doubled = double_quantity(now).filter(|_| is_quantity(cap))?;
    let below = |a: &str, b: &str| compare_quantities(a, b) == Some(Ordering::Less);
    let next = if below(&doubled, cap) { doubled } else { cap.to_owned() };
    // Where it is the author's limit, or somebody else's, a higher one in a profile changes nothing.
    let is_new = trouble.known.memory.as_deref() != Some(next.as_str());
    (is_new && below(now, &next)).then_some(Remedy::Memory(next))
}

/// The next rung, as far as the floor.
pub(super) fn rung(trouble: &Trouble<'_>) -> Option<Remedy> {
    // A pod that can have no user namespace may stand on another rung than its profile says.
    let next = match trouble.posture.min(trouble.known.posture.unwrap_or_default()) {
        Posture::Full => Posture::Isolated,
        Posture::Isolated => Posture::Safe,
        Posture::Safe => return None,
    };
    (next >= trouble.floor).then_some(Remedy::Posture(next))
}

/// Setuid programs work: in a user namespace first, where they give nothing on the node. Without one that is nobody's to
/// put in force but an administrator's.
pub(super) fn escalation(trouble: &Trouble<'_>, policy: &Policy) -> Option<Remedy> {
    let Trouble { known, posture, floor, .. } = *trouble;
    let may_be = floor == Posture::Safe && policy.mode(RuleId::privilege_escalation) == Mode::Default;
    // Its author has made it run on another rung than the profile says.
    let elsewhere = known.allow_privilege_escalation && posture == Posture::Full;
    if !may_be || elsewhere || known.gains_on_node() {
        return None;
    }
    let has_none = known.posture == Some(Posture::Isolated) && posture == Posture::Safe;
    let tried = known.allow_privilege_escalation || known.evidence.iter().any(|line| line.contains(GAINED));
    Some(Remedy::Escalation { on_node: has_none || tried })
}

/// Where setuid programs give something on the node, or nothing.
const fn rung_of(on_node: bool) -> Posture {
    if on_node { Posture::Safe } else { Posture::Isolated }
}

/// The way back up, once it is seen who an image runs as: only once, and only where there is room to go down again.
#[must_use]
pub fn climb(known: &ProfileSpec, image_user: i64, rounds: u32) -> Option<Remedy> {
    let lowered = known.posture.is_some_and(|posture| posture != Posture::Full);
    // A root file system that is read-only is so for every user.
    let in_vain = known
        .evidence
        .iter()
        .any(|line| line.contains(LOWERED_TO) && line.contains(Cause::ReadOnly.as_text()));
    let room = known.round.saturating_add(2) < rounds;
    let gains = known.allow_privilege_escalation;
    (lowered && !gains && !in_vain && room && known.user.is_none() && is_uid(image_user))
        .then_some(Remedy::Climb(image_user))
}

/// Whether it is a uid, and not root's.
fn is_uid(uid: i64) -> bool {
    (1..=i64::from(i32::MAX)).contains(&uid)
}

impl Remedy {
    /// What it is, in a word.
    #[must_use]
    pub const fn help(&self) -> Help {
        match self {
            Self::Path(_) => Help::Path,
            Self::User(_) | Self::Climb(_) => Help::User,
            Self::Home => Help::Home,
            Self::Capability(_) => Help::Capability,
            Self::Memory(_) => Help::Memory,
            Self::Posture(_) => Help::Posture,
            Self::Escalation { .. } => Help::Escalation,
        }
    }

    /// Whether it is only an administrator's to put in force.
    #[must_use]
    pub const fn gains_on_node(&self) -> bool {
        matches!(self, Self::Escalation { on_node: true })
    }

    /// Whether what is known holds the step already.
    #[must_use]
    pub fn is_in(&self, facts: &ProfileSpec) -> bool {
        match self {
            Self::Path(path) => {
                let paths = facts.writable_paths.as_deref().unwrap_or_default();
                paths.iter().any(|entry| is_within(path, &entry.path))
            }
            Self::User(user) | Self::Climb(user) => facts.user == Some(*user),
            Self::Home => facts.environment.contains_key(HOME.0),
            Self::Capability(name) => facts.capabilities.iter().any(|known| known == name),
            Self::Memory(memory) => facts.memory.as_deref() == Some(memory),
            Self::Posture(posture) => facts.posture.is_some_and(|known| known <= *posture),
            Self::Escalation { on_node } => {
                facts.gains_on_node() || (facts.allow_privilege_escalation && !on_node)
            }
        }
    }

    /// Adds the step to what is known.
    pub fn take(&self, facts: &mut ProfileSpec) {
        match self {
            Self::Path(path) => {
                let paths = facts.writable_paths.get_or_insert_default();
                paths.retain(|other| !is_within(&other.path, path));
                // What the image has there is not known.
                let content = Content::Needed;
                paths.push(WritablePath { path: path.clone(), content, ..WritablePath::default() });
            }
            Self::User(user) => facts.user = Some(*user),
            Self::Climb(user) => (facts.user, facts.posture) = (Some(*user), Some(Posture::Full)),
            Self::Home => {
                facts.environment.insert(HOME.0.to_owned(), HOME.1.to_owned());
            }
            Self::Capability(name) => {
                if !self.is_in(facts) {
                    facts.capabilities.push((*name).to_owned());
                }
            }
            Self::Memory(memory) => facts.memory = Some(memory.clone()),
            // That setuid programs work was said of the rung before.
            Self::Posture(posture) => {
                (facts.posture, facts.allow_privilege_escalation) = (Some(*posture), false);
            }
            Self::Escalation { on_node } => {
                (facts.posture, facts.allow_privilege_escalation) = (Some(rung_of(*on_node)), true);
            }
        }
    }
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{path} is writable"),
            Self::User(user) => write!(f, "it runs as uid {user}, its image's own"),
            Self::Climb(user) => write!(f, "it runs as uid {user}, its image's own, and in posture full"),
            Self::Home => write!(f, "its {} is {}", HOME.0, HOME.1),
            Self::Capability(name) => write!(f, "it keeps the capability {name}"),
            Self::Memory(memory) => write!(f, "its memory limit is {memory}"),
            Self::Posture(posture) => write!(f, "{LOWERED_TO} {}", posture.as_str()),
            Self::Escalation { on_node } => {
                let border = if *on_node { " on the node too" } else { "" };
                write!(f, "setuid programs work{border}, and {LOWERED_TO} {}", rung_of(*on_node).as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests;
