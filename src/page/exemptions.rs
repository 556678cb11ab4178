//! Exemptions that running pods live on, by the time that they have left.

use std::fmt;

use super::Page;
use super::table::{nothing, section, table};
use super::words::{Badge, Counted, Look};
use crate::html::escape;
use crate::inventory::stored::Row;

/// One that ends within so many days is marked, as its owner is told.
const SOON: i64 = crate::inventory::SOON.whole_days();

pub(super) fn write(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    section(f, "exemptions", "Exemptions", |f| {
        let Some(exemptions) = &page.exemptions else {
            return nothing(f, "No cluster is watched, or its exempted pods were not listed yet.");
        };
        if exemptions.rows.is_empty() {
            return nothing(f, "No running pod lives on an exemption.");
        }
        let caption = "What running pods live on; those that end first come first";
        let head = ["Left", "Whose", "Rules", "Reason", "Pods#"];
        table(f, "exemptions", caption, &head, &exemptions.rows, row)?;
        let more = exemptions.all.saturating_sub(exemptions.rows.len());
        if more == 0 {
            return Ok(());
        }
        let more = Counted(more as u64, "more is", "more are");
        nothing(f, format_args!("{more} not shown: <code>kubectl harden exemptions list -A</code>"))
    })
}

fn row(row: &Row, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("<td>")?;
    match row.days_left {
        None => write!(f, "{}", Badge(Look::Warn, "no end"))?,
        Some(days) if days < 0 => write!(f, "{}", Badge(Look::Bad, "ended"))?,
        Some(days) => {
            write!(f, "{}", Counted(days.unsigned_abs(), "day", "days"))?;
            if days < SOON {
                write!(f, " {}", Badge(Look::Warn, "soon"))?;
            }
        }
    }
    if !row.until.is_empty() {
        write!(f, "<br><span class=\"badge\">{}</span>", escape(&row.until))?;
    }
    write!(
        f,
        "</td><th scope=\"row\">{}/{}<br><span class=\"muted\">{}",
        escape(&row.namespace),
        escape(&row.name),
        escape(&row.kind)
    )?;
    if let Some(container) = &row.container {
        write!(f, ", container {}", escape(container))?;
    }
    write!(
        f,
        "</span></th><td>{}</td><td class=\"wrap\">{}</td><td class=\"number\">{}</td>",
        escape(&row.rules.replace(',', ", ")),
        escape(&row.reason),
        row.pods
    )
}
