//! AdmissionReview v1: bytes in, bytes out.

mod answer;
mod envelope;
mod question;
mod trust;

pub use answer::{Answer, Outcome, Record, answer, answer_failure, reply};
pub use envelope::{AdmissionReview, GroupVersionResource, OldPod, Request, ReviewError, UserInfo};
pub use question::{Question, Reply, Requester, Told, World};
