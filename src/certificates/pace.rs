//! How often what somebody else writes is put right.

use std::time::{Duration, Instant};

/// How long to wait after the first time, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// How long peace must last until it is put right at once again.
const PEACE: Duration = Duration::from_secs(60);

/// Puts right at once, but is not faster and faster where somebody writes it again and again.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<(Instant, Duration)>);

impl Pace {
    /// How long to wait first; `None`: it is put right now.
    pub(super) fn hold(&mut self, now: Instant) -> Option<Duration> {
        match self.0 {
            Some((last, pause)) if now < last + pause => return Some(last + pause - now),
            Some((last, pause)) if now < last + PEACE => self.0 = Some((now, (pause * 2).min(PAUSE.1))),
            _ => self.0 = Some((now, PAUSE.0)),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_each_time_until_there_was_peace() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pace = Pace::default();
        for (milliseconds, wait) in [
            (0, None),
            (10, Some(240)),
            (250, None),
            (600, Some(150)),
            (750, None),
            (1000, Some(750)),
            (90_000, None),
            (90_260, None),
        ] {
            assert_eq!(pace.hold(after(milliseconds)), wait.map(Duration::from_millis), "{milliseconds}");
        }
    }
}
