//! What came of each rule.

use std::fmt;

use super::Page;
use super::table::{nothing, section, table};
use crate::rules::{RuleId, RuleResult};

/// What a bar is made of: its colour, what it is, and of which results.
const PARTS: [(&str, &str, &[RuleResult]); 4] = [
    ("ok", "secure as written", &[RuleResult::AlreadySecure]),
    ("change", "hardened", &[RuleResult::Injected, RuleResult::Replaced]),
    ("warn", "exempted, or as far as the image can live with", &[RuleResult::Exempted, RuleResult::Lowered]),
    ("bad", "left insecure", &[RuleResult::Observed, RuleResult::Impossible]),
];

/// So wide is a bar, in its own units.
const WIDTH: u64 = 1000;

pub(super) fn write(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let counted = |rule: RuleId| {
        PARTS.map(|(.., results)| {
            results.iter().map(|result| page.numbers.rule_result(rule, *result)).sum::<u64>()
        })
    };
    let rules: Vec<(RuleId, [u64; PARTS.len()])> =
        RuleId::ALL.iter().map(|rule| (*rule, counted(*rule))).collect();
    section(f, "coverage", "Coverage by rule", |f| {
        if rules.iter().all(|(_, counts)| counts.iter().all(|count| *count == 0)) {
            return nothing(f, "No pod was reviewed since this replica started.");
        }
        f.write_str("<ul class=\"legend\">")?;
        for (class, what, _) in PARTS {
            write!(
                f,
                "<li><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"10\" \
                 height=\"10\"/></svg>{what}</li>"
            )?;
        }
        f.write_str("</ul>\n")?;
        let caption = "Results in pods that this replica reviewed since it started; a pod can count twice";
        let head =
            ["Rule", "Share", "Secure#", "Hardened#", "Exempted#", "Lowered#", "Observed#", "Impossible#"];
        table(f, "coverage", caption, &head, &rules, |(rule, counts), f| {
            write!(f, "<th scope=\"row\">{rule}</th><td>")?;
            bar(f, counts)?;
            f.write_str("</td>")?;
            let hardened = counts[1];
            let of = |result| page.numbers.rule_result(*rule, result);
            let cells = [
                of(RuleResult::AlreadySecure),
                hardened,
                of(RuleResult::Exempted),
                of(RuleResult::Lowered),
                of(RuleResult::Observed),
                of(RuleResult::Impossible),
            ];
            cells.iter().try_for_each(|count| {
                let class = if *count == 0 { "number muted" } else { "number" };
                write!(f, "<td class=\"{class}\">{count}</td>")
            })
        })
    })
}

/// A bar of the parts; what it says is in the cells beside it.
fn bar(f: &mut fmt::Formatter<'_>, counts: &[u64; PARTS.len()]) -> fmt::Result {
    let all: u64 = counts.iter().sum();
    write!(
        f,
        "<svg viewBox=\"0 0 {WIDTH} 10\" width=\"160\" height=\"12\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\">"
    )?;
    let mut before = 0;
    for ((class, ..), count) in PARTS.iter().zip(counts) {
        let (from, to) = (place(before, all), place(before + count, all));
        before += count;
        if to > from {
            let width = to - from;
            write!(f, "<rect class=\"{class}\" x=\"{from}\" width=\"{width}\" height=\"10\"/>")?;
        }
    }
    f.write_str("</svg>")
}

/// Where in the bar a part of the whole ends.
fn place(part: u64, all: u64) -> u64 {
    u64::try_from(u128::from(part) * u128::from(WIDTH) / u128::from(all.max(1))).unwrap_or(WIDTH)
}
