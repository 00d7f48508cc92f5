//! JSON to Rhai and back, digit for digit.

use rhai::{Array, Dynamic, INT, Map};
use rust_decimal::Decimal;
use serde_json::{Number, Value};

use crate::{
    depth::{TooDeep, below},
    limits::VALUE_DEPTH_MAX,
    number,
};

/// A JSON value as Rhai sees it: whole numbers as integers, all others as decimals.
///
/// # Errors
/// A number of more than 28 digits, which no exact decimal can hold.
pub(super) fn to_dynamic(value: &Value) -> Result<Dynamic, String> {
    Ok(match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => Dynamic::from_bool(*flag),
        Value::Number(number) => number_to_dynamic(number)?,
        Value::String(text) => text.into(),
        Value::Array(items) => Dynamic::from_array(items.iter().map(to_dynamic).collect::<Result<Array, _>>()?),
        Value::Object(map) => {
            let entries = map.iter().map(|(name, item)| Ok((name.as_str().into(), to_dynamic(item)?)));
            Dynamic::from_map(entries.collect::<Result<Map, String>>()?)
        }
    })
}

/// The same with only these fields, where the value is a map: most rules read few of a large event.
///
/// # Errors
/// As [`to_dynamic`].
pub(super) fn fields_to_dynamic(value: &Value, fields: &[String]) -> Result<Dynamic, String> {
    let Value::Object(map) = value else { return to_dynamic(value) };
    let entries = fields.iter().filter_map(|name| Some((name, map.get(name)?)));
    let entries = entries.map(|(name, item)| Ok((name.as_str().into(), to_dynamic(item)?)));
    Ok(Dynamic::from_map(entries.collect::<Result<Map, String>>()?))
}

fn number_to_dynamic(number: &Number) -> Result<Dynamic, String> {
    if let Ok(whole) = number.as_str().parse::<INT>() {
        return Ok(Dynamic::from_int(whole));
    }
    number::to_decimal(number)
        .map(Dynamic::from_decimal)
        .ok_or_else(|| format!("{number} has more digits than an exact decimal can hold"))
}

/// A Rhai value as JSON.
///
/// # Errors
/// A value that JSON does not have, such as a function; one with more than [`VALUE_DEPTH_MAX`] levels.
pub(super) fn to_value(value: &Dynamic) -> Result<Value, String> {
    within(value, VALUE_DEPTH_MAX)
}

fn within(value: &Dynamic, levels: usize) -> Result<Value, String> {
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(whole) = value.as_int() {
        return Ok(Value::from(whole));
    }
    if let Some(decimal) = value.clone().try_cast::<Decimal>() {
        return Ok(number::from_decimal(decimal));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::from(text.as_str()));
    }
    if let Ok(letter) = value.as_char() {
        return Ok(Value::from(letter.to_string()));
    }
    if let Ok(items) = value.as_array_ref() {
        let below = below(levels).map_err(too_deep)?;
        return items.iter().map(|item| within(item, below)).collect();
    }
    if let Ok(map) = value.as_map_ref() {
        let below = below(levels).map_err(too_deep)?;
        let entries = map.iter().map(|(name, item)| Ok((name.to_string(), within(item, below)?)));
        return Ok(Value::Object(entries.collect::<Result<_, String>>()?));
    }
    Err(format!("the script gives a {}, which JSON does not have", value.type_name()))
}

fn too_deep(error: TooDeep) -> String {
    format!("the script gives {error}")
}
