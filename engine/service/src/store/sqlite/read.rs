//! Questions to the store.

use std::collections::BTreeMap;

use ferry_contract::key::Digest;
use ferry_core::run::Entry;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::Type};
use serde::de::DeserializeOwned;

use super::mail;
use crate::{
    limits::FOUND_ROWS_MAX,
    store::{
        DeadLetter, EngineId, Fence, Filter, RunId, RunRow, Shared, StoredRun, Trust, VersionFiles, as_value,
        rows::mended_by,
    },
};

const RUN: &str = "SELECT run, pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms FROM runs";

pub(super) fn run(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<StoredRun>> {
    let sql = RUN.replace(" FROM", ", fence, owner, mail, number FROM");
    let row = connection.prepare_cached(&format!("{sql} WHERE run = ?1"))?.query_row([run.as_str()], |row| {
        let owner: Option<String> = row.get(10)?;
        let number: i64 = row.get(12)?;
        Ok((run_row(row)?, Fence::stored(row.get(9)?), owner.map(EngineId::named), row.get(11)?, number))
    });
    let Some((row, fence, owner, mail, number)) = row.optional()? else { return Ok(None) };
    let mut statement =
        connection.prepare_cached("SELECT at_ms, entry FROM journal WHERE run = ?1 ORDER BY sequence")?;
    let entries = statement.query_map([number], |row| Ok((time(row, 0)?, json::<Entry>(row, 1)?)))?;
    let (journal, letters) = (entries.collect::<Result<_, _>>()?, mail::letters(connection, run)?);
    Ok(Some(StoredRun { row, journal, fence, owner, letters, mail }))
}

pub(super) fn revision(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT revision FROM inbox WHERE run = ?1";
    connection.query_row(sql, [run.as_str()], |row| row.get(0)).optional()
}

pub(super) fn cursor(connection: &Connection, trigger: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM cursors WHERE name = ?1", [trigger], |row| row.get(0)).optional()
}

pub(super) fn version(connection: &Connection, version: &Digest) -> rusqlite::Result<Option<VersionFiles>> {
    let sql = "SELECT files FROM versions WHERE version = ?1";
    connection.query_row(sql, [version.as_str()], |row| json(row, 0)).optional()
}

pub(super) fn shared(connection: &Connection, name: &str) -> rusqlite::Result<Option<Shared>> {
    let sql = "SELECT version, value FROM shared WHERE name = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let row = |row: &Row<'_>| Ok(Shared { version: row.get::<_, i64>(0)?.unsigned_abs(), value: json(row, 1)? });
    statement.query_row([name], row).optional()
}

pub(super) fn runs(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<RunRow>> {
    let sql = format!(
        "{RUN} WHERE (?1 IS NULL OR pipeline = ?1) AND (?2 = '[]' OR state IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR event_key = ?3)
        ORDER BY updated_ms DESC, run LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let wanted = params![filter.pipeline, kinds(filter), filter.event_key, bound(filter.limit)];
    let rows = statement.query_map(wanted, run_row)?;
    rows.collect()
}

/// Runs with a value in their journal, among those that changed last.
pub(super) fn runs_with(connection: &Connection, text: &str, among: usize) -> rusqlite::Result<Vec<RunRow>> {
    let sql = format!(
        "{RUN} WHERE run IN (SELECT run FROM runs ORDER BY updated_ms DESC, run LIMIT ?3) AND EXISTS (
            SELECT 1 FROM journal WHERE journal.run = runs.number AND (instr(entry, ?1) > 0 OR instr(entry, ?2) > 0)
        ) ORDER BY updated_ms DESC, run LIMIT ?4"
    );
    let (quoted, number) = as_value(text);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![quoted, number, bound(among), bound(FOUND_ROWS_MAX)], run_row)?;
    rows.collect()
}

pub(super) fn counts(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut statement = connection.prepare_cached("SELECT state, count(*) FROM runs GROUP BY state")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    rows.collect()
}

pub(super) fn dead_letters(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<DeadLetter>> {
    let sql = "SELECT run, pipeline, event_key, step, class, message, at_ms, event FROM dead_letters
        WHERE (?1 IS NULL OR pipeline = ?1) AND (?2 = '[]' OR class IN (SELECT value FROM json_each(?2))) AND (?4 IS NULL OR run = ?4 OR event_key = ?4)
        ORDER BY at_ms DESC, run LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let rows =
        statement.query_map(params![filter.pipeline, kinds(filter), bound(filter.limit), filter.event_key], |row| {
            Ok(DeadLetter {
                run: RunId::named(row.get::<_, String>(0)?),
                pipeline: row.get(1)?,
                event_key: row.get(2)?,
                step: row.get(3)?,
                mended_by: mended_by(&row.get::<_, String>(4)?),
                class: row.get(4)?,
                message: row.get(5)?,
                at: time(row, 6)?,
                event: json(row, 7)?,
            })
        })?;
    rows.collect()
}

pub(super) fn trust(connection: &Connection) -> rusqlite::Result<Trust> {
    let sql = "SELECT verdict, reason, at_ms FROM verdicts ORDER BY number DESC LIMIT 1";
    let last = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    Ok(Trust::stored(last))
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let due: Option<i64> = row.get(8)?;
    Ok(RunRow {
        run: RunId::named(row.get::<_, String>(0)?),
        pipeline: row.get(1)?,
        version: row.get(2)?,
        event_key: row.get(3)?,
        state: row.get(4)?,
        note: row.get(5)?,
        started_at: time(row, 6)?,
        updated_at: time(row, 7)?,
        due_at: due.and_then(|due| Timestamp::from_millisecond(due).ok()),
    })
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let wrong = |error: jiff::Error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error));
    Timestamp::from_millisecond(row.get(column)?).map_err(wrong)
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    let wrong =
        |error: serde_json::Error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    serde_json::from_str(&text).map_err(wrong)
}

/// The kinds of a filter as SQLite can search them.
pub(super) fn kinds(filter: &Filter) -> String {
    serde_json::json!(filter.kinds).to_string()
}

pub(super) fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
