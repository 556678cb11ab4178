//! The `pod-hardener` program.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The one place where the clock is read for files: everything below is told the time.
    cli::run(time::OffsetDateTime::now_utc())
}
