//! What was asked of a target and what it said, as a person may see it: masked, and cut to size.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{depth, limits::EXCHANGE_BODY_MAX_BYTES, mask::Mask};

/// One request of one call, and its answer. It holds no header that we sent, and so no token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Exchange {
    /// `GET`, `POST` …
    pub method: String,
    /// Absolute.
    pub url: String,
    /// What this call has in the request's body; text where it was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// How many calls of other runs went in the same request.
    #[serde(default)]
    pub others: usize,
    /// What came back; nothing where no whole answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answered>,
}

/// An answer, as it is kept.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The headers with which a vendor finds the exchange, or says how long to wait, by name in lower case.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub headers: Value,
    /// The body; text where it was no JSON, or was cut.
    pub body: Value,
}

/// A body that may be kept: masked, and as text with its size where it is larger than [`EXCHANGE_BODY_MAX_BYTES`]; as text
/// also where it is deeper than what is kept.
pub fn kept(mask: &Mask, body: &Value) -> Value {
    let masked = mask.value(body);
    let text = masked.as_str().map_or_else(|| masked.to_string(), str::to_owned);
    if text.len() <= EXCHANGE_BODY_MAX_BYTES {
        return if depth::check(&masked).is_ok() { masked } else { Value::from(text) };
    }
    let start = &text[..text.floor_char_boundary(EXCHANGE_BODY_MAX_BYTES)];
    Value::from(format!("{start} … ({} bytes in all)", text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_is_cut_and_says_so() {
        let large = serde_json::json!({ "note": "é".repeat(EXCHANGE_BODY_MAX_BYTES) });
        let Value::String(kept) = kept(&Mask::default(), &large) else { unreachable!("a large body is text") };
        assert!(kept.len() < EXCHANGE_BODY_MAX_BYTES + 40 && kept.starts_with("{\"note\":\"é"), "{kept}");
        assert!(kept.ends_with(&format!("… ({} bytes in all)", large.to_string().len())), "{kept}");
    }
}
