//! What the API server said a few seconds ago of who may exempt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use crate::review::Requester;
use crate::rules::RuleId;

/// How long an answer stands: a permission that is given or taken counts after this at the latest.
const LIFETIME: Duration = Duration::from_secs(5);
/// How long nothing is asked again that was not answered.
const PAUSE: Duration = Duration::from_secs(1);
/// So many answers are kept.
const MOST: usize = 4096;

/// May this requester exempt from this rule in this namespace?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Access {
    pub(super) requester: Arc<Requester>,
    pub(super) namespace: Arc<str>,
    pub(super) rule: RuleId,
}

/// What was said, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    /// `None`: nothing, in time.
    pub(super) allowed: Option<bool>,
    pub(super) at: Instant,
}

impl Answer {
    fn stands(self, now: Instant) -> bool {
        let lifetime = if self.allowed.is_some() { LIFETIME } else { PAUSE };
        now.saturating_duration_since(self.at) < lifetime
    }
}

/// Where an answer will be; who finds it empty asks, the others wait for that one.
pub(super) type Place = Arc<OnceCell<Answer>>;

/// Answers by question. The whole question is the key: a permission must not depend on a hash.
#[derive(Debug, Default)]
pub(super) struct Answers {
    places: Mutex<HashMap<Access, Place>>,
}

impl Answers {
    /// The answer, where one stands.
    pub(super) fn get(&self, access: &Access, now: Instant) -> Option<Answer> {
        let places = self.places.lock().ok()?;
        places.get(access)?.get().copied().filter(|answer| answer.stands(now))
    }

    /// Where the answer is or will be; a place of its own where nothing more can be kept.
    pub(super) fn place(&self, access: &Access, now: Instant) -> Place {
        let Ok(mut places) = self.places.lock() else { return Place::default() };
        let is_of_use = |place: &Place| place.get().is_none_or(|answer| answer.stands(now));
        if let Some(place) = places.get(access).filter(|place| is_of_use(place)) {
            return Arc::clone(place);
        }
        if places.len() >= MOST {
            // Nobody waits for what only the map holds.
            places.retain(|_, place| match place.get() {
                Some(answer) => answer.stands(now),
                None => Arc::strong_count(place) > 1,
            });
        }
        let place = Place::default();
        if places.len() < MOST {
            places.insert(access.clone(), Arc::clone(&place));
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(user: usize) -> Access {
        let requester = Requester { username: user.to_string(), ..Requester::default() };
        Access { requester: Arc::new(requester), namespace: "shop".into(), rule: RuleId::seccomp }
    }

    #[test]
    fn an_answer_stands_for_seconds_and_the_same_question_waits_for_it() {
        let (answers, now) = (Answers::default(), Instant::now());
        let allowed = |after| answers.get(&access(1), now + after).map(|answer| answer.allowed);
        let place = answers.place(&access(1), now);
        assert!(Arc::ptr_eq(&place, &answers.place(&access(1), now)));
        assert!(!Arc::ptr_eq(&place, &answers.place(&access(2), now)));
        assert_eq!(allowed(Duration::ZERO), None);
        place.set(Answer { allowed: Some(true), at: now }).expect("empty");
        assert_eq!(allowed(LIFETIME / 2), Some(Some(true)));
        assert_eq!(allowed(LIFETIME), None);
        let place = answers.place(&access(1), now + LIFETIME);
        place.set(Answer { allowed: None, at: now }).expect("another");
        assert_eq!(allowed(PAUSE / 2), Some(None));
        assert_eq!(allowed(PAUSE), None);
    }

    #[test]
    fn memory_is_bounded() {
        let (answers, now) = (Answers::default(), Instant::now());
        let held: Vec<Place> = (0..2 * MOST).map(|user| answers.place(&access(user), now)).collect();
        assert_eq!(answers.places.lock().expect("a lock").len(), MOST);
        drop(held);
        let newest = access(2 * MOST);
        answers.place(&newest, now).set(Answer { allowed: Some(false), at: now }).expect("empty");
        assert!(answers.get(&newest, now).is_some());
    }
}
