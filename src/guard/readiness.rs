//! For how long a pod has been ready without a break, at most, as far as can be known.
//!
//! What was not seen counts as ready: a guard that has just started knows of an old pod only what its status says now.

/// The condition `Ready`, with the time of its last transition, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Whether it is.
    pub is: bool,
    /// Since when.
    pub since: i64,
}

/// What is known of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    last: Option<Ready>,
    /// In seconds.
    longest: i64,
}

impl Readiness {
    /// Of a pod that is seen for the first time; `started` is when the kubelet took it on.
    #[must_use]
    pub fn first(created: i64, started: Option<i64>, now: Option<Ready>) -> Self {
        let longest = match now {
            None => 0,
            // The kubelet says that it is not ready when it takes the pod on; the clock's seconds may be two.
            Some(Ready { is: false, since }) if since <= started.unwrap_or(created) + 1 => 0,
            // It may have been ready all the time.
            Some(Ready { since, .. }) => since - created,
        };
        Self { last: now, longest }
    }

    /// Takes what is seen next; `gap`: there may have been more in between.
    pub fn next(&mut self, now: Option<Ready>, gap: bool) {
        let Some(new) = now else { return };
        if let Some(last) = self.last.filter(|last| last.since < new.since)
            && (last.is || gap)
        {
            self.longest = self.longest.max(new.since - last.since);
        }
        self.last = Some(new);
    }

    /// For how many seconds it has been ready without a break, at most.
    #[must_use]
    pub fn longest(&self, now: i64) -> i64 {
        let current = self.last.filter(|last| last.is).map_or(0, |last| now - last.since);
        self.longest.max(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(is: bool, since: i64) -> Option<Ready> {
        Some(Ready { is, since })
    }

    #[test]
    fn of_a_pod_seen_late() {
        for (now, started, expected) in [
            (None, None, 0),
            (ready(false, 1000), Some(1000), 0),
            (ready(false, 1061), Some(1060), 0),
            // It had time to be ready.
            (ready(false, 1062), Some(1060), 62),
            (ready(false, 5000), None, 4000),
            (ready(true, 1010), Some(1000), 500),
        ] {
            let readiness = Readiness::first(1000, started, now);
            let at = now.filter(|now| now.is).map_or(1000, |now| now.since + 500);
            assert_eq!(readiness.longest(at), expected, "{now:?}");
        }
    }

    #[test]
    fn of_a_pod_that_is_watched() {
        let mut readiness = Readiness::first(1000, Some(1000), ready(false, 1000));
        // It waited for its image, and ended as soon as it had begun.
        readiness.next(ready(true, 1100), false);
        readiness.next(ready(false, 1102), false);
        assert_eq!(readiness.longest(2000), 2);
        readiness.next(ready(false, 1102), true);
        assert_eq!(readiness.longest(2000), 2, "listed anew");
        readiness.next(ready(true, 1200), false);
        assert_eq!(readiness.longest(1240), 40);
        readiness.next(ready(false, 1235), false);
        assert_eq!(readiness.longest(9999), 35);
        readiness.next(ready(false, 1300), true);
        assert_eq!(readiness.longest(9999), 65, "nobody looked");
    }
}
