//! What every review writes to is kept once for each thread: were there one for all, the processors would take it from
//! one another at each review.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many shares there are; more threads than this share.
pub(crate) const SHARES: usize = 8;

/// The next thread's share.
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARES;
}

/// This thread's share, below [`SHARES`].
pub(crate) fn own() -> usize {
    SHARE.with(|share| *share)
}
