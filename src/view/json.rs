//! JSON into the view, quicker than serde_json where most of a pod is not read at all.
//!
//! It knows plain JSON only. Whatever it does not take (an error, a float, something deep) is left to serde_json,
//! whose word is the last one: so both read the same, and errors say where.

use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::skip::{Scan, next, number};

/// Reads a value from a text that holds nothing else.
///
/// # Errors
/// As `serde_json::from_str`.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    quick(text).or_else(|Unusual| serde_json::from_str(text))
}

fn quick<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unusual> {
    let mut reader = Reader { text, at: 0, scan: Scan::new(text.as_bytes()) };
    let value = T::deserialize(&mut reader)?;
    if next(text.as_bytes(), reader.at).0 == text.len() { Ok(value) } else { Err(Unusual) }
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
    scan: Scan<'a>,
}

/// What does not depend on the type that is read stands here, once for all types: the less code a review runs through,
/// the more of it the processor still has at hand.
impl<'a> Reader<'a> {
    /// The next byte that is not blank; at the end a 0.
    #[inline(always)]
    fn peek(&mut self) -> u8 {
        let (at, byte) = next(self.text.as_bytes(), self.at);
        self.at = at;
        byte
    }

    #[inline(never)]
    fn take(&mut self, wanted: u8) -> Result<(), Unusual> {
        if self.peek() != wanted {
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

    /// Takes a `null`, if that is what comes.
    #[inline(never)]
    fn take_null(&mut self) -> Result<bool, Unusual> {
        if self.peek() != b'n' {
            return Ok(false);
        }
        self.take_word("null")?;
        Ok(true)
    }

    #[inline(never)]
    fn boolean(&mut self) -> Result<bool, Unusual> {
        let is_true = self.peek() == b't';
        self.take_word(if is_true { "true" } else { "false" })?;
        Ok(is_true)
    }

    /// A string.
    #[inline(never)]
    fn string(&mut self) -> Result<Cow<'a, str>, Unusual> {
        if self.peek() != b'"' {
            return Err(Unusual);
        }
        let (text, start) = (self.text, self.at + 1);
        let end = self.scan.special(start);
        if text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return text.get(start..end).map(Cow::Borrowed).ok_or(Unusual);
        }
        self.escaped(end)
    }

    /// The same where something special in it is at `at`.
    #[cold]
    fn escaped(&mut self, at: usize) -> Result<Cow<'a, str>, Unusual> {
        let start = self.at;
        self.at = self.scan.end_of_escaped(at)?;
        let escaped = self.text.get(start..self.at).ok_or(Unusual)?;
        serde_json::from_str(escaped).map(Cow::Owned).map_err(|_| Unusual)
    }

    /// A whole number.
    #[inline(never)]
    fn number(&mut self) -> Result<Number, Unusual> {
        self.peek();
        let start = self.at;
        self.at = number(self.text.as_bytes(), start)?;
        let digits = self.text.get(start..self.at).ok_or(Unusual)?;
        match digits.strip_prefix('-') {
            // To serde_json this is a float.
            Some("0") => Err(Unusual),
            Some(_) => digits.parse().map(Number::Negative).map_err(|_| Unusual),
            None => digits.parse().map(Number::Positive).map_err(|_| Unusual),
        }
    }

    /// A value as it is written.
    #[inline(never)]
    fn unread(&mut self) -> Result<&'a str, Unusual> {
        self.peek();
        let start = self.at;
        self.at = self.scan.value(start)?;
        self.text.get(start..self.at).ok_or(Unusual)
    }

    /// Goes to the next entry of an object or a list; `false` behind the last.
    #[inline(never)]
    fn advance(&mut self, close: u8, first: bool) -> Result<bool, Unusual> {
        let next = self.peek();
        if next == close {
            self.at += 1;
            return Ok(false);
        }
        if !first {
            if next != b',' {
                return Err(Unusual);
            }
            self.at += 1;
        }
        Ok(true)
    }
}

enum Number {
    Positive(u64),
    Negative(i64),
}

fn visit_string<'a, V: Visitor<'a>>(text: Cow<'a, str>, visitor: V) -> Result<V::Value, Unusual> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

/// Each takes what it is asked for; what comes instead is left to serde_json, to be refused or read some other way.
impl<'a> Deserializer<'a> for &mut Reader<'a> {
    type Error = Unusual;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        match self.peek() {
            b'"' => self.deserialize_str(visitor),
            b'{' => self.deserialize_map(visitor),
            b'[' => self.deserialize_seq(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            b'n' => self.take_word("null").and_then(|()| visitor.visit_unit()),
            _ => self.deserialize_i64(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        visit_string(self.string()?, visitor)
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        visitor.visit_bool(self.boolean()?)
    }

    fn deserialize_i64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        match self.number()? {
            Number::Positive(number) => visitor.visit_u64(number),
            Number::Negative(number) => visitor.visit_i64(number),
        }
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        self.take(b'{')?;
        let mut entries = Entries { reader: self, first: true, ended: false };
        let value = visitor.visit_map(&mut entries)?;
        if entries.ended { Ok(value) } else { Err(Unusual) }
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unusual> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        self.take(b'[')?;
        let mut entries = Entries { reader: self, first: true, ended: false };
        let value = visitor.visit_seq(&mut entries)?;
        if entries.ended { Ok(value) } else { Err(Unusual) }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        if self.take_null()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// The only one in the view is what stays unread.
    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unusual> {
        visitor.visit_borrowed_str(self.unread()?)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unusual> {
        self.at = self.scan.value(self.at)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf unit unit_struct tuple tuple_struct enum
    }
}

/// The entries of an object or a list.
struct Entries<'r, 'a> {
    reader: &'r mut Reader<'a>,
    first: bool,
    ended: bool,
}

impl Entries<'_, '_> {
    /// Goes to the next entry; `false` behind the last.
    fn advance(&mut self, close: u8) -> Result<bool, Unusual> {
        let more = self.reader.advance(close, self.first)?;
        self.first = false;
        self.ended = !more;
        Ok(more)
    }
}

impl<'a> MapAccess<'a> for Entries<'_, 'a> {
    type Error = Unusual;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Unusual> {
        if !self.advance(b'}')? {
            return Ok(None);
        }
        let key = seed.deserialize(&mut *self.reader)?;
        self.reader.take(b':')?;
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Unusual> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'a> SeqAccess<'a> for Entries<'_, 'a> {
    type Error = Unusual;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Unusual> {
        if self.advance(b']')? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
