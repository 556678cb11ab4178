//! The pod's annotations.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::Text;
use super::few::check;

/// Above this an escaped value is measured, not copied: no annotation of ours is that long, and
/// `kubectl.kubernetes.io/last-applied-configuration` often is.
const LONGEST_COPIED_VALUE: usize = 2048;

/// One annotation. The value is absent when it is longer than any that this project reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Annotation<'a> {
    /// The whole key, prefix and name.
    pub key: Text<'a>,
    /// The value, unless it was too long to be one of ours.
    pub value: Option<Text<'a>>,
}

/// All annotations of a pod, in the order written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Annotations<'a> {
    entries: Vec<Annotation<'a>>,
    bytes: usize,
}

impl<'a> Annotations<'a> {
    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.key == *key).and_then(|entry| entry.value.as_deref())
    }

    /// Whether `key` is there, whatever its value.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == *key)
    }

    /// All annotations.
    #[must_use]
    pub fn entries(&self) -> &[Annotation<'a>] {
        &self.entries
    }

    /// The length of all keys and values together, in bytes: what the API server limits to 262,144.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

struct Value<'a> {
    text: Option<Text<'a>>,
    bytes: usize,
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string (annotation values are strings: quote numbers and booleans)")
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Value<'de>, E> {
        Ok(Value { text: Some(Text::borrowed(v)), bytes: v.len() })
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Value<'de>, E> {
        if v.len() > LONGEST_COPIED_VALUE {
            return Ok(Value { text: None, bytes: v.len() });
        }
        let text = Text::deserialize(serde::de::value::StrDeserializer::new(v))?;
        Ok(Value { text: Some(text), bytes: v.len() })
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value { text: Some(Text::default()), bytes: 0 })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct AnnotationsVisitor;

impl<'de> Visitor<'de> for AnnotationsVisitor {
    type Value = Annotations<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of annotations")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Annotations<'de>, M::Error> {
        let mut annotations = Annotations::default();
        while let Some((key, value)) = map.next_entry::<Text<'de>, Value<'de>>()? {
            annotations.bytes += key.len() + value.bytes;
            annotations.entries.push(Annotation { key, value: value.text });
            check(annotations.entries.len())?;
        }
        Ok(annotations)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_escaped_values_are_measured_not_copied() {
        let long = "\\n".repeat(LONGEST_COPIED_VALUE + 1);
        let json = format!(r#"{{"k":"v","e":"a\"b","long":"{long}"}}"#);
        let annotations: Annotations<'_> = serde_json::from_str(&json).expect("valid");
        assert_eq!(annotations.get("k"), Some("v"));
        assert_eq!(annotations.get("e"), Some("a\"b"));
        assert_eq!(annotations.get("long"), None);
        assert!(annotations.contains("long"));
        assert_eq!(annotations.bytes(), 2 + 4 + 4 + LONGEST_COPIED_VALUE + 1);
    }
}
