//! One review, and what is answered when it fails inside.

use std::panic::{AssertUnwindSafe, catch_unwind};

use time::OffsetDateTime;

use crate::metrics::{Metrics, Rejection};
use crate::policy::PolicySet;
use crate::review::{Answer, ReviewError, answer_failure};

/// [`crate::review::answer`], or what stands in for it in a test.
pub(super) type Review = fn(&[u8], &PolicySet, OffsetDateTime) -> Result<Answer, ReviewError>;

/// What people are told of a failure inside: nothing of the pod.
const WHY: &str = "an error inside pod-hardener, see its log";

/// Reviews; a panic is answered as policy says, and the server lives.
pub(super) fn review(
    body: &[u8],
    policies: &PolicySet,
    metrics: &Metrics,
    review: Review,
) -> Result<Answer, (Rejection, String)> {
    let now = OffsetDateTime::now_utc();
    let reviewed = guard(|| review(body, policies, now)).or_else(|| {
        metrics.panicked();
        guard(|| answer_failure(body, policies, WHY))
    });
    match reviewed {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => Err((Rejection::from(&error), error.to_string())),
        None => Err((Rejection::Internal, WHY.to_owned())),
    }
}

fn guard<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Nothing outside `work` is changed by it.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

#[cfg(test)]
mod tests;
