//! One group of changes inside a transaction.

use ferry_core::run::{Entry, From, State};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use crate::store::{Arrival, Change, Committed, RunId, StoreError};

/// Writes all changes, in order.
pub(super) fn group(connection: &Connection, changes: &[Change]) -> Result<Committed, StoreError> {
    let mut committed = Committed::default();
    for change in changes {
        one(connection, change, &mut committed)?;
    }
    Ok(committed)
}

fn one(connection: &Connection, change: &Change, committed: &mut Committed) -> Result<(), StoreError> {
    match change {
        Change::Receive(arrival) => receive(connection, arrival, committed),
        Change::Append { run, sequence, at, entry } => append(connection, run, *sequence, *at, entry),
        Change::Project { run, state, due, note } => project(connection, run, *state, *due, note),
        Change::Claim { key, run, digest } => claim(connection, key.as_str(), run, digest.as_str()),
        Change::DeadLetter { run, step, failure, event, at } => {
            let event = event.to_string();
            let values = params![run.as_str(), step, failure.class.name(), failure.message, at.as_millisecond(), event];
            execute(connection, DEAD_LETTER, values)
        }
        Change::Resume { run, by, reason, at } => resume(connection, run, by, reason, None, *at),
        Change::Defer { run, until } => {
            let sql = "UPDATE runs SET due_ms = ?2 WHERE run = ?1 AND due_ms IS NOT NULL";
            execute(connection, sql, params![run.as_str(), until.as_millisecond()])
        }
        Change::Cursor { trigger, value } => {
            let sql = "INSERT INTO cursors VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            execute(connection, sql, params![trigger, value])
        }
        Change::Version { version, files } => execute(
            connection,
            "INSERT OR IGNORE INTO versions VALUES (?1, ?2)",
            params![version.as_str(), json(files)?],
        ),
        Change::Share { name, expected, value } => share(connection, name, *expected, &value.to_string()),
    }
}

const DEAD_LETTER: &str = "
INSERT OR REPLACE INTO dead_letters SELECT run, pipeline, event_key, ?2, ?3, ?4, ?5, ?6 FROM runs WHERE run = ?1";

fn receive(connection: &Connection, arrival: &Arrival, committed: &mut Committed) -> Result<(), StoreError> {
    let run = RunId::of(&arrival.pipeline, &arrival.event_key);
    let known = cached(connection, "SELECT revision FROM inbox WHERE pipeline = ?1 AND event_key = ?2")?
        .query_row(params![arrival.pipeline, arrival.event_key], |row| row.get::<_, String>(0))
        .optional()
        .map_err(failed)?;
    match known {
        None => {
            committed.started += 1;
            start(connection, arrival, &run)
        }
        Some(revision) if revision == arrival.revision => {
            committed.known += 1;
            Ok(())
        }
        Some(_) => revise(connection, arrival, &run, committed),
    }
}

fn start(connection: &Connection, arrival: &Arrival, run: &RunId) -> Result<(), StoreError> {
    let at = arrival.at.as_millisecond();
    let values = params![arrival.pipeline, arrival.event_key, arrival.revision, run.as_str(), at];
    execute(connection, "INSERT INTO inbox VALUES (?1, ?2, ?3, ?4, ?5, NULL)", values)?;
    let values = params![run.as_str(), arrival.pipeline, arrival.version.as_str(), arrival.event_key, at];
    execute(connection, "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, 'running', '', ?5, ?5, ?5)", values)?;
    append(connection, run, 0, arrival.at, &Entry::Started { event: arrival.event.clone(), parent: None })?;
    let Some(failure) = &arrival.refused else { return Ok(()) };
    let entry = Entry::DeadLettered { step: "trigger".to_owned(), failure: failure.clone() };
    append(connection, run, 1, arrival.at, &entry)?;
    let values = params![run.as_str(), "trigger", failure.class.name(), failure.message, at, arrival.event.to_string()];
    execute(connection, DEAD_LETTER, values)?;
    project(connection, run, State::DeadLettered, None, &format!("trigger: {failure}"))
}

/// A corrected event reopens its run where that ended as a dead letter; while the run is open, it is
/// kept for that case.
fn revise(
    connection: &Connection,
    arrival: &Arrival,
    run: &RunId,
    committed: &mut Committed,
) -> Result<(), StoreError> {
    let state: String = connection
        .query_row("SELECT state FROM runs WHERE run = ?1", [run.as_str()], |row| row.get(0))
        .map_err(failed)?;
    let reopens = state == State::DeadLettered.name() && arrival.refused.is_none();
    let newer = if reopens { None } else { Some(arrival.event.to_string()) };
    let (pipeline, key, at) = (&arrival.pipeline, &arrival.event_key, arrival.at.as_millisecond());
    let sql = "UPDATE inbox SET revision = ?3, newer = ?4, received_ms = ?5 WHERE pipeline = ?1 AND event_key = ?2";
    execute(connection, sql, params![pipeline, key, arrival.revision, newer, at])?;
    if !reopens {
        committed.known += 1;
        return Ok(());
    }
    committed.reopened += 1;
    resume(connection, run, "trigger", CORRECTED, Some(arrival.event.clone()), arrival.at)
}

fn resume(
    connection: &Connection,
    run: &RunId,
    by: &str,
    reason: &str,
    event: Option<serde_json::Value>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let row = connection
        .query_row(
            "SELECT state, max(sequence), max(at_ms) FROM runs JOIN journal USING (run) WHERE run = ?1 GROUP BY run",
            [run.as_str()],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        )
        .optional()
        .map_err(failed)?;
    let Some((state, last, last_ms)) = row else { return Err(StoreError::NotEnded(format!("there is no run {run}"))) };
    if state != State::DeadLettered.name() {
        return Err(StoreError::NotEnded(format!("{run} is {state}, and only a dead letter can be replayed")));
    }
    if event.is_none() && refused_by_trigger(connection, run)? {
        return Err(StoreError::NotEnded(format!(
            "the event of {run} cannot be run as it is; correct it at its source"
        )));
    }
    // Whoever resumes it may have another clock; a journal does not go back.
    let at = Timestamp::from_millisecond(last_ms).map_or(at, |last| at.max(last));
    let entry = Entry::Resumed { by: by.to_owned(), reason: reason.to_owned(), event, from: From::Start };
    append(connection, run, u64::try_from(last + 1).unwrap_or(0), at, &entry)?;
    execute(connection, "DELETE FROM dead_letters WHERE run = ?1", params![run.as_str()])?;
    project(connection, run, State::Running, Some(at), "replayed")
}

fn refused_by_trigger(connection: &Connection, run: &RunId) -> Result<bool, StoreError> {
    let step = cached(connection, "SELECT step FROM dead_letters WHERE run = ?1")?
        .query_row([run.as_str()], |row| row.get::<_, String>(0))
        .optional()
        .map_err(failed)?;
    Ok(step.as_deref() == Some("trigger"))
}

/// Only right behind the last entry: neither twice nor with a gap. Asked on its own, because an insert
/// that reads its own table makes a temporary one each time.
fn append(connection: &Connection, run: &RunId, sequence: u64, at: Timestamp, entry: &Entry) -> Result<(), StoreError> {
    let sequence = i64::try_from(sequence).map_err(|error| StoreError::Failed(error.to_string()))?;
    let last: Option<i64> = cached(connection, "SELECT max(sequence) FROM journal WHERE run = ?1")?
        .query_row([run.as_str()], |row| row.get(0))
        .map_err(failed)?;
    if last.map_or(0, |last| last + 1) != sequence {
        return Err(StoreError::Fenced(run.to_string()));
    }
    let values = params![run.as_str(), sequence, at.as_millisecond(), json(entry)?];
    execute(connection, "INSERT INTO journal VALUES (?1, ?2, ?3, ?4)", values)
}

fn project(
    connection: &Connection,
    run: &RunId,
    state: State,
    due: Option<Timestamp>,
    note: &str,
) -> Result<(), StoreError> {
    let sql = "UPDATE runs SET state = ?2, due_ms = ?3, note = ?4,
        updated_ms = (SELECT max(at_ms) FROM journal WHERE journal.run = ?1 AND sequence = (SELECT max(sequence) FROM journal WHERE journal.run = ?1))
        WHERE run = ?1";
    execute(connection, sql, params![run.as_str(), state.name(), due.map(jiff::Timestamp::as_millisecond), note])?;
    if state == State::DeadLettered { reopen_if_corrected(connection, run) } else { Ok(()) }
}

/// A corrected event that came while the run was open reopens it once it has ended as a dead letter.
fn reopen_if_corrected(connection: &Connection, run: &RunId) -> Result<(), StoreError> {
    let newer = cached(connection, "SELECT newer, received_ms FROM inbox WHERE run = ?1 AND newer IS NOT NULL")?
        .query_row([run.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
        .optional()
        .map_err(failed)?;
    let Some((event, received_ms)) = newer else { return Ok(()) };
    let event = serde_json::from_str(&event).map_err(|error| StoreError::Failed(error.to_string()))?;
    let at = Timestamp::from_millisecond(received_ms).map_err(|error| StoreError::Failed(error.to_string()))?;
    execute(connection, "UPDATE inbox SET newer = NULL WHERE run = ?1", params![run.as_str()])?;
    resume(connection, run, "trigger", CORRECTED, Some(event), at)
}

const CORRECTED: &str = "the record was corrected at its source";

fn claim(connection: &Connection, key: &str, run: &RunId, digest: &str) -> Result<(), StoreError> {
    execute(connection, "INSERT OR IGNORE INTO calls VALUES (?1, ?2, ?3)", params![key, run.as_str(), digest])?;
    let owner: String = cached(connection, "SELECT run FROM calls WHERE call_key = ?1")?
        .query_row([key], |row| row.get(0))
        .map_err(failed)?;
    if owner == run.as_str() { Ok(()) } else { Err(StoreError::CallTaken { key: key.to_owned(), run: owner }) }
}

/// Compare and set: the row has the version that was read, or there is none.
fn share(connection: &Connection, name: &str, expected: u64, value: &str) -> Result<(), StoreError> {
    let expected = i64::try_from(expected).map_err(|error| StoreError::Failed(error.to_string()))?;
    let sql = if expected == 0 {
        "INSERT OR IGNORE INTO shared VALUES (?1, ?2 + 1, ?3)"
    } else {
        "UPDATE shared SET version = version + 1, value = ?3 WHERE name = ?1 AND version = ?2"
    };
    let changed = cached(connection, sql)?.execute(params![name, expected, value]).map_err(failed)?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Stale(name.to_owned())) }
}

fn execute(connection: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<(), StoreError> {
    cached(connection, sql)?.execute(values).map(|_| ()).map_err(failed)
}

fn cached<'c>(connection: &'c Connection, sql: &str) -> Result<rusqlite::CachedStatement<'c>, StoreError> {
    connection.prepare_cached(sql).map_err(failed)
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Failed(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
