//! NUMERIC as PostgreSQL sends it: digits to the base of ten thousand, of any length. No type of a fixed size has them all.
//!
//! Source: PostgreSQL 17, src/backend/utils/adt/numeric.c, `numeric_send`.

use std::str::FromStr as _;

use serde_json::{Number, Value};

/// Four decimal digits each.
const DIGITS_IN_GROUP: usize = 4;
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// The number with all of its digits; nothing for NaN, the infinities and what is no NUMERIC.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let mut word = || words.next();
    let (count, weight, sign, scale) = (word()?, word()?.cast_signed(), word()?, usize::from(word()?));
    let groups: Vec<u16> = words.collect();
    if groups.len() != usize::from(count) || ![POSITIVE, NEGATIVE].contains(&sign) {
        return None;
    }
    let group = |index: i32| usize::try_from(index).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0);
    let whole: String = (0..=i32::from(weight)).map(|index| format!("{:04}", group(index))).collect();
    let whole = whole.trim_start_matches('0');
    let parts = i32::try_from(scale.div_ceil(DIGITS_IN_GROUP)).ok()?;
    let first = i32::from(weight) + 1;
    let mut fraction: String = (first..first + parts).map(|index| format!("{:04}", group(index))).collect();
    fraction.truncate(scale);
    let minus = if sign == NEGATIVE { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    let whole = if whole.is_empty() { "0" } else { whole };
    Number::from_str(&format!("{minus}{whole}{point}{fraction}")).ok().map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_the_server_sends() {
        let text = |words: &[u16]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            read(&bytes).map(|value| value.to_string())
        };
        let below = u16::MAX; // A weight of -1.
        for (words, expected) in [
            (&[2, 0, POSITIVE, 2, 1250, 1000][..], Some("1250.10")),
            (&[0, 0, POSITIVE, 0], Some("0")),
            (&[0, 0, POSITIVE, 2], Some("0.00")),
            (&[1, below, NEGATIVE, 4, 5], Some("-0.0005")),
            (&[1, below - 1, POSITIVE, 6, 1200], Some("0.000012")),
            (&[1, 1, POSITIVE, 0, 7], Some("70000")),
            (&[3, 2, POSITIVE, 1, 1, 2, 3], Some("100020003.0")),
            (&[0, 0, 0xC000, 0], None),
            (&[2, 0, POSITIVE, 0, 1], None),
        ] {
            assert_eq!(text(words).as_deref(), expected, "{words:?}");
        }
    }
}
