//! Bars, as SVG that is stretched to the width that there is.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::html::escape;

/// A part of a bar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// The colour.
    pub(super) class: &'static str,
    /// What it is.
    pub(super) what: &'static str,
    pub(super) count: usize,
}

/// An item of a list of bars: its name, the bar, and a number beside it.
pub(super) fn bar(
    out: &mut impl Write,
    name: &str,
    parts: &[Part],
    whole: usize,
    number: &str,
) -> io::Result<()> {
    let there = || parts.iter().filter(|part| part.count > 0);
    let said: Vec<String> = there().map(|part| format!("{} {}", part.count, part.what)).collect();
    let said = if said.is_empty() { "none".to_owned() } else { said.join(", ") };
    let mut rectangles = String::new();
    let mut at = 0.0;
    for part in there() {
        let width = share(part.count, whole);
        // Writing to a string does not fail.
        let _ = write!(
            rectangles,
            "<rect class=\"{}\" x=\"{at:.3}\" width=\"{width:.3}\" height=\"1\"><title>{} {}</title></rect>",
            part.class, part.count, part.what
        );
        at += width;
    }
    writeln!(
        out,
        "<li><span>{}</span><svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{said}\">{rectangles}</svg><span class=\"number\">{number}</span></li>",
        escape(name)
    )
}

/// In hundredths.
#[allow(clippy::cast_precision_loss, reason = "nobody sees a millionth of a bar")]
fn share(count: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * count as f64 / whole as f64 }
}

/// What the colours mean.
pub(super) fn legend(
    out: &mut impl Write,
    entries: impl Iterator<Item = (&'static str, &'static str)>,
) -> io::Result<()> {
    write!(out, "<ul class=\"legend\" aria-hidden=\"true\">")?;
    for (class, words) in entries {
        write!(
            out,
            "<li><svg viewBox=\"0 0 1 1\"><rect class=\"{class}\" width=\"1\" height=\"1\"/></svg>{words}</li>"
        )?;
    }
    writeln!(out, "</ul>")
}
