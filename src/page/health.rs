//! How the replica is doing: readiness, what it knows of the cluster, load.

use std::fmt;

use time::{Duration, OffsetDateTime};

use super::Page;
use super::table::{nothing, section, table};
use super::words::{Badge, Counted, Long, Look};
use crate::html::escape;
use crate::watch::WatchState;

/// The API server is asked every ten seconds whether it is there; longer than this is worth a look.
const SILENCE: Duration = Duration::minutes(1);

const HEAD: [&str; 4] = ["Kind", "Objects#", "Last heard of", ""];

pub(super) fn write(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    section(f, "health", "Health", |f| {
        match &page.health.unready {
            None => writeln!(f, "<p>{} Reviews are answered.</p>", Badge(Look::Ok, "ready"))?,
            Some(why) => writeln!(f, "<p>{} {}</p>", Badge(Look::Bad, "not ready"), escape(why))?,
        }
        load(page, f)?;
        let Some(watches) = &page.health.watches else {
            return nothing(f, "No cluster is watched: what stands in a review is all that is known.");
        };
        contact(page, f)?;
        let (failing, fine): (Vec<_>, Vec<_>) = watches.iter().partition(|watch| !watch.is_well());
        if !failing.is_empty() {
            let caption = "Kinds that are not watched at present; what was known of them stays in use";
            table(f, "failing", caption, &HEAD, &failing, |watch, f| row(watch, page.now, f))?;
        }
        writeln!(
            f,
            "<details id=\"watches\"><summary id=\"watches-s\">{} of the cluster watched</summary>",
            Counted(fine.len() as u64, "kind", "kinds")
        )?;
        let caption = "What answers depend on, as it is known now";
        table(f, "fine", caption, &HEAD, &fine, |watch, f| row(watch, page.now, f))?;
        f.write_str("</details>\n")
    })
}

fn load(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let numbers = &page.numbers;
    write!(
        f,
        "<p>At present {} under way on {}.",
        Counted(numbers.in_flight.unsigned_abs(), "review is", "reviews are"),
        Counted(numbers.connections.unsigned_abs(), "connection", "connections"),
    )?;
    let shed = [
        (numbers.overload, "turned away by overload"),
        (numbers.no_memory, "turned away for want of memory"),
        (numbers.panics, "failed inside"),
    ];
    for (count, what) in shed.iter().filter(|(count, _)| *count > 0) {
        write!(f, " {} {} {what}.", Badge(Look::Bad, "look"), Counted(*count, "review", "reviews"))?;
    }
    f.write_str("</p>\n")
}

fn contact(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let last = OffsetDateTime::from_unix_timestamp(page.numbers.cluster_contact).ok();
    match last.filter(|_| page.numbers.cluster_contact != 0) {
        None => writeln!(f, "<p>{} The API server did not answer yet.</p>", Badge(Look::Warn, "look")),
        Some(last) => {
            let silent = page.now - last;
            let look =
                if silent > SILENCE { Badge(Look::Bad, "silent") } else { Badge(Look::Ok, "in contact") };
            writeln!(f, "<p>{look} The API server last answered {} ago.</p>", Long(silent))
        }
    }
}

fn row(watch: &WatchState, now: OffsetDateTime, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "<th scope=\"row\">{}</th><td class=\"number\">{}</td><td>", watch.kind, watch.objects)?;
    match OffsetDateTime::from_unix_timestamp(watch.heard).ok().filter(|_| watch.heard != 0) {
        Some(heard) => write!(f, "{} ago", Long(now - heard))?,
        None => f.write_str("never")?,
    }
    f.write_str("</td><td class=\"wrap\">")?;
    match &watch.error {
        Some(error) => write!(f, "{}", escape(error))?,
        None if !watch.synced => f.write_str("not listed yet")?,
        None if watch.absent => f.write_str("the cluster has no such kind")?,
        None => {}
    }
    f.write_str("</td>")
}
