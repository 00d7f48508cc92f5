//! What is old enough to be forgotten.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{read::bound, write::Numbers};
use crate::store::{
    RunId,
    rows::{PostKey, Wanted, Writes},
};

/// Runs of a pipeline that were over before then, the first to begin first.
pub(super) fn over(
    connection: &Connection,
    pipeline: Option<&str>,
    before: Timestamp,
    (skip, limit): (usize, usize),
) -> rusqlite::Result<Vec<RunId>> {
    let of_one = if pipeline.is_some() { "pipeline = ?1 AND" } else { "?1 IS NULL AND" };
    let sql = format!(
        "SELECT run FROM runs WHERE {of_one} state IN ('finished', 'cancelled') AND started_ms < ?2
        AND updated_ms < ?2 ORDER BY started_ms, run LIMIT ?3 OFFSET ?4"
    );
    let values = params![pipeline, before.as_millisecond(), bound(limit), bound(skip)];
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(values, |row| row.get::<_, String>(0).map(RunId::named))?.collect()
}

/// Events that came before then, nobody waits for, and no run that is still known has claimed.
pub(super) fn settled(connection: &Connection, before: Timestamp, limit: usize) -> rusqlite::Result<Vec<PostKey>> {
    let sql = "SELECT event, key FROM posts WHERE unclaimed_ms IS NULL AND dead_ms IS NULL AND data <> 'null'
        AND at_ms < ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run = posts.claimed_by)
        ORDER BY at_ms LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let settled =
        statement.query_map(params![before.as_millisecond(), bound(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    settled.collect()
}

/// Removes what the batch has forgotten; behind all that it writes.
pub(super) fn write(connection: &Connection, writes: &Writes, numbers: &Numbers) -> rusqlite::Result<()> {
    let mut mail = connection.prepare_cached("DELETE FROM mail WHERE run = ?1")?;
    let mut journal = connection.prepare_cached("DELETE FROM journal WHERE run = ?1")?;
    let mut runs = connection.prepare_cached("DELETE FROM runs WHERE number = ?1")?;
    for run in &writes.forgotten {
        mail.execute([run.as_str()])?;
        if let Some(number) = numbers.get(run) {
            journal.execute([number])?;
            runs.execute([number])?;
        }
    }
    let sql = "DELETE FROM post_values WHERE event = ?1 AND path = ?2 AND value = ?3 AND key = ?4";
    let mut values = connection.prepare_cached(sql)?;
    for (Wanted { event, path, value }, key) in &writes.found_no_more {
        values.execute(params![event, path, value, key])?;
    }
    let sql = "UPDATE posts SET data = 'null', found_by = '{}' WHERE event = ?1 AND key = ?2";
    let mut posts = connection.prepare_cached(sql)?;
    for (event, key) in &writes.said_no_more {
        posts.execute(params![event, key])?;
    }
    Ok(())
}
