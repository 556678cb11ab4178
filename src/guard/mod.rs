//! The guard: learns from hardened pods that fail, and lets the next ones live.
//!
//! - [`classify`]: why a container came to its end, from its status
//! - [`remedy`]: the smallest next step that policy allows
//! - [`examine`]: what was done to the container, by its workload's template
//! - [`decide`]: what to do, given all of these
//! - [`learnt`]: the ImageProfile that a step is written down as, for one namespace and image
//! - [`pods`], [`readiness`], [`users`], [`proven`]: what is known of pods, bounded
//! - [`breaker`]: how much the guard may do, and how fast
//! - [`approve`]: what an administrator does about a suggestion
//! - [`run`]: the cluster around all of these; the rest knows none, nor a clock

pub mod approve;
pub mod breaker;
mod cause;
pub mod classify;
mod decide;
pub mod examine;
pub mod learnt;
pub mod pods;
mod policy;
pub mod proven;
pub mod readiness;
pub mod remedy;
pub(crate) mod run;
pub mod users;

pub use cause::{Cause, Circuit, Help, Outcome};
pub use policy::{GuardMode, GuardPolicy};
