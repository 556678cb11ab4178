//! The `pod-hardener` program.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The one place where the clock is read for files: everything below is told the time.
    cli::run(time::OffsetDateTime::now_utc())
}
