//! Questions to the store.

use std::collections::BTreeMap;

use ferry_contract::key::Digest;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio_postgres::{Row, types::ToSql};

use super::{
    link::{Failed, Session},
    mail,
};
use crate::{
    limits::FOUND_ROWS_MAX,
    store::{
        DeadLetter, EngineId, Fence, Filter, Member, RunId, RunRow, Shared, StoredRun, Trust, VersionFiles, as_value,
        rows::mended_by,
    },
};

const RUN: &str = "SELECT run, pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms, fence, owner,
    mail FROM runs WHERE run = $1";
const JOURNAL: &str = "SELECT at_ms, entry FROM journal WHERE run = $1 ORDER BY sequence";
const RUNS: &str = "SELECT run, pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms FROM runs
    WHERE ($1::text IS NULL OR pipeline = $1) AND (cardinality($2::text[]) = 0 OR state = ANY($2))
    AND ($3::text IS NULL OR event_key = $3) ORDER BY updated_ms DESC, run LIMIT $4";
const RUNS_WITH: &str =
    "SELECT run, pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms FROM runs
    WHERE run IN (SELECT run FROM runs ORDER BY updated_ms DESC, run LIMIT $3) AND EXISTS (
        SELECT 1 FROM journal WHERE journal.run = runs.run AND (strpos(entry, $1) > 0 OR strpos(entry, $2) > 0)
    ) ORDER BY updated_ms DESC, run LIMIT $4";
const LETTERS: &str = "SELECT run, pipeline, event_key, step, class, message, at_ms, event FROM dead_letters
    WHERE ($1::text IS NULL OR pipeline = $1) AND (cardinality($2::text[]) = 0 OR class = ANY($2))
    AND ($4::text IS NULL OR run = $4 OR event_key = $4) ORDER BY at_ms DESC, run LIMIT $3";

/// The rows of a statement.
pub(super) async fn rows(
    session: &Session,
    sql: &'static str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failed> {
    let statement = session.statement(sql).await?;
    Ok(session.client.query(&statement, values).await?)
}

pub(super) async fn run(session: &Session, run: &RunId) -> Result<Option<StoredRun>, Failed> {
    // The row first: a journal that is longer than its row says belongs to a run that someone else drives.
    let found = rows(session, RUN, &[&run.as_str()]).await?;
    let Some(found) = found.first() else { return Ok(None) };
    let entries = rows(session, JOURNAL, &[&run.as_str()]).await?;
    let entry = |row: &Row| Ok((time(row, 0)?, json(row, 1)?));
    let journal = entries.iter().map(entry).collect::<Result<_, Failed>>()?;
    let owner = found.get::<_, Option<String>>(10).map(EngineId::named);
    let (fence, mail) = (Fence::stored(found.get(9)), found.get(11));
    let letters = mail::letters(session, run).await?;
    Ok(Some(StoredRun { row: run_row(found)?, journal, fence, owner, letters, mail }))
}

pub(super) async fn revision(session: &Session, run: &RunId) -> Result<Option<String>, Failed> {
    let found = rows(session, "SELECT revision FROM inbox WHERE run = $1", &[&run.as_str()]).await?;
    Ok(found.first().map(|row| row.get(0)))
}

pub(super) async fn cursor(session: &Session, trigger: &str) -> Result<Option<String>, Failed> {
    let found = rows(session, "SELECT value FROM cursors WHERE name = $1", &[&trigger]).await?;
    Ok(found.first().map(|row| row.get(0)))
}

pub(super) async fn version(session: &Session, version: &Digest) -> Result<Option<VersionFiles>, Failed> {
    let found = rows(session, "SELECT files FROM versions WHERE version = $1", &[&version.as_str()]).await?;
    found.first().map(|row| json(row, 0)).transpose()
}

pub(super) async fn shared(session: &Session, name: &str) -> Result<Option<Shared>, Failed> {
    let found = rows(session, "SELECT version, value FROM shared WHERE name = $1", &[&name]).await?;
    let row = |row: &Row| Ok(Shared { version: row.get::<_, i64>(0).unsigned_abs(), value: json(row, 1)? });
    found.first().map(row).transpose()
}

pub(super) async fn runs(session: &Session, filter: &Filter) -> Result<Vec<RunRow>, Failed> {
    let found =
        rows(session, RUNS, &[&filter.pipeline, &filter.kinds, &filter.event_key, &bound(filter.limit)]).await?;
    found.iter().map(run_row).collect()
}

/// Runs with a value in their journal, among those that changed last.
pub(super) async fn runs_with(session: &Session, text: &str, among: usize) -> Result<Vec<RunRow>, Failed> {
    let (quoted, number) = as_value(text);
    let found = rows(session, RUNS_WITH, &[&quoted, &number, &bound(among), &bound(FOUND_ROWS_MAX)]).await?;
    found.iter().map(run_row).collect()
}

pub(super) async fn counts(session: &Session) -> Result<BTreeMap<String, u64>, Failed> {
    let found = rows(session, "SELECT state, count(*) FROM runs GROUP BY state", &[]).await?;
    Ok(found.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())).collect())
}

pub(super) async fn dead_letters(session: &Session, filter: &Filter) -> Result<Vec<DeadLetter>, Failed> {
    let found =
        rows(session, LETTERS, &[&filter.pipeline, &filter.kinds, &bound(filter.limit), &filter.event_key]).await?;
    let letter = |row: &Row| {
        Ok(DeadLetter {
            run: RunId::named(row.get::<_, String>(0)),
            pipeline: row.get(1),
            event_key: row.get(2),
            step: row.get(3),
            mended_by: mended_by(row.get(4)),
            class: row.get(4),
            message: row.get(5),
            at: time(row, 6)?,
            event: json(row, 7)?,
        })
    };
    found.iter().map(letter).collect()
}

pub(super) async fn members(session: &Session) -> Result<Vec<Member>, Failed> {
    let sql = "SELECT engine, until_ms - floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        (SELECT count(*) FROM runs WHERE owner = engine) FROM engines ORDER BY engine";
    let member = |row: &Row| Member {
        engine: EngineId::named(row.get::<_, String>(0)),
        left_ms: row.get(1),
        runs: row.get::<_, i64>(2).unsigned_abs(),
    };
    Ok(rows(session, sql, &[]).await?.iter().map(member).collect())
}

/// The world that the store belongs to; the first one that asks.
pub(super) async fn world(session: &Session, world: &str) -> Result<String, Failed> {
    rows(session, "INSERT INTO meta VALUES ('world', $1) ON CONFLICT (name) DO NOTHING", &[&world]).await?;
    let found = rows(session, "SELECT value FROM meta WHERE name = 'world'", &[]).await?;
    found.first().map(|row| row.get(0)).ok_or_else(|| Failed::Wrong("the store has lost its world".to_owned()))
}

/// The world that the store belongs to, where one has asked.
pub(super) async fn known_world(session: &Session) -> Result<Option<String>, Failed> {
    let found = rows(session, "SELECT value FROM meta WHERE name = 'world'", &[]).await?;
    Ok(found.first().map(|row| row.get(0)))
}

/// Gives the world another name, where it has this one.
pub(super) async fn rename_world(session: &Session, from: &str, to: &str) -> Result<bool, Failed> {
    let sql = "UPDATE meta SET value = $2 WHERE name = 'world' AND value = $1 RETURNING name";
    Ok(!rows(session, sql, &[&from, &to]).await?.is_empty())
}

pub(super) async fn trust(session: &Session) -> Result<Trust, Failed> {
    let sql = "SELECT verdict, reason, at_ms FROM verdicts ORDER BY number DESC LIMIT 1";
    let found = rows(session, sql, &[]).await?;
    Ok(Trust::stored(found.first().map(|row| (row.get(0), row.get(1), row.get(2)))))
}

fn run_row(row: &Row) -> Result<RunRow, Failed> {
    Ok(RunRow {
        run: RunId::named(row.get::<_, String>(0)),
        pipeline: row.get(1),
        version: row.get(2),
        event_key: row.get(3),
        state: row.get(4),
        note: row.get(5),
        started_at: time(row, 6)?,
        updated_at: time(row, 7)?,
        due_at: row.get::<_, Option<i64>>(8).and_then(|due| Timestamp::from_millisecond(due).ok()),
    })
}

pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, Failed> {
    Timestamp::from_millisecond(row.get(column)).map_err(|error| Failed::Wrong(error.to_string()))
}

pub(super) fn json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, Failed> {
    serde_json::from_str(row.get(column)).map_err(|error| Failed::Wrong(error.to_string()))
}

pub(super) fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
