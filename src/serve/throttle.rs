//! At most one log line a second of each kind: who sends rubbish must not fill the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::metrics::{Label as _, Rejection};

/// Says whether a line may be logged.
#[derive(Debug)]
pub(super) struct Throttle {
    start: Instant,
    /// In which second the last line of each kind was logged, counted from 1.
    last: Vec<AtomicU64>,
}

impl Throttle {
    pub(super) fn new() -> Self {
        let last = Rejection::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        Self { start: Instant::now(), last }
    }

    pub(super) fn lets(&self, rejection: Rejection) -> bool {
        self.lets_in(rejection, self.start.elapsed().as_secs())
    }

    fn lets_in(&self, rejection: Rejection, second: u64) -> bool {
        let now = second + 1;
        self.last.get(rejection.index()).is_some_and(|last| last.swap(now, Ordering::Relaxed) != now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_of_each_kind() {
        let throttle = Throttle::new();
        assert!(throttle.lets_in(Rejection::Path, 0));
        assert!(!throttle.lets_in(Rejection::Path, 0));
        assert!(throttle.lets_in(Rejection::Method, 0));
        assert!(throttle.lets_in(Rejection::Path, 1));
    }
}
