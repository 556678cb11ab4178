//! Counters that every review adds to, spread over the threads: were there one of each, the processors would take it
//! from one another at each review, two dozen times.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::IntCounter;

use crate::shares::{self, SHARES};

/// Counters, and what each thread has to add to them.
#[derive(Debug)]
pub(super) struct Spread {
    counters: Vec<IntCounter>,
    shares: [Box<[AtomicU64]>; SHARES],
}

impl Spread {
    pub(super) fn new(counters: Vec<IntCounter>) -> Self {
        let shares = std::array::from_fn(|_| counters.iter().map(|_| AtomicU64::new(0)).collect());
        Self { counters, shares }
    }

    /// Adds to some of the counters, by index.
    pub(super) fn add(&self, counts: impl Iterator<Item = (usize, u64)>) {
        let Some(share) = self.shares.get(shares::own()) else { return };
        for (index, count) in counts {
            if let Some(counter) = share.get(index) {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// One of the counters, once it was brought together.
    pub(super) fn get(&self, index: usize) -> u64 {
        self.counters.get(index).map_or(0, IntCounter::get)
    }

    /// Brings together what was added: before anybody looks.
    pub(super) fn gather(&self) {
        for share in &self.shares {
            for (added, counter) in share.iter().zip(&self.counters) {
                counter.inc_by(added.swap(0, Ordering::Relaxed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_add_comes_together() {
        let counter = || IntCounter::new("a", "b").expect("a counter");
        let (first, second) = (counter(), counter());
        let spread = Spread::new(vec![first.clone(), second.clone()]);
        std::thread::scope(|threads| {
            for _ in 0..SHARES + 1 {
                threads.spawn(|| spread.add([(0, 1), (1, 10), (2, 1)].into_iter()));
            }
        });
        spread.gather();
        spread.gather();
        assert_eq!((first.get(), second.get()), (9, 90));
    }
}
