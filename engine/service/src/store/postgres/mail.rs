//! Letters, waits, posted events and acts.
//!
//! Whoever begins to wait for a value, and whoever posts it, takes the same advisory lock first: without it
//! each would miss the other, because neither sees what is not committed yet.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{key::Digest, port::Boxed};
use ferry_core::run::Letter;
use tokio_postgres::Row;

use super::{
    link::{Failed, Session},
    read::{bound, json, rows, time},
    write::{column, send},
};
use crate::store::{
    Act, Approval, Posted, RunId,
    decide::APPROVAL,
    rows::{Keys, MailRecord, PostKey, PostRecord, Rows, WaitRecord, Wanted, Writes},
};

const LOCK: &str = "SELECT pg_advisory_xact_lock(number) FROM (SELECT number FROM unnest($1::bigint[]) AS t (number)
    ORDER BY number) AS ordered";
const FOUND: &str = "SELECT posts.event, posts.key, at_ms, data, claimed_by FROM post_values
    JOIN posts USING (event, key) WHERE post_values.event = $1 AND path = $2 AND value = $3 FOR UPDATE OF posts";
const POST: &str = "SELECT event, key, at_ms, data, claimed_by FROM posts WHERE event = $1 AND key = $2";
const PATHS: &str = "SELECT path FROM paths WHERE event = $1";
const WAITS: &str = "SELECT run, step, event, path, value, detail, since_ms FROM waits
    WHERE event = $1 AND path = $2 AND value = $3";

const SENT: &str = "INSERT INTO mail SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[])";
const READ: &str = "DELETE FROM mail USING unnest($1::text[], $2::bigint[]) AS gone (run, number)
    WHERE mail.run = gone.run AND mail.number = gone.number";
const NO_MORE: &str = "DELETE FROM waits WHERE run = ANY($1)";
const OVER: &str = "DELETE FROM waits USING unnest($1::text[], $2::text[]) AS gone (run, step)
    WHERE waits.run = gone.run AND waits.step = gone.step";
const NEW_WAITS: &str = "INSERT INTO waits
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])";
/// One that is there although it was not seen is a conflict: the batch is tried again.
const NEW_POSTS: &str =
    "INSERT INTO posts SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])";
const CLAIMED: &str = "UPDATE posts SET claimed_by = new.claimed_by
    FROM unnest($1::text[], $2::text[], $3::text[]) AS new (event, key, claimed_by)
    WHERE posts.event = new.event AND posts.key = new.key";
const VALUES: &str = "INSERT INTO post_values SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
    ON CONFLICT DO NOTHING";
const NEW_PATHS: &str = "INSERT INTO paths SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING";
const ACTS: &str = "INSERT INTO acts (act) SELECT * FROM unnest($1::text[])";

/// All that write, so that they are planned before the first one is sent.
pub(super) const ALL: [&str; 10] = [SENT, READ, NO_MORE, OVER, NEW_WAITS, NEW_POSTS, CLAIMED, VALUES, NEW_PATHS, ACTS];

/// What entries that wait, and events that are posted, must see.
pub(super) async fn fetch(session: &Session, keys: &Keys, fetched: &mut Rows) -> Result<(), Failed> {
    for key in keys.posts.keys() {
        let paths = rows(session, PATHS, &[&key.0]).await?;
        fetched.paths.insert(key.0.clone(), paths.iter().map(|row| row.get(0)).collect());
    }
    let values = keys.values(&fetched.paths);
    let numbers: Vec<i64> =
        keys.wanted.iter().chain(&values).map(number).collect::<BTreeSet<_>>().into_iter().collect();
    if !numbers.is_empty() {
        rows(session, LOCK, &[&numbers]).await?;
    }
    for wanted in &keys.wanted {
        let found = rows(session, FOUND, &[&wanted.event, &wanted.path, &wanted.value]).await?;
        fetched.found.insert(wanted.clone(), found.iter().map(post_record).collect());
    }
    for (event, key) in keys.posts.keys() {
        fetched.posts.extend(rows(session, POST, &[event, key]).await?.iter().map(post_record));
    }
    for wanted in &values {
        let waits = rows(session, WAITS, &[&wanted.event, &wanted.path, &wanted.value]).await?;
        fetched.waits.extend(waits.iter().map(wait_record));
    }
    Ok(())
}

/// The number of the lock of a value.
fn number(wanted: &Wanted) -> i64 {
    let Wanted { event, path, value } = wanted;
    let digest = Digest::of(format!("{event}\n{path}\n{value}"));
    u64::from_str_radix(digest.as_str().get(..16).unwrap_or_default(), 16).unwrap_or(0).cast_signed()
}

fn post_record(row: &Row) -> (PostKey, PostRecord) {
    let claimed_by = row.get::<_, Option<String>>(4).map(RunId::named);
    ((row.get(0), row.get(1)), PostRecord { at_ms: row.get(2), data: row.get(3), claimed_by })
}

fn wait_record(row: &Row) -> WaitRecord {
    WaitRecord {
        run: RunId::named(row.get::<_, String>(0)),
        step: row.get(1),
        wanted: Wanted { event: row.get(2), path: row.get(3), value: row.get(4) },
        detail: row.get(5),
        since_ms: row.get(6),
    }
}

/// What writes the batch's changes: each statement a future of its own, because all are sent one behind the
/// other, and the transaction's end is sent before the first of them is answered.
pub(super) fn statements<'a>(
    session: &'a Session,
    known: &'a Rows,
    writes: &'a Writes,
) -> Vec<Boxed<'a, Result<(), Failed>>> {
    let is_known =
        |key: &PostKey| known.posts.contains_key(key) || known.found.values().flatten().any(|(found, _)| found == key);
    let (old, new): (Vec<_>, Vec<_>) = writes.posts.iter().partition(|(key, _)| is_known(key));
    vec![
        Box::pin(sent(session, &writes.mail)),
        Box::pin(read(session, writes)),
        Box::pin(no_more(session, writes)),
        Box::pin(over(session, writes)),
        Box::pin(new_waits(session, writes)),
        Box::pin(new_posts(session, new)),
        Box::pin(claimed(session, old)),
        Box::pin(values(session, writes)),
        Box::pin(new_paths(session, writes)),
        Box::pin(async move { send(session, ACTS, writes.acts.len(), vec![&writes.acts]).await }),
    ]
}

async fn sent(session: &Session, sent: &[MailRecord]) -> Result<(), Failed> {
    let (run, number) = (column(sent, |row| row.run.as_str()), column(sent, |row| row.number));
    let (at_ms, letter) = (column(sent, |row| row.at_ms), column(sent, |row| &row.letter));
    send(session, SENT, sent.len(), vec![&run, &number, &at_ms, &letter]).await
}

async fn read(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let read: Vec<_> = writes.read.iter().collect();
    let (run, number) = (column(&read, |(run, _)| run.as_str()), column(&read, |(_, number)| *number));
    send(session, READ, read.len(), vec![&run, &number]).await
}

async fn no_more(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let no_more: Vec<&str> = writes.wait_no_more.iter().map(RunId::as_str).collect();
    send(session, NO_MORE, no_more.len(), vec![&no_more]).await
}

async fn over(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let names: Vec<_> = writes.waits.keys().collect();
    let (run, step) = (column(&names, |(run, _)| run.as_str()), column(&names, |(_, step)| step));
    send(session, OVER, names.len(), vec![&run, &step]).await
}

async fn new_waits(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let new: Vec<&WaitRecord> = writes.waits.values().flatten().collect();
    send(
        session,
        NEW_WAITS,
        new.len(),
        vec![
            &column(&new, |row| row.run.as_str()),
            &column(&new, |row| &row.step),
            &column(&new, |row| &row.wanted.event),
            &column(&new, |row| &row.wanted.path),
            &column(&new, |row| &row.wanted.value),
            &column(&new, |row| &row.detail),
            &column(&new, |row| row.since_ms),
        ],
    )
    .await
}

type Post<'w> = (&'w PostKey, &'w PostRecord);

async fn new_posts(session: &Session, new: Vec<Post<'_>>) -> Result<(), Failed> {
    send(
        session,
        NEW_POSTS,
        new.len(),
        vec![
            &column(&new, |((event, _), _)| event),
            &column(&new, |((_, key), _)| key),
            &column(&new, |(_, row)| row.at_ms),
            &column(&new, |(_, row)| &row.data),
            &column(&new, |(_, row)| row.claimed_by.as_ref().map(RunId::as_str)),
        ],
    )
    .await
}

async fn claimed(session: &Session, old: Vec<Post<'_>>) -> Result<(), Failed> {
    let (event, key) = (column(&old, |((event, _), _)| event), column(&old, |((_, key), _)| key));
    let claimed_by = column(&old, |(_, row)| row.claimed_by.as_ref().map(RunId::as_str));
    send(session, CLAIMED, old.len(), vec![&event, &key, &claimed_by]).await
}

async fn values(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let values: Vec<_> = writes.values.iter().collect();
    let (event, path) = (column(&values, |(wanted, _)| &wanted.event), column(&values, |(wanted, _)| &wanted.path));
    let (value, key) = (column(&values, |(wanted, _)| &wanted.value), column(&values, |(_, key)| key));
    send(session, VALUES, values.len(), vec![&event, &path, &value, &key]).await
}

async fn new_paths(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let paths: Vec<_> = writes.paths.iter().collect();
    let (event, path) = (column(&paths, |(event, _)| event), column(&paths, |(_, path)| path));
    send(session, NEW_PATHS, paths.len(), vec![&event, &path]).await
}

/// The letters of a run that are not done with, in order.
pub(super) async fn letters(session: &Session, run: &RunId) -> Result<BTreeMap<i64, Letter>, Failed> {
    let found = rows(session, "SELECT number, letter FROM mail WHERE run = $1", &[&run.as_str()]).await?;
    found.iter().map(|row| Ok((row.get(0), json(row, 1)?))).collect()
}

pub(super) async fn approvals(session: &Session, limit: usize) -> Result<Vec<Approval>, Failed> {
    let sql = "SELECT run, step, pipeline, event_key, since_ms, detail FROM waits JOIN runs USING (run)
        WHERE event = $1 ORDER BY since_ms, run, step LIMIT $2";
    let approval = |row: &Row| {
        Ok(Approval {
            run: RunId::named(row.get::<_, String>(0)),
            step: row.get(1),
            pipeline: row.get(2),
            event_key: row.get(3),
            since: time(row, 4)?,
            on: json(row, 5)?,
        })
    };
    rows(session, sql, &[&APPROVAL, &bound(limit)]).await?.iter().map(approval).collect()
}

pub(super) async fn acts(session: &Session, limit: usize) -> Result<Vec<Act>, Failed> {
    let found = rows(session, "SELECT act FROM acts ORDER BY number DESC LIMIT $1", &[&bound(limit)]).await?;
    found.iter().map(|row| json(row, 0)).collect()
}

/// Posted events with that key, or with that value where it is looked at.
pub(super) async fn posted(session: &Session, text: &str) -> Result<Vec<Posted>, Failed> {
    let sql = "SELECT DISTINCT posts.event, posts.key, at_ms, claimed_by FROM posts
        LEFT JOIN post_values USING (event, key) WHERE posts.key = $1 OR value = $1 ORDER BY at_ms LIMIT 20";
    let posted = |row: &Row| {
        let claimed_by = row.get::<_, Option<String>>(3).map(RunId::named);
        Ok(Posted { event: row.get(0), key: row.get(1), at: time(row, 2)?, claimed_by })
    };
    rows(session, sql, &[&text]).await?.iter().map(posted).collect()
}
