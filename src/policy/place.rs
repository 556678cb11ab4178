//! Where a field stands in a file, for errors that are found when the file has been read already.

use granit_parser::{Event, Parser};

/// A mapping or list that is not closed yet; of a mapping the key whose value is being read.
enum Open {
    Map(Option<String>),
    List,
}

/// Line and column, from 1, of a field such as `spec.rules.resources`, or of the nearest one above it that is there, in the
/// document of that number among those that hold something. `None`: not even that is there.
pub(super) fn of_field(text: &str, number: usize, field: &str) -> Option<(usize, usize)> {
    let wanted: Vec<&str> = field.split('.').collect();
    let mut documents = 0;
    let mut open: Vec<Open> = Vec::new();
    let mut nearest: Option<(usize, usize)> = None;
    for next in Parser::new_from_str(text) {
        let (event, span) = next.ok()?;
        match event {
            Event::MappingStart(..) => {
                documents += usize::from(open.is_empty());
                open.push(Open::Map(None));
            }
            Event::SequenceStart(..) => open.push(Open::List),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                value_ends(&mut open);
            }
            Event::Scalar(key, ..) if matches!(open.last(), Some(Open::Map(None))) => {
                if let Some(last) = open.last_mut() {
                    *last = Open::Map(Some(key.into_owned()));
                }
                let depth = open.len();
                let is_nearer = documents == number + 1
                    && leads_to(&open, &wanted)
                    && nearest.is_none_or(|(known, _)| depth > known);
                if let Some(range) = span.byte_range().filter(|_| is_nearer) {
                    nearest = Some((depth, range.start));
                }
            }
            Event::Scalar(..) | Event::Alias(..) => value_ends(&mut open),
            _ => {}
        }
    }
    let before = text.get(..nearest?.1)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
}

fn value_ends(open: &mut [Open]) {
    if let Some(Open::Map(key)) = open.last_mut() {
        *key = None;
    }
}

/// Whether the keys that are being read are the first of these.
fn leads_to(open: &[Open], wanted: &[&str]) -> bool {
    let is_next = |(open, wanted): (&Open, &&str)| matches!(open, Open::Map(Some(key)) if key == wanted);
    open.len() <= wanted.len() && open.iter().zip(wanted).all(is_next)
}

#[cfg(test)]
mod tests {
    use super::of_field;

    #[test]
    fn a_field_or_the_nearest_above_it() {
        let text = "\
# first
a: {b: [1, {c: 2}], c: 3}
spec: &x
  rules:
    one: {size: 1}
    two:
      size: 2
---
---
spec:
  list:
  - size: 0
  size: 3
";
        for (number, field, expected) in [
            (0, "a.c", Some((2, 21))),
            (0, "a.b.c", Some((2, 5))),
            (0, "spec.rules.one.size", Some((5, 11))),
            (0, "spec.rules.two.size", Some((7, 7))),
            (0, "spec.rules.two.limits.cpu", Some((6, 5))),
            (0, "kind", None),
            (1, "spec.size", Some((13, 3))),
            (1, "spec.rules", Some((10, 1))),
            (2, "spec", None),
        ] {
            assert_eq!(of_field(text, number, field), expected, "{number} {field}");
        }
        assert_eq!(of_field("a: [", 0, "a"), None);
    }
}
