//! Exact numbers: JSON text to decimal and back, never through a float.

use std::{cmp::Ordering, str::FromStr as _};

use rust_decimal::Decimal;
use serde_json::{Number, Value};

/// The exact decimal, or nothing where the number has more than 28 digits.
pub fn to_decimal(number: &Number) -> Option<Decimal> {
    text_to_decimal(number.as_str())
}

/// The exact decimal that a text writes, or nothing where it is no number or has too many digits.
pub fn text_to_decimal(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    Decimal::from_str_exact(text).ok()
}

/// The JSON number with the decimal's own scale: `1250.10` stays `1250.10`. Zero has no sign.
pub fn from_decimal(mut decimal: Decimal) -> Value {
    if decimal.is_zero() {
        decimal.set_sign_positive(true);
    }
    let number = Number::from_str(&decimal.to_string()).expect("a decimal prints as a JSON number");
    Value::Number(number)
}

/// Equality of values in which `1250.1` and `1250.10` are the same number.
///
/// `serde_json` with exact numbers compares their text, so `==` on numeric values is never used.
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => match (to_decimal(a), to_decimal(b)) {
            (Some(a), Some(b)) => a == b,
            (None | Some(_), None) | (None, Some(_)) => a.as_str() == b.as_str(),
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// The order of two numbers or two strings; nothing for anything else.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Some(to_decimal(a)?.cmp(&to_decimal(b)?)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text_and_compare_by_value() {
        let value: Value = serde_json::from_str("12345678901234567.890").unwrap();
        let Value::Number(number) = &value else { panic!("not a number") };
        let decimal = to_decimal(number).unwrap();
        assert_eq!(from_decimal(decimal).to_string(), "12345678901234567.890");
        assert!(equal(&value, &serde_json::from_str("12345678901234567.89").unwrap()));
        assert_eq!(text_to_decimal("1e3"), Some(Decimal::from(1000)));
        assert_eq!(text_to_decimal("1.5.2"), None);
        assert_eq!(from_decimal(-Decimal::new(0, 2)).to_string(), "0.00");
    }
}
