//! The latest decisions, and why they are what they are.

use std::fmt;

use super::table::{nothing, section, table};
use super::words::{Badge, Clock, Look};
use super::{Decision, Page};
use crate::html::escape;
use crate::inventory::names;
use crate::metrics::Endpoint;
use crate::posture::Posture;
use crate::review::{Note, Outcome, Record};
use crate::rules::RuleResult;

/// So many are shown.
const MOST: usize = 24;

pub(super) fn write(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    section(f, "decisions", "Latest decisions", |f| {
        if page.decisions.is_empty() {
            return nothing(f, "Nothing was reviewed since this replica started.");
        }
        let shown = &page.decisions[..page.decisions.len().min(MOST)];
        let caption = "The newest first (UTC). Those that want a look stay longer than others";
        let head = ["What", "Outcome, and why"];
        table(f, "decisions", caption, &head, shown, row)
    })
}

/// Two columns, so that both are seen on a narrow screen.
fn row(decision: &Decision, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let record = &decision.record;
    f.write_str("<th scope=\"row\">")?;
    if !record.namespace.is_empty() {
        write!(f, "{}/", escape(&record.namespace))?;
    }
    write!(f, "{}", escape(if record.name.is_empty() { "(no name)" } else { &record.name }))?;
    write!(f, "</th><td class=\"wrap\">{}", outcome(decision))?;
    if record.dry_run {
        write!(f, " {}", Badge(Look::Plain, "dry run"))?;
    }
    if let Some(posture) = record.posture.filter(|posture| *posture != Posture::Full) {
        write!(f, " {}", Badge(Look::Warn, posture.as_str()))?;
    }
    let (clock, policy) = (Clock(decision.at), escape(&record.policy));
    writeln!(f, " <span class=\"muted\">{clock} {policy}</span><br>")?;
    why(record, f)?;
    f.write_str("</td>")
}

const fn outcome(decision: &Decision) -> Badge {
    let look = match (decision.endpoint, decision.record.outcome) {
        (_, Outcome::FailedOpen | Outcome::FailedClosed) => Look::Bad,
        (_, Outcome::Denied) => Look::Warn,
        (Endpoint::Mutate, Outcome::Patched) => Look::Change,
        (_, Outcome::Skipped) => Look::Plain,
        (_, Outcome::Patched | Outcome::Unchanged | Outcome::Allowed) => Look::Ok,
    };
    Badge(look, decision.record.outcome.as_str())
}

/// What was done and what was not, and what there is to say of it.
fn why(record: &Record, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut lines = Lines { f, written: false };
    if let Some(why) = &record.why {
        lines.add(format_args!("{}", escape(why)))?;
    }
    for result in RuleResult::ALL {
        let rules = record.results.of(result);
        if result == RuleResult::AlreadySecure || rules.is_empty() {
            continue;
        }
        let names = names(rules).replace(',', ", ");
        lines.add(format_args!("<span class=\"muted\">{}</span> {names}", result.as_str()))?;
    }
    for note in &record.notes {
        let (Note::ExemptionRefused(text) | Note::NotHardened(text)) = note;
        lines.add(format_args!("{}", escape(text)))?;
    }
    // A note says the same in more words.
    if record.notes.is_empty() {
        for refusal in &record.refusals {
            lines.add(format_args!("an annotation is not honoured: {}", refusal.as_str()))?;
        }
    }
    for remark in &record.remarks {
        lines.add(format_args!("{}", remark.as_str()))?;
    }
    let secure = record.results.of(RuleResult::AlreadySecure).iter().count();
    if !lines.written && secure > 0 {
        lines.add(format_args!("secure as written, by {secure} rules"))?;
    }
    Ok(())
}

struct Lines<'f, 'b> {
    f: &'f mut fmt::Formatter<'b>,
    written: bool,
}

impl Lines<'_, '_> {
    fn add(&mut self, line: fmt::Arguments<'_>) -> fmt::Result {
        if self.written {
            self.f.write_str("<br>")?;
        }
        self.written = true;
        self.f.write_fmt(line)
    }
}
