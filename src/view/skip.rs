//! Past JSON that nobody reads: checked as serde_json checks it, byte by byte only where it must be.

use super::json::Unusual;

/// As many brackets as one word has bits, less the one that marks the end.
const DEEPEST: u32 = u64::BITS - 1;
/// Looked at together in a string.
const STEP: usize = 16;

/// Where something stands that is not blank, at or after `at`.
#[inline]
pub(super) fn past_blank(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Where the first byte stands, at or after `at`, that is not simply part of a string: a quote, a backslash, a
/// control character; or the end.
pub(super) fn special(bytes: &[u8], mut at: usize) -> usize {
    // No branches inside: so the compiler looks at all of them at once.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<STEP>) {
        let odd = u128::from_le_bytes(chunk.map(|byte| if is_special(byte) { 0xff } else { 0 }));
        // Not by halves: measured, the compiler then looks at one byte after another.
        if odd != 0 {
            return at + odd.trailing_zeros() as usize / 8;
        }
        at += STEP;
    }
    while bytes.get(at).is_some_and(|byte| !is_special(*byte)) {
        at += 1;
    }
    at
}

const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// Behind the closing quote of the string in which `at` stands.
#[inline]
pub(super) fn end_of_string(bytes: &[u8], mut at: usize) -> Result<usize, Unusual> {
    loop {
        at = special(bytes, at);
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), _) => return Ok(at + 1),
            (Some(b'\\'), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => at += 2,
            // Four digits, perhaps half of a character: rare enough.
            _ => return Err(Unusual),
        }
    }
}

/// Behind a whole number; fractions and exponents are left to serde_json.
pub(super) fn number(bytes: &[u8], start: usize) -> Result<usize, Unusual> {
    let first = start + usize::from(bytes.get(start) == Some(&b'-'));
    let mut end = first;
    while bytes.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    let leads_with_zero = bytes.get(first) == Some(&b'0') && end > first + 1;
    if end == first || leads_with_zero || matches!(bytes.get(end), Some(b'.' | b'e' | b'E')) {
        return Err(Unusual);
    }
    Ok(end)
}

/// Behind the value that begins at `at` or after blanks.
pub(super) fn value(bytes: &[u8], mut at: usize) -> Result<usize, Unusual> {
    // A bit for each open bracket, the innermost lowest: whether it is an object's. Above them a 1.
    let mut open = 1_u64;
    loop {
        at = past_blank(bytes, at);
        match bytes.get(at) {
            Some(b'"') => at = end_of_string(bytes, at + 1)?,
            Some(bracket @ (b'{' | b'[')) => {
                let is_object = *bracket == b'{';
                at = past_blank(bytes, at + 1);
                if bytes.get(at) == Some(if is_object { &b'}' } else { &b']' }) {
                    at += 1;
                } else {
                    if open.leading_zeros() == u64::BITS - 1 - DEEPEST {
                        return Err(Unusual);
                    }
                    open = open << 1 | u64::from(is_object);
                    if is_object {
                        at = key(bytes, at)?;
                    }
                    continue;
                }
            }
            Some(b't') => at = word(bytes, at, b"true")?,
            Some(b'f') => at = word(bytes, at, b"false")?,
            Some(b'n') => at = word(bytes, at, b"null")?,
            _ => at = number(bytes, at)?,
        }
        // A value has ended, and perhaps what it stands in.
        loop {
            if open == 1 {
                return Ok(at);
            }
            let is_object = open & 1 == 1;
            at = past_blank(bytes, at);
            match (bytes.get(at), is_object) {
                (Some(b','), true) => {
                    at = key(bytes, past_blank(bytes, at + 1))?;
                    break;
                }
                (Some(b','), false) => {
                    at += 1;
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    at += 1;
                    open >>= 1;
                }
                _ => return Err(Unusual),
            }
        }
    }
}

/// Behind the name at `at` and its colon.
fn key(bytes: &[u8], at: usize) -> Result<usize, Unusual> {
    if bytes.get(at) != Some(&b'"') {
        return Err(Unusual);
    }
    let colon = past_blank(bytes, end_of_string(bytes, at + 1)?);
    if bytes.get(colon) == Some(&b':') { Ok(colon + 1) } else { Err(Unusual) }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Unusual> {
    if bytes[at..].starts_with(word) { Ok(at + word.len()) } else { Err(Unusual) }
}
