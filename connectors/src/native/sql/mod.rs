//! Databases: parameters only, one statement alone, and reads that the database itself keeps from writing.

mod decimal;
mod param;
mod postgres;
mod refusal;
mod sqlite;
mod statement;
mod value;

use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::Boxed,
};
use serde_json::{Map, Value};

use super::{Native, Work, departure::Departure, rejected};
use crate::limits::{ITEMS_MAX, ROWS_MAX_BYTES};
use statement::{Dialect, Statement};

/// What is done to a database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    /// Reads rows.
    Query,
    /// Reads the one row.
    QueryOne,
    /// Reads the row with a key, and compares it.
    Find,
    /// Does what a statement says.
    Execute,
    /// Adds a row.
    Insert,
    /// Adds or changes the row with a key.
    Upsert,
}

impl Verb {
    fn is_read(self) -> bool {
        matches!(self, Self::Query | Self::QueryOne | Self::Find)
    }
}

/// PostgreSQL. Source: PostgreSQL 17, Frontend/Backend Protocol, and Appendix A for its codes of errors.
#[derive(Debug)]
pub(super) struct Postgres(pub(super) Verb);

impl Native for Postgres {
    fn name(&self) -> &'static str {
        match self.0 {
            Verb::Query => "sql_query",
            Verb::QueryOne => "sql_query_one",
            Verb::Find => "sql_find",
            Verb::Execute => "sql_execute",
            Verb::Insert => "sql_insert",
            Verb::Upsert => "sql_upsert",
        }
    }

    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let statement = statement::of(self.0, work.input, Dialect::Postgres)?;
            let departure = Departure::new(work.gate);
            departure.within(work.timeout, postgres::run(work, (self.0, &statement), &departure)).await
        })
    }
}

/// SQLite.
#[derive(Debug)]
pub(super) struct Sqlite(pub(super) Verb);

impl Native for Sqlite {
    fn name(&self) -> &'static str {
        match self.0 {
            Verb::Query => "sqlite_query",
            Verb::QueryOne => "sqlite_query_one",
            Verb::Find => "sqlite_find",
            Verb::Execute => "sqlite_execute",
            Verb::Insert => "sqlite_insert",
            Verb::Upsert => "sqlite_upsert",
        }
    }

    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let statement = statement::of(self.0, work.input, Dialect::Sqlite)?;
            sqlite::run(work, self.0, statement).await
        })
    }
}

/// Rows as they come in, within the bounds of one call.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Value>,
    bytes: usize,
}

impl Rows {
    fn push(&mut self, row: Map<String, Value>) -> Result<(), Failure> {
        let row = Value::Object(row);
        self.bytes += row.to_string().len();
        self.rows.push(row);
        if self.rows.len() > ITEMS_MAX || self.bytes > ROWS_MAX_BYTES {
            return Err(rejected(format!(
                "it has more than {ITEMS_MAX} rows, or {ROWS_MAX_BYTES} bytes; ask for fewer with a condition or `LIMIT`"
            )));
        }
        Ok(())
    }

    /// What the verb gives of them.
    fn finish(mut self, verb: Verb, statement: &Statement) -> Result<Value, Failure> {
        if verb == Verb::Query {
            return Ok(serde_json::json!({ "rows": self.rows }));
        }
        if self.rows.len() > 1 {
            return Err(rejected("there are several such rows, and one was asked for; ask by what is unique"));
        }
        let none = || Failure::new(ErrorClass::NotFound, "there is no such row");
        let row = self.rows.pop().ok_or_else(none)?;
        Ok(if verb == Verb::Find { statement.compared(row) } else { serde_json::json!({ "row": row }) })
    }
}

/// The names of a result's columns: each can stand in a row once.
fn check_columns<'a>(columns: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut known = std::collections::BTreeSet::new();
    for column in columns {
        if !known.insert(column) {
            return Err(rejected(format!("two columns are called `{column}`; name one with `AS`")));
        }
    }
    Ok(())
}
