//! Numbers and times, as people read them.

use std::fmt::{self, Display};

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const SHOWN: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
const CLOCK: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]");

/// A `<time>` with date and time of day.
pub(super) struct Stamp(pub(super) OffsetDateTime);

/// A `<time>` that shows the time of day alone.
pub(super) struct Clock(pub(super) OffsetDateTime);

impl Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        time_of(f, self.0, SHOWN)
    }
}

impl Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        time_of(f, self.0, CLOCK)
    }
}

fn time_of(
    f: &mut fmt::Formatter<'_>,
    time: OffsetDateTime,
    shown: &[BorrowedFormatItem<'_>],
) -> fmt::Result {
    let text = |format: &[BorrowedFormatItem<'_>]| time.format(format).unwrap_or_default();
    write!(f, "<time datetime=\"{}\">{}</time>", text(STAMP), text(shown))
}

/// How long: in the two largest units that say something.
pub(super) struct Long(pub(super) Duration);

impl Display for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.whole_seconds().max(0);
        match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
            (0, 0, 0, seconds) => write!(f, "{seconds} s"),
            (0, 0, minutes, _) => write!(f, "{minutes} min"),
            (0, hours, minutes, _) => write!(f, "{hours} h {minutes} min"),
            (days @ 1..=13, hours, ..) => write!(f, "{days} d {hours} h"),
            (days, ..) => write!(f, "{days} days"),
        }
    }
}

/// A number and its noun: the plural unless it is one.
pub(super) struct Counted(pub(super) u64, pub(super) &'static str, pub(super) &'static str);

impl Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, one, more) = self;
        write!(f, "{number} {}", if *number == 1 { one } else { more })
    }
}

/// What a state looks like: the class of a badge, as [`crate::html::STYLE`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Ok,
    Change,
    Warn,
    Bad,
    Plain,
}

/// A word that stands out. The word is ours, never somebody else's.
pub(super) struct Badge(pub(super) Look, pub(super) &'static str);

impl Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.0 {
            Look::Ok => " ok",
            Look::Change => " change",
            Look::Warn => " warn",
            Look::Bad => " bad",
            Look::Plain => "",
        };
        write!(f, "<span class=\"badge{class}\">{}</span>", self.1)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_are_written_for_people_and_machines() {
        let time = datetime!(2027-01-02 03:04:05.6 UTC);
        assert_eq!(
            Stamp(time).to_string(),
            "<time datetime=\"2027-01-02T03:04:05Z\">2027-01-02 03:04:05 UTC</time>"
        );
        assert_eq!(Clock(time).to_string(), "<time datetime=\"2027-01-02T03:04:05Z\">03:04:05</time>");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3 * 3600 + 61, "3 h 1 min"),
            (86_400 + 7200, "1 d 2 h"),
            (20 * 86_400 + 7200, "20 days"),
        ] {
            assert_eq!(Long(Duration::seconds(seconds)).to_string(), text);
        }
        assert_eq!(Counted(1, "pod", "pods").to_string(), "1 pod");
        assert_eq!(Counted(0, "pod", "pods").to_string(), "0 pods");
    }
}
