//! What to do about a failure, given all that is known of it.

use super::classify::{Explained, LOWERED, classify, may_be_hardening};
use super::examine::Standing;
use super::learnt;
use super::pods::Failure;
use super::remedy::{Remedy, Trouble, climb, escalation, remedy, rung};
use super::{Cause, GuardMode, GuardPolicy, Help, Outcome};
use crate::posture::Posture;
use crate::profiles::{ImageMatch, ImageProfile, Origin, ProfileSpec};
use crate::rules::RuleId;
use crate::sources::Learnt;

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
    let newest = |in_force: bool| {
        let some = situation.learnt.iter().filter(|learnt| learnt.spec.is_in_force() == in_force);
        some.max_by_key(|learnt| learnt.spec.round)
    };
    let in_force = newest(true);
    let waiting = newest(false).filter(|it| in_force.is_none_or(|other| other.spec.round < it.spec.round));
    let explained = match standing.is_copier {
        true => Explained::of(Cause::Content),
        false => classify(&failure.death(), standing.applied),
    };
    let cause = explained.cause;
    let leave = |outcome, help, note: Option<String>| Decision::Leave { outcome, cause, help, note };
    let predates =
        in_force.map(|learnt| learnt.changed + SETTLE).filter(|settled| failure.created <= *settled);
    if let Some(settled) = predates {
        return if terms.mode == GuardMode::Heal {
            Decision::Evict { not_before: settled + 1 }
        } else {
            leave(Outcome::Known, Help::None, None)
        };
    }
    let is_trial = !failure.proven
        && failure.restarts >= TRIES
        && may_be_hardening(&failure.death(), standing.applied, &LOWERED);
    let is_last = is_last_trial(failure, standing);
    // What was ready as it is hardened ends well now and then by itself.
    let by_itself = failure.proven && (failure.is_unready() || cause == Cause::Silent);
    if (cause == Cause::Unexplained && !is_trial && !is_last) || by_itself {
        return leave(Outcome::Unexplained, Help::None, None);
    }
    if cause == Cause::Silent && failure.restarts == 0 && failure.is_started_again() {
        return Decision::Wait;
    }
    let mounts: Vec<&str> = standing.mounts.iter().map(String::as_str).collect();
    let trouble = Trouble {
        cause,
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
    let step = match cause {
        Cause::Unexplained if is_last => escalation(&trouble, &standing.policy),
        Cause::Unexplained => rung(&trouble),
        _ => remedy(&trouble, &standing.policy),
    };
    let told = |rest: &str| Some(told(failure, cause, rest));
    let may_gain = cause == Cause::Setuid || is_last;
    // Whoever makes a program say what he likes takes nothing from an image that was seen to run well.
    if failure.proven && matches!(step, Some(Remedy::Posture(_) | Remedy::Escalation(_))) {
        let note = may_gain.then(|| told(EXEMPT_IT)).flatten();
        return leave(Outcome::Unexplained, Help::None, note);
    }
    let Some(step) = step else {
        let note = told(if may_gain { EXEMPT_IT } else { NOTHING_LEFT });
        return leave(Outcome::NothingLeft, Help::None, note);
    };
    let help = step.help();
    if let Some((name, origin)) =
        standing.profile.as_ref().filter(|(_, origin)| *origin == Origin::Administrator)
    {
        let note = told(&format!(
            "profile {name} ({}) goes before what is learnt; it may help if {step}, in a profile of your own",
            origin.as_str()
        ));
        return leave(Outcome::Outranked, help, note);
    }
    let Some(images) = learnt::about(&standing.image, &failure.namespace) else {
        return leave(Outcome::NothingLeft, help, None);
    };
    adds(situation, cause, &step, images, in_force, waiting)
}

/// What is learnt by a step, on top of what is known.
fn adds(
    situation: &Situation<'_>,
    cause: Cause,
    step: &Remedy,
    images: ImageMatch,
    in_force: Option<&Learnt>,
    waiting: Option<&Learnt>,
) -> Decision {
    let Situation { failure, standing, terms, .. } = situation;
    let help = step.help();
    let leave = |outcome, rest: &str| Decision::Leave {
        outcome,
        cause,
        help,
        note: Some(told(failure, cause, rest)),
    };
    // What is an administrator's to approve waits for that whatever the mode, and nothing is built on it before.
    let is_base = |waiting: &&Learnt| terms.mode != GuardMode::Heal || !waiting.spec.gains_on_node();
    let base = waiting.filter(is_base).or(in_force);
    let nothing = ProfileSpec::default();
    let known = base.map_or(&nothing, |learnt| &learnt.spec);
    let heals = terms.mode == GuardMode::Heal && !step.gains_on_node(known);
    if let Some(waiting) = waiting.filter(|waiting| step.is_in(&waiting.spec) && !heals) {
        return leave(Outcome::Known, &suggested(step, &waiting.name));
    }
    if known.round >= terms.rounds {
        let rest = format!("{} steps were tried, and it still ends", known.round);
        return leave(Outcome::NothingLeft, &rest);
    }
    let (target, other) = if heals { (base, waiting) } else { (waiting, in_force) };
    let beside = other.map(|learnt| learnt.spec.round + 1);
    let name = target.map_or_else(|| learnt::name(&images, beside), |learnt| learnt.name.clone());
    let Failure { container, digest, .. } = failure;
    let image = if digest.is_empty() { &standing.image } else { digest };
    let why = format!("{}, container {container}, {image}: {}", situation.workload, cause.as_text());
    let spec = learnt::profile(known, images, step, &why, situation.date, heals);
    let note = if heals { format!("profile {name} is in force now: {step}") } else { suggested(step, &name) };
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

/// On the lowest rung no more is taken from a container than the way to gain privileges: what fails there again and
/// again, and names no other cause, may need that.
fn is_last_trial(failure: &Failure, standing: &Standing) -> bool {
    let again = failure.restarts >= TRIES || failure.is_unready();
    standing.posture == Posture::Safe
        && !failure.proven
        && again
        && may_be_hardening(&failure.death(), standing.applied, &[RuleId::privilege_escalation])
}

/// A step back up, for an image that runs on a lower rung and is seen to run as a user of its own; `None`: none.
pub(crate) fn climbs(
    learnt: &[Learnt],
    image_user: i64,
    images: &ImageMatch,
    terms: &GuardPolicy,
    date: &str,
) -> Option<Change> {
    let newest = learnt.iter().max_by_key(|learnt| learnt.spec.round)?;
    // A suggestion that waits is enough.
    let step = climb(&newest.spec, image_user, terms.rounds).filter(|_| newest.spec.is_in_force())?;
    let heals = terms.mode == GuardMode::Heal;
    let name = if heals { newest.name.clone() } else { learnt::name(images, Some(newest.spec.round + 1)) };
    let why = "its image's own user was seen where nobody chose one";
    let spec = learnt::profile(&newest.spec, images.clone(), &step, why, date, heals);
    let note =
        if heals { format!("profile {name} is in force now: {step}") } else { suggested(&step, &name) };
    Some(Change {
        cause: Cause::Permission,
        help: step.help(),
        profile: learnt::document(&name, spec),
        resource_version: heals.then(|| newest.resource_version.clone()),
        note,
    })
}

fn suggested(step: &Remedy, name: &str) -> String {
    format!(
        "it may help if {step}: pod-hardener profiles approve {name}, or kubectl patch imageprofile {name} \
         --type=merge --patch '{{\"spec\":{{\"approved\":true}}}}', then restart it"
    )
}

#[cfg(test)]
mod tests;
