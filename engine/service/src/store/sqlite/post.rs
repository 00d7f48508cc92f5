//! Posted events: who may claim them, and those that nobody has.

use std::collections::BTreeMap;

use ferry_core::plan::Use;
use rusqlite::{Connection, Params, Row, params};

use super::read::{bound, json, kinds};
use crate::store::{
    Emitter, Filter, RunId,
    rows::{Death, Keys, PostKey, PostRecord, Rows, Wanted, Writes},
};

const POST: &str =
    "SELECT posts.event, posts.key, at_ms, data, claimed_by, run, pipeline, step, found_by, unclaimed_ms,
    dead_ms, class FROM posts";
/// The same without what the event says.
const POSTED: &str = "SELECT event, key, at_ms, '', claimed_by, run, pipeline, step, found_by, unclaimed_ms, dead_ms,
    class FROM posts";

pub(super) type Post = (PostKey, PostRecord);

/// The posted events that a batch looks at, and the paths of those that come or are given up.
pub(super) fn fetch(connection: &Connection, keys: &Keys, rows: &mut Rows) -> rusqlite::Result<()> {
    // Each of the runs takes the earliest that it may have: one that nobody has, or one of its own.
    let found =
        format!("{POST} JOIN post_values USING (event, key) WHERE post_values.event = ?1 AND path = ?2 AND value = ?3");
    let free = format!("{found} AND claimed_by IS NULL ORDER BY at_ms, event, key LIMIT ?4");
    let own = format!("{found} AND claimed_by IN (SELECT value FROM json_each(?4))");
    for (wanted, runs) in &keys.wanted {
        let (Wanted { event, path, value }, limit) = (wanted, bound(runs.len()));
        let runs = serde_json::json!(runs.iter().map(RunId::as_str).collect::<Vec<_>>()).to_string();
        let mut posts = all(connection, &free, params![event, path, value, limit])?;
        posts.extend(all(connection, &own, params![event, path, value, runs])?);
        rows.found.insert(wanted.clone(), posts);
    }
    let named = format!("{POST} WHERE event = ?1 AND key = ?2");
    for (event, key) in keys.posts.keys().chain(&keys.looked_at) {
        rows.posts.extend(all(connection, &named, params![event, key])?);
        rows.paths.insert(event.clone(), paths(connection, event)?);
    }
    Ok(())
}

fn paths(connection: &Connection, event: &str) -> rusqlite::Result<BTreeMap<String, Use>> {
    let mut statement = connection.prepare_cached("SELECT path, only_wakes FROM paths WHERE event = ?1")?;
    let uses = |only_wakes: bool| if only_wakes { Use::Wake } else { Use::Claim };
    statement.query_map([event], |row| Ok((row.get(0)?, uses(row.get(1)?))))?.collect()
}

fn all(connection: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<Vec<Post>> {
    connection.prepare_cached(sql)?.query_map(values, post)?.collect()
}

fn post(row: &Row<'_>) -> rusqlite::Result<Post> {
    let run: Option<String> = row.get(5)?;
    let from = match run {
        Some(run) => Some(Emitter { run: RunId::named(run), pipeline: row.get(6)?, step: row.get(7)? }),
        None => None,
    };
    let dead: Option<i64> = row.get(10)?;
    let dead = match dead {
        Some(at_ms) => Some(Death { at_ms, class: row.get(11)? }),
        None => None,
    };
    let record = PostRecord {
        at_ms: row.get(2)?,
        data: row.get(3)?,
        claimed_by: row.get::<_, Option<String>>(4)?.map(RunId::named),
        from,
        values: json(row, 8)?,
        unclaimed_ms: row.get(9)?,
        dead,
    };
    Ok(((row.get(0)?, row.get(1)?), record))
}

/// Writes what the batch has changed.
pub(super) fn write(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO posts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let mut posts = connection.prepare_cached(sql)?;
    for ((event, key), row) in &writes.posts {
        let PostRecord { at_ms, data, claimed_by, unclaimed_ms, .. } = row;
        let claimed_by = claimed_by.as_ref().map(RunId::as_str);
        let (run, pipeline, step) = (row.run(), row.pipeline(), row.step());
        let (found_by, dead_ms, class) = (row.found_by(), row.dead_ms(), row.class());
        posts.execute(params![
            event,
            key,
            at_ms,
            data,
            claimed_by,
            run,
            pipeline,
            step,
            found_by,
            unclaimed_ms,
            dead_ms,
            class
        ])?;
    }
    let mut more = connection.prepare_cached("INSERT OR IGNORE INTO untold VALUES (?1, ?2)")?;
    let mut no_more = connection.prepare_cached("DELETE FROM untold WHERE event = ?1 AND key = ?2")?;
    for ((event, key), is_cut) in &writes.untold {
        let statement = if *is_cut { &mut more } else { &mut no_more };
        statement.execute([event, key])?;
    }
    let mut values = connection.prepare_cached("INSERT OR IGNORE INTO post_values VALUES (?1, ?2, ?3, ?4)")?;
    for (Wanted { event, path, value }, key) in &writes.values {
        values.execute(params![event, path, value, key])?;
    }
    let sql = "INSERT INTO paths VALUES (?1, ?2, ?3) ON CONFLICT (event, path) DO UPDATE SET only_wakes = false
        WHERE only_wakes AND NOT excluded.only_wakes";
    let mut paths = connection.prepare_cached(sql)?;
    for ((event, path), uses) in &writes.paths {
        paths.execute(params![event, path, *uses == Use::Wake])?;
    }
    Ok(())
}

/// Posted events with that key, or with that value where it is looked at.
pub(super) fn posted(connection: &Connection, text: &str) -> rusqlite::Result<Vec<Post>> {
    let sql = format!(
        "{POSTED} WHERE key = ?1 OR (event, key) IN (SELECT event, key FROM post_values WHERE value = ?1)
        ORDER BY at_ms LIMIT 20"
    );
    all(connection, &sql, [text])
}

pub(super) fn untold(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<PostKey>> {
    let mut statement = connection.prepare_cached("SELECT event, key FROM untold ORDER BY event, key LIMIT ?1")?;
    statement.query_map([bound(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

pub(super) fn unclaimed(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Post>> {
    let sql = format!("{POSTED} WHERE unclaimed_ms IS NOT NULL ORDER BY unclaimed_ms, event, key LIMIT ?1");
    all(connection, &sql, [bound(limit)])
}

pub(super) fn dead(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Post>> {
    let sql = format!(
        "{POST} WHERE dead_ms IS NOT NULL AND (?1 IS NULL OR pipeline = ?1) AND (?2 = '[]' OR class IN (SELECT value FROM json_each(?2)))
        ORDER BY dead_ms DESC, event, key LIMIT ?3"
    );
    all(connection, &sql, params![filter.pipeline, kinds(filter), bound(filter.limit)])
}

pub(super) fn dead_count(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM posts WHERE dead_ms IS NOT NULL";
    connection.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
}
