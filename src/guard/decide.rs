//! What to do about a failure, given all that is known of it.

mod shelf;

use super::classify::{Explained, LOWERED, classify, may_be_hardening};
use super::examine::Standing;
use super::learnt;
use super::pods::Failure;
use super::remedy::{GAINED, Remedy, Trouble, climb, escalation, remedy, rung};
use super::{Cause, GuardMode, GuardPolicy, Help, Outcome};
use crate::posture::Posture;
use crate::profiles::{ImageMatch, ImageProfile, Origin, ProfileSpec};
use crate::rules::RuleId;
use crate::sources::Learnt;
use shelf::{Place, Shelf, newest};

/// How long it takes at most until every replica knows a profile, in seconds: pods that were created earlier may have
/// been hardened without it.
pub(crate) const SETTLE: i64 = 3;

/// What ends so often without an explanation, and was never seen ready as it is hardened, is tried with less of it.
const TRIES: i32 = 3;

const NOTHING_LEFT: &str = "nothing is left that policy allows and that might help";
const EXEMPT_IT: &str = "if it needs setuid programs, such as sudo, exempt it from privilege-escalation";

/// All that a decision depends on.
#[derive(Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) failure: &'a Failure,
    pub(crate) standing: &'a Standing,
    pub(crate) terms: &'a GuardPolicy,
    /// What was learnt of the image in the namespace.
    pub(crate) learnt: &'a [Learnt],
    /// The uid that the image starts as, as it was seen.
    pub(crate) image_user: Option<i64>,
    /// The workload, such as `Deployment/web`.
    pub(crate) workload: &'a str,
    /// The day, as `YYYY-MM-DD`.
    pub(crate) date: &'a str,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing yet: it may have been chance.
    Wait,
    /// Nothing.
    Leave {
        outcome: Outcome,
        cause: Cause,
        help: Help,
        /// What its owner is told, if anything.
        note: Option<String>,
    },
    /// What is in force may help already: the pod was made before it. Evict it, but not before that second since 1970.
    Evict { not_before: i64 },
    /// Write a profile.
    Write(Box<Change>),
}

/// A profile to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) cause: Cause,
    pub(crate) help: Help,
    pub(crate) profile: ImageProfile,
    /// On top of which version; `None`: it is new.
    pub(crate) resource_version: Option<String>,
    pub(crate) note: String,
}

/// Decides.
pub(crate) fn decide(situation: &Situation<'_>) -> Decision {
    let Situation { failure, standing, terms, .. } = situation;
    let shelf = Shelf::new(situation.learnt, terms.mode);
    let explained = match standing.is_copier {
        true => Explained::of(Cause::Content),
        false => classify(&failure.death(), standing.applied),
    };
    let cause = explained.cause;
    let leave = |outcome, help, note: Option<String>| Decision::Leave { outcome, cause, help, note };
    let settled = shelf.in_force.map(|learnt| learnt.changed + SETTLE);
    if let Some(settled) = settled.filter(|settled| failure.created <= *settled) {
        return match terms.mode {
            GuardMode::Heal => Decision::Evict { not_before: settled + 1 },
            _ => leave(Outcome::Known, Help::None, None),
        };
    }
    let trial = Trial::of(failure, standing, cause);
    // What was ready as it is hardened ends well now and then by itself.
    let by_itself = failure.proven && (failure.is_unready() || cause == Cause::Silent);
    if (cause == Cause::Unexplained && trial == Trial::None) || by_itself {
        return leave(Outcome::Unexplained, Help::None, None);
    }
    if cause == Cause::Silent && failure.restarts == 0 && failure.is_started_again() {
        return Decision::Wait;
    }
    let told = |rest: &str| Some(told(failure, cause, rest));
    let step = step(situation, &explained, trial);
    // Whoever makes a program say what he likes takes nothing from an image that was seen to run well.
    let lowers = matches!(step, Some(Remedy::Posture(_) | Remedy::Escalation { .. }));
    if failure.proven && lowers {
        let note = if cause == Cause::Setuid { told(EXEMPT_IT) } else { None };
        return leave(Outcome::Unexplained, Help::None, note);
    }
    let Some(step) = step else {
        let may_gain = cause == Cause::Setuid || trial == Trial::Last;
        let note = told(if may_gain { EXEMPT_IT } else { NOTHING_LEFT });
        return leave(Outcome::NothingLeft, Help::None, note);
    };
    if let Some((name, Origin::Administrator)) = &standing.profile {
        let note = told(&format!(
            "profile {name} (administrator) goes before what is learnt; it may help if {step}, in a profile of your own"
        ));
        return leave(Outcome::Outranked, step.help(), note);
    }
    let Some(images) = learnt::about(&standing.image, &failure.namespace) else {
        return leave(Outcome::NothingLeft, step.help(), None);
    };
    learn(situation, cause, &step, images, &shelf)
}

/// Whether a failure that nothing explains is taken for one that hardening has brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    None,
    /// Less hardening is tried.
    Rung,
    /// On the lowest rung no more is taken from a container than the way to gain privileges.
    Last,
}

impl Trial {
    fn of(failure: &Failure, standing: &Standing, cause: Cause) -> Self {
        let may_be =
            |rules: &[RuleId]| !failure.proven && may_be_hardening(&failure.death(), standing.applied, rules);
        let again = failure.restarts >= TRIES;
        let is_lowest = standing.posture == Posture::Safe
            && matches!(cause, Cause::Unexplained | Cause::Silent | Cause::NeverReady);
        if is_lowest && (again || failure.is_unready()) && may_be(&[RuleId::privilege_escalation]) {
            Self::Last
        } else if again && may_be(&LOWERED) {
            Self::Rung
        } else {
            Self::None
        }
    }
}

/// The next step, if any.
fn step(situation: &Situation<'_>, explained: &Explained, trial: Trial) -> Option<Remedy> {
    let Situation { failure, standing, .. } = situation;
    let mounts: Vec<&str> = standing.mounts.iter().map(String::as_str).collect();
    let trouble = Trouble {
        cause: explained.cause,
        directory: explained.directory.as_deref(),
        read_only: standing.applied.contains(RuleId::read_only_root_filesystem),
        image_user: situation.image_user,
        mounts: &mounts,
        user: failure.user,
        memory: failure.memory.as_deref(),
        posture: standing.posture,
        floor: standing.floor,
        known: &standing.facts,
    };
    match (explained.cause, trial) {
        (_, Trial::Last) => escalation(&trouble, &standing.policy),
        (Cause::Unexplained, _) => rung(&trouble),
        _ => remedy(&trouble, &standing.policy),
    }
}

/// What is learnt by a step, on top of what is known.
fn learn(
    situation: &Situation<'_>,
    cause: Cause,
    step: &Remedy,
    images: ImageMatch,
    shelf: &Shelf<'_>,
) -> Decision {
    let Situation { failure, standing, terms, .. } = situation;
    let help = step.help();
    let leave = |outcome, rest: &str| Decision::Leave {
        outcome,
        cause,
        help,
        note: Some(told(failure, cause, rest)),
    };
    let Place { known, heals, target, suggested: waiting } = shelf.place(step);
    if let Some(waiting) = waiting {
        return leave(Outcome::Known, &suggested(step, &waiting.name));
    }
    let nothing = ProfileSpec::default();
    let known = known.unwrap_or(&nothing);
    if known.round >= terms.rounds {
        let rest = format!("{} steps were tried, and it still ends", known.round);
        return leave(Outcome::NothingLeft, &rest);
    }
    let name = target.map_or_else(|| shelf.free_name(&images), |learnt| learnt.name.clone());
    let Failure { container, digest, .. } = failure;
    let image = if digest.is_empty() { &standing.image } else { digest };
    let gained = if standing.facts.allow_privilege_escalation { GAINED } else { "" };
    let why = format!("{}, container {container}, {image}: {}{gained}", situation.workload, cause.as_text());
    let spec = learnt::profile(known, images, step, &why, situation.date, heals);
    let note = written_down(step, &name, heals);
    Decision::Write(Box::new(Change {
        cause,
        help,
        profile: learnt::document(&name, spec),
        resource_version: target.map(|learnt| learnt.resource_version.clone()),
        note: told(failure, cause, &note),
    }))
}

/// What a workload's owner is told of a failure.
fn told(failure: &Failure, cause: Cause, rest: &str) -> String {
    format!("container {}: {}: {rest}", failure.container, cause.as_text())
}

/// A step back up, for an image that runs on a lower rung and is seen to run as a user of its own; `None`: none.
pub(crate) fn climbs(
    learnt: &[Learnt],
    image_user: i64,
    images: &ImageMatch,
    terms: &GuardPolicy,
    date: &str,
) -> Option<Change> {
    let shelf = Shelf::new(learnt, terms.mode);
    let newest = newest(learnt, |_| true)?;
    // A suggestion that waits is enough.
    let step = climb(&newest.spec, image_user, terms.rounds).filter(|_| newest.spec.is_in_force())?;
    let heals = terms.mode == GuardMode::Heal;
    let name = if heals { newest.name.clone() } else { shelf.free_name(images) };
    let why = "its image's own user was seen where nobody chose one";
    let spec = learnt::profile(&newest.spec, images.clone(), &step, why, date, heals);
    let note = written_down(&step, &name, heals);
    Some(Change {
        cause: Cause::Permission,
        help: step.help(),
        profile: learnt::document(&name, spec),
        resource_version: heals.then(|| newest.resource_version.clone()),
        note,
    })
}

/// What is said of a step that was written down.
fn written_down(step: &Remedy, name: &str, heals: bool) -> String {
    if heals { format!("profile {name} is in force now: {step}") } else { suggested(step, name) }
}

fn suggested(step: &Remedy, name: &str) -> String {
    format!(
        "it may help if {step}: pod-hardener profiles approve {name}, or kubectl patch imageprofile {name} \
         --type=merge --patch '{{\"spec\":{{\"approved\":true}}}}', then restart it"
    )
}

#[cfg(test)]
mod tests;
