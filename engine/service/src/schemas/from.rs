//! `from` with its modifiers, as they are written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::{
    rules::{completions, needs, never_both, or_else},
    written::{Text, Value},
};

/// A map with `from`: a value, and what is done with it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = never_both("required", "default", "what is `required` takes no `default`: it stands in for what is missing"))]
#[schemars(transform = needs("else", "lookup"))]
pub struct From {
    /// What it begins with: a JSONPath, mostly.
    pub from: Value,
    /// `true` gives all values of the path as a list.
    pub many: Option<bool>,
    /// Stands in for what is missing or null; it may be null on purpose.
    pub default: Option<Value>,
    /// `true` refuses null and an empty text.
    pub required: Option<bool>,
    /// `true` takes white space off both ends of a text.
    pub trim: Option<bool>,
    /// `true` writes a text in capitals.
    pub upper: Option<bool>,
    /// `true` writes a text in small letters.
    pub lower: Option<bool>,
    /// Splits a text at a separator.
    pub split: Option<Split>,
    /// Makes a value of another type, exactly: `decimal(2)` rounds half-even, all others refuse what is not that type.
    pub r#as: Option<As>,
    /// Reads a time or a day, and writes it again.
    pub date: Option<Date>,
    /// Gives a country's ISO 3166-1 code.
    pub country: Option<Country>,
    /// Takes the value of a row of a table in `tables/`, by its name.
    pub lookup: Option<Text>,
    /// What a value becomes that has no row in the table of `lookup`.
    pub r#else: Option<Value>,
    /// `true` gives the symbol of an ISO 4217 code.
    pub currency_symbol: Option<bool>,
    /// Refuses a text that this regular expression does not match as a whole.
    pub pattern: Option<Text>,
    /// Refuses a text with more characters: nothing is ever cut silently.
    pub max_length: Option<u64>,
    /// Shows only the last four characters of a text.
    pub mask: Option<Mask>,
}

/// A separator, or a separator with the part that is taken.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| json!({ "type": ["string", "number"] })))]
pub struct Split {
    /// The separator.
    pub by: Text,
    /// The part: `first`, `last`, `rest` (all behind the first), or a number from 0.
    pub take: Take,
}

/// Which part of a text that was split.
#[derive(Debug)]
pub struct Take;

impl JsonSchema for Take {
    fn schema_name() -> Cow<'static, str> {
        "Take".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "if": { "type": "integer" }, "then": { "minimum": 0 }, "else": { "enum": PARTS.map(|(name, _)| name) }, "defaultSnippets": completions(PARTS) })
    }
}

/// The parts of a text that have a name.
const PARTS: [(&str, &str); 3] =
    [("first", "The first part."), ("last", "The last part."), ("rest", "All behind the first part.")];

/// The type that a value is made.
#[derive(Debug)]
pub struct As;

const TYPES: [(&str, &str); 6] = [
    ("decimal(2)", "A number with that many decimals, rounded half-even."),
    ("integer", "A whole number."),
    ("string", "A text."),
    ("boolean", "`true` or `false`."),
    ("date", "A day, such as `2026-03-01`."),
    ("datetime", "An instant in UTC, from a time with its offset."),
];

impl JsonSchema for As {
    fn schema_name() -> Cow<'static, str> {
        "As".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "if": { "type": "string", "pattern": "^decimal\\([0-9]+\\)$" },
            "else": { "enum": TYPES.map(|(name, _)| name) },
            "defaultSnippets": completions(TYPES),
        })
    }
}

/// Forms of a date.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Date {
    /// How it is written, in the letters of strftime, or `epoch_seconds`, or `epoch_ms`; without it, ISO 8601 is read.
    #[schemars(extend("examples" = ["%d/%m/%Y", "%d.%m.%Y %H:%M", "epoch_seconds", "epoch_ms"]))]
    pub r#in: Option<Text>,
    /// The IANA zone of a time that says none itself, and the zone in which `out` writes.
    #[schemars(extend("examples" = ["Europe/Berlin", "UTC"]))]
    pub zone: Option<Text>,
    /// How it is written again; without it a time is an instant in UTC, and a day `2026-03-01`.
    #[schemars(extend("examples" = ["%Y-%m-%d"]))]
    pub out: Option<Text>,
}

/// A form of country codes.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Country {
    /// Two letters, such as `NO`.
    Alpha2,
    /// Three letters, such as `NOR`.
    Alpha3,
}

/// What is left of a text.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Mask {
    /// The last four characters.
    Last4,
}
