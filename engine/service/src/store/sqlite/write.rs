//! The rows of a batch: fetched before, written after [`decide`](crate::store::decide::decide).

use rusqlite::{Connection, OptionalExtension as _, Params, Row, Statement, params};

use super::mail;
use crate::store::{
    EngineId, Fence, RunId,
    rows::{CallRecord, InboxRecord, Keys, LetterRecord, Rows, RunRecord, Writes},
};

/// The rows that are there.
pub(super) fn fetch(connection: &Connection, keys: &Keys) -> rusqlite::Result<Rows> {
    let mut rows = Rows::default();
    let mut inbox = connection.prepare_cached("SELECT revision, received_ms, newer FROM inbox WHERE run = ?1")?;
    for run in &keys.runs {
        rows.runs.extend(self::run(connection, run)?.map(|record| (run.clone(), record)));
        rows.inbox.extend(one(&mut inbox, [run.as_str()], inbox_record)?.map(|record| (run.clone(), record)));
    }
    mail::fetch(connection, keys, &mut rows)?;
    for run in keys.told(&rows) {
        rows.runs.extend(self::run(connection, &run)?.map(|record| (run, record)));
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
    Ok(rows)
}

fn run(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<RunRecord>> {
    let sql = "SELECT pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms, length, fence, owner,
        mail, parent, lane, lane_limit, place, is_active FROM runs WHERE run = ?1";
    one(&mut *connection.prepare_cached(sql)?, [run.as_str()], run_record)
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
        length: row.get(8)?,
        fence: Fence::stored(row.get(9)?),
        owner: row.get::<_, Option<String>>(10)?.map(EngineId::named),
        mail: row.get(11)?,
        parent: row.get(12)?,
        lane: row.get(13)?,
        lane_limit: row.get(14)?,
        place: row.get(15)?,
        is_active: row.get(16)?,
    })
}

fn inbox_record(row: &Row<'_>) -> rusqlite::Result<InboxRecord> {
    Ok(InboxRecord { revision: row.get(0)?, received_ms: row.get(1)?, newer: row.get(2)? })
}

fn call_record(row: &Row<'_>) -> rusqlite::Result<CallRecord> {
    Ok(CallRecord { run: RunId::named(row.get::<_, String>(0)?), digest: row.get(1)? })
}

/// Writes what the batch has changed.
pub(super) fn write(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    runs(connection, writes)?;
    journal(connection, writes)?;
    letters(connection, writes)?;
    mail::write(connection, writes)?;
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
    Ok(())
}

fn runs(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO runs
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    let mut runs = connection.prepare_cached(sql)?;
    for (run, row) in &writes.runs {
        let owner = row.owner.as_ref().map(EngineId::as_str);
        let RunRecord { pipeline, version, event_key, state, note, started_ms, updated_ms, .. } = row;
        let RunRecord { due_ms, length, fence, mail, parent, lane, lane_limit, place, is_active, .. } = row;
        let fence = fence.number();
        runs.execute(params![
            run.as_str(),
            pipeline,
            version,
            event_key,
            state,
            note,
            started_ms,
            updated_ms,
            due_ms,
            length,
            fence,
            owner,
            mail,
            parent,
            lane,
            lane_limit,
            place,
            is_active
        ])?;
    }
    let mut inbox = connection.prepare_cached("INSERT OR REPLACE INTO inbox VALUES (?1, ?2, ?3, ?4)")?;
    for (run, row) in &writes.inbox {
        inbox.execute(params![run.as_str(), row.revision, row.received_ms, row.newer])?;
    }
    Ok(())
}

/// Only new rows: one that is there already is an error, and so the last guard of all.
fn journal(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    let mut journal = connection.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4)")?;
    for row in &writes.journal {
        journal.execute(params![row.run.as_str(), row.sequence, row.at_ms, row.entry])?;
    }
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
