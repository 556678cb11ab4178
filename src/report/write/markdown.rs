//! Markdown: for a merge request or a page.

use std::io::{self, Write};

use super::{MOST_ROWS, SHOWN, change, counted, evidence, line, pods, words};
use crate::message::printable;
use crate::report::{Report, Standard, Workload, rfc3339};
use crate::rules::RuleResult;

/// Writes the report as Markdown.
///
/// # Errors
/// When the output does not take it.
pub fn markdown(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let summary = &report.summary;
    writeln!(out, "# Hardening report\n")?;
    writeln!(out, "Of {}, {}, by {}.\n", escape(&report.about), rfc3339(report.made), report.made_by)?;
    let pods = pods(summary);
    let [low, medium, high] = summary.likely_to_break;
    writeln!(
        out,
        "**{}**{pods}: **{}** would change, **{}** with something that stays insecure, **{}** with an exemption. \
         Likely to break: {high} high, {medium} medium, {low} low.",
        counted(summary.workloads, "workload"),
        summary.changing,
        summary.open,
        summary.exempted
    )?;
    for note in &report.notes {
        writeln!(out, "\n> {}", escape(note))?;
    }
    if summary.workloads > 0 {
        standards(report, out)?;
        rules(report, out)?;
        risks(report, out)?;
        stays_open(report, out)?;
        exemptions(report, out)?;
        workloads(report, out)?;
    }
    Ok(())
}

fn standards(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let levels = report.summary.levels.iter().rev().map(|count| {
        vec![count.level.as_str().to_owned(), count.before.to_string(), count.after.to_string()]
    });
    table(out, "Pod Security", &["level that is met", "now", "after"], levels)?;
    for standard in Standard::ALL {
        let of_it = report.summary.controls.iter().filter(|count| count.control.standard == standard);
        let rows = of_it.filter(|count| count.before + count.after > 0).map(|count| {
            let id = count.control.id;
            let title = if count.title == id { id.to_owned() } else { format!("{id} {}", count.title) };
            vec![title, count.before.to_string(), count.after.to_string()]
        });
        table(out, standard.title(), &["workloads that do not meet", "now", "after"], rows)?;
    }
    Ok(())
}

fn rules(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let looked_at = report.summary.rules.iter().filter(|count| count.results.iter().any(|count| *count > 0));
    let rows = looked_at.map(|count| {
        let cells = SHOWN.map(|result| count.results[result as usize].to_string());
        std::iter::once(format!("`{}`", count.rule)).chain(cells).collect()
    });
    let head: Vec<&str> = std::iter::once("rule").chain(SHOWN.map(RuleResult::as_str)).collect();
    table(out, "Rules", &head, rows)
}

fn risks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let risky = report.risky();
    let rows = risky.iter().take(MOST_ROWS).map(|workload| {
        let evidence: Vec<String> = evidence(workload).iter().map(|line| escape(line)).collect();
        let likelihood = workload.likelihood().map_or("", crate::report::Likelihood::as_str);
        vec![likelihood.to_owned(), escape(&workload.full_name()), evidence.join("<br>")]
    });
    table(out, "Most likely to break", &["how likely", "workload", "evidence"], rows)?;
    more(out, risky.len())
}

fn stays_open(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let open = &report.summary.stays_open;
    let rows = open.iter().take(MOST_ROWS).map(|open| {
        vec![
            open.workloads.to_string(),
            format!("`{}`", open.rule),
            words(open.result).to_owned(),
            escape(&open.note),
            escape(&open.examples.join(", ")),
        ]
    });
    table(out, "What stays insecure, and why", &["workloads", "rule", "why", "what", "such as"], rows)?;
    more(out, open.len())
}

fn exemptions(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let rows = report.exemptions.iter().map(|row| {
        let of = row.container.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
        vec![
            escape(&format!("{} {}{of}", row.place.namespace, row.place.label())),
            row.rules.clone(),
            escape(&row.until),
            row.days_left.map_or_else(String::new, |days| days.to_string()),
            if row.honoured { "yes" } else { "**no**" }.to_owned(),
            escape(&row.reason),
        ]
    });
    table(out, "Exemptions", &["of", "rules", "until", "days left", "honoured", "reason"], rows)
}

fn workloads(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let rows = report.workloads.iter().map(|workload| {
        let place = match (&workload.place.file, workload.place.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => workload.pods.to_string(),
        };
        let (before, after) = (&workload.before, &workload.after);
        vec![
            escape(&workload.full_name()),
            escape(&place),
            escape(&workload.policy),
            if before.pod_security == after.pod_security {
                before.pod_security.as_str().to_owned()
            } else {
                format!("{} → {}", before.pod_security.as_str(), after.pod_security.as_str())
            },
            change(before.unmet.len(), after.unmet.len()),
            results(workload, &[RuleResult::Injected, RuleResult::Replaced]),
            results(workload, &[RuleResult::Observed, RuleResult::Impossible, RuleResult::Lowered]),
        ]
    });
    let head = ["workload", "file or pods", "policy", "Pod Security", "unmet", "would change", "stays open"];
    table(out, "Workloads", &head, rows)
}

fn results(workload: &Workload, results: &[RuleResult]) -> String {
    let lines = results.iter().flat_map(|result| {
        let rules = workload.of(*result);
        rules
            .iter()
            .map(|rule| format!("`{rule}`: {}", escape(&line(workload, rule, *result))))
            .collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("<br>")
}

/// A table under its heading; nothing where there are no rows.
fn table(
    out: &mut impl Write,
    title: &str,
    head: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "\n## {title}\n\n| {} |", head.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(head.len()))?;
    for row in rows {
        writeln!(out, "| {} |", row.join(" | "))?;
    }
    Ok(())
}

fn more(out: &mut impl Write, all: usize) -> io::Result<()> {
    if all > MOST_ROWS { writeln!(out, "\n… and {} more.", all - MOST_ROWS) } else { Ok(()) }
}

/// Text from outside: no markup, no new cell, no new line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '\n' => escaped.push(' '),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn names_bring_no_markup() {
        assert_eq!(
            escape("a|b <img src=x> [l](u) `c`\n*d*"),
            "a\\|b &lt;img src=x&gt; \\[l\\](u) \\`c\\` \\*d\\*"
        );
        assert_eq!(escape("shop/Deployment/web-1"), "shop/Deployment/web-1");
    }
}
