//! What running pods live on, as last counted: put here by who watches them, read by who looks at the status page.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use time::OffsetDateTime;

use super::SOON;
use super::stored::Row;

/// So many rows are kept.
const MOST: usize = 200;

/// The exemptions of running pods, one row for those of a workload that are alike.
#[derive(Debug, Clone, Default)]
pub struct Posted {
    /// The first to end come first, those without an end last.
    pub rows: Vec<Row>,
    /// How many there are in all.
    pub all: usize,
    /// How many of them have ended, or end within seven days.
    pub ending: usize,
}

/// Where that is; empty until the pods were listed once.
#[derive(Debug, Default)]
pub struct Board(ArcSwapOption<Posted>);

impl Board {
    /// What was put here last.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Posted>> {
        self.0.load_full()
    }

    /// Puts up what pods live on: when it ends, and a row for each pod.
    pub fn put(&self, rows: impl Iterator<Item = (Option<OffsetDateTime>, Row)>, now: OffsetDateTime) {
        // Without an end is after every end.
        let mut alike: BTreeMap<(bool, Option<OffsetDateTime>, Row), usize> = BTreeMap::new();
        for (end, row) in rows {
            let pods = row.pods;
            *alike.entry((end.is_none(), end, Row { pods: 0, ..row })).or_default() += pods;
        }
        let ending = alike.keys().filter(|(_, end, _)| end.is_some_and(|end| end - now <= SOON)).count();
        let all = alike.len();
        let rows = alike.into_iter().take(MOST).map(|((.., row), pods)| Row { pods, ..row }).collect();
        self.0.store(Some(Arc::new(Posted { rows, all, ending })));
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2027-01-10 12:00 UTC);

    fn row(name: &str, days_left: Option<i64>) -> (Option<OffsetDateTime>, Row) {
        let end = days_left.map(|days| NOW + Duration::days(days));
        let row = Row {
            namespace: "shop".to_owned(),
            kind: "ReplicaSet".to_owned(),
            name: name.to_owned(),
            container: None,
            rules: "seccomp".to_owned(),
            reason: "r".to_owned(),
            until: String::new(),
            days_left,
            by: String::new(),
            pods: 1,
        };
        (end, row)
    }

    #[test]
    fn pods_of_one_workload_are_one_row_and_the_first_to_end_comes_first() {
        let board = Board::default();
        assert!(board.get().is_none());
        let pods = [
            row("never", None),
            row("late", Some(30)),
            row("web", Some(3)),
            row("web", Some(3)),
            row("over", Some(-1)),
        ];
        board.put(pods.into_iter(), NOW);
        let posted = board.get().expect("posted");
        let rows: Vec<(&str, usize)> = posted.rows.iter().map(|row| (row.name.as_str(), row.pods)).collect();
        assert_eq!(rows, [("over", 1), ("web", 2), ("late", 1), ("never", 1)]);
        assert_eq!((posted.all, posted.ending), (4, 2));
    }

    #[test]
    fn it_is_bounded() {
        let board = Board::default();
        board.put((0..3 * MOST).map(|number| row(&format!("web-{number:04}"), None)), NOW);
        let posted = board.get().expect("posted");
        assert_eq!((posted.rows.len(), posted.all), (MOST, 3 * MOST));
    }
}
