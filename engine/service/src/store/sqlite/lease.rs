//! Leases inside the one writer: engines come, prolong, go, and take up what is due.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::failed;
use crate::store::{EngineId, Fence, Leased, Member, RunId, StoreError, Taken};

/// The later of the machine's time and the latest that was known; from now on this one is known too.
pub(super) fn time(connection: &Connection, (machine, known): (Timestamp, Timestamp)) -> rusqlite::Result<Timestamp> {
    let before = "SELECT max(?1, ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'time'), ?1))";
    let before: i64 = connection.prepare_cached(before)?.query_row([machine.as_millisecond()], |row| row.get(0))?;
    let note = "INSERT INTO meta VALUES ('time', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(note)?.execute([before.max(known.as_millisecond())])?;
    Ok(Timestamp::from_millisecond(before).unwrap_or(known))
}

pub(super) fn join(connection: &Connection, engine: &EngineId, until_ms: i64) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO engines VALUES (?1, ?2)", params![engine.as_str(), until_ms]).map(|_| ())
}

pub(super) fn renew(connection: &Connection, engine: &EngineId, until_ms: i64) -> Result<(), StoreError> {
    let sql = "UPDATE engines SET until_ms = ?2 WHERE engine = ?1";
    let prolonged = connection.prepare_cached(sql).and_then(|mut sql| sql.execute(params![engine.as_str(), until_ms]));
    if prolonged.map_err(failed)? == 1 { Ok(()) } else { Err(StoreError::Fenced(engine.to_string())) }
}

/// Takes engines out: no run of theirs can be written by them any more, and each is due.
pub(super) fn take_out(connection: &mut Connection, dead: &Dead<'_>, now: Option<Timestamp>) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    free(&transaction, dead, now)?;
    transaction.commit()
}

/// Which engines are taken out.
pub(super) enum Dead<'a> {
    /// All that there are: a lock proves that none lives.
    All,
    /// Those whose life has ended by then, but not the one that asks: it is late, and nobody has noticed.
    EndedBy(i64, &'a EngineId),
    /// This one.
    One(&'a EngineId),
}

fn free(connection: &Connection, dead: &Dead<'_>, now: Option<Timestamp>) -> rusqlite::Result<()> {
    let returning = |condition: &str| format!("DELETE FROM engines WHERE {condition} RETURNING engine");
    let text = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let gone: rusqlite::Result<Vec<String>> = match dead {
        Dead::All => connection.prepare_cached(&returning("true"))?.query_map([], text)?.collect(),
        Dead::EndedBy(ms, but) => {
            let mut ended = connection.prepare_cached(&returning("until_ms < ?1 AND engine <> ?2"))?;
            ended.query_map(params![ms, but.as_str()], text)?.collect()
        }
        Dead::One(engine) => {
            connection.prepare_cached(&returning("engine = ?1"))?.query_map([engine.as_str()], text)?.collect()
        }
    };
    let sql =
        "UPDATE runs SET owner = NULL, fence = fence + 1, due_ms = min(due_ms, ifnull(?2, due_ms)) WHERE owner = ?1";
    let now = now.map(Timestamp::as_millisecond);
    for engine in gone? {
        connection.prepare_cached(sql)?.execute(params![engine, now])?;
    }
    Ok(())
}

/// What there is for an engine to take, asked before a transaction is made for it.
pub(super) fn is_worth_it(
    connection: &Connection,
    engine: &EngineId,
    (now, store_ms): (Timestamp, i64),
) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE owner IS NULL AND due_ms <= ?1)
        OR EXISTS (SELECT 1 FROM engines WHERE until_ms < ?2 AND engine <> ?3)
        OR NOT EXISTS (SELECT 1 FROM engines WHERE engine = ?3)";
    let values = params![now.as_millisecond(), store_ms, engine.as_str()];
    connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))
}

pub(super) fn next(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    // A run that waits for its place is woken by the one that leaves it.
    let sql = "SELECT min(due_ms) FROM runs WHERE owner IS NULL AND due_ms IS NOT NULL AND (lane IS NULL OR is_active)";
    let next: Option<i64> = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(next.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
}

/// Takes ended engines out, then gives this one what is due.
pub(super) fn lease(
    connection: &mut Connection,
    engine: &EngineId,
    (now, store_ms): (Timestamp, i64),
    limit: usize,
) -> Result<Taken, StoreError> {
    let immediate = rusqlite::TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(immediate).map_err(failed)?;
    free(&transaction, &Dead::EndedBy(store_ms, engine), Some(now)).map_err(failed)?;
    if !is_known(&transaction, engine).map_err(failed)? {
        return Err(StoreError::Fenced(engine.to_string()));
    }
    let runs = give(&transaction, engine, now, limit).map_err(failed)?;
    let next = next(&transaction).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(Taken { runs, next })
}

fn is_known(connection: &Connection, engine: &EngineId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM engines WHERE engine = ?1)";
    connection.prepare_cached(sql)?.query_row([engine.as_str()], |row| row.get(0))
}

fn give(connection: &Connection, engine: &EngineId, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<Leased>> {
    let sql = "SELECT run, fence, due_ms FROM runs WHERE owner IS NULL AND due_ms <= ?1
        AND (lane IS NULL OR is_active) ORDER BY due_ms, run LIMIT ?2";
    let mut due = connection.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = due.query_map(params![now.as_millisecond(), limit], raised)?;
    let mut given: Vec<Leased> = rows.collect::<Result<_, _>>()?;
    own(connection, engine, &given)?;
    for (lane, places) in lanes(connection, now, limit)? {
        let room = limit - i64::try_from(given.len()).unwrap_or(i64::MAX);
        let first = first_of(connection, &lane, (now, places.min(room)))?;
        own(connection, engine, &first)?;
        given.extend(first);
    }
    Ok(given)
}

fn own(connection: &Connection, engine: &EngineId, given: &[Leased]) -> rusqlite::Result<()> {
    let sql = "UPDATE runs SET owner = ?2, fence = ?3, is_active = (lane IS NOT NULL) WHERE run = ?1";
    let mut own = connection.prepare_cached(sql)?;
    for Leased { run, fence, .. } in given {
        own.execute(params![run.as_str(), engine.as_str(), fence.number()])?;
    }
    Ok(())
}

/// The `concurrency` keys of runs that wait for a place, with how many places are free, those first whose first run
/// waits longest. A key without one is none of them: it would keep others from being looked at.
fn lanes(connection: &Connection, now: Timestamp, limit: i64) -> rusqlite::Result<Vec<(String, i64)>> {
    let sql = "SELECT lane, max(lane_limit, ifnull(placed_limit, 0)) - placed AS places FROM (
            SELECT *, (SELECT count(*) FROM runs WHERE lane = waiting.lane AND is_active) AS placed,
                (SELECT max(lane_limit) FROM runs WHERE lane = waiting.lane AND is_active) AS placed_limit
            FROM (SELECT lane, max(lane_limit) AS lane_limit, min(place) AS place FROM runs
                WHERE owner IS NULL AND due_ms <= ?1 AND lane IS NOT NULL AND NOT is_active GROUP BY lane) AS waiting)
        WHERE places > 0 ORDER BY place, lane LIMIT ?2";
    let mut lanes = connection.prepare_cached(sql)?;
    lanes.query_map(params![now.as_millisecond(), limit], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// So many of those who wait for a place, in the order in which their events arrived.
fn first_of(connection: &Connection, lane: &str, (now, places): (Timestamp, i64)) -> rusqlite::Result<Vec<Leased>> {
    let sql = "SELECT run, fence, due_ms FROM runs
        WHERE lane = ?1 AND owner IS NULL AND due_ms <= ?2 AND NOT is_active ORDER BY place, run LIMIT max(0, ?3)";
    let mut first = connection.prepare_cached(sql)?;
    first.query_map(params![lane, now.as_millisecond(), places], raised)?.collect()
}

fn raised(row: &rusqlite::Row<'_>) -> rusqlite::Result<Leased> {
    let Leased { run, fence, due_at } = leased(row)?;
    Ok(Leased { run, fence: fence.raised(), due_at })
}

fn leased(row: &rusqlite::Row<'_>) -> rusqlite::Result<Leased> {
    let due_at = row.get::<_, Option<i64>>(2)?.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Ok(Leased {
        run: RunId::named(row.get::<_, String>(0)?),
        fence: Fence::stored(row.get(1)?),
        due_at: due_at.unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

pub(super) fn owned(connection: &Connection, engine: &EngineId) -> rusqlite::Result<Vec<Leased>> {
    let mut owned = connection.prepare_cached("SELECT run, fence, due_ms FROM runs WHERE owner = ?1 ORDER BY run")?;
    owned.query_map([engine.as_str()], leased)?.collect()
}

pub(super) fn members(connection: &Connection, store_ms: i64) -> rusqlite::Result<Vec<Member>> {
    let sql = "SELECT engine, until_ms, (SELECT count(*) FROM runs WHERE owner = engine) FROM engines ORDER BY engine";
    let mut statement = connection.prepare_cached(sql)?;
    let members = statement.query_map([], |row| {
        Ok(Member {
            engine: EngineId::named(row.get::<_, String>(0)?),
            left_ms: row.get::<_, i64>(1)? - store_ms,
            runs: row.get::<_, i64>(2)?.unsigned_abs(),
        })
    })?;
    members.collect()
}

/// When a life that begins or is prolonged now ends.
pub(super) fn until_ms(store_ms: i64, lease: Duration) -> i64 {
    store_ms.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
