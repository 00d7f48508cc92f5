//! Letters, waits and acts.
//!
//! Whoever begins to wait for a value, and whoever posts it, takes the same advisory lock first: without it
//! each would miss the other, because neither sees what is not committed yet.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{key::Digest, port::Boxed};
use ferry_core::run::Letter;
use tokio_postgres::Row;

use super::{
    link::{Failed, Session},
    post,
    read::{bound, json, rows, time},
    write::{column, send},
};
use crate::{
    limits::TOLD_AT_ONCE_MAX,
    store::{
        Act, Approval, RunId,
        decide::APPROVAL,
        rows::{Keys, MailRecord, PostKey, Rows, WAKES, WaitRecord, Wanted, Writes},
    },
};

const LOCK: &str = "SELECT pg_advisory_xact_lock(number) FROM (SELECT number FROM unnest($1::bigint[]) AS t (number)
    ORDER BY number) AS ordered";
/// One more than are told at once, so that it is seen whether there are more.
const WAITS: &str = "SELECT run, step, event, path, value, detail, since_ms FROM waits
    WHERE event = $1 AND path = $2 AND value = $3 AND ($4 OR detail <> $5) ORDER BY run, step LIMIT $6";

const SENT: &str = "INSERT INTO mail SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[])";
const READ: &str = "DELETE FROM mail USING unnest($1::text[], $2::bigint[]) AS gone (run, number)
    WHERE mail.run = gone.run AND mail.number = gone.number";
const DROPPED: &str = "DELETE FROM mail USING unnest($1::text[], $2::bigint[]) AS gone (run, below)
    WHERE mail.run = gone.run AND mail.number < gone.below";
const NO_MORE: &str = "DELETE FROM waits WHERE run = ANY($1)";
const OVER: &str = "DELETE FROM waits USING unnest($1::text[], $2::text[]) AS gone (run, step)
    WHERE waits.run = gone.run AND waits.step = gone.step";
const NEW_WAITS: &str = "INSERT INTO waits
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])";
const ACTS: &str = "INSERT INTO acts (act) SELECT * FROM unnest($1::text[])";

/// All that write, so that they are planned before the first one is sent.
pub(super) const ALL: [&str; 7] = [SENT, READ, DROPPED, NO_MORE, OVER, NEW_WAITS, ACTS];

/// What entries that wait, and events that are posted, must see.
pub(super) async fn fetch(session: &Session, keys: &Keys, fetched: &mut Rows) -> Result<(), Failed> {
    post::paths(session, keys, fetched).await?;
    let values = keys.values(&fetched.paths);
    let numbers: Vec<i64> =
        keys.wanted.keys().chain(&values).map(number).collect::<BTreeSet<_>>().into_iter().collect();
    if !numbers.is_empty() {
        rows(session, LOCK, &[&numbers]).await?;
    }
    post::fetch(session, keys, fetched).await?;
    let untold = keys.untold_values(fetched);
    let limit = bound(TOLD_AT_ONCE_MAX + 1);
    for (wanted, also_wakes) in values.iter().map(|wanted| (wanted, true)).chain(untold.iter().map(|one| (one, false)))
    {
        let Wanted { event, path, value } = wanted;
        let waits = rows(session, WAITS, &[event, path, value, &also_wakes, &WAKES, &limit]).await?;
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
        Box::pin(dropped(session, writes)),
        Box::pin(no_more(session, writes)),
        Box::pin(over(session, writes)),
        Box::pin(new_waits(session, writes)),
        Box::pin(post::new(session, new)),
        Box::pin(post::settled(session, old)),
        Box::pin(post::untold_from_now(session, writes)),
        Box::pin(post::told(session, writes)),
        Box::pin(post::values(session, writes)),
        Box::pin(post::new_paths(session, writes)),
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

async fn dropped(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let dropped: Vec<_> = writes.dropped.iter().collect();
    let (run, below) = (column(&dropped, |(run, _)| run.as_str()), column(&dropped, |(_, below)| **below));
    send(session, DROPPED, dropped.len(), vec![&run, &below]).await
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
