//! AdmissionReview v1: bytes in, bytes out.

mod answer;
mod base64;
mod envelope;
mod question;

pub use answer::{Answer, Outcome, Record, answer, answer_failure, reply};
pub use envelope::{AdmissionReview, GroupVersionResource, OldPod, Request, ReviewError, UserInfo};
pub use question::{Question, Reply, Requester, Told, World};
