//! How often something is told.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use super::Tale;

/// So many may come at once …
const BURST: u32 = 50;
/// … and one more in every such time.
const REFILL: Duration = Duration::from_secs(2);
/// So many tales are remembered.
const MOST: usize = 4096;

/// Lets each tale pass once in its reason's interval, and not too many in all.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When each may pass again, by hash.
    until: HashMap<u64, Instant>,
    /// How many more may pass; filled at the first look.
    left: Option<(u32, Instant)>,
}

impl Pace {
    /// Whether a tale is to be told now.
    pub(super) fn lets(&mut self, tale: &Tale, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        tale.hash(&mut hasher);
        let key = hasher.finish();
        if self.until.get(&key).is_some_and(|until| *until > now) || !self.takes(now) {
            return false;
        }
        if self.until.len() >= MOST {
            self.until.retain(|_, until| *until > now);
        }
        // Beyond it only the names of the events keep the same from being told twice.
        if self.until.len() < MOST {
            self.until.insert(key, now + Duration::from_secs(tale.reason.interval().unsigned_abs()));
        }
        true
    }

    fn takes(&mut self, now: Instant) -> bool {
        let (left, since) = self.left.unwrap_or((BURST, now));
        let refills = now.saturating_duration_since(since).as_millis() / REFILL.as_millis();
        let refills = u32::try_from(refills).unwrap_or(u32::MAX);
        let left = left.saturating_add(refills).min(BURST);
        let since = if left == BURST { now } else { since + REFILL * refills };
        self.left = Some((left.saturating_sub(1), since));
        left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telling::{About, Reason};

    fn tale(note: usize) -> Tale {
        let about = About {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "u".to_owned(),
        };
        Tale { about, reason: Reason::NotHardened, note: note.to_string() }
    }

    #[test]
    fn the_same_is_told_once_an_hour() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert!(pace.lets(&tale(1), now));
        assert!(!pace.lets(&tale(1), now + Duration::from_secs(3599)));
        assert!(pace.lets(&tale(2), now));
        assert!(pace.lets(&tale(1), now + Duration::from_secs(3600)));
    }

    #[test]
    fn a_flood_is_cut_to_the_burst_and_a_trickle() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let let_through = (0..1000).filter(|note| pace.lets(&tale(*note), now)).count();
        assert_eq!(let_through, BURST as usize);
        let later = now + REFILL * 3;
        assert_eq!((1000..2000).filter(|note| pace.lets(&tale(*note), later)).count(), 3);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        for note in 0..2 * MOST {
            let _ = pace.lets(&tale(note), start + REFILL * u32::try_from(note).expect("small"));
        }
        assert!(pace.until.len() <= MOST);
    }
}
