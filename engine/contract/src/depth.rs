//! How deep a value is nested. What is journaled must be readable again, and a reader of JSON stops at 128 levels.

use serde_json::Value;

use crate::limits::VALUE_DEPTH_MAX;

/// That a value is deeper than [`VALUE_DEPTH_MAX`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("more than {VALUE_DEPTH_MAX} levels of lists and maps in one another")]
pub struct TooDeep;

/// Checks that a value may be journaled; it looks no deeper than that, however deep the value is.
///
/// # Errors
/// [`TooDeep`] where it has more than [`VALUE_DEPTH_MAX`] levels; a text or a number has none.
pub fn check(value: &Value) -> Result<(), TooDeep> {
    within(value, VALUE_DEPTH_MAX)
}

fn within(value: &Value, levels: usize) -> Result<(), TooDeep> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        Value::Array(items) => below(levels).and_then(|below| items.iter().try_for_each(|item| within(item, below))),
        Value::Object(fields) => {
            below(levels).and_then(|below| fields.values().try_for_each(|field| within(field, below)))
        }
    }
}

/// How many levels are left inside of one.
pub(crate) fn below(levels: usize) -> Result<usize, TooDeep> {
    levels.checked_sub(1).ok_or(TooDeep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_and_each_map_is_a_level() {
        for (text, levels) in [("1", 0), ("[]", 1), ("{}", 1), (r#"{"a":1,"b":[{"c":[2]}],"d":[]}"#, 4)] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(within(&value, levels), Ok(()), "{text}");
            assert!(levels == 0 || within(&value, levels - 1).is_err(), "{text}");
        }
    }
}
