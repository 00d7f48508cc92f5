//! Leases between many processes: the server's clock says who lives, and its locks who takes a run.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    link::{Failed, Session, ms},
    read::rows,
};
use crate::store::{EngineId, Fence, Leased, RunId, StoreError, Taken};

pub(super) const NOW_MS: &str = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

const WORTH_IT: &str = "SELECT EXISTS (SELECT 1 FROM runs WHERE owner IS NULL AND due_ms <= $1)
    OR EXISTS (SELECT 1 FROM engines
        WHERE until_ms < floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AND engine <> $2)
    OR NOT EXISTS (SELECT 1 FROM engines WHERE engine = $2)";
/// A run that waits for its place is woken by the one that leaves it.
const NEXT: &str =
    "SELECT min(due_ms) FROM runs WHERE owner IS NULL AND due_ms IS NOT NULL AND (lane IS NULL OR is_active)";
/// Whoever is just being taken out by another one is left to it.
const ENDED: &str = "SELECT engine FROM engines
    WHERE until_ms < floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AND engine <> $1
    FOR UPDATE SKIP LOCKED";
const TAKE: &str = "UPDATE runs SET owner = $1, fence = fence + 1 WHERE run IN (
        SELECT run FROM runs WHERE owner IS NULL AND due_ms <= $2 AND (lane IS NULL OR is_active)
        ORDER BY due_ms, run LIMIT $3 FOR UPDATE SKIP LOCKED
    ) RETURNING run, fence, due_ms";
/// The `concurrency` keys of runs that wait for a place where one is free, those first whose first run waits longest; one
/// that another engine looks at is left to it. A key without a free place would keep others from being looked at.
const LANES: &str = "SELECT lane FROM (
        SELECT waiting.* FROM (SELECT lane, max(lane_limit) AS most, min(place) AS place FROM runs
            WHERE owner IS NULL AND due_ms <= $1 AND lane IS NOT NULL AND NOT is_active GROUP BY lane) AS waiting
        CROSS JOIN LATERAL (SELECT count(*) AS placed, max(lane_limit) AS most FROM runs
            WHERE lane = waiting.lane AND is_active) AS placed
        WHERE placed.placed < greatest(waiting.most, placed.most) ORDER BY waiting.place, waiting.lane LIMIT $2) AS free
    WHERE pg_try_advisory_xact_lock(hashtextextended(lane, 1)) ORDER BY place, lane";
/// So many of those who wait as there are places, in the order in which their events arrived.
const TAKE_PLACES: &str = "UPDATE runs SET owner = $1, fence = fence + 1, is_active = true WHERE run IN (
        SELECT run FROM runs WHERE lane = $3 AND owner IS NULL AND due_ms <= $2 AND NOT is_active ORDER BY place, run
        LIMIT greatest(0, least($4, greatest(
                (SELECT max(lane_limit) FROM runs WHERE lane = $3 AND owner IS NULL AND due_ms <= $2 AND NOT is_active),
                (SELECT max(lane_limit) FROM runs WHERE lane = $3 AND is_active))
            - (SELECT count(*) FROM runs WHERE lane = $3 AND is_active)))
        FOR UPDATE
    ) RETURNING run, fence, due_ms";

pub(super) async fn time(session: &Session, known: Timestamp) -> Result<Timestamp, Failed> {
    let sql = format!(
        "WITH before AS (SELECT greatest({NOW_MS}, (SELECT value::bigint FROM meta WHERE name = 'time')) AS ms)
        INSERT INTO meta SELECT 'time', greatest(ms, $1)::text FROM before
        ON CONFLICT (name) DO UPDATE SET value = greatest(meta.value::bigint, excluded.value::bigint)::text
        RETURNING (SELECT ms FROM before)"
    );
    let row = session.client.query_one(&sql, &[&known.as_millisecond()]).await?;
    Ok(Timestamp::from_millisecond(row.get(0)).unwrap_or(known))
}

pub(super) async fn join(session: &Session, engine: &EngineId, lease: Duration) -> Result<(), Failed> {
    let sql = format!("INSERT INTO engines VALUES ($1, {NOW_MS} + $2)");
    session.client.execute(&sql, &[&engine.as_str(), &ms(lease)]).await?;
    Ok(())
}

pub(super) async fn renew(session: &Session, engine: &EngineId, lease: Duration) -> Result<(), Failed> {
    let sql = format!("UPDATE engines SET until_ms = {NOW_MS} + $2 WHERE engine = $1");
    let prolonged = session.client.execute(&sql, &[&engine.as_str(), &ms(lease)]).await?;
    if prolonged == 1 { Ok(()) } else { Err(fenced(engine)) }
}

pub(super) async fn leave(session: &Session, engine: &EngineId) -> Result<(), Failed> {
    transaction(session, async { free(session, &[engine.as_str()], None).await }).await
}

/// Takes ended engines out, then gives this one what is due.
pub(super) async fn lease(session: &Session, engine: &EngineId, now: Timestamp, limit: usize) -> Result<Taken, Failed> {
    let now_ms = now.as_millisecond();
    let worth = rows(session, WORTH_IT, &[&now_ms, &engine.as_str()]).await?;
    let runs = if worth.first().is_some_and(|row| row.get(0)) {
        transaction(session, take(session, engine, now, limit)).await?
    } else {
        Vec::new()
    };
    let next = rows(session, NEXT, &[]).await?;
    let next: Option<i64> = next.first().and_then(|row| row.get(0));
    Ok(Taken { runs, next: next.and_then(|ms| Timestamp::from_millisecond(ms).ok()) })
}

async fn take(session: &Session, engine: &EngineId, now: Timestamp, limit: usize) -> Result<Vec<Leased>, Failed> {
    let ended = rows(session, ENDED, &[&engine.as_str()]).await?;
    let ended: Vec<&str> = ended.iter().map(|row| row.get(0)).collect();
    free(session, &ended, Some(now)).await?;
    // Held until the end, so that nobody takes this engine out while it takes runs.
    let own = "SELECT 1 FROM engines WHERE engine = $1 FOR KEY SHARE";
    if rows(session, own, &[&engine.as_str()]).await?.is_empty() {
        return Err(fenced(engine));
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let taken = rows(session, TAKE, &[&engine.as_str(), &now.as_millisecond(), &limit]).await?;
    let mut leased: Vec<Leased> = taken.iter().map(self::leased).collect();
    for lane in rows(session, LANES, &[&now.as_millisecond(), &limit]).await? {
        let (lane, room): (String, i64) = (lane.get(0), limit - i64::try_from(leased.len()).unwrap_or(i64::MAX));
        let taken = rows(session, TAKE_PLACES, &[&engine.as_str(), &now.as_millisecond(), &lane, &room]).await?;
        leased.extend(taken.iter().map(self::leased));
    }
    leased.sort_by(|one, two| (one.due_at, &one.run).cmp(&(two.due_at, &two.run)));
    Ok(leased)
}

fn leased(row: &tokio_postgres::Row) -> Leased {
    let due_at = row.get::<_, Option<i64>>(2).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Leased {
        run: RunId::named(row.get::<_, String>(0)),
        fence: Fence::stored(row.get(1)),
        due_at: due_at.unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

pub(super) async fn owned(session: &Session, engine: &EngineId) -> Result<Vec<Leased>, Failed> {
    let sql = "SELECT run, fence, due_ms FROM runs WHERE owner = $1 ORDER BY run";
    Ok(rows(session, sql, &[&engine.as_str()]).await?.iter().map(leased).collect())
}

/// No run of these engines can be written by them any more, and each is due.
async fn free(session: &Session, engines: &[&str], now: Option<Timestamp>) -> Result<(), Failed> {
    if engines.is_empty() {
        return Ok(());
    }
    // First the engine: it waits for one that is just bringing in runs of its own, and sees them then.
    rows(session, "DELETE FROM engines WHERE engine = ANY($1)", &[&engines]).await?;
    // In the order in which commits lock rows, so that neither waits for the other for ever.
    let locked = "SELECT run FROM runs WHERE owner = ANY($1) ORDER BY run FOR UPDATE";
    rows(session, locked, &[&engines]).await?;
    let sql = "UPDATE runs SET owner = NULL, fence = fence + 1, due_ms = LEAST(due_ms, COALESCE($2, due_ms))
        WHERE owner = ANY($1)";
    rows(session, sql, &[&engines, &now.map(Timestamp::as_millisecond)]).await?;
    Ok(())
}

async fn transaction<T>(session: &Session, work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    session.client.batch_execute("BEGIN").await?;
    let done = work.await;
    session.client.batch_execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    done
}

fn fenced(engine: &EngineId) -> Failed {
    Failed::Refused(StoreError::Fenced(engine.to_string()))
}
