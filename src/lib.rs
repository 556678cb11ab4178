//! pod-hardener: gives every pod secure settings at deploy time, and leaves it running.
//!
//! Data flows one way: bytes → [`review`] → [`view`] → [`policy`] → [`rules`] → [`plan`] → [`patch`] → bytes.
//! These modules know no network, clock or cluster: what they need of those is passed in.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod annotation;
pub mod authority;
pub mod backstop;
mod cel;
pub mod certificates;
pub mod cluster;
mod compensation;
pub mod copy_up;
pub mod docs;
pub mod exemption;
pub mod facts;
pub mod guard;
pub mod harden;
pub mod html;
pub mod inventory;
mod leader;
pub mod manifest;
pub mod message;
pub mod metrics;
pub mod native;
mod nearest;
pub mod page;
pub mod patch;
pub mod plan;
pub mod policy;
pub mod posture;
pub mod profiles;
pub mod report;
pub mod review;
pub mod rules;
pub mod serve;
pub mod settings;
mod shares;
pub mod sources;
pub mod subject;
pub mod telling;
pub mod tuning;
pub mod view;
pub mod watch;
