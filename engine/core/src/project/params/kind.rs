//! What a parameter's value may be.

use ferry_contract::{
    number,
    yaml::{Kind, Node},
};
use jiff::civil::Date;
use serde_json::Value;

use crate::limits::PARAM_MAX_BYTES;

/// The type of a parameter.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum ParamKind {
    /// A text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// An exact number.
    Decimal,
    /// `true` or `false`.
    Boolean,
    /// `2026-03-01`.
    Date,
}

impl ParamKind {
    /// All of them, by the words of `as`.
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("string", Self::String),
        ("integer", Self::Integer),
        ("decimal", Self::Decimal),
        ("boolean", Self::Boolean),
        ("date", Self::Date),
    ];

    /// What a value is, for messages.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::String => "a text",
            Self::Integer => "a whole number",
            Self::Decimal => "a number",
            Self::Boolean => "`true` or `false`",
            Self::Date => "a date such as `2026-03-01`",
        }
    }

    /// The value that a text writes.
    ///
    /// # Errors
    /// What it must be instead.
    pub(super) fn read(self, text: &str) -> Result<Value, &'static str> {
        if text.len() > PARAM_MAX_BYTES {
            return Err("at most 4 KB long");
        }
        let number = || number::text_to_decimal(text);
        let read = match self {
            Self::String => return plain(text),
            Self::Integer => number()
                .filter(|number| number.fract().is_zero())
                .map(|number| number.trunc())
                .map(number::from_decimal),
            Self::Decimal => number().map(number::from_decimal),
            Self::Boolean => text.parse().ok().map(Value::Bool),
            Self::Date => text.parse::<Date>().ok().map(|date| Value::from(date.to_string())),
        };
        read.ok_or(self.wanted())
    }

    /// The value that is written in a file.
    ///
    /// # Errors
    /// What it must be instead.
    pub(super) fn read_node(self, node: &Node) -> Result<Value, &'static str> {
        match &node.kind {
            Kind::Text(text) => self.read(&text.value),
            Kind::Number(number) => self.read(number.as_str()),
            Kind::Bool(flag) if self == Self::Boolean => Ok(Value::Bool(*flag)),
            Kind::Bool(_) | Kind::Null | Kind::List(_) | Kind::Map(_) => Err(self.wanted()),
        }
    }
}

/// A text that means nothing else wherever it is put.
fn plain(text: &str) -> Result<Value, &'static str> {
    let is_plain = !text.starts_with('$') && !text.contains(['{', '}']);
    if is_plain { Ok(Value::from(text)) } else { Err("a plain text, without braces and without `$` at its beginning") }
}

/// A value as it is written inside of a text.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
