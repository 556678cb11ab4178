//! What the API server said a few seconds ago.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

/// How long an answer stands: a permission that is given or taken counts after this at the latest.
const LIFETIME: Duration = Duration::from_secs(5);
/// How long nothing is asked again that was not answered.
const PAUSE: Duration = Duration::from_secs(1);

/// What was said, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<A> {
    /// `None`: nothing, in time.
    pub(super) said: Option<A>,
    pub(super) at: Instant,
}

impl<A> Answer<A> {
    fn stands(&self, now: Instant) -> bool {
        let lifetime = if self.said.is_some() { LIFETIME } else { PAUSE };
        now.saturating_duration_since(self.at) < lifetime
    }
}

/// Where an answer will be; who finds it empty asks, the others wait for that one.
pub(super) type Place<A> = Arc<OnceCell<Answer<A>>>;

/// Answers by question. The whole question is the key: a permission must not depend on a hash.
#[derive(Debug)]
pub(super) struct Answers<Q, A> {
    places: Mutex<HashMap<Q, Place<A>>>,
    /// So many are kept.
    most: usize,
}

impl<Q: Clone + Eq + Hash, A: Clone> Answers<Q, A> {
    /// Keeps so many.
    pub(super) fn new(most: usize) -> Self {
        Self { places: Mutex::default(), most }
    }

    /// The answer, where one stands.
    pub(super) fn get(&self, question: &Q, now: Instant) -> Option<Answer<A>> {
        let places = self.places.lock().ok()?;
        places.get(question)?.get().filter(|answer| answer.stands(now)).cloned()
    }

    /// Where the answer is or will be; a place of its own where nothing more can be kept.
    pub(super) fn place(&self, question: &Q, now: Instant) -> Place<A> {
        let empty = || Arc::new(OnceCell::new());
        let Ok(mut places) = self.places.lock() else { return empty() };
        let is_of_use = |place: &Place<A>| place.get().is_none_or(|answer| answer.stands(now));
        if let Some(place) = places.get(question).filter(|place| is_of_use(place)) {
            return Arc::clone(place);
        }
        if places.len() >= self.most {
            // Nobody waits for what only the map holds.
            places.retain(|_, place| match place.get() {
                Some(answer) => answer.stands(now),
                None => Arc::strong_count(place) > 1,
            });
        }
        let place = empty();
        if places.len() < self.most {
            places.insert(question.clone(), Arc::clone(&place));
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 64;

    #[test]
    fn an_answer_stands_for_seconds_and_the_same_question_waits_for_it() {
        let (answers, now) = (Answers::new(MOST), Instant::now());
        let said = |after| answers.get(&1, now + after).map(|answer: Answer<bool>| answer.said);
        let place = answers.place(&1, now);
        assert!(Arc::ptr_eq(&place, &answers.place(&1, now)));
        assert!(!Arc::ptr_eq(&place, &answers.place(&2, now)));
        assert_eq!(said(Duration::ZERO), None);
        place.set(Answer { said: Some(true), at: now }).expect("empty");
        assert_eq!(said(LIFETIME / 2), Some(Some(true)));
        assert_eq!(said(LIFETIME), None);
        let place = answers.place(&1, now + LIFETIME);
        place.set(Answer { said: None, at: now }).expect("another");
        assert_eq!(said(PAUSE / 2), Some(None));
        assert_eq!(said(PAUSE), None);
    }

    #[test]
    fn memory_is_bounded() {
        let (answers, now) = (Answers::new(MOST), Instant::now());
        let held: Vec<Place<bool>> = (0..2 * MOST).map(|question| answers.place(&question, now)).collect();
        assert_eq!(answers.places.lock().expect("a lock").len(), MOST);
        drop(held);
        answers.place(&usize::MAX, now).set(Answer { said: Some(false), at: now }).expect("empty");
        assert!(answers.get(&usize::MAX, now).is_some());
    }
}
