//! AdmissionReview v1: bytes in, bytes out.

mod answer;
mod base64;
mod envelope;
mod note;
mod question;
mod remembered;
mod trust;
mod validate;
mod workload;
mod writer;

pub(crate) use answer::learn_of_nodes;
pub use answer::{Answer, Outcome, Record, answer, answer_failure, reply};
pub use envelope::{AdmissionReview, GroupVersionResource, OldPod, Request, ReviewError, UserInfo};
pub use note::Note;
pub use question::{Question, Reply, Requester, Told, World};
pub use remembered::{Memory, Remembered};
pub use validate::{validate, validate_failure};
pub use workload::Reviewed;
