//! Past JSON that nobody reads: checked as serde_json checks it, but many bytes at a time where it can be.

use wide::u8x16;

use super::json::Unusual;

/// As many brackets as one word has bits, less the one that marks the end.
const DEEPEST: u32 = u64::BITS - 1;
/// As many bytes are looked at together.
const BLOCK: usize = u64::BITS as usize;
/// As many of them at once.
const STEP: usize = 16;

/// What is not blank, at or after `at`, and where it stands; at the end a 0.
#[inline(always)]
pub(super) fn next(bytes: &[u8], at: usize) -> (usize, u8) {
    // What the API server writes has no blanks.
    match bytes.get(at) {
        Some(byte) if *byte > b' ' => (at, *byte),
        _ => next_after_blanks(bytes, at),
    }
}

#[cold]
fn next_after_blanks(bytes: &[u8], mut at: usize) -> (usize, u8) {
    while bytes.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    (at, bytes.get(at).copied().unwrap_or_default())
}

/// Bytes to get past. What was seen in a block is kept: strings are short, and the next one ends in it too.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    /// Where the block begins.
    block: usize,
    /// A bit for each of its bytes, the first one's lowest: whether it is special.
    specials: u64,
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, block: 0, specials: specials(bytes, 0) }
    }

    /// Where the first byte stands, at or after `at`, that is not simply part of a string: a quote, a backslash, a
    /// control character; or the end.
    #[inline(always)]
    pub(super) fn special(&mut self, at: usize) -> usize {
        let within = at.wrapping_sub(self.block);
        if within >= BLOCK {
            return self.special_from(at);
        }
        let left = self.specials >> within;
        if left == 0 { self.special_from(self.block + BLOCK) } else { at + left.trailing_zeros() as usize }
    }

    /// The same in blocks from there on.
    #[inline(never)]
    fn special_from(&mut self, at: usize) -> usize {
        self.block = at;
        loop {
            self.specials = specials(self.bytes, self.block);
            if self.specials != 0 {
                return self.block + self.specials.trailing_zeros() as usize;
            }
            self.block += BLOCK;
        }
    }

    /// Behind the closing quote of the string in which `at` stands.
    #[inline(always)]
    fn end_of_string(&mut self, at: usize) -> Result<usize, Unusual> {
        let end = self.special(at);
        if self.bytes.get(end) == Some(&b'"') { Ok(end + 1) } else { self.end_of_escaped(end) }
    }

    /// The same where `at` is at something special.
    pub(super) fn end_of_escaped(&mut self, mut at: usize) -> Result<usize, Unusual> {
        loop {
            match (self.bytes.get(at), self.bytes.get(at + 1)) {
                (Some(b'"'), _) => return Ok(at + 1),
                (Some(b'\\'), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                    at = self.special(at + 2);
                }
                // Four digits, perhaps half of a character: rare enough.
                _ => return Err(Unusual),
            }
        }
    }

    /// Behind the value that begins at `at` or after blanks.
    pub(super) fn value(&mut self, at: usize) -> Result<usize, Unusual> {
        let bytes = self.bytes;
        let (mut at, mut byte) = next(bytes, at);
        // A bit for each open bracket, the innermost lowest: whether it is an object's. Above them a 1.
        let mut open = 1_u64;
        loop {
            // Here a value begins.
            match byte {
                b'"' => at = self.end_of_string(at + 1)?,
                b'{' => {
                    (at, byte) = next(bytes, at + 1);
                    if byte != b'}' {
                        open = deeper(open)? | 1;
                        (at, byte) = self.key(at, byte)?;
                        continue;
                    }
                    at += 1;
                }
                b'[' => {
                    (at, byte) = next(bytes, at + 1);
                    if byte != b']' {
                        open = deeper(open)?;
                        continue;
                    }
                    at += 1;
                }
                b't' => at = word(bytes, at, b"true")?,
                b'f' => at = word(bytes, at, b"false")?,
                b'n' => at = word(bytes, at, b"null")?,
                _ => at = number(bytes, at)?,
            }
            // It has ended, and perhaps what it stands in.
            loop {
                if open == 1 {
                    return Ok(at);
                }
                (at, byte) = next(bytes, at);
                let in_object = open & 1 == 1;
                match byte {
                    b',' => {
                        (at, byte) = next(bytes, at + 1);
                        if in_object {
                            (at, byte) = self.key(at, byte)?;
                        }
                        break;
                    }
                    b'}' if in_object => {}
                    b']' if !in_object => {}
                    _ => return Err(Unusual),
                }
                at += 1;
                open >>= 1;
            }
        }
    }

    /// Where the value begins whose name is at `at`, and with what.
    #[inline(always)]
    fn key(&mut self, at: usize, byte: u8) -> Result<(usize, u8), Unusual> {
        if byte != b'"' {
            return Err(Unusual);
        }
        let end = self.end_of_string(at + 1)?;
        let (colon, byte) = next(self.bytes, end);
        if byte == b':' { Ok(next(self.bytes, colon + 1)) } else { Err(Unusual) }
    }
}

/// Which bytes of the block that begins at `at` are special, a bit each; what would be beyond the end is.
fn specials(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(block) => specials_of(block),
        None => specials_at_end(rest),
    }
}

#[cold]
fn specials_at_end(rest: &[u8]) -> u64 {
    let mut block = [0; BLOCK];
    for (byte, from) in block.iter_mut().zip(rest) {
        *byte = *from;
    }
    specials_of(&block)
}

#[inline(always)]
fn specials_of(block: &[u8; BLOCK]) -> u64 {
    let (steps, _) = block.as_chunks();
    steps.iter().rev().fold(0, |found, step| found << STEP | u64::from(specials_in(*step)))
}

/// What a string cannot hold as it is, a bit for each byte: quotes, backslashes, control characters.
#[inline(always)]
fn specials_in(step: [u8; STEP]) -> u32 {
    let step = u8x16::new(step);
    let quote = step.simd_eq(u8x16::splat(b'"'));
    let backslash = step.simd_eq(u8x16::splat(b'\\'));
    let control = step.min(u8x16::splat(0x1f)).simd_eq(step);
    (quote | backslash | control).to_bitmask()
}

/// Whether a text can stand in a JSON string as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    let (steps, rest) = text.as_bytes().as_chunks();
    let mut last = [b' '; STEP];
    for (byte, from) in last.iter_mut().zip(rest) {
        *byte = *from;
    }
    steps.iter().chain([&last]).all(|step| specials_in(*step) == 0)
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

/// One more open bracket, of a list.
#[inline(always)]
const fn deeper(open: u64) -> Result<u64, Unusual> {
    if open.leading_zeros() == u64::BITS - 1 - DEEPEST { Err(Unusual) } else { Ok(open << 1) }
}

#[inline(always)]
fn word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Unusual> {
    if bytes[at..].starts_with(word) { Ok(at + word.len()) } else { Err(Unusual) }
}
