//! Lines for people, on standard error. Escape codes in what they quote are taken out unless it is a terminal's own colour.

use std::fmt::Display;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
pub(super) use pod_hardener::message::printable;

/// `error: …`
pub(super) fn error(message: &dyn Display) {
    line("error", AnsiColor::Red, message);
}

/// `warning: …`
pub(super) fn warning(message: &dyn Display) {
    line("warning", AnsiColor::Yellow, message);
}

/// `note: …`
pub(super) fn note(message: &dyn Display) {
    line("note", AnsiColor::Cyan, message);
}

fn line(word: &str, colour: AnsiColor, message: &dyn Display) {
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let message = printable(&message.to_string());
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(anstream::stderr().lock(), "{style}{word}:{style:#} {message}");
}
