//! One connection to a file of SQLite for one call, in a thread of its own.

use std::{path::Path, sync::mpsc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    number,
};
use rusqlite::{
    Connection, Error, ErrorCode, InterruptHandle, OpenFlags, params_from_iter,
    types::{Value as Cell, ValueRef},
};
use serde_json::{Map, Value, json};

use super::{super::invalid, Rows, Statement, Verb, check_columns};
use crate::native::{Work, config, departure::Departure, rejected};

/// Codes of SQLite for what is not unique. Source: SQLite, Result and Error Codes.
const CONSTRAINT_PRIMARY_KEY: i32 = 1555;
const CONSTRAINT_UNIQUE: i32 = 2067;
const CONSTRAINT_ROW_ID: i32 = 2579;

/// Makes the exchange.
pub(super) async fn run(work: Work<'_>, verb: Verb, statement: Statement) -> Result<Value, Failure> {
    let file = work.needed_field("file")?.to_owned();
    let (departure, timeout) = (Departure::new(work.gate), work.timeout);
    let (handles, handle) = mpsc::channel();
    let own = departure.clone();
    let made = move || made(&file, (verb, &statement), &own, (timeout, &handles));
    let done = departure.within_thread(timeout, made).await;
    // What nobody waits for any more is stopped; what it had written is rolled back.
    if done.is_err() {
        handle.try_iter().for_each(|handle: InterruptHandle| handle.interrupt());
    }
    done
}

fn made(
    file: &str,
    (verb, statement): (Verb, &Statement),
    departure: &Departure,
    (timeout, handles): (Duration, &mpsc::Sender<InterruptHandle>),
) -> Result<Value, Failure> {
    let connection = open(file, verb)?;
    connection.busy_timeout(timeout).map_err(|error| failure(&error))?;
    let _ = handles.send(connection.get_interrupt_handle());
    let params = statement.params.iter().map(param).collect::<Result<Vec<_>, _>>()?;
    let mut prepared = connection.prepare(&statement.sql).map_err(|error| failure(&error))?;
    if prepared.parameter_count() != params.len() {
        return Err(invalid(format!(
            "the statement has {} parameters, and `params` has {}",
            prepared.parameter_count(),
            params.len()
        )));
    }
    if !verb.is_read() {
        departure.leave()?;
        let affected = prepared.execute(params_from_iter(params)).map_err(|error| failure(&error))?;
        return Ok(json!({ "affected": affected }));
    }
    if !prepared.readonly() {
        return Err(rejected("the statement writes, and this action only reads"));
    }
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    check_columns(columns.iter().map(String::as_str))?;
    let mut found = prepared.query(params_from_iter(params)).map_err(|error| failure(&error))?;
    let mut rows = Rows::default();
    while let Some(row) = found.next().map_err(|error| failure(&error))? {
        let cell = |(index, name): (usize, &String)| {
            let cell = row.get_ref(index).map_err(|error| failure(&error))?;
            Ok((name.clone(), value(name, cell)?))
        };
        rows.push(columns.iter().enumerate().map(cell).collect::<Result<Map<_, _>, Failure>>()?)?;
    }
    rows.finish(verb, statement)
}

/// A file that is there; one that is only read is opened so.
fn open(file: &str, verb: Verb) -> Result<Connection, Failure> {
    if !Path::new(file).is_absolute() {
        return Err(config(format!("`file` is a whole path, from `/` on, and not `{file}`")));
    }
    let access = if verb.is_read() { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(|error| failure(&error))
}

fn param(value: &Value) -> Result<Cell, Failure> {
    Ok(match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::Integer(i64::from(*flag)),
        Value::Number(found) => numeric(found)?,
        Value::String(text) => Cell::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => Cell::Text(value.to_string()),
    })
}

/// SQLite has whole numbers of 64 bits and floats; what neither holds is not made less.
fn numeric(found: &serde_json::Number) -> Result<Cell, Failure> {
    let decimal = number::to_decimal(found);
    let whole = decimal.filter(|decimal| decimal.fract().is_zero());
    if let Some(whole) = whole.and_then(|whole| whole.trunc().to_string().parse().ok()) {
        return Ok(Cell::Integer(whole));
    }
    let inexact = || invalid(format!("SQLite has no exact number `{found}`; give it as a text"));
    let float: f64 = found.to_string().parse().map_err(|_| inexact())?;
    let is_exact = decimal.is_some() && number::text_to_decimal(&float.to_string()) == decimal;
    if is_exact { Ok(Cell::Real(float)) } else { Err(inexact()) }
}

fn value(name: &str, cell: ValueRef<'_>) -> Result<Value, Failure> {
    Ok(match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(whole) => whole.into(),
        // The fewest digits that are this number and no other.
        ValueRef::Real(float) => float.to_string().parse().map_or_else(|_| float.to_string().into(), Value::Number),
        ValueRef::Text(text) => {
            str::from_utf8(text).map_err(|_| rejected(format!("`{name}` is no text in UTF-8")))?.into()
        }
        ValueRef::Blob(bytes) => STANDARD.encode(bytes).into(),
    })
}

/// What an error means. A statement that fails has done nothing, because SQLite rolls it back; but where the disk fails, it may
/// not be able to say so.
fn failure(error: &Error) -> Failure {
    let Error::SqliteFailure(code, message) = error else {
        return rejected(format!("the database says: {error}"));
    };
    let class = match (code.code, code.extended_code) {
        (_, CONSTRAINT_PRIMARY_KEY | CONSTRAINT_UNIQUE | CONSTRAINT_ROW_ID) => ErrorClass::Conflict,
        (ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::PermissionDenied, _) => ErrorClass::Config,
        (
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OperationInterrupted
            | ErrorCode::DiskFull
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::SchemaChanged,
            _,
        ) => ErrorClass::Unavailable,
        (ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt, _) => ErrorClass::Unknown,
        _ => ErrorClass::Rejected,
    };
    let message = message.clone().unwrap_or_else(|| error.to_string());
    Failure {
        code: Some(code.extended_code.to_string()),
        ..Failure::new(class, format!("the database says: {message}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_or_refused() {
        let kept = |text: &str| {
            numeric(&text.parse().unwrap()).map(|cell| format!("{cell:?}")).map_err(|failure| failure.message)
        };
        assert_eq!(kept("12.00").unwrap(), "Integer(12)");
        assert_eq!(kept("1250.10").unwrap(), "Real(1250.1)");
        let refused = "SQLite has no exact number `12345678901234567.89`; give it as a text";
        assert_eq!(kept("12345678901234567.89").unwrap_err(), refused);
        assert!(kept("1e40").is_err());
    }

    #[test]
    fn a_file_that_is_locked_has_done_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let own = Connection::open(&file).unwrap();
        own.execute_batch("CREATE TABLE a (id); BEGIN EXCLUSIVE").unwrap();
        let input = json!({ "sql": "INSERT INTO a VALUES (1)" });
        let statement = super::super::statement::of(Verb::Execute, &input, super::super::Dialect::Sqlite).unwrap();
        let (handles, _handle) = mpsc::channel();
        let (departure, wait) = (Departure::new(None), Duration::from_millis(20));
        let made = || made(file.to_str().unwrap(), (Verb::Execute, &statement), &departure, (wait, &handles));
        assert_eq!(made().unwrap_err().class, ErrorClass::Unavailable);
        own.execute_batch("ROLLBACK").unwrap();
        assert_eq!(made().unwrap(), json!({ "affected": 1 }));
    }
}
