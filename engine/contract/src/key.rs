//! Names of calls and versions that stay the same across crashes, replays and machines.

use std::{borrow::Borrow, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The name of one write: connection, action, business key, step, generation.
///
/// Never the run or the attempt: two runs for one business fact have the same key, and so share
/// one call.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct CallKey(String);

impl CallKey {
    /// The key of a step's write for the event with that business key.
    pub fn new(connection: &str, action: &str, event_key: &str, step: &str, generation: u32) -> Self {
        let event_key = event_key.replace('/', "%2F");
        Self(format!("{connection}/{action}/{event_key}/{step}/{generation}"))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for CallKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256, as 64 hexadecimal digits.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let sum = Sha256::digest(bytes.as_ref());
        Self(sum.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| DIGITS[usize::from(half)]).collect())
    }

    /// The digest of a value, independent of the order of keys and of how a number is written.
    pub fn of_value(value: &Value) -> Self {
        let mut text = String::new();
        canonical(value, &mut text);
        Self::of(text)
    }

    /// A digest that was written down as text.
    pub fn named(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => match crate::number::to_decimal(number) {
            Some(decimal) => out.push_str(&decimal.normalize().to_string()),
            None => out.push_str(&number.to_string()),
        },
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut sorted: Vec<_> = map.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (name, item) in sorted {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(item, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_ignores_key_order_and_trailing_zeros() {
        let one: Value = serde_json::from_str(r#"{"a":1250.10,"b":[1,"x"]}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":[1.0,"x"],"a":1250.1}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":[1.0,"x"],"a":1250.11}"#).unwrap();
        assert_eq!(Digest::of_value(&one), Digest::of_value(&two));
        assert_ne!(Digest::of_value(&one), Digest::of_value(&other));
    }

    #[test]
    fn a_slash_in_the_event_key_makes_no_other_key() {
        assert_ne!(CallKey::new("c", "a", "x/y", "s", 0), CallKey::new("c", "a", "x", "y/s", 0));
    }
}
