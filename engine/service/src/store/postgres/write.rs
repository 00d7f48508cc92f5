//! The rows of a batch: locked and fetched before, written after [`decide`](crate::store::decide::decide).
//!
//! Statements are sent one behind the other without waiting, so a batch takes two round trips. The server
//! works through them in this order: engines first, then runs, then what belongs to them.
//!
//! A run that only gets entries is not locked: its engine's row is, so that nobody takes the engine out, and
//! so raises the fence of the run, before the entries are durable. Its engine's other entries go through the
//! same connection, one batch after the other.

use ferry_contract::port::Boxed;
use futures_util::future::{join_all, try_join_all};
use tokio_postgres::{Row, types::ToSql};

use super::{
    forget, item,
    link::{Failed, Session},
    mail, pair, post,
    read::rows,
    reserve,
};
use crate::store::{
    EngineId, Fence, RunId,
    rows::{CallRecord, InboxRecord, JournalRecord, Keys, LetterRecord, Rows, RunRecord, Tail, VerdictRecord, Writes},
};

/// The engines that have these runs, held until the end.
const OWNERS: &str = "SELECT engine FROM engines WHERE engine IN (SELECT owner FROM runs WHERE run = ANY($1))
    ORDER BY engine FOR KEY SHARE";
const LOCK_RUNS: &str = "SELECT run, pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms,
    fence, owner, mail, parent, lane, lane_limit, place, is_active FROM runs WHERE run = ANY($1) ORDER BY run FOR UPDATE";
const READ_RUNS: &str = "SELECT run, pipeline, version, event_key, state, note, started_ms, updated_ms, due_ms,
    fence, owner, mail, parent, lane, lane_limit, place, is_active FROM runs WHERE run = ANY($1)";
const TAILS: &str = "SELECT named.run, sequence + 1, at_ms FROM unnest($1::text[]) AS named (run), LATERAL (
        SELECT sequence, at_ms FROM journal WHERE journal.run = named.run ORDER BY sequence DESC LIMIT 1
    ) AS last";
const INBOX: &str = "SELECT run, revision, received_ms, newer FROM inbox WHERE run = ANY($1)";
const CALLS: &str = "SELECT call_key, run, digest FROM calls WHERE call_key = ANY($1)";
const LETTERS: &str = "SELECT run, step FROM dead_letters WHERE run = ANY($1)";
/// Held until the end: an engine that brings in runs of its own is not taken out meanwhile.
const ENGINES: &str = "SELECT engine FROM engines WHERE engine = ANY($1) ORDER BY engine FOR KEY SHARE";

const NEW_RUNS: &str = "INSERT INTO runs SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],
    $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[],
    $12::bigint[], $13::text[], $14::text[], $15::bigint[], $16::bigint[], $17::boolean[])";
const OLD_RUNS: &str = "UPDATE runs SET state = new.state, note = new.note, updated_ms = new.updated_ms,
    due_ms = new.due_ms, fence = new.fence, owner = new.owner, mail = new.mail, is_active = new.is_active,
    version = new.version
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
        $8::bigint[], $9::boolean[], $10::text[])
        AS new (run, state, note, updated_ms, due_ms, fence, owner, mail, is_active, version)
    WHERE runs.run = new.run";
const NEW_INBOX: &str = "INSERT INTO inbox SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])";
const OLD_INBOX: &str = "UPDATE inbox SET revision = new.revision, received_ms = new.received_ms, newer = new.newer
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS new (run, revision, received_ms, newer)
    WHERE inbox.run = new.run";
/// Only new rows: one that is there already is an error, and so the last guard of all.
const JOURNAL: &str = "INSERT INTO journal SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[])";
const NEW_CALLS: &str = "INSERT INTO calls SELECT * FROM unnest($1::text[], $2::text[], $3::text[])";
const GONE_LETTERS: &str = "DELETE FROM dead_letters WHERE run = ANY($1)";
const NEW_LETTERS: &str =
    "INSERT INTO dead_letters SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],
    $5::text[], $6::text[], $7::bigint[], $8::text[])";
const CURSORS: &str = "INSERT INTO cursors SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const VERDICTS: &str = "INSERT INTO verdicts (verdict, by, reason, at_ms)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])";
const VERSIONS: &str =
    "INSERT INTO versions SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT (version) DO NOTHING";
const LOCK_SHARED: &str = "SELECT name, version FROM shared WHERE name = ANY($1) ORDER BY name FOR UPDATE";
/// A row that is there by now although it was not seen is a conflict, and not ours to overwrite.
const NEW_SHARED: &str = "INSERT INTO shared SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])";
const OLD_SHARED: &str = "UPDATE shared SET version = new.version, value = new.value
    FROM unnest($1::text[], $2::bigint[], $3::text[]) AS new (name, version, value) WHERE shared.name = new.name";
const DUE: &str = "SELECT pg_notify('ferry_due', '')";

/// All statements, so that they are planned before the first one is sent.
const ALL: [&str; 23] = [
    OWNERS,
    LOCK_RUNS,
    READ_RUNS,
    TAILS,
    INBOX,
    CALLS,
    LETTERS,
    ENGINES,
    NEW_RUNS,
    OLD_RUNS,
    NEW_INBOX,
    OLD_INBOX,
    JOURNAL,
    NEW_CALLS,
    GONE_LETTERS,
    NEW_LETTERS,
    CURSORS,
    VERSIONS,
    LOCK_SHARED,
    NEW_SHARED,
    OLD_SHARED,
    VERDICTS,
    DUE,
];

/// Plans what will be sent, once in a session.
pub(super) async fn prepare(session: &Session) -> Result<(), Failed> {
    let all = [&ALL[..], &mail::ALL, &pair::ALL, &item::ALL, &post::ALL, &reserve::ALL, &forget::ALL].concat();
    try_join_all(all.into_iter().map(|sql| session.statement(sql))).await?;
    Ok(())
}

/// Begins a transaction, and locks and fetches what is there.
pub(super) async fn fetch(session: &Session, keys: &Keys) -> Result<Rows, Failed> {
    let runs: Vec<&str> = keys.runs.iter().map(RunId::as_str).collect();
    let read: Vec<&str> = keys.only_read().map(RunId::as_str).collect();
    let journals: Vec<&str> = keys.journals.iter().map(RunId::as_str).collect();
    let calls: Vec<&str> = keys.calls.iter().map(String::as_str).collect();
    let letters: Vec<&str> = keys.letters.iter().map(RunId::as_str).collect();
    let engines: Vec<&str> = keys.engines.iter().map(EngineId::as_str).collect();
    let shared: Vec<&str> = keys.shared.iter().map(String::as_str).collect();
    let begin = session.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED");
    let (begun, engines, owners, runs, read, tails, inbox, calls, letters, shared) = futures_util::join!(
        begin,
        named(session, ENGINES, &engines),
        named(session, OWNERS, &read),
        named(session, LOCK_RUNS, &runs),
        named(session, READ_RUNS, &read),
        named(session, TAILS, &journals),
        named(session, INBOX, &runs),
        named(session, CALLS, &calls),
        named(session, LETTERS, &letters),
        named(session, LOCK_SHARED, &shared),
    );
    let run = |row: &Row| RunId::named(row.get::<_, String>(0));
    begun?;
    owners?;
    let mut fetched = Rows {
        runs: runs?.iter().chain(&read?).map(|row| (run(row), run_record(row))).collect(),
        tails: tails?.iter().map(|row| (run(row), Tail { length: row.get(1), at_ms: row.get(2) })).collect(),
        inbox: inbox?.iter().map(|row| (run(row), inbox_record(row))).collect(),
        calls: calls?.iter().map(|row| (row.get(0), call_record(row))).collect(),
        letters: letters?.iter().map(|row| (run(row), row.get(1))).collect(),
        engines: engines?.iter().map(|row| EngineId::named(row.get::<_, String>(0))).collect(),
        shared: shared?.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())).collect(),
        ..Rows::default()
    };
    mail::fetch(session, keys, &mut fetched).await?;
    pair::fetch(session, keys, &mut fetched).await?;
    let told = keys.told(&fetched);
    let told: Vec<&str> = told.iter().map(RunId::as_str).collect();
    let told = named(session, LOCK_RUNS, &told).await?;
    fetched.runs.extend(told.iter().map(|row| (run(row), run_record(row))));
    item::fetch(session, keys, &mut fetched).await?;
    Ok(fetched)
}

async fn named(session: &Session, sql: &'static str, names: &[&str]) -> Result<Vec<Row>, Failed> {
    if names.is_empty() { Ok(Vec::new()) } else { rows(session, sql, &[&names]).await }
}

fn run_record(row: &Row) -> RunRecord {
    RunRecord {
        pipeline: row.get(1),
        version: row.get(2),
        event_key: row.get(3),
        state: row.get(4),
        note: row.get(5),
        started_ms: row.get(6),
        updated_ms: row.get(7),
        due_ms: row.get(8),
        fence: Fence::stored(row.get(9)),
        owner: row.get::<_, Option<String>>(10).map(EngineId::named),
        mail: row.get(11),
        parent: row.get(12),
        lane: row.get(13),
        lane_limit: row.get(14),
        place: row.get(15),
        is_active: row.get(16),
    }
}

fn inbox_record(row: &Row) -> InboxRecord {
    InboxRecord { revision: row.get(1), received_ms: row.get(2), newer: row.get(3) }
}

fn call_record(row: &Row) -> CallRecord {
    CallRecord { run: RunId::named(row.get::<_, String>(1)), digest: row.get(2) }
}

/// Writes what the batch has changed, and commits. It is durable only if every statement was done: a
/// `COMMIT` behind one that failed is done too, as a rollback.
pub(super) async fn commit(session: &Session, known: &Rows, writes: &Writes) -> Result<(), Failed> {
    let mut statements: Vec<Boxed<'_, Result<(), Failed>>> = Vec::new();
    let (new, old): (Vec<_>, Vec<_>) = writes.runs.iter().partition(|(run, _)| !known.runs.contains_key(run));
    let is_due = |row: &RunRecord| row.owner.is_none() && row.due_ms.is_some_and(|due| due <= row.updated_ms);
    let wakes = writes.runs.values().any(is_due);
    statements.push(Box::pin(new_runs(session, new)));
    let (new, old_inbox): (Vec<_>, Vec<_>) = writes.inbox.iter().partition(|(run, _)| !known.inbox.contains_key(run));
    statements.push(Box::pin(inbox(session, NEW_INBOX, new)));
    statements.push(Box::pin(old_runs(session, old)));
    statements.push(Box::pin(inbox(session, OLD_INBOX, old_inbox)));
    statements.push(Box::pin(journal(session, &writes.journal)));
    statements.push(Box::pin(calls(session, writes)));
    statements.push(Box::pin(gone_letters(session, writes)));
    statements.push(Box::pin(letters(session, writes)));
    statements.push(Box::pin(pairs(session, CURSORS, writes.cursors.iter().collect())));
    statements.push(Box::pin(pairs(session, VERSIONS, writes.versions.iter().collect())));
    let (new, old): (Vec<_>, Vec<_>) = writes.shared.iter().partition(|(name, _)| !known.shared.contains_key(*name));
    statements.push(Box::pin(shared(session, NEW_SHARED, new)));
    statements.push(Box::pin(shared(session, OLD_SHARED, old)));
    statements.extend(mail::statements(session, known, writes));
    statements.extend(pair::statements(session, known, writes));
    statements.extend(item::statements(session, known, writes));
    statements.extend(reserve::statements(session, writes));
    statements.push(Box::pin(verdicts(session, &writes.verdicts)));
    statements.extend(forget::statements(session, writes));
    statements.push(Box::pin(send(session, DUE, usize::from(wakes), Vec::new())));
    statements.push(Box::pin(async { Ok(session.client.batch_execute("COMMIT").await?) }));
    join_all(statements).await.into_iter().collect()
}

/// Sends a statement with its columns, unless it has no rows.
pub(super) async fn send(
    session: &Session,
    sql: &'static str,
    count: usize,
    columns: Vec<&(dyn ToSql + Sync)>,
) -> Result<(), Failed> {
    if count > 0 {
        rows(session, sql, &columns).await?;
    }
    Ok(())
}

/// One column of many rows.
pub(super) fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

type Run<'w> = (&'w RunId, &'w RunRecord);

async fn new_runs(session: &Session, new: Vec<Run<'_>>) -> Result<(), Failed> {
    send(
        session,
        NEW_RUNS,
        new.len(),
        vec![
            &column(&new, |(run, _)| run.as_str()),
            &column(&new, |(_, row)| &row.pipeline),
            &column(&new, |(_, row)| &row.version),
            &column(&new, |(_, row)| &row.event_key),
            &column(&new, |(_, row)| &row.state),
            &column(&new, |(_, row)| &row.note),
            &column(&new, |(_, row)| row.started_ms),
            &column(&new, |(_, row)| row.updated_ms),
            &column(&new, |(_, row)| row.due_ms),
            &column(&new, |(_, row)| row.fence.number()),
            &column(&new, |(_, row)| row.owner.as_ref().map(EngineId::as_str)),
            &column(&new, |(_, row)| row.mail),
            &column(&new, |(_, row)| row.parent.as_deref()),
            &column(&new, |(_, row)| row.lane.as_deref()),
            &column(&new, |(_, row)| row.lane_limit),
            &column(&new, |(_, row)| row.place),
            &column(&new, |(_, row)| row.is_active),
        ],
    )
    .await
}

async fn old_runs(session: &Session, old: Vec<Run<'_>>) -> Result<(), Failed> {
    send(
        session,
        OLD_RUNS,
        old.len(),
        vec![
            &column(&old, |(run, _)| run.as_str()),
            &column(&old, |(_, row)| &row.state),
            &column(&old, |(_, row)| &row.note),
            &column(&old, |(_, row)| row.updated_ms),
            &column(&old, |(_, row)| row.due_ms),
            &column(&old, |(_, row)| row.fence.number()),
            &column(&old, |(_, row)| row.owner.as_ref().map(EngineId::as_str)),
            &column(&old, |(_, row)| row.mail),
            &column(&old, |(_, row)| row.is_active),
            &column(&old, |(_, row)| &row.version),
        ],
    )
    .await
}

async fn inbox(session: &Session, sql: &'static str, inbox: Vec<(&RunId, &InboxRecord)>) -> Result<(), Failed> {
    send(
        session,
        sql,
        inbox.len(),
        vec![
            &column(&inbox, |(run, _)| run.as_str()),
            &column(&inbox, |(_, row)| &row.revision),
            &column(&inbox, |(_, row)| row.received_ms),
            &column(&inbox, |(_, row)| row.newer.as_deref()),
        ],
    )
    .await
}

async fn journal(session: &Session, new: &[JournalRecord]) -> Result<(), Failed> {
    send(
        session,
        JOURNAL,
        new.len(),
        vec![
            &column(new, |row| row.run.as_str()),
            &column(new, |row| row.sequence),
            &column(new, |row| row.at_ms),
            &column(new, |row| &row.entry),
        ],
    )
    .await
}

async fn calls(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let calls: Vec<(&String, &CallRecord)> = writes.calls.iter().collect();
    send(
        session,
        NEW_CALLS,
        calls.len(),
        vec![
            &column(&calls, |(key, _)| *key),
            &column(&calls, |(_, row)| row.run.as_str()),
            &column(&calls, |(_, row)| &row.digest),
        ],
    )
    .await
}

/// Those that are written anew go first, too.
async fn gone_letters(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let gone: Vec<&str> = writes.letters.keys().map(RunId::as_str).collect();
    send(session, GONE_LETTERS, gone.len(), vec![&gone]).await
}

async fn letters(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let kept: Vec<(&RunId, &LetterRecord)> =
        writes.letters.iter().filter_map(|(run, row)| row.as_ref().map(|row| (run, row))).collect();
    send(
        session,
        NEW_LETTERS,
        kept.len(),
        vec![
            &column(&kept, |(run, _)| run.as_str()),
            &column(&kept, |(_, row)| &row.pipeline),
            &column(&kept, |(_, row)| &row.event_key),
            &column(&kept, |(_, row)| &row.step),
            &column(&kept, |(_, row)| &row.class),
            &column(&kept, |(_, row)| &row.message),
            &column(&kept, |(_, row)| row.at_ms),
            &column(&kept, |(_, row)| &row.event),
        ],
    )
    .await
}

async fn shared(session: &Session, sql: &'static str, rows: Vec<(&String, &(u64, String))>) -> Result<(), Failed> {
    let version = |version: u64| i64::try_from(version).unwrap_or(i64::MAX);
    send(
        session,
        sql,
        rows.len(),
        vec![
            &column(&rows, |(name, _)| *name),
            &column(&rows, |(_, row)| version(row.0)),
            &column(&rows, |(_, row)| &row.1),
        ],
    )
    .await
}

async fn verdicts(session: &Session, new: &[VerdictRecord]) -> Result<(), Failed> {
    send(
        session,
        VERDICTS,
        new.len(),
        vec![
            &column(new, |row| row.verdict),
            &column(new, |row| &row.by),
            &column(new, |row| &row.reason),
            &column(new, |row| row.at_ms),
        ],
    )
    .await
}

async fn pairs(session: &Session, sql: &'static str, pairs: Vec<(&String, &String)>) -> Result<(), Failed> {
    send(session, sql, pairs.len(), vec![&column(&pairs, |(name, _)| *name), &column(&pairs, |(_, value)| *value)])
        .await
}
