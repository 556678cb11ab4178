//! What commands print of a cluster, in the forms that kubectl has.

use std::io::{self, Write};

use anyhow::Context as _;
use pod_hardener::manifest::to_yaml;
use serde::Serialize;

use super::say;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Output {
    /// For people
    Table,
    /// The same, with more columns
    Wide,
    /// One JSON value
    Json,
    /// The same as YAML
    Yaml,
    /// The objects' names, one a line, as kubectl takes them
    Name,
}

/// A value as JSON or YAML; `false`: it is to be printed in another form.
pub(super) fn value<T: Serialize + ?Sized>(
    out: &mut impl Write,
    value: &T,
    output: Output,
) -> anyhow::Result<bool> {
    match output {
        Output::Json => json(out, value)?,
        Output::Yaml => yaml(out, value)?,
        Output::Table | Output::Wide | Output::Name => return Ok(false),
    }
    Ok(true)
}

pub(super) fn json<T: Serialize + ?Sized>(out: &mut impl Write, value: &T) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

pub(super) fn yaml<T: Serialize + ?Sized>(out: &mut impl Write, value: &T) -> anyhow::Result<()> {
    let value = serde_json::to_value(value).context("writing YAML")?;
    out.write_all(to_yaml(&value).as_bytes())?;
    Ok(())
}

/// Columns of text; a cell that is empty is a dash.
pub(super) fn table<const N: usize>(
    out: &mut impl Write,
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let cell = |text: String| {
        if text.is_empty() { "-".to_owned() } else { say::printable(&text).replace('\n', " ") }
    };
    let rows = rows.into_iter().map(|row| row.map(cell));
    let lines: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    for line in &lines {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("   ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut out = Vec::new();
        let rows = [["a".to_owned(), String::new()], ["schön".to_owned(), "x\n\u{1b}[2J".to_owned()]];
        table(&mut out, ["NAME", "REASON"], rows).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        assert_eq!(text, "NAME    REASON\na       -\nschön   x \u{fffd}[2J\n");
    }
}
