//! JSON: everything, in a shape with a version.

use std::io::{self, Write};

use crate::report::Report;

/// Writes the report as one JSON document.
///
/// # Errors
/// When the output does not take it.
pub fn json(report: &Report, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
