//! JSON into the view, quicker than serde_json where most of a pod is not read at all.
//!
//! It knows plain JSON only. Whatever it does not take (an error, a float, something deep) is left to serde_json,
//! whose word is the last one: so both read the same, and errors say where.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::skip::{end_of_escaped, number, past_blank, special, value};

/// Reads a value from a text that holds nothing else.
///
/// # Errors
/// As `serde_json::from_str`.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    quick(text).or_else(|Unusual| serde_json::from_str(text))
}

fn quick<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unusual> {
    let mut reader = Reader { text, at: 0 };
    let value = T::deserialize(&mut reader)?;
    if past_blank(text.as_bytes(), reader.at) == text.len() { Ok(value) } else { Err(Unusual) }
}

/// Something for serde_json.
#[derive(Debug, thiserror::Error)]
#[error("left to serde_json")]
pub(super) struct Unusual;

impl Error for Unusual {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is not blank.
    fn peek(&mut self) -> Result<u8, Unusual> {
        self.at = past_blank(self.text.as_bytes(), self.at);
        self.text.as_bytes().get(self.at).copied().ok_or(Unusual)
    }

    fn take(&mut self, wanted: u8) -> Result<(), Unusual> {
        if self.peek()? != wanted {
            return Err(Unusual);
        }
        self.at += 1;
        Ok(())
    }

    fn take_word(&mut self, word: &str) -> Result<(), Unusual> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Unusual);
        }
        self.at += word.len();
        Ok(())
    }

    /// A string, whose opening quote is next.
    fn string<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Unusual> {
        let (text, start) = (self.text, self.at + 1);
        let end = special(text.as_bytes(), start);
        if text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return visitor.visit_borrowed_str(text.get(start..end).ok_or(Unusual)?);
        }
        self.at = end_of_escaped(text.as_bytes(), end)?;
        let escaped = text.get(start - 1..self.at).ok_or(Unusual)?;
        visitor.visit_string(serde_json::from_str(escaped).map_err(|_| Unusual)?)
    }

    fn number<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Unusual> {
        let start = self.at;
        self.at = number(self.text.as_bytes(), start)?;
        let digits = self.text.get(start..self.at).ok_or(Unusual)?;
        match digits.strip_prefix('-') {
            // To serde_json this is a float.
            Some("0") => Err(Unusual),
            Some(_) => visitor.visit_i64(digits.parse().map_err(|_| Unusual)?),
            None => visitor.visit_u64(digits.parse().map_err(|_| Unusual)?),
        }
    }
}

impl<'a> Deserializer<'a> for &mut Reader<'a> {
    type Error = Unusual;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        match self.peek()? {
            b'"' => self.string(visitor),
            b'{' => {
                self.at += 1;
                let mut entries = Entries { reader: self, close: b'}', first: true, ended: false };
                let value = visitor.visit_map(&mut entries)?;
                if entries.ended { Ok(value) } else { Err(Unusual) }
            }
            b'[' => {
                self.at += 1;
                let mut entries = Entries { reader: self, close: b']', first: true, ended: false };
                let value = visitor.visit_seq(&mut entries)?;
                if entries.ended { Ok(value) } else { Err(Unusual) }
            }
            b't' => self.take_word("true").and_then(|()| visitor.visit_bool(true)),
            b'f' => self.take_word("false").and_then(|()| visitor.visit_bool(false)),
            b'n' => self.take_word("null").and_then(|()| visitor.visit_unit()),
            _ => self.number(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        if self.peek()? == b'n' {
            self.take_word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    /// The only one in the view is serde_json's own `RawValue`.
    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unusual> {
        self.peek()?;
        let start = self.at;
        self.at = value(self.text.as_bytes(), start)?;
        let text = self.text.get(start..self.at).ok_or(Unusual)?;
        let mut theirs = serde_json::Deserializer::from_str(text);
        theirs.deserialize_newtype_struct(name, visitor).map_err(|_| Unusual)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        self.at = value(self.text.as_bytes(), self.at)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

/// The entries of an object or a list.
struct Entries<'r, 'a> {
    reader: &'r mut Reader<'a>,
    close: u8,
    first: bool,
    ended: bool,
}

impl Entries<'_, '_> {
    /// Goes to the next entry; `false` at the end.
    fn advance(&mut self) -> Result<bool, Unusual> {
        let next = self.reader.peek()?;
        if next == self.close {
            self.reader.at += 1;
            self.ended = true;
            return Ok(false);
        }
        if !std::mem::replace(&mut self.first, false) {
            if next != b',' {
                return Err(Unusual);
            }
            self.reader.at += 1;
        }
        Ok(true)
    }
}

impl<'a> MapAccess<'a> for Entries<'_, 'a> {
    type Error = Unusual;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Unusual> {
        if !self.advance()? {
            return Ok(None);
        }
        if self.reader.peek()? != b'"' {
            return Err(Unusual);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Unusual> {
        self.reader.take(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'a> SeqAccess<'a> for Entries<'_, 'a> {
    type Error = Unusual;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Unusual> {
        if self.advance()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
