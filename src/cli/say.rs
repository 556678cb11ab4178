//! Lines for people, on standard error. Escape codes in what they quote are taken out unless it is a terminal's own colour.

use std::fmt::Display;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};

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

/// Without control characters: a manifest does not get to move anybody's cursor.
pub(super) fn printable(text: &str) -> String {
    let replace = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    text.chars().map(replace).collect()
}
