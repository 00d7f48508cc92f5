//! Posted events: who may claim them, and those that nobody has.

use std::collections::BTreeMap;

use ferry_core::plan::Use;
use tokio_postgres::Row;

use super::{
    link::{Failed, Session},
    read::{bound, json, rows},
    write::{column, send},
};
use crate::store::{
    DeadEvent, Emitter, Filter, Posted, RunId,
    rows::{Death, Keys, PostKey, PostRecord, Rows, Wanted, Writes},
};

/// A question for posted events, whole or without what they say.
macro_rules! posts {
    (whole, $rest:literal) => {
        posts!("data", $rest)
    };
    (shown, $rest:literal) => {
        posts!("''", $rest)
    };
    ($data:literal, $rest:literal) => {
        concat!(
            "SELECT posts.event, posts.key, at_ms, ",
            $data,
            ", claimed_by, run, pipeline, step, found_by, unclaimed_ms, dead_ms, class FROM posts ",
            $rest
        )
    };
}

/// Each of the runs takes the earliest that it may have: one that nobody has, or one of its own. Others that begin to
/// wait for the value wait for its lock.
const FREE: &str = posts!(
    whole,
    "JOIN post_values USING (event, key) WHERE post_values.event = $1 AND path = $2 AND value = $3
        AND claimed_by IS NULL ORDER BY at_ms, event, key LIMIT $4 FOR UPDATE OF posts"
);
const OWN: &str = posts!(
    whole,
    "JOIN post_values USING (event, key) WHERE post_values.event = $1 AND path = $2 AND value = $3
        AND claimed_by = ANY($4) FOR UPDATE OF posts"
);
const POST: &str = posts!(whole, "WHERE event = $1 AND key = $2");
/// Whoever claims one at the same time goes first, or finds a dead letter.
const LOOKED_AT: &str = posts!(whole, "WHERE event = $1 AND key = $2 FOR UPDATE");
const PATHS: &str = "SELECT path, only_wakes FROM paths WHERE event = $1";

/// One that is there although it was not seen is a conflict: the batch is tried again.
const NEW: &str = "INSERT INTO posts SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::text[])";
const SETTLED: &str = "UPDATE posts SET claimed_by = new.claimed_by, unclaimed_ms = new.unclaimed_ms,
    dead_ms = new.dead_ms, class = new.class
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[])
        AS new (event, key, claimed_by, unclaimed_ms, dead_ms, class)
    WHERE posts.event = new.event AND posts.key = new.key";
const VALUES: &str = "INSERT INTO post_values SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
    ON CONFLICT DO NOTHING";
const UNTOLD: &str = "INSERT INTO untold SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING";
const TOLD: &str = "DELETE FROM untold USING unnest($1::text[], $2::text[]) AS gone (event, key)
    WHERE untold.event = gone.event AND untold.key = gone.key";
const NEW_PATHS: &str = "INSERT INTO paths SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[])
    ON CONFLICT (event, path) DO UPDATE SET only_wakes = false WHERE paths.only_wakes AND NOT excluded.only_wakes";

/// All that write, so that they are planned before the first one is sent.
pub(super) const ALL: [&str; 6] = [NEW, SETTLED, UNTOLD, TOLD, VALUES, NEW_PATHS];

/// The paths of the events that come or are given up: before anything is locked, because they say what to lock.
pub(super) async fn paths(session: &Session, keys: &Keys, fetched: &mut Rows) -> Result<(), Failed> {
    for (event, _) in keys.posts.keys().chain(&keys.looked_at) {
        let paths = rows(session, PATHS, &[event]).await?;
        let uses = |row: &Row| if row.get(1) { Use::Wake } else { Use::Claim };
        let paths: BTreeMap<String, Use> = paths.iter().map(|row| (row.get(0), uses(row))).collect();
        fetched.paths.insert(event.clone(), paths);
    }
    Ok(())
}

/// The posted events that a batch looks at.
pub(super) async fn fetch(session: &Session, keys: &Keys, fetched: &mut Rows) -> Result<(), Failed> {
    for (wanted, runs) in &keys.wanted {
        let (Wanted { event, path, value }, limit) = (wanted, bound(runs.len()));
        let runs: Vec<&str> = runs.iter().map(RunId::as_str).collect();
        let mut found = all(&rows(session, FREE, &[event, path, value, &limit]).await?)?;
        found.extend(all(&rows(session, OWN, &[event, path, value, &runs]).await?)?);
        fetched.found.insert(wanted.clone(), found);
    }
    for (sql, names) in [(POST, keys.posts.keys().collect::<Vec<_>>()), (LOOKED_AT, keys.looked_at.iter().collect())] {
        for (event, key) in names {
            fetched.posts.extend(all(&rows(session, sql, &[event, key]).await?)?);
        }
    }
    Ok(())
}

fn all(found: &[Row]) -> Result<Vec<(PostKey, PostRecord)>, Failed> {
    found.iter().map(post).collect()
}

fn post(row: &Row) -> Result<(PostKey, PostRecord), Failed> {
    let run: Option<String> = row.get(5);
    let dead: Option<i64> = row.get(10);
    let record = PostRecord {
        at_ms: row.get(2),
        data: row.get(3),
        claimed_by: row.get::<_, Option<String>>(4).map(RunId::named),
        from: run.map(|run| Emitter { run: RunId::named(run), pipeline: row.get(6), step: row.get(7) }),
        values: json(row, 8)?,
        unclaimed_ms: row.get(9),
        dead: dead.map(|at_ms| Death { at_ms, class: row.get(11) }),
    };
    Ok(((row.get(0), row.get(1)), record))
}

type Post<'w> = (&'w PostKey, &'w PostRecord);

pub(super) async fn new(session: &Session, new: Vec<Post<'_>>) -> Result<(), Failed> {
    send(
        session,
        NEW,
        new.len(),
        vec![
            &column(&new, |((event, _), _)| event),
            &column(&new, |((_, key), _)| key),
            &column(&new, |(_, row)| row.at_ms),
            &column(&new, |(_, row)| &row.data),
            &column(&new, |(_, row)| row.claimed_by.as_ref().map(RunId::as_str)),
            &column(&new, |(_, row)| row.run()),
            &column(&new, |(_, row)| row.pipeline()),
            &column(&new, |(_, row)| row.step()),
            &column(&new, |(_, row)| row.found_by()),
            &column(&new, |(_, row)| row.unclaimed_ms),
            &column(&new, |(_, row)| row.dead_ms()),
            &column(&new, |(_, row)| row.class()),
        ],
    )
    .await
}

/// What changes of those that were there.
pub(super) async fn settled(session: &Session, old: Vec<Post<'_>>) -> Result<(), Failed> {
    send(
        session,
        SETTLED,
        old.len(),
        vec![
            &column(&old, |((event, _), _)| event),
            &column(&old, |((_, key), _)| key),
            &column(&old, |(_, row)| row.claimed_by.as_ref().map(RunId::as_str)),
            &column(&old, |(_, row)| row.unclaimed_ms),
            &column(&old, |(_, row)| row.dead_ms()),
            &column(&old, |(_, row)| row.class()),
        ],
    )
    .await
}

pub(super) async fn untold_from_now(session: &Session, writes: &Writes) -> Result<(), Failed> {
    told_or_not(session, UNTOLD, writes, true).await
}

pub(super) async fn told(session: &Session, writes: &Writes) -> Result<(), Failed> {
    told_or_not(session, TOLD, writes, false).await
}

async fn told_or_not(session: &Session, sql: &'static str, writes: &Writes, is_cut: bool) -> Result<(), Failed> {
    let names: Vec<&PostKey> = writes.untold.iter().filter(|(_, cut)| **cut == is_cut).map(|(name, _)| name).collect();
    let (event, key) = (column(&names, |(event, _)| event), column(&names, |(_, key)| key));
    send(session, sql, names.len(), vec![&event, &key]).await
}

pub(super) async fn values(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let values: Vec<_> = writes.values.iter().collect();
    let (event, path) = (column(&values, |(wanted, _)| &wanted.event), column(&values, |(wanted, _)| &wanted.path));
    let (value, key) = (column(&values, |(wanted, _)| &wanted.value), column(&values, |(_, key)| key));
    send(session, VALUES, values.len(), vec![&event, &path, &value, &key]).await
}

pub(super) async fn new_paths(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let paths: Vec<_> = writes.paths.iter().collect();
    let (event, path) = (column(&paths, |((event, _), _)| event), column(&paths, |((_, path), _)| path));
    let only_wakes = column(&paths, |(_, uses)| **uses == Use::Wake);
    send(session, NEW_PATHS, paths.len(), vec![&event, &path, &only_wakes]).await
}

/// Posted events with that key, or with that value where it is looked at.
pub(super) async fn posted(session: &Session, text: &str) -> Result<Vec<Posted>, Failed> {
    let sql = posts!(
        shown,
        "WHERE key = $1 OR (event, key) IN (SELECT event, key FROM post_values WHERE value = $1) ORDER BY at_ms LIMIT 20"
    );
    shown(&rows(session, sql, &[&text]).await?)
}

pub(super) async fn untold(session: &Session, limit: usize) -> Result<Vec<PostKey>, Failed> {
    let found = rows(session, "SELECT event, key FROM untold ORDER BY event, key LIMIT $1", &[&bound(limit)]).await?;
    Ok(found.iter().map(|row| (row.get(0), row.get(1))).collect())
}

pub(super) async fn unclaimed(session: &Session, limit: usize) -> Result<Vec<Posted>, Failed> {
    let sql = posts!(shown, "WHERE unclaimed_ms IS NOT NULL ORDER BY unclaimed_ms, event, key LIMIT $1");
    shown(&rows(session, sql, &[&bound(limit)]).await?)
}

fn shown(found: &[Row]) -> Result<Vec<Posted>, Failed> {
    all(found)?.iter().map(|(name, post)| post.posted(name).map_err(Failed::Refused)).collect()
}

pub(super) async fn dead(session: &Session, filter: &Filter) -> Result<Vec<DeadEvent>, Failed> {
    let sql = posts!(
        whole,
        "WHERE dead_ms IS NOT NULL AND ($1::text IS NULL OR pipeline = $1) \
            AND (cardinality($2::text[]) = 0 OR class = ANY($2)) ORDER BY dead_ms DESC, event, key LIMIT $3"
    );
    let found = rows(session, sql, &[&filter.pipeline, &filter.kinds, &bound(filter.limit)]).await?;
    all(&found)?.iter().map(|(name, post)| post.dead_event(name).map_err(Failed::Refused)).collect()
}

pub(super) async fn dead_count(session: &Session) -> Result<u64, Failed> {
    let found = rows(session, "SELECT count(*) FROM posts WHERE dead_ms IS NOT NULL", &[]).await?;
    Ok(found.first().map_or(0, |row| row.get::<_, i64>(0).unsigned_abs()))
}
