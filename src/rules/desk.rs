//! What a rule works at: the pod, the plan so far, and the means to say what was found.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::{Mode, RuleId, RuleResult};
use crate::exemption::Exemptions;
use crate::facts::{Account, Facts, ImageVolumes, Space};
use crate::plan::{ContainerEdits, Plan};
use crate::posture::Stance;
use crate::profiles::Profile;
use crate::subject::{Slot, Subject};
use crate::tuning::Tuning;

/// Where something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the pod as a whole.
    Pod,
    /// In one container: its number among all containers of the subject.
    Container(usize),
}

/// What was found or done, in few words: a fixed text and the value it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'v> {
    /// The words.
    pub text: &'static str,
    /// Follows the words; may be empty.
    pub value: Cow<'v, str>,
}

impl Note<'_> {
    /// A note without a value.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { text, value: Cow::Borrowed("") }
    }
}

impl<'v> Note<'v> {
    /// A note about a value.
    #[must_use]
    pub fn of(text: &'static str, value: impl Into<Cow<'v, str>>) -> Self {
        Self { text, value: value.into() }
    }
}

/// One result of one rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding<'v> {
    /// Whose.
    pub rule: RuleId,
    /// What came of it.
    pub result: RuleResult,
    /// Where.
    pub place: Place,
    /// What exactly.
    pub note: Note<'v>,
}

/// A rule's workplace.
#[derive(Debug)]
pub struct Desk<'v, 'a> {
    /// The pod.
    pub subject: &'v Subject<'v, 'a>,
    /// What the annotations ask for.
    pub tuning: Tuning<'v>,
    /// What was planned so far.
    pub plan: Plan<'v>,
    /// What was found so far.
    pub findings: Vec<Finding<'v>>,
    /// Which exemptions are honoured.
    pub exemptions: Rc<Exemptions>,
    /// The namespace; `None` where no cluster was asked.
    pub space: Option<Arc<Space>>,
    /// The pod's service account; `None` where no cluster was asked.
    pub account: Option<Arc<Account>>,
    /// Whether every node that the pod can reach starts pods in user namespaces.
    pub user_namespaces: bool,
    /// Where every node that the pod can reach mounts images as volumes.
    pub image_volumes: ImageVolumes,
    /// Where each container stands on the ladder.
    pub stances: Rc<[Stance<'v>]>,
    modes: &'v [Mode],
    rule: RuleId,
    mode: Mode,
}

impl<'v, 'a> Desk<'v, 'a> {
    /// An empty desk for a pod.
    #[must_use]
    pub fn new(
        subject: &'v Subject<'v, 'a>,
        tuning: Tuning<'v>,
        exemptions: Exemptions,
        modes: &'v [Mode],
        facts: &Facts<'_>,
    ) -> Self {
        let mut containers = Vec::new();
        containers.resize_with(subject.slots.len(), ContainerEdits::default);
        Self {
            subject,
            tuning,
            plan: Plan { containers, ..Plan::default() },
            findings: Vec::with_capacity(8 + 8 * subject.slots.len()),
            exemptions: Rc::new(exemptions),
            space: facts.space.clone(),
            account: facts.account.clone(),
            user_namespaces: facts.user_namespaces,
            image_volumes: facts.image_volumes,
            stances: Rc::from([]),
            modes,
            rule: RuleId::privileged,
            mode: Mode::Off,
        }
    }

    /// Turns to the next rule; `false` where there is nothing for it to do.
    pub(crate) fn turn_to(&mut self, rule: RuleId) -> bool {
        self.rule = rule;
        self.mode = self.mode_of(rule);
        if self.mode == Mode::Off {
            return false;
        }
        if self.exemptions.pod(rule) {
            self.find(RuleResult::Exempted, Place::Pod, Note::new("exempted"));
            return false;
        }
        let subject = self.subject;
        for (number, _) in subject.slots.iter().enumerate().filter(|(_, slot)| slot.in_scope) {
            if self.exemptions.container(number, rule) {
                let place = Place::Container(number);
                self.find(RuleResult::Exempted, place, Note::new("exempted"));
            } else if self.lowers(rule, number) {
                let note = self.stances[number].note(rule);
                self.find(RuleResult::Lowered, Place::Container(number), note);
            }
        }
        true
    }

    /// The mode in which another rule is applied.
    #[must_use]
    pub fn mode_of(&self, rule: RuleId) -> Mode {
        self.modes.get(rule as usize).copied().unwrap_or(Mode::Off)
    }

    /// Whether the rule may replace what the author set; observing means: as if.
    #[must_use]
    pub const fn replaces(&self) -> bool {
        matches!(self.mode, Mode::Enforce | Mode::Observe)
    }

    /// Whether another rule replaces what the author set in that container.
    #[must_use]
    pub fn is_enforced(&self, rule: RuleId, number: usize) -> bool {
        self.mode_of(rule) == Mode::Enforce && !self.exempts(rule, number)
    }

    /// Whether an exemption from a rule covers the container.
    #[must_use]
    pub fn exempts(&self, rule: RuleId, number: usize) -> bool {
        self.exemptions.pod(rule) || self.exemptions.container(number, rule)
    }

    /// What is known of the container's image.
    #[must_use]
    pub fn profile(&self, number: usize) -> Option<&'v Profile> {
        self.stances.get(number).and_then(|stance| stance.profile)
    }

    /// Whether the container stands on a rung of the ladder where the rule is not applied to it.
    #[must_use]
    pub fn lowers(&self, rule: RuleId, number: usize) -> bool {
        self.stances.get(number).is_some_and(|stance| stance.lowered.contains(rule))
    }

    /// Whether the rule may touch the container: it is new, not exempted, and stands high enough.
    #[must_use]
    pub fn covers(&self, number: usize) -> bool {
        self.subject.slots[number].in_scope
            && !self.exempts(self.rule, number)
            && !self.lowers(self.rule, number)
    }

    /// Whether no container is exempted from the rule or out of reach.
    #[must_use]
    pub fn covers_all(&self) -> bool {
        (0..self.subject.slots.len()).all(|number| self.covers(number))
    }

    /// The containers that the rule may touch.
    pub fn slots(&self) -> impl Iterator<Item = (usize, &'v Slot<'v, 'a>)> + use<'v, 'a> {
        let (subject, exemptions, rule) = (self.subject, Rc::clone(&self.exemptions), self.rule);
        let stances = Rc::clone(&self.stances);
        let lowers = move |number: usize| {
            stances.get(number).is_some_and(|stance: &Stance<'_>| stance.lowered.contains(rule))
        };
        subject.slots.iter().enumerate().filter(move |(number, slot)| {
            slot.in_scope && !exemptions.pod(rule) && !exemptions.container(*number, rule) && !lowers(*number)
        })
    }

    /// Sets what was unset.
    pub fn inject(&mut self, place: Place, note: Note<'v>, edit: impl FnOnce(&mut Plan<'v>)) {
        self.apply(RuleResult::Injected, place, note, edit);
    }

    /// Replaces what was insecure.
    pub fn replace(&mut self, place: Place, note: Note<'v>, edit: impl FnOnce(&mut Plan<'v>)) {
        self.apply(RuleResult::Replaced, place, note, edit);
    }

    /// Replaces in `enforce`, says so in `default`.
    pub fn replace_or_keep(&mut self, place: Place, note: Note<'v>, edit: impl FnOnce(&mut Plan<'v>)) {
        if self.replaces() {
            self.replace(place, note, edit);
        } else {
            self.keep(place, note);
        }
    }

    /// Leaves what the author set, and says so.
    pub fn keep(&mut self, place: Place, note: Note<'v>) {
        self.find(RuleResult::Observed, place, note);
    }

    /// Says what no mutation can repair.
    pub fn impossible(&mut self, place: Place, note: Note<'v>) {
        let result = match self.mode {
            Mode::Observe => RuleResult::Observed,
            _ => RuleResult::Impossible,
        };
        self.find(result, place, note);
    }

    fn apply(&mut self, result: RuleResult, place: Place, note: Note<'v>, edit: impl FnOnce(&mut Plan<'v>)) {
        if self.mode == Mode::Observe {
            self.find(RuleResult::Observed, place, note);
        } else {
            edit(&mut self.plan);
            self.find(result, place, note);
        }
    }

    fn find(&mut self, result: RuleResult, place: Place, note: Note<'v>) {
        self.found(self.rule, result, place, note);
    }

    /// Says what came of a rule outside of its check.
    pub(crate) fn found(&mut self, rule: RuleId, result: RuleResult, place: Place, note: Note<'v>) {
        self.findings.push(Finding { rule, result, place, note });
    }

    /// Edits the plan without a finding of its own: the tail of an edit that has one already.
    pub fn also(&mut self, edit: impl FnOnce(&mut Plan<'v>)) {
        if self.mode != Mode::Observe {
            edit(&mut self.plan);
        }
    }
}
