//! For a terminal: what matters first, one line for each thing.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{MOST_ROWS, SHOWN, counted, evidence, pods, words};
use crate::message::printable;
use crate::report::{Likelihood, Report, Standard, Workload, rfc3339};
use crate::rules::{RuleId, RuleResult};

const HEADING: Style = Style::new().bold();
const RED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
const YELLOW: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
const GREEN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const PLAIN: Style = Style::new();

/// A cell: its text, its colour, and whether it is a number, which stands on the right.
struct Cell(String, Style, bool);

fn text(text: &str) -> Cell {
    Cell(if text.is_empty() { "-".to_owned() } else { printable(text).replace('\n', " ") }, PLAIN, false)
}

fn number(count: usize, style: Style) -> Cell {
    Cell(count.to_string(), if count == 0 { PLAIN } else { style }, true)
}

/// Writes the report for a terminal, with colours as escape codes.
///
/// # Errors
/// When the output does not take it.
pub fn table(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let summary = &report.summary;
    writeln!(out, "{}, {}, {}", printable(&report.about), rfc3339(report.made), report.made_by)?;
    let pods = pods(summary);
    writeln!(
        out,
        "{}{pods}: {} would change, {} with something that stays insecure, {} with an exemption",
        counted(summary.workloads, "workload"),
        summary.changing,
        summary.open,
        summary.exempted
    )?;
    for note in &report.notes {
        writeln!(out, "note: {}", printable(note))?;
    }
    if summary.workloads == 0 {
        return Ok(());
    }
    standards(report, out)?;
    rules(report, out)?;
    postures(report, out)?;
    if summary.namespaces.len() > 1 {
        namespaces(report, out)?;
    }
    risks(report, out)?;
    stays_open(report, out)?;
    exemptions(report, out)?;
    workloads(report, out)
}

fn heading(out: &mut impl Write, title: &str) -> io::Result<()> {
    writeln!(out, "\n{HEADING}{title}{HEADING:#}")
}

fn standards(report: &Report, out: &mut impl Write) -> io::Result<()> {
    heading(out, "Pod Security: workloads by the level that they meet")?;
    let levels = report.summary.levels.iter().rev().map(|count| {
        vec![text(count.level.as_str()), number(count.before, PLAIN), number(count.after, PLAIN)]
    });
    grid(out, &["LEVEL", "NOW", "AFTER"], levels.collect())?;
    heading(out, "Standards: workloads that do not meet a control")?;
    let unmet = report.summary.controls.iter().filter(|count| count.before + count.after > 0);
    let rows = unmet.map(|count| {
        let control = count.control;
        let title = if count.title == control.id { "" } else { count.title };
        vec![
            text(short(control.standard)),
            text(control.id),
            number(count.before, PLAIN),
            number(count.after, if count.after < count.before { YELLOW } else { RED }),
            text(title),
        ]
    });
    grid(out, &["STANDARD", "CONTROL", "NOW", "AFTER", "WHAT"], rows.collect())
}

const fn short(standard: Standard) -> &'static str {
    match standard {
        Standard::Baseline => "baseline",
        Standard::Restricted => "restricted",
        Standard::Cis => "CIS",
        Standard::Owasp => "OWASP",
    }
}

fn rules(report: &Report, out: &mut impl Write) -> io::Result<()> {
    heading(out, "Rules: workloads by what comes of each")?;
    let style = |result| match result {
        RuleResult::AlreadySecure => GREEN,
        RuleResult::Observed | RuleResult::Impossible => RED,
        RuleResult::Exempted | RuleResult::Lowered | RuleResult::Replaced => YELLOW,
        RuleResult::Injected => PLAIN,
    };
    let looked_at = report.summary.rules.iter().filter(|count| count.results.iter().any(|count| *count > 0));
    let rows = looked_at.map(|count| {
        let cells = SHOWN.map(|result| number(count.results[result as usize], style(result)));
        std::iter::once(text(count.rule.as_str())).chain(cells).collect()
    });
    let head = ["RULE", "SECURE", "SET", "REPLACED", "EXEMPTED", "LOWERED", "OBSERVED", "IMPOSSIBLE"];
    grid(out, &head, rows.collect())
}

fn postures(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let found: Vec<_> = report.summary.postures.iter().filter(|count| count.workloads > 0).collect();
    if found.is_empty() {
        return Ok(());
    }
    heading(out, "Postures: workloads by how far they would be hardened")?;
    let rows = found.iter().map(|count| vec![text(count.posture.as_str()), number(count.workloads, PLAIN)]);
    grid(out, &["POSTURE", "WORKLOADS"], rows.collect())
}

fn namespaces(report: &Report, out: &mut impl Write) -> io::Result<()> {
    heading(out, "Namespaces")?;
    let rows = report.summary.namespaces.iter().map(|count| {
        vec![
            text(&count.namespace),
            number(count.workloads, PLAIN),
            number(count.pods, PLAIN),
            number(count.changing, PLAIN),
            number(count.open, RED),
            number(count.restricted_before, GREEN),
            number(count.restricted_after, GREEN),
        ]
    });
    let head = ["NAMESPACE", "WORKLOADS", "PODS", "CHANGE", "OPEN", "RESTRICTED NOW", "AFTER"];
    grid(out, &head, rows.collect())
}

fn risks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let risky = report.risky();
    if risky.is_empty() {
        return Ok(());
    }
    heading(out, "Most likely to break")?;
    for workload in risky.iter().take(MOST_ROWS) {
        let (style, word) = match workload.likelihood() {
            Some(Likelihood::High) => (RED, "high"),
            Some(Likelihood::Medium) => (YELLOW, "medium"),
            _ => (PLAIN, "low"),
        };
        writeln!(out, "{style}{word:<6}{style:#}  {}", printable(&workload.full_name()))?;
        for line in evidence(workload) {
            writeln!(out, "        {}", printable(&line))?;
        }
    }
    more(out, risky.len(), MOST_ROWS)
}

fn stays_open(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let open = &report.summary.stays_open;
    if open.is_empty() {
        return Ok(());
    }
    heading(out, "What stays insecure, and why")?;
    let rows = open.iter().take(MOST_ROWS).map(|open| {
        vec![
            number(open.workloads, PLAIN),
            text(open.rule.as_str()),
            text(words(open.result)),
            text(&open.note),
            text(&open.examples.join(", ")),
        ]
    });
    grid(out, &["WORKLOADS", "RULE", "WHY", "WHAT", "SUCH AS"], rows.collect())?;
    more(out, open.len(), MOST_ROWS)
}

fn exemptions(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.exemptions.is_empty() {
        return Ok(());
    }
    heading(out, "Exemptions")?;
    let rows = report.exemptions.iter().map(|row| {
        let of = row.container.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
        vec![
            text(&row.place.namespace),
            text(&format!("{}{of}", row.place.label())),
            text(&row.rules),
            text(&row.until),
            row.days_left.map_or_else(|| text(""), |days| Cell(days.to_string(), PLAIN, true)),
            Cell(
                if row.honoured { "yes" } else { "no" }.to_owned(),
                if row.honoured { PLAIN } else { RED },
                false,
            ),
            text(&row.reason),
        ]
    });
    grid(out, &["NAMESPACE", "OF", "RULES", "UNTIL", "DAYS", "HONOURED", "REASON"], rows.collect())
}

fn workloads(report: &Report, out: &mut impl Write) -> io::Result<()> {
    heading(out, "Workloads")?;
    let rows = report.workloads.iter().map(|workload| {
        vec![
            text(&workload.place.namespace),
            text(&workload.place.label()),
            number(workload.pods, PLAIN),
            text(&workload.policy),
            text(workload.posture.map_or("", crate::posture::Posture::as_str)),
            text(&names(workload, &[RuleResult::Injected, RuleResult::Replaced])),
            text(&names(workload, &[RuleResult::Observed, RuleResult::Impossible, RuleResult::Lowered])),
        ]
    });
    let head = ["NAMESPACE", "WORKLOAD", "PODS", "POLICY", "POSTURE", "WOULD CHANGE", "STAYS OPEN"];
    grid(out, &head, rows.collect())
}

/// How many rules, and which where these are few.
fn names(workload: &Workload, results: &[RuleResult]) -> String {
    let none = crate::rules::RuleSet::default();
    let rules = results.iter().fold(none, |rules, result| rules.union(workload.of(*result)));
    let names: Vec<&str> = rules.iter().map(RuleId::as_str).collect();
    if names.len() > 3 { counted(names.len(), "rule") } else { names.join(",") }
}

fn more(out: &mut impl Write, all: usize, shown: usize) -> io::Result<()> {
    if all > shown { writeln!(out, "… and {} more: -o json has all", all - shown) } else { Ok(()) }
}

/// Columns as wide as what stands in them.
fn grid(out: &mut impl Write, head: &[&str], rows: Vec<Vec<Cell>>) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "none");
    }
    let of_rows = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let width = |column: usize| {
        let cells = of_rows(column).map(|cell| cell.0.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let heading = head.iter().enumerate().map(|(column, title)| {
        let right = of_rows(column).any(|cell| cell.2);
        Cell((*title).to_owned(), HEADING, right)
    });
    for row in std::iter::once(heading.collect()).chain(rows) {
        let last = row.len().saturating_sub(1);
        for (column, Cell(text, style, right)) in row.iter().enumerate() {
            let space = " ".repeat(widths[column] - text.chars().count());
            let between = if column == 0 { "" } else { "  " };
            match (*right, column == last) {
                (true, _) => write!(out, "{between}{space}{style}{text}{style:#}")?,
                (false, true) => write!(out, "{between}{style}{text}{style:#}")?,
                (false, false) => write!(out, "{between}{style}{text}{style:#}{space}")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
