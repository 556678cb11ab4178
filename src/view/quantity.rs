//! Resource quantities: compared and doubled exactly, never through floating point.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A quantity as written: `"500m"`, `"1Gi"`, or a bare number in a hand-written manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quantity<'a>(Cow<'a, str>);

impl Quantity<'_> {
    /// The quantity as the author wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

struct QuantityVisitor;

impl<'de> Visitor<'de> for QuantityVisitor {
    type Value = Quantity<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity such as \"500m\" or \"1Gi\"")
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Quantity<'de>, E> {
        Ok(Quantity(Cow::Borrowed(v)))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Quantity<'de>, E> {
        Ok(Quantity(Cow::Owned(v.to_owned())))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Quantity<'de>, E> {
        Ok(Quantity(Cow::Owned(v.to_string())))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Quantity<'de>, E> {
        Ok(Quantity(Cow::Owned(v.to_string())))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Quantity<'de>, E> {
        Ok(Quantity(Cow::Owned(v.to_string())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Quantity<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuantityVisitor)
    }
}

/// As many decimal digits always fit into 64 bits.
const FIT: usize = 18;

/// Digits, how many of them are decimals, and the suffix as a power of ten or of 1024.
struct Parsed<'a> {
    digits: i128,
    decimals: u32,
    suffix: &'a str,
}

impl Parsed<'_> {
    /// The value in units of 10⁻⁹, the API's finest grain; `None` where it does not fit.
    fn nanos(&self) -> Option<i128> {
        let (binary, exponent) = match self.suffix {
            "Ki" => (1, 0),
            "Mi" => (2, 0),
            "Gi" => (3, 0),
            "Ti" => (4, 0),
            "Pi" => (5, 0),
            "Ei" => (6, 0),
            "n" => (0, -9),
            "u" => (0, -6),
            "m" => (0, -3),
            "" => (0, 0),
            "k" => (0, 3),
            "M" => (0, 6),
            "G" => (0, 9),
            "T" => (0, 12),
            "P" => (0, 15),
            "E" => (0, 18),
            other => (0, other.strip_prefix(['e', 'E'])?.parse().ok()?),
        };
        let scaled = self.digits.checked_mul(1_i128 << (10 * binary))?;
        let power = 9_i32.checked_add(exponent)?.checked_sub(i32::try_from(self.decimals).ok()?)?;
        // Almost always small enough for one word.
        let factor = match 10_i64.checked_pow(power.unsigned_abs()) {
            Some(factor) => i128::from(factor),
            None => 10_i128.checked_pow(power.unsigned_abs())?,
        };
        if power >= 0 {
            scaled.checked_mul(factor)
        } else {
            // The API rounds up to its finest grain.
            Some(scaled / factor + i128::from(scaled % factor != 0))
        }
    }
}

fn parse(text: &str) -> Option<Parsed<'_>> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let (whole, rest) = split_digits(unsigned);
    let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
    if (whole.is_empty() && fraction.is_empty()) || suffix.starts_with('.') {
        return None;
    }
    let all = whole.bytes().chain(fraction.bytes());
    let digits = if whole.len() + fraction.len() <= FIT {
        i128::from(all.fold(0_i64, |digits, digit| digits * 10 + i64::from(digit - b'0')))
    } else {
        let mut digits: i128 = 0;
        for digit in all {
            digits = digits.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        digits
    };
    Some(Parsed { digits, decimals: u32::try_from(fraction.len()).ok()?, suffix })
}

/// The digits with which a text begins, and what follows.
fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// Compares two quantities; `None` when either is not one (the API server will say so).
#[must_use]
pub fn compare_quantities(a: &str, b: &str) -> Option<Ordering> {
    Some(parse(a)?.nanos()?.cmp(&parse(b)?.nanos()?))
}

/// Compares twice a quantity with another.
#[must_use]
pub fn compare_doubled(a: &str, b: &str) -> Option<Ordering> {
    let once = parse(a)?;
    let twice = Parsed { digits: once.digits.checked_mul(2)?, ..once };
    Some(twice.nanos()?.cmp(&parse(b)?.nanos()?))
}

/// Whether the API server would take `text` as a quantity.
#[must_use]
pub fn is_quantity(text: &str) -> bool {
    parse(text).is_some_and(|parsed| parsed.nanos().is_some())
}

/// A quantity in thousandths, rounded up as the API server rounds it before it compares with a LimitRange.
#[must_use]
pub fn thousandths(text: &str) -> Option<i128> {
    const GRAINS: i128 = 1_000_000;
    Some(parse(text)?.nanos()?.checked_add(GRAINS - 1)? / GRAINS)
}

/// Thousandths as a quantity, in the largest unit that keeps it exact: binary ones for bytes, none for cores.
#[must_use]
pub fn write_thousandths(value: i128, bytes: bool) -> String {
    if value % 1000 != 0 {
        return format!("{value}m");
    }
    let mut whole = value / 1000;
    let mut unit = "";
    for next in ["Ki", "Mi", "Gi", "Ti"].iter().filter(|_| bytes) {
        if whole == 0 || whole % 1024 != 0 {
            break;
        }
        whole /= 1024;
        unit = next;
    }
    format!("{whole}{unit}")
}

/// Twice a quantity, in the unit in which it was written.
#[must_use]
pub fn double_quantity(text: &str) -> Option<String> {
    let parsed = parse(text)?;
    parsed.nanos()?;
    let doubled = parsed.digits.checked_mul(2)?;
    if parsed.decimals == 0 {
        return Some(format!("{doubled}{}", parsed.suffix));
    }
    let scale = 10_i128.checked_pow(parsed.decimals)?;
    let width = usize::try_from(parsed.decimals).ok()?;
    let fraction = format!("{:0width$}", doubled % scale);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{}{point}{fraction}{}", doubled / scale, parsed.suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_compare_across_units() {
        let table = [
            ("1", "1000m", Ordering::Equal),
            ("1Gi", "1G", Ordering::Greater),
            ("0.5", "500m", Ordering::Equal),
            ("1e3", "1k", Ordering::Equal),
            ("1E3", "1k", Ordering::Equal),
            ("1E", "1Ei", Ordering::Less),
            ("128974848", "129M", Ordering::Less),
            (".5", "500m", Ordering::Equal),
            ("100n", "1u", Ordering::Less),
            ("1.5Gi", "1536Mi", Ordering::Equal),
        ];
        for (a, b, expected) in table {
            assert_eq!(compare_quantities(a, b), Some(expected), "{a} ? {b}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_told_apart() {
        for text in
            ["", "Gi", "1.2.3", "abc", "1 Gi", "1Gib", "-", "1e", "99999999999999999999999999999999999999999"]
        {
            assert!(!is_quantity(text), "{text}");
        }
    }

    #[test]
    fn thousandths_are_written_in_the_largest_exact_unit() {
        for (text, bytes, expected) in [
            ("0.5", false, "500m"),
            ("2000m", false, "2"),
            ("1n", false, "1m"),
            ("1.5Gi", true, "1536Mi"),
            ("1025", true, "1025"),
            ("0", true, "0"),
        ] {
            let value = thousandths(text).expect("a quantity");
            assert_eq!(write_thousandths(value, bytes), expected, "{text}");
        }
        assert_eq!(thousandths("lots"), None);
    }

    #[test]
    fn doubling_keeps_the_unit() {
        for (text, expected) in
            [("500m", "1000m"), ("1Gi", "2Gi"), ("0.5", "1"), ("1.25Gi", "2.5Gi"), ("0.05", "0.1")]
        {
            assert_eq!(double_quantity(text).as_deref(), Some(expected));
        }
    }
}
