//! What was learnt of an image so far, and where a step is written down.

use std::cmp::Reverse;

use crate::guard::GuardMode;
use crate::guard::learnt;
use crate::guard::remedy::Remedy;
use crate::profiles::{ImageMatch, ProfileSpec};
use crate::sources::Learnt;

/// The profiles that were learnt of one image in one namespace.
pub(super) struct Shelf<'a> {
    learnt: &'a [Learnt],
    heals: bool,
    /// The one that counts.
    pub(super) in_force: Option<&'a Learnt>,
    /// A suggestion that goes further than that, and that the next step adds to.
    waiting: Option<&'a Learnt>,
    /// A suggestion that only an administrator puts in force, whatever the mode.
    asked: Option<&'a Learnt>,
    /// Whether an administrator has put one such in force.
    granted: bool,
}

/// The last of those that are so. Of two of one round the first by name counts, as everywhere.
pub(super) fn newest(learnt: &[Learnt], is_it: impl Fn(&ProfileSpec) -> bool) -> Option<&Learnt> {
    let some = learnt.iter().filter(|it| is_it(&it.spec));
    some.max_by_key(|it| (it.spec.round, Reverse(it.name.as_str())))
}

/// Whether a suggestion was made on top of what is in force: an older one would take some of that back.
fn goes_further(suggestion: &Learnt, in_force: Option<&Learnt>) -> bool {
    in_force.is_none_or(|in_force| suggestion.spec.round > in_force.spec.round)
}

/// Where a step is written.
pub(super) struct Place<'a> {
    /// What is known before it.
    pub(super) known: Option<&'a ProfileSpec>,
    /// Whether it is in force at once.
    pub(super) heals: bool,
    /// The object that it takes the place of.
    pub(super) target: Option<&'a Learnt>,
    /// A suggestion that holds the step already.
    pub(super) suggested: Option<&'a Learnt>,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(learnt: &'a [Learnt], mode: GuardMode) -> Self {
        let heals = mode == GuardMode::Heal;
        let in_force = newest(learnt, ProfileSpec::is_in_force);
        let is_suggestion = |spec: &ProfileSpec| !spec.is_in_force();
        let waiting = newest(learnt, |spec| is_suggestion(spec) && (!heals || !spec.gains_on_node()));
        Self {
            learnt,
            heals,
            in_force,
            waiting: waiting.filter(|it| goes_further(it, in_force)),
            asked: newest(learnt, |spec| is_suggestion(spec) && spec.gains_on_node()),
            granted: learnt.iter().any(|it| it.spec.is_in_force() && it.spec.gains_on_node()),
        }
    }

    pub(super) fn place(&self, step: &Remedy) -> Place<'a> {
        let base = self.waiting.or(self.in_force);
        let asks = step.gains_on_node() && !self.granted;
        let (heals, target, suggestion) = match self.heals {
            true if asks => (false, self.asked, self.asked),
            true => (true, base, None),
            false => (false, self.waiting, self.waiting),
        };
        let suggested = suggestion.filter(|it| goes_further(it, self.in_force) && step.is_in(&it.spec));
        Place { known: base.map(|it| &it.spec), heals, target, suggested }
    }

    /// The name of a new object.
    pub(super) fn free_name(&self, images: &ImageMatch) -> String {
        let is_free = |name: &String| self.learnt.iter().all(|it| it.name != *name);
        let plain = learnt::name(images, None);
        let first = self.learnt.iter().map(|it| it.spec.round).max().unwrap_or_default().saturating_add(1);
        let mut others = (first..).map(|number| learnt::name(images, Some(number)));
        if is_free(&plain) { plain } else { others.find(is_free).unwrap_or(plain) }
    }
}
