//! Past JSON that nobody reads: checked as serde_json checks it, but sixteen bytes at a time where it can be.

use wide::u8x16;

use super::json::Unusual;

/// As many brackets as one word has bits, less the one that marks the end.
const DEEPEST: u32 = u64::BITS - 1;
/// Looked at together in a string.
const STEP: usize = 16;

/// Where something stands that is not blank, at or after `at`.
#[inline(always)]
pub(super) fn past_blank(bytes: &[u8], at: usize) -> usize {
    // What the API server writes has no blanks.
    match bytes.get(at) {
        Some(byte) if *byte <= b' ' => past_blanks(bytes, at),
        _ => at,
    }
}

#[cold]
fn past_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Where the first byte stands, at or after `at`, that is not simply part of a string: a quote, a backslash, a
/// control character; or the end.
#[inline(always)]
pub(super) fn special(bytes: &[u8], mut at: usize) -> usize {
    let (chunks, _) = bytes.get(at..).unwrap_or_default().as_chunks::<STEP>();
    for chunk in chunks {
        let chunk = u8x16::new(*chunk);
        let quote = chunk.simd_eq(u8x16::splat(b'"'));
        let backslash = chunk.simd_eq(u8x16::splat(b'\\'));
        let control = chunk.min(u8x16::splat(0x1f)).simd_eq(chunk);
        let found = (quote | backslash | control).to_bitmask();
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += STEP;
    }
    special_in_tail(bytes, at)
}

#[cold]
fn special_in_tail(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}

/// Behind the closing quote of the string in which `at` stands.
#[inline(always)]
pub(super) fn end_of_string(bytes: &[u8], at: usize) -> Result<usize, Unusual> {
    let end = special(bytes, at);
    if bytes.get(end) == Some(&b'"') { Ok(end + 1) } else { end_of_escaped(bytes, end) }
}

/// The same where `at` is at something special.
pub(super) fn end_of_escaped(bytes: &[u8], mut at: usize) -> Result<usize, Unusual> {
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), _) => return Ok(at + 1),
            (Some(b'\\'), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                at = special(bytes, at + 2);
            }
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
pub(super) fn value(bytes: &[u8], at: usize) -> Result<usize, Unusual> {
    let mut at = past_blank(bytes, at);
    // A bit for each open bracket, the innermost lowest: whether it is an object's. Above them a 1.
    let mut open = 1_u64;
    loop {
        // Here a value begins.
        match bytes.get(at) {
            Some(b'"') => at = end_of_string(bytes, at + 1)?,
            Some(b'{') => {
                at = past_blank(bytes, at + 1);
                if bytes.get(at) != Some(&b'}') {
                    open = deeper(open)? | 1;
                    at = key(bytes, at)?;
                    continue;
                }
                at += 1;
            }
            Some(b'[') => {
                at = past_blank(bytes, at + 1);
                if bytes.get(at) != Some(&b']') {
                    open = deeper(open)?;
                    continue;
                }
                at += 1;
            }
            Some(b't') => at = word(bytes, at, b"true")?,
            Some(b'f') => at = word(bytes, at, b"false")?,
            Some(b'n') => at = word(bytes, at, b"null")?,
            _ => at = number(bytes, at)?,
        }
        // It has ended, and perhaps what it stands in.
        loop {
            if open == 1 {
                return Ok(at);
            }
            at = past_blank(bytes, at);
            let in_object = open & 1 == 1;
            match bytes.get(at) {
                Some(b',') => {
                    at = past_blank(bytes, at + 1);
                    if in_object {
                        at = key(bytes, at)?;
                    }
                    break;
                }
                Some(b'}') if in_object => {}
                Some(b']') if !in_object => {}
                _ => return Err(Unusual),
            }
            at += 1;
            open >>= 1;
        }
    }
}

/// One more open bracket, of a list.
#[inline(always)]
const fn deeper(open: u64) -> Result<u64, Unusual> {
    if open.leading_zeros() == u64::BITS - 1 - DEEPEST { Err(Unusual) } else { Ok(open << 1) }
}

/// Where the value begins whose name is at `at`.
#[inline(always)]
fn key(bytes: &[u8], at: usize) -> Result<usize, Unusual> {
    if bytes.get(at) != Some(&b'"') {
        return Err(Unusual);
    }
    let colon = past_blank(bytes, end_of_string(bytes, at + 1)?);
    if bytes.get(colon) == Some(&b':') { Ok(past_blank(bytes, colon + 1)) } else { Err(Unusual) }
}

#[inline(always)]
fn word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Unusual> {
    if bytes[at..].starts_with(word) { Ok(at + word.len()) } else { Err(Unusual) }
}
