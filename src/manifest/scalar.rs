//! What a plain YAML scalar means to Kubernetes: as go-yaml v2 resolves it, which kubectl and the API server read with.
//!
//! That is YAML 1.1 with exceptions: `yes` and `on` are booleans, `0644` is octal, dates stay strings, numbers of
//! base 60 do not exist.

use serde_json::{Number, Value};

/// Resolves a plain scalar without a tag. `Err` for what JSON cannot hold.
pub(super) fn resolve(text: &str) -> Result<Value, &'static str> {
    let Some(first) = text.bytes().next() else { return Ok(Value::Null) };
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Ok(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(Value::Bool(false));
        }
        "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => return Err("infinity and NaN have no place in JSON"),
        _ => {}
    }
    let number = match first {
        b'.' => float(text),
        b'0'..=b'9' | b'+' | b'-' => {
            let digits: String = text.chars().filter(|c| *c != '_').collect();
            integer(&digits).or_else(|| float(&digits))
        }
        _ => None,
    };
    Ok(number.map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// Whether a text written plainly would be read as that text.
pub(super) fn is_plain_text(text: &str) -> bool {
    matches!(resolve(text), Ok(Value::String(_)))
}

fn integer(digits: &str) -> Option<Number> {
    let (negative, rest) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    let lower = rest.to_ascii_lowercase();
    let (radix, rest) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if rest.is_empty() || !rest.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(rest, radix).ok()?);
    let number = if negative { -magnitude } else { magnitude };
    match i64::try_from(number) {
        Ok(number) => Some(number.into()),
        Err(_) => u64::try_from(number).ok().map(Number::from),
    }
}

/// A float as Go writes it: a whole one has no fraction, so it is an integer to its reader.
fn float(text: &str) -> Option<Number> {
    if !is_float(text) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    let whole = if number.fract() == 0.0 { format!("{number:.0}").parse::<i64>().ok() } else { None };
    whole.map_or_else(|| Number::from_f64(number), |whole| Some(whole.into()))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some = !whole.is_empty() || !fraction.is_empty();
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    some && digits(whole) && digits(fraction) && exponent
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_mean_what_they_mean_to_kubectl() {
        for (text, expected) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("yEs", json!("yEs")),
            ("0644", json!(420)),
            ("0o644", json!(420)),
            ("-0x1F", json!(-31)),
            ("0b11", json!(3)),
            ("08", json!(8)),
            ("1_000", json!(1000)),
            ("+12", json!(12)),
            ("0", json!(0)),
            ("-0", json!(0)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("1e3", json!(1000)),
            ("1.0", json!(1)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1)),
            ("12:30:45", json!("12:30:45")),
            ("2001-01-01", json!("2001-01-01")),
            ("1Gi", json!("1Gi")),
            ("100m", json!("100m")),
            ("0x", json!("0x")),
            ("1.2.3", json!("1.2.3")),
            ("-", json!("-")),
            (".", json!(".")),
            ("e3", json!("e3")),
        ] {
            assert_eq!(resolve(text), Ok(expected), "{text}");
        }
        assert!(resolve(".inf").is_err());
    }
}
