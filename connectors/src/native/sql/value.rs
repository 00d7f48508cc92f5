//! What PostgreSQL gives, as JSON: numbers with their digits, times in RFC 3339, bytes in Base64.

use std::error::Error;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferry_contract::failure::Failure;
use jiff::{Timestamp, civil};
use serde_json::{Map, Value};
use tokio_postgres::{
    Column, Row, Statement,
    types::{FromSql, Kind, Type},
};

use super::{super::rejected, check_columns, decimal, statement::quoted};

/// One value.
struct Cell(Value);

/// Checks that all columns of a result can be read, before anything is.
pub(super) fn check(statement: &Statement) -> Result<(), Failure> {
    check_columns(statement.columns().iter().map(Column::name))?;
    for column in statement.columns() {
        if !<Cell as FromSql<'_>>::accepts(column.type_()) {
            let (name, kind) = (column.name(), column.type_());
            return Err(rejected(format!("`{name}` is of the type `{kind}`; make it a text with `{name}::text`")));
        }
    }
    Ok(())
}

/// The statement with a text in the place of each value that cannot be read; nothing where there is none.
pub(super) fn readable(statement: &Statement, sql: &str) -> Result<Option<String>, Failure> {
    let is_readable = |column: &Column| <Cell as FromSql<'_>>::accepts(column.type_());
    if statement.columns().iter().all(is_readable) {
        return Ok(None);
    }
    let column = |column: &Column| {
        let name = quoted(column.name())?;
        Ok(if is_readable(column) { name } else { format!("{name}::text AS {name}") })
    };
    let columns: Vec<String> = statement.columns().iter().map(column).collect::<Result<_, Failure>>()?;
    Ok(Some(format!("SELECT {} FROM ({sql}) AS readable", columns.join(", "))))
}

/// One row.
pub(super) fn row(row: &Row) -> Result<Map<String, Value>, Failure> {
    let columns = row.columns().iter().enumerate();
    let cell = |index: usize, name: &str| {
        let cell: Option<Cell> =
            row.try_get(index).map_err(|error| rejected(format!("`{name}` cannot be read: {error}")))?;
        Ok((name.to_owned(), cell.map_or(Value::Null, |cell| cell.0)))
    };
    columns.map(|(index, column)| cell(index, column.name())).collect()
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if let Kind::Array(_) = kind.kind() {
            let items = Vec::<Option<Self>>::from_sql(kind, raw)?;
            return Ok(Self(items.into_iter().map(|item| item.map_or(Value::Null, |item| item.0)).collect()));
        }
        Ok(Self(match *kind {
            Type::BOOL => bool::from_sql(kind, raw)?.into(),
            Type::INT2 => i16::from_sql(kind, raw)?.into(),
            Type::INT4 => i32::from_sql(kind, raw)?.into(),
            Type::INT8 => i64::from_sql(kind, raw)?.into(),
            Type::OID => u32::from_sql(kind, raw)?.into(),
            // The fewest digits that are this number and no other.
            Type::FLOAT4 => shortest(&f32::from_sql(kind, raw)?.to_string()),
            Type::FLOAT8 => shortest(&f64::from_sql(kind, raw)?.to_string()),
            Type::NUMERIC => decimal::read(raw).unwrap_or_else(|| Value::from("NaN")),
            Type::TIMESTAMPTZ => Timestamp::from_sql(kind, raw)?.to_string().into(),
            // It has no zone, and none is made up.
            Type::TIMESTAMP => civil::DateTime::from_sql(kind, raw)?.to_string().into(),
            Type::DATE => civil::Date::from_sql(kind, raw)?.to_string().into(),
            Type::TIME => civil::Time::from_sql(kind, raw)?.to_string().into(),
            Type::JSON | Type::JSONB => Value::from_sql(kind, raw)?,
            Type::BYTEA => STANDARD.encode(raw).into(),
            Type::UUID => uuid(raw).into(),
            _ => str::from_utf8(raw)?.into(),
        }))
    }

    fn accepts(kind: &Type) -> bool {
        let plain = [
            Type::BOOL,
            Type::INT2,
            Type::INT4,
            Type::INT8,
            Type::OID,
            Type::FLOAT4,
            Type::FLOAT8,
            Type::NUMERIC,
            Type::TIMESTAMPTZ,
            Type::TIMESTAMP,
            Type::DATE,
            Type::TIME,
            Type::JSON,
            Type::JSONB,
            Type::BYTEA,
            Type::UUID,
        ];
        match kind.kind() {
            Kind::Array(item) => Self::accepts(item),
            Kind::Enum(_) => true,
            _ => plain.contains(kind) || <&str as FromSql<'_>>::accepts(kind),
        }
    }
}

fn shortest(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::from(text), Value::Number)
}

fn uuid(raw: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let parts = [0..4, 4..6, 6..8, 8..10, 10..16];
    parts.into_iter().filter_map(|part| raw.get(part)).map(hex).collect::<Vec<_>>().join("-")
}
