//! HTML: one file with charts, which needs nothing else. No script, no asset from elsewhere; what comes from outside is
//! escaped, and a Content-Security-Policy allows nothing but the one style.

mod chart;
mod details;

use std::io::{self, Write};

use super::{MOST_ROWS, SHOWN, evidence, words};
use crate::html::{STYLE, STYLE_HASH, escape};
use crate::report::{Level, Likelihood, Report, Standard, rfc3339};
use crate::rules::RuleResult;
use chart::{Part, bar, legend};

/// Writes the report as one HTML file.
///
/// # Errors
/// When the output does not take it.
pub fn html(report: &Report, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{STYLE_HASH}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Hardening report of {about}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">To the content</a>\n\
         <header>\n<h1>Hardening report</h1>\n<p class=\"muted\">Of {about}, {made}</p>\n",
        about = escape(&report.about),
        made = rfc3339(report.made),
    )?;
    navigation(report, out)?;
    writeln!(out, "</header>\n<main id=\"content\">")?;
    cards(report, out)?;
    for note in &report.notes {
        writeln!(out, "<section><p><span class=\"badge warn\">note</span> {}</p></section>", escape(note))?;
    }
    if report.summary.workloads > 0 {
        levels(report, out)?;
        rules(report, out)?;
        standards(report, out)?;
        postures(report, out)?;
        namespaces(report, out)?;
        risks(report, out)?;
        stays_open(report, out)?;
        exemptions(report, out)?;
        details::workloads(report, out)?;
    }
    writeln!(
        out,
        "</main>\n<footer><p>Made by {}. Counts are of workloads: the pods of one count once.</p></footer>\n\
         </body>\n</html>",
        escape(&report.made_by)
    )
}

/// The sections that there are, with their anchors.
fn navigation(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.summary.workloads == 0 {
        return Ok(());
    }
    let sections = [
        ("levels", "Pod Security", true),
        ("rules", "Rules", true),
        ("standards", "Standards", true),
        ("postures", "Postures", has_postures(report)),
        ("namespaces", "Namespaces", report.summary.namespaces.len() > 1),
        ("risks", "Likely to break", report.summary.likely_to_break.iter().any(|count| *count > 0)),
        ("open", "What stays insecure", !report.summary.stays_open.is_empty()),
        ("exemptions", "Exemptions", !report.exemptions.is_empty()),
        ("workloads", "Workloads", true),
    ];
    write!(out, "<nav aria-label=\"Sections\"><ul>")?;
    for (anchor, title, _) in sections.iter().filter(|(_, _, there)| *there) {
        write!(out, "<li><a href=\"#{anchor}\">{title}</a></li>")?;
    }
    writeln!(out, "</ul></nav>")
}

fn cards(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let summary = &report.summary;
    let restricted = |count: fn(&crate::report::LevelCount) -> usize| {
        summary.levels.iter().find(|of| of.level == Level::Restricted).map_or(0, count)
    };
    let [_, _, high] = summary.likely_to_break;
    let mut cards = vec![(summary.workloads.to_string(), "workloads")];
    if summary.pods > 0 {
        cards.push((summary.pods.to_string(), "running pods"));
    }
    cards.extend([
        (summary.changing.to_string(), "would change"),
        (
            format!("{} → {}", restricted(|of| of.before), restricted(|of| of.after)),
            "meet Pod Security restricted",
        ),
        (summary.open.to_string(), "with something that stays insecure"),
        (high.to_string(), "very likely to break"),
        (summary.exempted.to_string(), "with an exemption"),
    ]);
    write!(out, "<ul class=\"cards\">")?;
    for (number, what) in cards {
        write!(out, "<li class=\"card\"><b>{number}</b><span>{what}</span></li>")?;
    }
    writeln!(out, "</ul>")
}

const fn class_of_level(level: Level) -> &'static str {
    match level {
        Level::Privileged => "bad",
        Level::Baseline => "warn",
        Level::Restricted => "ok",
    }
}

fn levels(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<section id=\"levels\">\n<h2>Pod Security</h2>\n<p>The level that workloads meet.</p>")?;
    let levels = || report.summary.levels.iter().rev();
    legend(out, levels().map(|count| (class_of_level(count.level), count.level.as_str())))?;
    writeln!(out, "<ul class=\"bars\">")?;
    for (name, after) in [("now", false), ("afterwards", true)] {
        let parts: Vec<Part> = levels()
            .map(|of| Part {
                class: class_of_level(of.level),
                what: of.level.as_str(),
                count: if after { of.after } else { of.before },
            })
            .collect();
        let restricted = parts.first().map_or(0, |part| part.count);
        bar(out, name, &parts, report.summary.workloads, &format!("{restricted} restricted"))?;
    }
    writeln!(out, "</ul>\n</section>")
}

/// What a bar of a rule is made of: the colour, the words, and the results.
const PARTS: [(&str, &str, &[RuleResult]); 5] = [
    ("ok", "secure already", &[RuleResult::AlreadySecure]),
    ("change", "would change", &[RuleResult::Injected, RuleResult::Replaced]),
    ("rest", "exempted", &[RuleResult::Exempted]),
    ("warn", "not applied: the image could not live with it", &[RuleResult::Lowered]),
    ("bad", "stays insecure", &[RuleResult::Observed, RuleResult::Impossible]),
];

fn rules(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<section id=\"rules\">\n<h2>Rules</h2>\n<p>What comes of each rule, by workloads.</p>")?;
    legend(out, PARTS.iter().map(|(class, words, _)| (*class, *words)))?;
    writeln!(out, "<ul class=\"bars\">")?;
    for count in report.summary.rules.iter().filter(|count| count.results.iter().any(|count| *count > 0)) {
        let parts = PARTS.map(|(class, what, results)| Part {
            class,
            what,
            count: results.iter().map(|result| count.results[*result as usize]).sum(),
        });
        let said = [(parts[1].count, "change"), (parts[4].count, "stay")];
        let said = said.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let said = said.collect::<Vec<_>>().join(", ");
        bar(out, count.rule.as_str(), &parts, report.summary.workloads, &said)?;
    }
    writeln!(out, "</ul>")?;
    let head = ["rule"].into_iter().chain(SHOWN.map(RuleResult::as_str));
    let rows = report.summary.rules.iter().map(|count| {
        let cells = SHOWN.map(|result| number(count.results[result as usize]));
        std::iter::once(format!("<th scope=\"row\">{}</th>", count.rule)).chain(cells).collect()
    });
    writeln!(out, "<details><summary>The numbers</summary>")?;
    table(out, "Workloads by what comes of each rule", head, rows)?;
    writeln!(out, "</details>\n</section>")
}

fn standards(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "<section id=\"standards\">\n<h2>Standards</h2>\n<p>Workloads that do not meet a control, now and \
         afterwards. Controls that all of them meet are left out.</p>"
    )?;
    for standard in Standard::ALL {
        let of_it = report.summary.controls.iter().filter(|count| count.control.standard == standard);
        let unmet: Vec<_> = of_it.filter(|count| count.before + count.after > 0).collect();
        writeln!(out, "<h3>{}</h3>", standard.title())?;
        if unmet.is_empty() {
            writeln!(out, "<p class=\"muted\">All workloads meet all of it.</p>")?;
            continue;
        }
        writeln!(out, "<ul class=\"bars\">")?;
        for count in unmet {
            let id = count.control.id;
            let title = if count.title == id { String::new() } else { format!(" {}", count.title) };
            let mended = count.before.saturating_sub(count.after);
            let parts = [
                Part { class: "bad", what: "not met afterwards either", count: count.after },
                Part { class: "change", what: "met afterwards", count: mended },
            ];
            let numbers = format!("{} → {}", count.before, count.after);
            bar(out, &format!("{id}{title}"), &parts, report.summary.workloads, &numbers)?;
        }
        writeln!(out, "</ul>")?;
    }
    writeln!(out, "</section>")
}

fn has_postures(report: &Report) -> bool {
    report.summary.postures.iter().any(|count| count.workloads > 0)
}

fn postures(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if !has_postures(report) {
        return Ok(());
    }
    writeln!(
        out,
        "<section id=\"postures\">\n<h2>Postures</h2>\n<p>How far workloads would be hardened, by what their images \
         can live with.</p>\n<ul class=\"bars\">"
    )?;
    for (count, class) in report.summary.postures.iter().rev().zip(["ok", "change", "warn"]) {
        let part = Part { class, what: count.posture.as_str(), count: count.workloads };
        bar(out, part.what, &[part], report.summary.workloads, &part.count.to_string())?;
    }
    writeln!(out, "</ul>\n</section>")
}

fn namespaces(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.summary.namespaces.len() < 2 {
        return Ok(());
    }
    writeln!(out, "<section id=\"namespaces\">\n<h2>Namespaces</h2>")?;
    let has_pods = report.summary.pods > 0;
    let rows = report.summary.namespaces.iter().map(|count| {
        let name = if count.namespace.is_empty() { "(none named)" } else { &count.namespace };
        let mut row = vec![format!("<th scope=\"row\">{}</th>", escape(name)), number(count.workloads)];
        row.extend(has_pods.then(|| number(count.pods)));
        row.extend([
            number(count.changing),
            number(count.open),
            format!("<td class=\"number\">{} → {}</td>", count.restricted_before, count.restricted_after),
        ]);
        row
    });
    let head = ["namespace", "workloads", "pods", "would change", "stay insecure", "restricted"];
    let head = head.into_iter().filter(|title| has_pods || *title != "pods");
    table(out, "Workloads by namespace", head, rows)?;
    writeln!(out, "</section>")
}

const fn class_of(likelihood: Likelihood) -> &'static str {
    match likelihood {
        Likelihood::High => "bad",
        Likelihood::Medium => "warn",
        Likelihood::Low => "rest",
    }
}

fn risks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let risky = report.risky();
    if risky.is_empty() {
        return Ok(());
    }
    let [low, medium, high] = report.summary.likely_to_break;
    writeln!(
        out,
        "<section id=\"risks\">\n<h2>Most likely to break</h2>\n<p>{high} high, {medium} medium, {low} low. The \
         likeliest first; a profile of the image, or an annotation, says what is not known.</p>"
    )?;
    let rows = risky.iter().take(MOST_ROWS).map(|workload| {
        let likelihood = workload.likelihood().unwrap_or(Likelihood::Low);
        let evidence: Vec<String> = evidence(workload).iter().map(|line| escape(line).to_string()).collect();
        vec![
            format!("<td>{}</td>", badge(class_of(likelihood), likelihood.as_str())),
            format!("<th scope=\"row\" class=\"wrap\">{}</th>", escape(&workload.full_name())),
            format!("<td class=\"wrap\">{}</td>", evidence.join("<br>")),
        ]
    });
    let head = ["how likely", "workload", "evidence"];
    table(out, "Workloads and what speaks for it that they break", head.into_iter(), rows)?;
    more(out, risky.len())?;
    writeln!(out, "</section>")
}

fn stays_open(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let open = &report.summary.stays_open;
    if open.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section id=\"open\">\n<h2>What stays insecure, and why</h2>")?;
    let rows = open.iter().take(MOST_ROWS).map(|open| {
        let live_with = open.rule.meta().live_with;
        vec![
            number(open.workloads),
            format!("<th scope=\"row\">{}</th>", open.rule),
            format!(
                "<td class=\"wrap\">{}<br><span class=\"muted\">{}</span></td>",
                escape(&open.note),
                words(open.result)
            ),
            format!("<td class=\"wrap\">{}</td>", escape(&open.examples.join(", "))),
            format!("<td class=\"wrap\">{}</td>", escape(live_with)),
        ]
    });
    let head = ["workloads", "rule", "what, and why it stays", "such as", "how to live with it"];
    table(out, "Findings that no change mends", head.into_iter(), rows)?;
    more(out, open.len())?;
    writeln!(out, "</section>")
}

fn exemptions(report: &Report, out: &mut impl Write) -> io::Result<()> {
    use crate::inventory::Left;
    if report.exemptions.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section id=\"exemptions\">\n<h2>Exemptions</h2>")?;
    let rows = report.exemptions.iter().map(|row| {
        let of = row.container.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
        let (class, left) = match (row.left, row.days_left) {
            (Left::Expired, _) => ("bad", "has ended".to_owned()),
            (Left::NoEnd, _) | (_, None) => ("warn", "no end".to_owned()),
            (Left::Week, Some(days)) => ("warn", format!("{days} days")),
            (Left::Month | Left::Longer, Some(days)) => ("rest", format!("{days} days")),
        };
        let honoured = if row.honoured { badge("ok", "honoured") } else { badge("bad", "not honoured") };
        vec![
            format!(
                "<th scope=\"row\" class=\"wrap\">{}<br><span class=\"muted\">{}</span></th>",
                escape(&format!("{}{of}", row.place.label())),
                escape(&row.place.namespace)
            ),
            format!("<td class=\"wrap\">{}</td>", escape(&row.rules.replace(',', ", "))),
            format!("<td>{} {}</td>", badge(class, &left), escape(&row.until)),
            format!("<td>{honoured}</td>"),
            format!("<td class=\"wrap\">{}</td>", escape(&row.reason)),
        ]
    });
    let head = ["of", "rules", "left", "", "reason"];
    table(out, "Those that end first before the others", head.into_iter(), rows)?;
    writeln!(out, "</section>")
}

fn number(count: usize) -> String {
    format!("<td class=\"number\">{count}</td>")
}

fn badge(class: &str, text: &str) -> String {
    format!("<span class=\"badge {class}\">{}</span>", escape(text))
}

/// A table whose cells are HTML already; a narrow screen shows its rows as lines.
fn table<'h>(
    out: &mut impl Write,
    caption: &str,
    head: impl Iterator<Item = &'h str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> io::Result<()> {
    let head: Vec<&str> = head.collect();
    let rows: Vec<Vec<String>> = rows.collect();
    write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"stack\">\
         <caption>{caption}</caption><thead><tr>"
    )?;
    for (column, title) in head.iter().enumerate() {
        let first = rows.first().and_then(|row| row.get(column));
        let is_number = first.is_some_and(|cell| cell.contains("class=\"number\""));
        let class = if is_number { " class=\"number\"" } else { "" };
        write!(out, "<th scope=\"col\"{class}>{title}</th>")?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    for row in rows {
        write!(out, "<tr>")?;
        for (cell, title) in row.iter().zip(&head) {
            match cell.strip_prefix("<td") {
                Some(rest) if !title.is_empty() => write!(out, "<td data-label=\"{title}\"{rest}")?,
                _ => write!(out, "{cell}")?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn more(out: &mut impl Write, all: usize) -> io::Result<()> {
    if all <= MOST_ROWS {
        return Ok(());
    }
    writeln!(out, "<p class=\"muted\">… and {} more: in the workloads below.</p>", all - MOST_ROWS)
}
