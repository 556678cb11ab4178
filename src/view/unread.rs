//! What is read only when somebody asks.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

/// A JSON value that was checked and not read: its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unread<'a>(&'a str);

impl<'a> Unread<'a> {
    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'a str {
        self.0
    }
}

struct UnreadVisitor;

impl<'de> Visitor<'de> for UnreadVisitor {
    type Value = Unread<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    /// The view's own reader gives the text.
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Unread<'de>, E> {
        Ok(Unread(text))
    }

    /// serde_json has a type for it.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Unread<'de>, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Unread(raw.get()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Unread<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct("Unread", UnreadVisitor)
    }
}
