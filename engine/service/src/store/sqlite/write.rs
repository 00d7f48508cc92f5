//! The rows of a batch: fetched before, written after [`decide`](crate::store::decide::decide).

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Params, Row, Statement, params};

use super::{forget, item, mail, pair};
use crate::store::{
    EngineId, Fence, RunId,
    rows::{CallRecord, InboxRecord, JournalRecord, Keys, LetterRecord, Rows, RunRecord, Tail, Writes},
};

/// The numbers of runs, by which their journals are found.
pub(super) type Numbers = HashMap<RunId, i64>;

/// The rows that are there, and the numbers of their runs.
pub(super) fn fetch(connection: &Connection, keys: &Keys) -> rusqlite::Result<(Rows, Numbers)> {
    let (mut rows, mut numbers) = (Rows::default(), Numbers::new());
    let mut take = |rows: &mut Rows, run: &RunId| -> rusqlite::Result<()> {
        if let Some((number, record)) = self::run(connection, run)? {
            numbers.insert(run.clone(), number);
            rows.runs.insert(run.clone(), record);
        }
        Ok(())
    };
    keys.runs.iter().chain(keys.only_read()).try_for_each(|run| take(&mut rows, run))?;
    let mut inbox = connection.prepare_cached("SELECT revision, received_ms, newer FROM inbox WHERE run = ?1")?;
    for run in &keys.runs {
        rows.inbox.extend(one(&mut inbox, [run.as_str()], inbox_record)?.map(|record| (run.clone(), record)));
    }
    mail::fetch(connection, keys, &mut rows)?;
    pair::fetch(connection, keys, &mut rows)?;
    item::fetch(connection, keys, &mut rows)?;
    keys.told(&rows).iter().try_for_each(|run| take(&mut rows, run))?;
    let sql = "SELECT sequence + 1, at_ms FROM journal WHERE run = ?1 ORDER BY sequence DESC LIMIT 1";
    let mut tails = connection.prepare_cached(sql)?;
    for run in &keys.journals {
        let Some(number) = numbers.get(run) else { continue };
        rows.tails.extend(one(&mut tails, [number], tail)?.map(|tail| (run.clone(), tail)));
    }
    let mut calls = connection.prepare_cached("SELECT run, digest FROM calls WHERE call_key = ?1")?;
    for key in &keys.calls {
        rows.calls.extend(one(&mut calls, [key], call_record)?.map(|record| (key.clone(), record)));
    }
    let mut letters = connection.prepare_cached("SELECT step FROM dead_letters WHERE run = ?1")?;
    for run in &keys.letters {
        rows.letters.extend(one(&mut letters, [run.as_str()], |row| row.get(0))?.map(|step| (run.clone(), step)));
    }
    let mut engines = connection.prepare_cached("SELECT engine FROM engines WHERE engine = ?1")?;
    for engine in &keys.engines {
        rows.engines.extend(one(&mut engines, [engine.as_str()], |row| row.get::<_, String>(0).map(EngineId::named))?);
    }
    let mut shared = connection.prepare_cached("SELECT version FROM shared WHERE name = ?1")?;
    for name in &keys.shared {
        let version = one(&mut shared, [name], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))?;
        rows.shared.extend(version.map(|version| (name.clone(), version)));
    }
    Ok((rows, numbers))
}

fn run(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<(i64, RunRecord)>> {
    let sql = "SELECT pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms, fence, owner,
        mail, parent, lane, lane_limit, place, is_active, number FROM runs WHERE run = ?1";
    one(&mut *connection.prepare_cached(sql)?, [run.as_str()], |row| Ok((row.get(16)?, run_record(row)?)))
}

fn tail(row: &Row<'_>) -> rusqlite::Result<Tail> {
    Ok(Tail { length: row.get(0)?, at_ms: row.get(1)? })
}

fn one<T>(
    statement: &mut Statement<'_>,
    key: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    statement.query_row(key, read).optional()
}

fn run_record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    Ok(RunRecord {
        pipeline: row.get(0)?,
        version: row.get(1)?,
        event_key: row.get(2)?,
        state: row.get(3)?,
        note: row.get(4)?,
        started_ms: row.get(5)?,
        updated_ms: row.get(6)?,
        due_ms: row.get(7)?,
        fence: Fence::stored(row.get(8)?),
        owner: row.get::<_, Option<String>>(9)?.map(EngineId::named),
        mail: row.get(10)?,
        parent: row.get(11)?,
        lane: row.get(12)?,
        lane_limit: row.get(13)?,
        place: row.get(14)?,
        is_active: row.get(15)?,
    })
}

fn inbox_record(row: &Row<'_>) -> rusqlite::Result<InboxRecord> {
    Ok(InboxRecord { revision: row.get(0)?, received_ms: row.get(1)?, newer: row.get(2)? })
}

fn call_record(row: &Row<'_>) -> rusqlite::Result<CallRecord> {
    Ok(CallRecord { run: RunId::named(row.get::<_, String>(0)?), digest: row.get(1)? })
}

/// Writes what the batch has changed.
pub(super) fn write(connection: &Connection, writes: &Writes, mut numbers: Numbers) -> rusqlite::Result<()> {
    runs(connection, writes, &mut numbers)?;
    journal(connection, &writes.journal, &numbers)?;
    calls(connection, writes)?;
    letters(connection, writes)?;
    mail::write(connection, writes)?;
    pair::write(connection, writes)?;
    item::write(connection, writes)?;
    let mut cursors = connection.prepare_cached("INSERT OR REPLACE INTO cursors VALUES (?1, ?2)")?;
    for (name, value) in &writes.cursors {
        cursors.execute(params![name, value])?;
    }
    let sql = "INSERT INTO verdicts (verdict, by, reason, at_ms) VALUES (?1, ?2, ?3, ?4)";
    let mut verdicts = connection.prepare_cached(sql)?;
    for row in &writes.verdicts {
        verdicts.execute(params![row.verdict, row.by, row.reason, row.at_ms])?;
    }
    let mut versions = connection.prepare_cached("INSERT OR IGNORE INTO versions VALUES (?1, ?2)")?;
    for (version, files) in &writes.versions {
        versions.execute(params![version, files])?;
    }
    let mut shared = connection.prepare_cached("INSERT OR REPLACE INTO shared VALUES (?1, ?2, ?3)")?;
    for (name, (version, value)) in &writes.shared {
        shared.execute(params![name, i64::try_from(*version).unwrap_or(i64::MAX), value])?;
    }
    forget::write(connection, writes, &numbers)
}

fn runs(connection: &Connection, writes: &Writes, numbers: &mut Numbers) -> rusqlite::Result<()> {
    for (run, row) in &writes.runs {
        match numbers.get(run) {
            Some(number) => changed_run(connection, *number, row)?,
            None => {
                numbers.insert(run.clone(), new_run(connection, run, row)?);
            }
        }
    }
    let mut inbox = connection.prepare_cached("INSERT OR REPLACE INTO inbox VALUES (?1, ?2, ?3, ?4)")?;
    for (run, row) in &writes.inbox {
        inbox.execute(params![run.as_str(), row.revision, row.received_ms, row.newer])?;
    }
    Ok(())
}

/// Gives its number.
fn new_run(connection: &Connection, run: &RunId, row: &RunRecord) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO runs (run, pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms, fence,
        owner, mail, parent, lane, lane_limit, place, is_active)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    let RunRecord { pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms, .. } = row;
    let RunRecord { mail, parent, lane, lane_limit, place, is_active, .. } = row;
    let (fence, owner) = (row.fence.number(), row.owner.as_ref().map(EngineId::as_str));
    connection.prepare_cached(sql)?.insert(params![
        run.as_str(),
        pipeline,
        version,
        event_key,
        state,
        note,
        started_ms,
        updated_ms,
        due_ms,
        fence,
        owner,
        mail,
        parent,
        lane,
        lane_limit,
        place,
        is_active
    ])
}

/// Only what changes: an index whose columns are not named costs nothing.
fn changed_run(connection: &Connection, number: i64, row: &RunRecord) -> rusqlite::Result<()> {
    let sql = "UPDATE runs SET version = ?2, state = ?3, note = ?4, updated_ms = ?5, due_ms = ?6, fence = ?7,
        owner = ?8, mail = ?9, is_active = ?10 WHERE number = ?1";
    let RunRecord { version, state, note, updated_ms, due_ms, mail, is_active, .. } = row;
    let (fence, owner) = (row.fence.number(), row.owner.as_ref().map(EngineId::as_str));
    let values = params![number, version, state, note, updated_ms, due_ms, fence, owner, mail, is_active];
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// Only new rows: one that is there already is an error, and so the last guard of all.
fn journal(connection: &Connection, entries: &[JournalRecord], numbers: &Numbers) -> rusqlite::Result<()> {
    let sql = "INSERT INTO journal (run, sequence, at_ms, entry) VALUES (?1, ?2, ?3, ?4)";
    let mut journal = connection.prepare_cached(sql)?;
    for row in entries {
        // Without a number, the column refuses it.
        journal.execute(params![numbers.get(&row.run), row.sequence, row.at_ms, row.entry])?;
    }
    Ok(())
}

/// Only new rows, too.
fn calls(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    let mut calls = connection.prepare_cached("INSERT INTO calls VALUES (?1, ?2, ?3)")?;
    for (key, row) in &writes.calls {
        calls.execute(params![key, row.run.as_str(), row.digest])?;
    }
    Ok(())
}

fn letters(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    let mut kept =
        connection.prepare_cached("INSERT OR REPLACE INTO dead_letters VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    let mut gone = connection.prepare_cached("DELETE FROM dead_letters WHERE run = ?1")?;
    for (run, row) in &writes.letters {
        match row {
            None => gone.execute([run.as_str()])?,
            Some(LetterRecord { pipeline, event_key, step, class, message, at_ms, event }) => {
                kept.execute(params![run.as_str(), pipeline, event_key, step, class, message, at_ms, event])?
            }
        };
    }
    Ok(())
}
