//! AdmissionReview v1: bytes in, bytes out.

mod answer;
mod envelope;

pub use answer::{Answer, Outcome, Record, answer, answer_failure};
pub use envelope::{AdmissionReview, GroupVersionResource, OldPod, Request, ReviewError, UserInfo};
