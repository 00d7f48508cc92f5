//! Parameters of PostgreSQL, as the texts that the server reads by their types: it alone knows how exact each is.

use std::error::Error;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferry_contract::{failure::Failure, number};
use serde_json::Value;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, private::BytesMut, to_sql_checked};

use super::super::invalid;

/// A parameter; nothing is NULL.
#[derive(Debug)]
pub(super) struct Param(Option<String>);

/// The parameters of a statement, which has these types.
///
/// # Errors
/// `invalid` where there are more or fewer, or a value cannot be of its type.
pub(super) fn all(values: &[Value], types: &[Type]) -> Result<Vec<Param>, Failure> {
    if values.len() != types.len() {
        return Err(invalid(format!(
            "the statement has {} parameters, and `params` has {}",
            types.len(),
            values.len()
        )));
    }
    let params = values.iter().zip(types).enumerate().map(|(index, (value, kind))| {
        let refused = |reason| invalid(format!("the parameter ${} {reason}", index + 1));
        Ok(Param(text(value, kind).map_err(refused)?))
    });
    params.collect()
}

fn text(value: &Value, kind: &Type) -> Result<Option<String>, String> {
    let is_json = [Type::JSON, Type::JSONB].contains(kind);
    Ok(Some(match (value, kind.kind()) {
        (Value::Null, _) => return Ok(None),
        (value, _) if is_json => value.to_string(),
        (Value::Array(items), Kind::Array(item)) => list(items, item)?,
        (Value::String(text), _) if *kind == Type::BYTEA => {
            let bytes = STANDARD.decode(text).map_err(|_| "is bytes, and must be written in Base64".to_owned())?;
            bytes.iter().fold("\\x".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
        }
        (Value::String(text), _) => text.clone(),
        // `12.00` is a whole number to everybody but a column of whole numbers.
        (Value::Number(found), _) if [Type::INT2, Type::INT4, Type::INT8].contains(kind) => {
            let whole = number::to_decimal(found).filter(|found| found.fract().is_zero());
            whole.map_or_else(|| found.to_string(), |whole| whole.trunc().to_string())
        }
        (Value::Number(found), _) => found.to_string(),
        (Value::Bool(flag), _) => flag.to_string(),
        (Value::Array(_) | Value::Object(_), _) => return Err(format!("is one value of the type `{}`", kind.name())),
    }))
}

/// Source: PostgreSQL 17, section 8.15.2, array input.
fn list(items: &[Value], kind: &Type) -> Result<String, String> {
    let item = |item: &Value| {
        Ok(match text(item, kind)? {
            None => "NULL".to_owned(),
            Some(inner) if item.is_array() => inner,
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        })
    };
    let items: Vec<String> = items.iter().map(item).collect::<Result<_, String>>()?;
    Ok(format!("{{{}}}", items.join(",")))
}

impl ToSql for Param {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_written_as_its_type_reads_it() {
        for (value, kind, expected) in [
            (json!("O'Neil"), Type::TEXT, Ok(Some("O'Neil"))),
            (json!(12.50), Type::NUMERIC, Ok(Some("12.5"))),
            (json!(12.0), Type::INT8, Ok(Some("12"))),
            (json!(12.5), Type::INT8, Ok(Some("12.5"))),
            (json!({ "a": 1 }), Type::JSONB, Ok(Some("{\"a\":1}"))),
            (json!("a"), Type::JSON, Ok(Some("\"a\""))),
            (json!(["a\"b", null, "c\\"]), Type::TEXT_ARRAY, Ok(Some("{\"a\\\"b\",NULL,\"c\\\\\"}"))),
            (json!("AP8="), Type::BYTEA, Ok(Some("\\x00ff"))),
            (json!("?"), Type::BYTEA, Err("is bytes, and must be written in Base64")),
            (json!({}), Type::TEXT, Err("is one value of the type `text`")),
            (json!(null), Type::TEXT, Ok(None)),
        ] {
            let written = text(&value, &kind);
            assert_eq!(written.as_ref().map(Option::as_deref).map_err(String::as_str), expected, "{value} {kind}");
        }
    }
}
