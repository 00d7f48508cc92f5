//! `as`: a value of another type, exactly.

use ferry_contract::{
    expression::{Compiler, EvalError, Scope},
    number,
    schema::Kind,
    shape::{Shape, Typing},
    yaml::read::{one_of, text},
};
use jiff::civil;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::{BuiltModifier, Example, Modifier, Page, date, from::Written, refused};

pub(super) const PAGE: Page = Page {
    name: "as",
    text: "Makes a value of another type: `string`, `integer`, `boolean`, `date` (`2026-03-01`), `datetime` (an instant in \
           UTC, from a time with its offset), or `decimal(2)` with that many decimals, rounded half-even. What cannot be \
           that type exactly is refused.",
    examples: &[
        Example { written: "{ from: $.event.x, as: decimal(2) }", event: r#"{"x": "1250.125"}"#, gives: "1250.12" },
        Example { written: "{ from: $.event.x, as: integer }", event: r#"{"x": "12.0"}"#, gives: "12" },
        Example {
            written: "{ from: $.event.x, as: integer }",
            event: r#"{"x": 12.5}"#,
            gives: "error: 12.5 is not a whole number",
        },
        Example { written: "{ from: $.event.x, as: string }", event: r#"{"x": 1250.10}"#, gives: r#""1250.10""# },
        Example { written: "{ from: $.event.x, as: boolean }", event: r#"{"x": "True"}"#, gives: "true" },
        Example {
            written: "{ from: $.event.x, as: boolean }",
            event: r#"{"x": "yes"}"#,
            gives: r#"error: "yes" is neither true nor false"#,
        },
        Example { written: "{ from: $.event.x, as: date }", event: r#"{"x": "2026-03-01"}"#, gives: r#""2026-03-01""# },
        Example {
            written: "{ from: $.event.x, as: date }",
            event: r#"{"x": "2026-03-01T23:30:00Z"}"#,
            gives: "error: `2026-03-01T23:30:00Z` is a time, and its day depends on a zone; write `date: { zone: …, out: \"%Y-%m-%d\" }`",
        },
        Example {
            written: "{ from: $.event.x, as: datetime }",
            event: r#"{"x": "2026-03-01T12:00:00.000+0200"}"#,
            gives: r#""2026-03-01T10:00:00Z""#,
        },
    ],
};

#[derive(Clone, Copy, Debug)]
enum As {
    Text,
    Integer,
    Decimal(u32),
    Boolean,
    Date,
    DateTime,
}

pub(super) fn compile(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    let name = text(written.node, "`as`", compiler.report)?.value;
    let scale =
        name.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')).and_then(|scale| scale.parse().ok());
    let kind = match scale {
        Some(scale @ 0..=28) => As::Decimal(scale),
        Some(_) | None => {
            let words = [
                ("string", As::Text),
                ("integer", As::Integer),
                ("decimal(2)", As::Decimal(2)),
                ("boolean", As::Boolean),
                ("date", As::Date),
                ("datetime", As::DateTime),
            ];
            one_of(written.node, "a type", &words, compiler.report)?
        }
    };
    Some(Some(Box::new(kind)))
}

impl Modifier for As {
    fn apply(&self, value: Value, _: Scope<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Text => Ok(match value {
                Value::String(_) => value,
                other => Value::from(other.to_string()),
            }),
            Self::Integer => {
                let decimal = decimal(&value)?;
                if !decimal.fract().is_zero() {
                    return refused(format!("{value} is not a whole number"));
                }
                Ok(number::from_decimal(decimal.trunc()))
            }
            Self::Decimal(scale) => {
                let rounded = decimal(&value)?.round_dp_with_strategy(*scale, RoundingStrategy::MidpointNearestEven);
                let mut rounded = rounded;
                rounded.rescale(*scale);
                Ok(number::from_decimal(rounded))
            }
            Self::Boolean => boolean(&value),
            Self::Date => day(&value),
            Self::DateTime => date::instant(&value, None).map(|instant| Value::from(instant.to_string())),
        }
    }

    fn shape(&self, of: Shape, cx: &mut Typing<'_>) -> Shape {
        let _ = cx;
        Shape::of_kind(match self {
            Self::Text if of.schema.kind == Some(Kind::String) => return of,
            Self::Text | Self::Date | Self::DateTime => Kind::String,
            Self::Integer => Kind::Integer,
            Self::Decimal(_) => Kind::Number,
            Self::Boolean => Kind::Boolean,
        })
    }
}

fn decimal(value: &Value) -> Result<Decimal, EvalError> {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
    number::text_to_decimal(&text).ok_or_else(|| EvalError(format!("{value} is not an exact number")))
}

fn boolean(value: &Value) -> Result<Value, EvalError> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_lowercase);
    match text.trim() {
        "true" | "1" => Ok(Value::Bool(true)),
        "false" | "0" => Ok(Value::Bool(false)),
        _ => refused(format!("{value} is neither true nor false")),
    }
}

fn day(value: &Value) -> Result<Value, EvalError> {
    let text = value.as_str().unwrap_or_default().trim();
    if text.len() > "2026-03-01".len() && date::instant(value, None).is_ok() {
        return refused(format!(
            "`{text}` is a time, and its day depends on a zone; write `date: {{ zone: …, out: \"%Y-%m-%d\" }}`"
        ));
    }
    match text.parse::<civil::Date>() {
        Ok(day) => Ok(Value::from(day.to_string())),
        Err(_) => refused(format!("{value} is not a date such as `2026-03-01`")),
    }
}
