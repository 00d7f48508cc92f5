//! What is old enough to be forgotten.

use ferry_contract::port::Boxed;
use jiff::Timestamp;

use super::{
    link::{Failed, Session},
    read::{bound, rows},
    write::{column, send},
};
use crate::store::{
    RunId,
    rows::{PostKey, Wanted, Writes},
};

const OVER: &str = "SELECT run FROM runs WHERE pipeline = $1 AND state IN ('finished', 'cancelled') AND started_ms < $2
    AND updated_ms < $2 ORDER BY started_ms, run LIMIT $3 OFFSET $4";
const OVER_OF_ALL: &str = "SELECT run FROM runs WHERE state IN ('finished', 'cancelled') AND started_ms < $1
    AND updated_ms < $1 ORDER BY started_ms, run LIMIT $2 OFFSET $3";
const SETTLED: &str = "SELECT event, key FROM posts WHERE unclaimed_ms IS NULL AND dead_ms IS NULL AND data <> 'null'
    AND at_ms < $1 AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run = posts.claimed_by) ORDER BY at_ms LIMIT $2";

const MAIL: &str = "DELETE FROM mail WHERE run = ANY($1)";
const JOURNAL: &str = "DELETE FROM journal WHERE run = ANY($1)";
const RUNS: &str = "DELETE FROM runs WHERE run = ANY($1)";
const VALUES: &str = "DELETE FROM post_values USING unnest($1::text[], $2::text[], $3::text[], $4::text[])
    AS gone (event, path, value, key) WHERE post_values.event = gone.event AND post_values.path = gone.path
    AND post_values.value = gone.value AND post_values.key = gone.key";
const POSTS: &str = "UPDATE posts SET data = 'null', found_by = '{}' FROM unnest($1::text[], $2::text[])
    AS old (event, key) WHERE posts.event = old.event AND posts.key = old.key";

/// All that write, so that they are planned before the first one is sent.
pub(super) const ALL: [&str; 5] = [MAIL, JOURNAL, RUNS, VALUES, POSTS];

/// Runs of a pipeline that were over before then, the first to begin first.
pub(super) async fn over(
    session: &Session,
    pipeline: Option<&str>,
    before: Timestamp,
    (skip, limit): (usize, usize),
) -> Result<Vec<RunId>, Failed> {
    let (before, limit, skip) = (before.as_millisecond(), bound(limit), bound(skip));
    let found = match pipeline {
        Some(pipeline) => rows(session, OVER, &[&pipeline, &before, &limit, &skip]).await?,
        None => rows(session, OVER_OF_ALL, &[&before, &limit, &skip]).await?,
    };
    Ok(found.iter().map(|row| RunId::named(row.get::<_, String>(0))).collect())
}

/// Events that came before then, nobody waits for, and no run that is still known has claimed.
pub(super) async fn settled(session: &Session, before: Timestamp, limit: usize) -> Result<Vec<PostKey>, Failed> {
    let found = rows(session, SETTLED, &[&before.as_millisecond(), &bound(limit)]).await?;
    Ok(found.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// What removes what the batch has forgotten; behind all that it writes.
pub(super) fn statements<'a>(session: &'a Session, writes: &'a Writes) -> Vec<Boxed<'a, Result<(), Failed>>> {
    vec![
        Box::pin(runs(session, MAIL, writes)),
        Box::pin(runs(session, JOURNAL, writes)),
        Box::pin(runs(session, RUNS, writes)),
        Box::pin(values(session, writes)),
        Box::pin(posts(session, writes)),
    ]
}

async fn runs(session: &Session, sql: &'static str, writes: &Writes) -> Result<(), Failed> {
    let forgotten: Vec<&str> = writes.forgotten.iter().map(RunId::as_str).collect();
    send(session, sql, forgotten.len(), vec![&forgotten]).await
}

/// Where the events that it has forgotten are not found any more.
async fn values(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let gone: Vec<&(Wanted, String)> = writes.found_no_more.iter().collect();
    send(
        session,
        VALUES,
        gone.len(),
        vec![
            &column(&gone, |(wanted, _)| wanted.event.as_str()),
            &column(&gone, |(wanted, _)| wanted.path.as_str()),
            &column(&gone, |(wanted, _)| wanted.value.as_str()),
            &column(&gone, |(_, key)| key.as_str()),
        ],
    )
    .await
}

/// What these events said.
async fn posts(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let old: Vec<&PostKey> = writes.said_no_more.iter().collect();
    let (events, keys) = (column(&old, |(event, _)| event.as_str()), column(&old, |(_, key)| key.as_str()));
    send(session, POSTS, old.len(), vec![&events, &keys]).await
}
