use super::*;
use crate::guard::pods::tests::failing;
use crate::policy::{Policy, Preset};
use crate::posture::Posture;
use crate::profiles::Profile;
use crate::rules::RuleSet;

const READ_ONLY: &str = "open /data/x: read-only file system";

fn standing() -> Standing {
    Standing {
        is_copier: false,
        image: "app:1".to_owned(),
        applied: RuleSet::all(),
        posture: Posture::Full,
        floor: Posture::Safe,
        mounts: Vec::new(),
        profile: None,
        facts: ProfileSpec::default(),
        policy: Policy::from(Preset::Restricted),
    }
}

fn terms(mode: GuardMode) -> GuardPolicy {
    GuardPolicy { mode, ..GuardPolicy::default() }
}

fn decided(message: &str, standing: &Standing, terms: &GuardPolicy, learnt: &[Learnt]) -> Decision {
    decided_of(&failing(1, message), standing, terms, learnt)
}

fn decided_of(failure: &Failure, standing: &Standing, terms: &GuardPolicy, learnt: &[Learnt]) -> Decision {
    let in_force = learnt.iter().filter(|learnt| learnt.spec.is_in_force());
    let newest = in_force.max_by_key(|learnt| learnt.spec.round);
    let facts = newest.map_or_else(|| standing.facts.clone(), |learnt| learnt.spec.clone());
    let standing = Standing { facts, ..standing.clone() };
    decide(&Situation { learnt, ..situation(failure, &standing, terms) })
}

/// Of an image of which nothing was learnt.
fn looked_at(failure: &Failure, standing: &Standing, terms: &GuardPolicy) -> Decision {
    decide(&situation(failure, standing, terms))
}

fn situation<'a>(failure: &'a Failure, standing: &'a Standing, terms: &'a GuardPolicy) -> Situation<'a> {
    Situation {
        failure,
        standing,
        terms,
        learnt: &[],
        image_user: None,
        workload: "Deployment/web",
        date: "2027-01-31",
    }
}

fn written(decision: Decision) -> Change {
    match decision {
        Decision::Write(change) => *change,
        other => panic!("{other:?}"),
    }
}

/// What was learnt by a change, long before the failing pod was made.
fn kept(change: &Change, approved: Option<bool>) -> Learnt {
    let mut spec = change.profile.spec.clone();
    spec.approved = approved.or(spec.approved);
    Learnt { name: change.profile.metadata.name.clone(), spec, resource_version: "5".to_owned(), changed: 0 }
}

fn left(decision: &Decision) -> Outcome {
    match decision {
        Decision::Leave { outcome, .. } => *outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_suggestion_waits_and_its_approval_makes_the_next_one_another() {
    let (standing, terms) = (standing(), terms(GuardMode::Suggest));
    let first = written(decided(READ_ONLY, &standing, &terms, &[]));
    assert_eq!(first.profile.spec.approved, Some(false));
    assert_eq!(
        (first.cause, first.help, first.resource_version.as_deref()),
        (Cause::ReadOnly, Help::Path, None)
    );
    let name = &first.profile.metadata.name;
    assert!(first.note.contains(&format!("profiles approve {name}")), "{}", first.note);
    let waiting = kept(&first, None);
    let again = decided(READ_ONLY, &standing, &terms, std::slice::from_ref(&waiting));
    assert_eq!(left(&again), Outcome::Known);
    // Something else: beside it in the same suggestion.
    let more = written(decided("chown /x: operation not permitted", &standing, &terms, &[waiting]));
    assert_eq!(more.resource_version.as_deref(), Some("5"));
    assert_eq!(more.profile.spec.posture, Some(Posture::Isolated));
    assert_eq!(more.profile.spec.writable_paths.as_ref().map(Vec::len), Some(1));
    // Approved: what comes then is another object, so that what is in force stays so.
    let approved = kept(&first, Some(true));
    let next = written(decided(
        "open /y/x: read-only file system",
        &standing,
        &terms,
        std::slice::from_ref(&approved),
    ));
    assert_eq!(next.resource_version, None);
    assert_ne!(next.profile.metadata.name, *name);
    assert!(next.profile.spec.round > approved.spec.round);
    assert_eq!(next.profile.spec.writable_paths.as_ref().map(Vec::len), Some(2));
}

#[test]
fn healing_puts_in_force_and_goes_on_in_one_object() {
    let (standing, terms) = (standing(), terms(GuardMode::Heal));
    let first = written(decided(READ_ONLY, &standing, &terms, &[]));
    assert_eq!((first.profile.spec.approved, first.profile.spec.round), (Some(true), 1));
    let learnt = kept(&first, None);
    let next = written(decided(READ_ONLY, &standing, &terms, std::slice::from_ref(&learnt)));
    assert_eq!((next.help, next.profile.spec.round), (Help::Posture, 2), "the path did not help");
    assert_eq!(next.profile.metadata.name, first.profile.metadata.name);
    assert_eq!(next.resource_version.as_deref(), Some("5"));
    // A pod that was made before what is in force.
    let older = Learnt { changed: 2_000_000_000, ..learnt };
    let evict = Decision::Evict { not_before: 2_000_000_000 + SETTLE + 1 };
    assert_eq!(decided(READ_ONLY, &standing, &terms, std::slice::from_ref(&older)), evict);
    let suggests = GuardPolicy { mode: GuardMode::Suggest, ..terms.clone() };
    assert_eq!(left(&decided(READ_ONLY, &standing, &suggests, &[older])), Outcome::Known);
    // A suggestion that nobody approved is put in force.
    let waiting = kept(&first, Some(false));
    let change = written(decided(READ_ONLY, &standing, &terms, &[waiting]));
    assert_eq!(change.profile.spec.approved, Some(true));
}

#[test]
fn what_is_left_alone() {
    let (mut standing, mut terms) = (standing(), terms(GuardMode::Heal));
    assert_eq!(left(&decided("no such host", &standing, &terms, &[])), Outcome::Unexplained);
    assert!(matches!(decided("", &standing, &terms, &[]), Decision::Write(_)), "the second time");
    let once = failing(0, "");
    assert_eq!(looked_at(&once, &standing, &terms), Decision::Wait);

    standing.profile = Some(("nginx".to_owned(), Origin::Administrator));
    let Decision::Leave { outcome, note, .. } = decided(READ_ONLY, &standing, &terms, &[]) else { panic!() };
    let note = note.expect("a note");
    assert_eq!(outcome, Outcome::Outranked);
    assert!(note.contains("profile nginx (administrator)") && note.contains("/data is writable"), "{note}");
    standing.profile = None;

    let learnt = kept(&written(decided(READ_ONLY, &standing, &terms, &[])), None);
    terms.rounds = 1;
    assert_eq!(left(&decided(READ_ONLY, &standing, &terms, &[learnt])), Outcome::NothingLeft);
    standing.floor = Posture::Full;
    assert_eq!(
        left(&decided("setuid: operation not permitted", &standing, &terms, &[])),
        Outcome::NothingLeft
    );
    standing.image = "*".to_owned();
    assert_eq!(left(&decided(READ_ONLY, &standing, &terms, &[])), Outcome::NothingLeft);
}

const SUDO: &str = "sudo: The \"no new privileges\" flag is set, which prevents sudo from running as root.";

#[test]
fn setuid_programs_work_in_a_user_namespace_and_else_once_it_is_approved() {
    let (mut standing, terms) = (standing(), terms(GuardMode::Heal));
    let first = written(decided(SUDO, &standing, &terms, &[]));
    let spec = &first.profile.spec;
    assert_eq!((first.cause, first.help), (Cause::Setuid, Help::Escalation));
    assert_eq!((spec.posture, spec.allow_privilege_escalation), (Some(Posture::Isolated), true));
    assert_eq!(spec.approved, Some(true));
    // The pod can have no user namespace.
    let learnt = kept(&first, None);
    standing.posture = Posture::Safe;
    standing.applied = RuleSet::from_iter([RuleId::privilege_escalation]);
    let second = written(decided(SUDO, &standing, &terms, std::slice::from_ref(&learnt)));
    assert!(second.profile.spec.gains_on_node() && second.profile.spec.approved == Some(false));
    assert_ne!(second.profile.metadata.name, learnt.name, "what is in force stays");
    assert!(second.note.contains("profiles approve"), "{}", second.note);
    let waiting = kept(&second, None);
    let both = [learnt.clone(), waiting.clone()];
    assert_eq!(left(&decided(SUDO, &standing, &terms, &both)), Outcome::Known);
    // What is healed meanwhile goes into what is in force; the suggestion is made anew on top of that.
    standing.applied = RuleSet::all();
    let healed = written(decided(READ_ONLY, &standing, &terms, &both));
    assert_eq!(
        (healed.profile.metadata.name.as_str(), healed.profile.spec.approved),
        (&*learnt.name, Some(true))
    );
    let moved = [kept(&healed, None), waiting.clone()];
    standing.applied = RuleSet::from_iter([RuleId::privilege_escalation]);
    let anew = written(decided(SUDO, &standing, &terms, &moved));
    let spec = &anew.profile.spec;
    assert_eq!((anew.profile.metadata.name.as_str(), spec.approved), (&*waiting.name, Some(false)));
    assert!(spec.writable_paths.is_some() && spec.round > moved[0].spec.round, "{spec:?}");
    // Once it is approved, what comes then is healed in it.
    let granted = [kept(&healed, None), kept(&anew, Some(true))];
    standing.applied = RuleSet::all();
    let more = written(decided("open /y/x: read-only file system", &standing, &terms, &granted));
    assert_eq!(
        (more.profile.metadata.name.as_str(), more.profile.spec.approved),
        (&*waiting.name, Some(true))
    );
    assert!(more.profile.spec.gains_on_node());
}

#[test]
fn setuid_programs_that_are_no_help_are_taken_back() {
    let (mut standing, terms) = (standing(), terms(GuardMode::Heal));
    let inside = kept(&written(decided(SUDO, &standing, &terms, &[])), None);
    standing.posture = Posture::Isolated;
    standing.applied = RuleSet::from_iter([RuleId::capabilities]);
    let noise = failing(TRIES, "what");
    let back = written(decided_of(&noise, &standing, &terms, std::slice::from_ref(&inside)));
    let spec = &back.profile.spec;
    assert_eq!((back.help, spec.approved, spec.posture), (Help::Posture, Some(true), Some(Posture::Safe)));
    assert!(!spec.allow_privilege_escalation);
    // There they are all that is left: not in a user namespace again.
    standing.posture = Posture::Safe;
    standing.applied = RuleSet::from_iter([RuleId::privilege_escalation]);
    let asked = written(decided_of(&noise, &standing, &terms, &[kept(&back, None)]));
    assert_eq!((asked.help, asked.profile.spec.approved), (Help::Escalation, Some(false)));
    assert!(asked.profile.spec.gains_on_node());
}

#[test]
fn no_name_is_taken_twice() {
    let (standing, terms) = (standing(), terms(GuardMode::Heal));
    let first = written(decided(READ_ONLY, &standing, &terms, &[]));
    // Somebody's suggestion of before, which only an administrator puts in force, has that name.
    let mut asked = kept(&first, Some(false));
    (asked.spec.posture, asked.spec.allow_privilege_escalation) = (Some(Posture::Safe), true);
    let next = written(decided(READ_ONLY, &standing, &terms, &[asked.clone()]));
    assert_eq!((next.resource_version.as_deref(), next.profile.spec.approved), (None, Some(true)));
    assert_ne!(next.profile.metadata.name, asked.name);
    assert!(!next.profile.spec.allow_privilege_escalation, "nothing is built on it");
}

#[test]
fn who_may_have_no_setuid_programs_is_told_of_the_exemption() {
    let (mut standing, terms) = (standing(), terms(GuardMode::Heal));
    let told = |decision: Decision| match decision {
        Decision::Leave { note, .. } => {
            note.unwrap_or_default().contains("exempt it from privilege-escalation")
        }
        other => panic!("{other:?}"),
    };
    let mut proven = failing(5, SUDO);
    proven.proven = true;
    assert!(told(looked_at(&proven, &standing, &terms)), "it ran well as it is hardened");
    standing.floor = Posture::Isolated;
    assert!(told(decided(SUDO, &standing, &terms, &[])));
}

#[test]
fn what_fails_on_the_lowest_rung_may_need_setuid_programs() {
    let (mut standing, terms) = (standing(), terms(GuardMode::Heal));
    standing.posture = Posture::Safe;
    standing.facts.posture = Some(Posture::Safe);
    standing.applied = RuleSet::from_iter([RuleId::privilege_escalation]);
    let decided = |failure: &Failure, standing: &Standing| looked_at(failure, standing, &terms);
    let change = written(decided(&failing(3, "what"), &standing));
    assert_eq!((change.cause, change.help), (Cause::Unexplained, Help::Escalation));
    assert_eq!(left(&decided(&failing(2, "what"), &standing)), Outcome::Unexplained);
    assert_eq!(left(&decided(&failing(3, "connection refused"), &standing)), Outcome::Unexplained);
    standing.applied = RuleSet::default();
    assert_eq!(left(&decided(&failing(3, "what"), &standing)), Outcome::Unexplained);
}

#[test]
fn what_ran_well_as_it_is_hardened_stays_there() {
    let (standing, terms) = (standing(), terms(GuardMode::Heal));
    for (message, leaves) in [("setuid: operation not permitted", true), ("", true), (READ_ONLY, false)] {
        let mut failure = failing(5, message);
        failure.proven = true;
        let decision = looked_at(&failure, &standing, &terms);
        assert_eq!(matches!(decision, Decision::Leave { .. }), leaves, "{message}: {decision:?}");
    }
}

#[test]
fn what_cannot_be_copied_stays_where_it_is() {
    let standing = Standing { is_copier: true, ..standing() };
    let change = written(decided("/data holds more than 5 bytes", &standing, &terms(GuardMode::Heal), &[]));
    assert_eq!((change.cause, change.profile.spec.posture), (Cause::Content, Some(Posture::Isolated)));
}

#[test]
fn what_is_built_in_is_added_to() {
    let (mut standing, terms) = (standing(), terms(GuardMode::Heal));
    standing.profile = Some(("db".to_owned(), Origin::BuiltIn));
    standing.facts = ProfileSpec { user: Some(999), ..ProfileSpec::default() };
    let change = written(decided(READ_ONLY, &standing, &terms, &[]));
    let spec = &change.profile.spec;
    assert_eq!((spec.user, spec.writable_paths.as_ref().map(Vec::len)), (None, Some(1)), "only what is new");
    // What it has already is not tried.
    Remedy::Path("/data".to_owned()).take(&mut standing.facts);
    assert_eq!(written(decided(READ_ONLY, &standing, &terms, &[])).help, Help::Posture);
}

#[test]
fn what_nothing_explains_is_tried_where_hardening_may_be_it() {
    let (mut standing, terms) = (standing(), terms(GuardMode::Heal));
    let decided = |failure: &Failure, standing: &Standing| looked_at(failure, standing, &terms);
    let noise = failing(TRIES, "segmentation fault");
    let change = written(decided(&noise, &standing));
    assert_eq!((change.cause, change.help), (Cause::Unexplained, Help::Posture));
    let early = failing(TRIES - 1, "segmentation fault");
    assert_eq!(left(&decided(&early, &standing)), Outcome::Unexplained, "it may be chance");
    let mut proven = noise.clone();
    proven.proven = true;
    assert_eq!(left(&decided(&proven, &standing)), Outcome::Unexplained, "it was ready as it is hardened");
    let elsewhere = failing(TRIES, "connect ECONNREFUSED 10.0.0.1:5432");
    assert_eq!(left(&decided(&elsewhere, &standing)), Outcome::Unexplained);
    standing.floor = Posture::Full;
    assert_eq!(left(&decided(&noise, &standing)), Outcome::NothingLeft);
}

#[test]
fn what_is_written_is_a_profile_that_counts() {
    let change = written(decided(READ_ONLY, &standing(), &terms(GuardMode::Heal), &[]));
    let spec = serde_json::to_value(&change.profile.spec).expect("JSON");
    let profile = crate::profiles::parse_object(&change.profile.metadata.name, Some(&spec)).expect("valid");
    let set = crate::profiles::ProfileSet::new([Profile::from(profile)]);
    assert!(set.find("app:1", "shop").is_some());
    assert!(set.find("app:1", "other").is_none() && set.find("app:2", "shop").is_none());
}

#[test]
fn who_runs_as_a_user_of_its_own_climbs_again() {
    let images = learnt::about("app:1", "shop").expect("an image");
    let lowered = |approved| {
        let change =
            written(decided("setuid: operation not permitted", &standing(), &terms(GuardMode::Heal), &[]));
        kept(&change, approved)
    };
    let climbs = |learnt: &[Learnt], mode| climbs(learnt, 999, &images, &terms(mode), "2027-01-31");
    let healed = climbs(&[lowered(None)], GuardMode::Heal).expect("a step");
    let spec = &healed.profile.spec;
    assert_eq!((spec.user, spec.posture, spec.approved), (Some(999), Some(Posture::Full), Some(true)));
    assert_eq!(healed.profile.metadata.name, lowered(None).name);
    let suggested = climbs(&[lowered(None)], GuardMode::Suggest).expect("a step");
    assert_eq!((suggested.profile.spec.approved, suggested.resource_version), (Some(false), None));
    assert_ne!(suggested.profile.metadata.name, lowered(None).name);
    assert_eq!(climbs(&[lowered(Some(false))], GuardMode::Suggest), None, "nothing is in force");
    assert_eq!(climbs(&[], GuardMode::Heal), None);
}
