//! The real program, run as people run it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

mod check;
mod copy_up;
mod corpus;
mod errors;
mod formats;
mod other_commands;
mod pass_through;
mod report;
mod support;
mod yaml_edit;
mod yaml_meaning;
