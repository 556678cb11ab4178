//! `-o diff`

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use similar::TextDiff;

use super::{Hardened, documents};
use crate::cli::say::printable;

/// A unified diff of a file, if it changes; coloured on a terminal.
pub(super) fn write(out: &mut impl Write, file: &Hardened<'_, '_>) -> io::Result<()> {
    let before: String = documents(file).map(|(document, _)| document.text).collect();
    let after: String = documents(file).map(|(document, outcome)| document.same_syntax(outcome)).collect();
    if before == after {
        return Ok(());
    }
    let diff = TextDiff::from_lines(&before, &after);
    let diff = diff.unified_diff().header(file.name, file.name).to_string();
    let colours = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    if !colours {
        return out.write_all(diff.as_bytes());
    }
    for line in diff.lines() {
        let style = style(line);
        writeln!(out, "{style}{}{style:#}", printable(line))?;
    }
    Ok(())
}

fn style(line: &str) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Style::new().bold(),
        [b'+', ..] => colour(AnsiColor::Green),
        [b'-', ..] => colour(AnsiColor::Red),
        [b'@', ..] => colour(AnsiColor::Cyan),
        _ => Style::new(),
    }
}
