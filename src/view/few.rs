//! Lists, bounded: an entry takes many times the bytes that it is written in, and no pod that runs has so many.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::Text;

/// The most that a list may weigh.
pub(super) const MOST: usize = 20_000;

/// How much room something takes in the view, in small entries such as a mount.
pub(super) trait Weigh {
    fn weight(&self) -> usize {
        1
    }
}

/// A list, or `null`; an error when it weighs too much.
pub(super) fn few<'de, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Deserialize<'de> + Weigh,
    D: Deserializer<'de>,
{
    deserializer.deserialize_option(Few(PhantomData))
}

/// For what is no list in JSON, and one here.
pub(super) fn check<E: Error>(weight: usize) -> Result<(), E> {
    if weight <= MOST {
        return Ok(());
    }
    Err(E::custom(format_args!("more than {MOST} {OF_WHAT}")))
}

/// What there can be too many of.
const OF_WHAT: &str = "containers, volumes, mounts, ports, labels or the like";

/// Whether an error says that there is too much of something. No policy lets that pass: a pod could be made unreadable on
/// purpose, with labels that nobody reads.
pub(crate) fn is_too_many(error: &str) -> bool {
    error.contains(OF_WHAT)
}

impl Weigh for i64 {}

impl Weigh for Text<'_> {}

struct Few<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Weigh> Visitor<'de> for Few<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries: Vec<T> = Vec::new();
        let mut weight = 0;
        while let Some(entry) = list.next_element::<T>()? {
            weight += entry.weight();
            check(weight)?;
            entries.push(entry);
        }
        Ok(Some(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::MOST;
    use crate::view::Pod;

    /// A pod with so many of something.
    fn read(before: &str, entry: &str, count: usize, after: &str) -> Result<(), String> {
        let text = format!("{{{before}{}{after}}}", vec![entry; count].join(","));
        let plain = serde_json::from_str::<Pod<'_>>(&text).map(drop).map_err(|error| error.to_string());
        let ours = crate::view::read_json::<Pod<'_>>(&text).map(drop).map_err(|error| error.to_string());
        assert_eq!(plain, ours);
        plain
    }

    #[test]
    fn more_than_any_pod_has_is_not_read() {
        let mounts = r#"{"volumeMounts":[{},{},{},{},{},{},{},{},{},{}]}"#;
        for (before, entry, most, after) in [
            (r#""spec":{"containers":["#, "{}", MOST / 10, "]}"),
            (r#""spec":{"initContainers":["#, "{}", MOST / 10, "]}"),
            (r#""spec":{"ephemeralContainers":["#, "{}", MOST / 10, "]}"),
            (r#""spec":{"containers":["#, mounts, MOST / 20, "]}"),
            (r#""spec":{"containers":[{"volumeMounts":["#, "{}", MOST - 10, "]}]}"),
            (r#""spec":{"containers":[{"volumeDevices":["#, "{}", MOST - 10, "]}]}"),
            (r#""spec":{"containers":[{"ports":["#, "{}", MOST - 10, "]}]}"),
            (
                r#""spec":{"containers":[{"securityContext":{"capabilities":{"add":["#,
                "\"\"",
                MOST - 10,
                "]}}}]}",
            ),
            (
                r#""spec":{"containers":[{"securityContext":{"capabilities":{"drop":["#,
                "\"\"",
                MOST - 10,
                "]}}}]}",
            ),
            (r#""spec":{"volumes":["#, "{}", MOST, "]}"),
            (r#""spec":{"securityContext":{"sysctls":["#, "{}", MOST, "]}}"),
            (r#""spec":{"securityContext":{"supplementalGroups":["#, "1", MOST, "]}}"),
            (r#""spec":{"nodeSelector":{"#, r#""":"""#, MOST, "}}"),
            (r#""metadata":{"labels":{"#, r#""":"""#, MOST, "}}"),
            (r#""metadata":{"annotations":{"#, r#""":"""#, MOST, "}}"),
        ] {
            assert_eq!(read(before, entry, most, after), Ok(()), "{before}");
            let error = read(before, entry, most + 1, after).expect_err(before);
            assert!(error.contains("more than 20000"), "{before}: {error}");
        }
    }
}
