//! The latest decisions, kept in memory for the page.
//!
//! A review pays for it with a move: what was made of it for logs and metrics is kept instead of dropped, and what it
//! takes the place of is dropped instead. Each thread has a share of its own, so that none waits for another; it does
//! not wait for whoever looks either.

use std::collections::VecDeque;
use std::sync::Mutex;

use time::OffsetDateTime;

use crate::message::{LONGEST, shorten};
use crate::metrics::Endpoint;
use crate::review::{Note, Outcome, Record};
use crate::rules::RuleResult;
use crate::shares::{self, SHARES};

/// So many ordinary decisions each thread keeps, and so many that want a look: the former do not push the latter out.
const EACH: usize = 16;
/// The longest name that is kept, in bytes, as Kubernetes has it: names are not validated yet when they come here.
const LONGEST_NAME: usize = 253;
/// So many notes of one decision are kept.
const MOST_NOTES: usize = 4;
/// A note that takes more bytes is cut to a line.
const LONGEST_NOTE: usize = 4 * LONGEST;

/// A decision, and when and where it was made.
#[derive(Debug, Clone)]
pub struct Decision {
    /// When.
    pub at: OffsetDateTime,
    /// Whether a pod was hardened, or an object validated.
    pub endpoint: Endpoint,
    /// What was decided.
    pub record: Record,
}

impl Decision {
    /// Whether somebody should look at it: it failed, was denied, or something was not done that was asked for.
    #[must_use]
    pub fn wants_a_look(&self) -> bool {
        let Record { outcome, results, refusals, remarks, .. } = &self.record;
        let left = results.of(RuleResult::Impossible).union(results.of(RuleResult::Lowered));
        matches!(outcome, Outcome::Denied | Outcome::FailedOpen | Outcome::FailedClosed)
            || !refusals.is_empty()
            || !remarks.is_empty()
            || !left.is_empty()
    }

    /// Bounds what it holds.
    fn cut(&mut self) {
        let Record { uid, namespace, name, policy, refusals, notes, .. } = &mut self.record;
        // Nobody is shown it.
        *uid = String::new();
        for text in [namespace, name, policy] {
            if text.len() > LONGEST_NAME {
                let end = (0..=LONGEST_NAME).rev().find(|end| text.is_char_boundary(*end));
                text.truncate(end.unwrap_or_default());
                text.shrink_to_fit();
            }
        }
        // There are as many as somebody writes annotations; what they say repeats itself.
        if refusals.len() > MOST_NOTES {
            refusals.truncate(MOST_NOTES);
            refusals.shrink_to_fit();
        }
        if notes.len() > MOST_NOTES {
            notes.truncate(MOST_NOTES);
            notes.shrink_to_fit();
        }
        for Note::ExemptionRefused(text) | Note::NotHardened(text) in notes {
            if text.capacity() > LONGEST_NOTE {
                *text = shorten(std::mem::take(text)).into_boxed_str().into_string();
            }
        }
    }
}

/// The decisions of one thread, the oldest first.
#[derive(Debug, Default)]
struct Share {
    ordinary: VecDeque<Decision>,
    noteworthy: VecDeque<Decision>,
}

/// The latest decisions.
#[derive(Debug, Default)]
pub struct Recent {
    shares: [Mutex<Share>; SHARES],
}

impl Recent {
    /// Keeps a decision instead of an older one.
    pub fn keep(&self, endpoint: Endpoint, record: Record, at: OffsetDateTime) {
        let mut decision = Decision { at, endpoint, record };
        decision.cut();
        // Somebody looks at this moment: they see one less.
        let Some(mut share) = self.shares.get(shares::own()).and_then(|share| share.try_lock().ok()) else {
            return;
        };
        let noteworthy = decision.wants_a_look();
        let row = if noteworthy { &mut share.noteworthy } else { &mut share.ordinary };
        let oldest = if row.len() >= EACH { row.pop_front() } else { None };
        row.push_back(decision);
        drop(share);
        drop(oldest);
    }

    /// Those that are kept, the newest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Decision> {
        let mut all = Vec::new();
        for share in &self.shares {
            let Ok(share) = share.lock() else { continue };
            all.extend(share.ordinary.iter().chain(&share.noteworthy).cloned());
        }
        all.sort_by_key(|decision| std::cmp::Reverse(decision.at));
        all
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::page::testing::record;

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn the_newest_come_first_and_what_wants_a_look_stays() {
        let recent = Recent::default();
        let keep = |name: &str, outcome, second| {
            let record = Record { outcome, ..record(name) };
            recent.keep(Endpoint::Mutate, record, START + Duration::seconds(second));
        };
        keep("failed", Outcome::FailedOpen, 0);
        for number in 0..3 * EACH {
            keep(&number.to_string(), Outcome::Patched, i64::try_from(number).expect("small") + 1);
        }
        let latest = recent.latest();
        let names: Vec<&str> = latest.iter().map(|decision| decision.record.name.as_str()).collect();
        assert_eq!(names.len(), EACH + 1);
        assert_eq!((names[0], names[1], names[EACH]), ("47", "46", "failed"));
    }

    #[test]
    fn whoever_looks_keeps_nobody_waiting() {
        let recent = Recent::default();
        let held: Vec<_> = recent.shares.iter().map(|share| share.lock().expect("free")).collect();
        recent.keep(Endpoint::Mutate, record("unseen"), START);
        drop(held);
        assert!(recent.latest().is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let recent = Recent::default();
        let long = "ä".repeat(1 << 20);
        let hostile = Record {
            uid: long.clone(),
            namespace: long.clone(),
            policy: long.clone(),
            refusals: vec![crate::annotation::RefusalReason::Unknown; 1000],
            notes: vec![Note::NotHardened(long.clone()); 1000],
            ..record(&long)
        };
        recent.keep(Endpoint::Validate, hostile, START);
        let latest = recent.latest();
        let Record { uid, namespace, name, policy, refusals, notes, .. } = &latest[0].record;
        assert!(uid.is_empty());
        for text in [namespace, name, policy] {
            assert!(text.len() <= LONGEST_NAME && text.capacity() <= 2 * LONGEST_NAME, "{}", text.capacity());
        }
        assert_eq!((refusals.len(), notes.len()), (MOST_NOTES, MOST_NOTES));
        let Note::NotHardened(note) = &notes[0] else { panic!("{notes:?}") };
        assert!(note.capacity() <= LONGEST_NOTE, "{}", note.capacity());
    }
}
