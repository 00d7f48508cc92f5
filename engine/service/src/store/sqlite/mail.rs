//! Letters, waits and acts.

use std::collections::BTreeMap;

use ferry_core::run::{Letter, Reservation};
use rusqlite::{Connection, Row, params, types::Type};
use rust_decimal::Decimal;

use super::{
    post,
    read::{bound, json, time},
};
use crate::{
    limits::{QUEUE_ROWS_MAX, TOLD_AT_ONCE_MAX},
    store::{
        Act, Approval, InQueue, RunId,
        decide::APPROVAL,
        rows::{Keys, Rows, WAKES, WaitRecord, Wanted, Writes},
    },
};

/// What entries that wait, and events that are posted, must see.
pub(super) fn fetch(connection: &Connection, keys: &Keys, rows: &mut Rows) -> rusqlite::Result<()> {
    post::fetch(connection, keys, rows)?;
    for wanted in keys.values(&rows.paths) {
        rows.waits.extend(waits(connection, &wanted, true)?);
    }
    for wanted in keys.untold_values(rows) {
        rows.waits.extend(waits(connection, &wanted, false)?);
    }
    Ok(())
}

/// One more than are told at once, so that it is seen whether there are more.
fn waits(connection: &Connection, wanted: &Wanted, also_wakes: bool) -> rusqlite::Result<Vec<WaitRecord>> {
    let sql = "SELECT run, step, event, path, value, detail, since_ms FROM waits
        WHERE event = ?1 AND path = ?2 AND value = ?3 AND (?4 OR detail <> ?5) ORDER BY run, step LIMIT ?6";
    let mut statement = connection.prepare_cached(sql)?;
    let (Wanted { event, path, value }, limit) = (wanted, bound(TOLD_AT_ONCE_MAX + 1));
    let found = statement.query_map(params![event, path, value, also_wakes, WAKES, limit], wait_record)?;
    found.collect()
}

fn wait_record(row: &Row<'_>) -> rusqlite::Result<WaitRecord> {
    Ok(WaitRecord {
        run: RunId::named(row.get::<_, String>(0)?),
        step: row.get(1)?,
        wanted: Wanted { event: row.get(2)?, path: row.get(3)?, value: row.get(4)? },
        detail: row.get(5)?,
        since_ms: row.get(6)?,
    })
}

/// What is released in a queue, and the first that are held.
pub(super) fn queue(connection: &Connection, queue: &str, held_max: usize) -> rusqlite::Result<Vec<InQueue>> {
    let sql = "SELECT * FROM (SELECT run, step, queue, since_ms, amount, is_released FROM reservations
            WHERE queue = ?1 AND is_released = 1 ORDER BY since_ms, run, step LIMIT ?2)
        UNION ALL SELECT * FROM (SELECT run, step, queue, since_ms, amount, is_released FROM reservations
            WHERE queue = ?1 AND is_released = 0 ORDER BY since_ms, run, step LIMIT ?3)
        ORDER BY since_ms, run, step";
    let mut statement = connection.prepare_cached(sql)?;
    let row = |row: &Row<'_>| {
        let amount: String = row.get(4)?;
        let wrong = |error| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, Box::new(error));
        Ok(InQueue {
            run: RunId::named(row.get::<_, String>(0)?),
            reservation: Reservation {
                step: row.get(1)?,
                queue: row.get(2)?,
                since: time(row, 3)?,
                amount: Decimal::from_str_exact(&amount).map_err(wrong)?,
                is_released: row.get(5)?,
            },
        })
    };
    statement.query_map(params![queue, bound(QUEUE_ROWS_MAX), bound(held_max.min(QUEUE_ROWS_MAX))], row)?.collect()
}

fn reservations(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    let mut gone = connection.prepare_cached("DELETE FROM reservations WHERE run = ?1")?;
    let mut new = connection.prepare_cached("INSERT INTO reservations VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (run, reservations) in &writes.reservations {
        gone.execute([run.as_str()])?;
        for Reservation { step, queue, since, amount, is_released } in reservations {
            let (since_ms, amount) = (since.as_millisecond(), amount.to_string());
            new.execute(params![run.as_str(), step, queue, since_ms, amount, is_released])?;
        }
    }
    Ok(())
}

/// Writes what the batch has changed.
pub(super) fn write(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    reservations(connection, writes)?;
    let mut sent = connection.prepare_cached("INSERT INTO mail VALUES (?1, ?2, ?3, ?4)")?;
    for row in &writes.mail {
        sent.execute(params![row.run.as_str(), row.number, row.at_ms, row.letter])?;
    }
    let mut read = connection.prepare_cached("DELETE FROM mail WHERE run = ?1 AND number = ?2")?;
    for (run, number) in &writes.read {
        read.execute(params![run.as_str(), number])?;
    }
    let mut dropped = connection.prepare_cached("DELETE FROM mail WHERE run = ?1 AND number < ?2")?;
    for (run, below) in &writes.dropped {
        dropped.execute(params![run.as_str(), below])?;
    }
    let mut over = connection.prepare_cached("DELETE FROM waits WHERE run = ?1 AND (?2 IS NULL OR step = ?2)")?;
    for run in &writes.wait_no_more {
        over.execute(params![run.as_str(), None::<String>])?;
    }
    let mut waits = connection.prepare_cached("INSERT OR REPLACE INTO waits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for ((run, step), row) in &writes.waits {
        match row {
            None => over.execute(params![run.as_str(), step])?,
            Some(WaitRecord { wanted: Wanted { event, path, value }, detail, since_ms, .. }) => {
                waits.execute(params![run.as_str(), step, event, path, value, detail, since_ms])?
            }
        };
    }
    post::write(connection, writes)?;
    let mut acts = connection.prepare_cached("INSERT INTO acts (act) VALUES (?1)")?;
    writes.acts.iter().try_for_each(|act| acts.execute([act]).map(|_| ()))
}

/// The letters of a run that are not done with, in order.
pub(super) fn letters(connection: &Connection, run: &RunId) -> rusqlite::Result<BTreeMap<i64, Letter>> {
    let mut statement = connection.prepare_cached("SELECT number, letter FROM mail WHERE run = ?1 ORDER BY number")?;
    statement.query_map([run.as_str()], |row| Ok((row.get(0)?, json(row, 1)?)))?.collect()
}

pub(super) fn approvals(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Approval>> {
    let sql = "SELECT run, step, pipeline, event_key, since_ms, detail FROM waits JOIN runs USING (run)
        WHERE event = ?1 ORDER BY since_ms, run, step LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params![APPROVAL, bound(limit)], |row| {
        Ok(Approval {
            run: RunId::named(row.get::<_, String>(0)?),
            step: row.get(1)?,
            pipeline: row.get(2)?,
            event_key: row.get(3)?,
            since: time(row, 4)?,
            on: json(row, 5)?,
        })
    })?;
    found.collect()
}

pub(super) fn acts(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Act>> {
    let mut statement = connection.prepare_cached("SELECT act FROM acts ORDER BY number DESC LIMIT ?1")?;
    statement.query_map([bound(limit)], |row| json(row, 0))?.collect()
}
