//! One review, and what is answered when it fails inside.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::metrics::{Endpoint, Metrics, Rejection};
use crate::policy::PolicySet;
use crate::review::{
    Answer, Reply, ReviewError, Told, World, answer_failure, reply, validate, validate_failure,
};

/// What answers the reviews of an endpoint, or what stands in for it in a test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reviewer {
    pub(super) review: fn(&[u8], &World<'_>, Told) -> Result<Reply, ReviewError>,
    /// When that fails inside.
    pub(super) failure: fn(&[u8], &PolicySet, &str) -> Result<Answer, ReviewError>,
}

impl From<Endpoint> for Reviewer {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Mutate => Self { review: reply, failure: answer_failure },
            Endpoint::Validate => Self { review: validate, failure: validate_failure },
        }
    }
}

/// What people are told of a failure inside: nothing of the pod.
const WHY: &str = "an error inside pod-hardener, see its log";

/// Reviews; a panic is answered as policy says, and the server lives.
pub(super) fn review(
    reviewer: Reviewer,
    body: &[u8],
    world: &World<'_>,
    told: Told,
    metrics: &Metrics,
) -> Result<Reply, (Rejection, String)> {
    let reviewed = guard(|| (reviewer.review)(body, world, told)).or_else(|| {
        metrics.panicked();
        guard(|| (reviewer.failure)(body, world.policies, WHY).map(Reply::Answer))
    });
    match reviewed {
        Some(Ok(reply)) => Ok(reply),
        Some(Err(error)) => Err((Rejection::from(&error), error.to_string())),
        None => Err((Rejection::Internal, WHY.to_owned())),
    }
}

/// Answers a review for which there was no end of questions, as policy says.
pub(super) fn give_up(
    reviewer: Reviewer,
    body: &[u8],
    policies: &PolicySet,
) -> Result<Answer, (Rejection, String)> {
    let error = |error: ReviewError| (Rejection::from(&error), error.to_string());
    (reviewer.failure)(body, policies, "there was no end of questions").map_err(error)
}

fn guard<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Nothing outside `work` is changed by it.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

#[cfg(test)]
mod tests;
