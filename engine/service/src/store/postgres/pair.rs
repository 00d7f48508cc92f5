//! Pairs of cross-references.

use std::collections::BTreeMap;

use ferry_contract::port::Boxed;
use tokio_postgres::Row;

use super::{
    link::{Failed, Session},
    read::{bound, rows, time},
    write::{column, send},
};
use crate::store::{
    PairName, StoredPair,
    rows::{Keys, PairRecord, Rows, Writes},
};

const LOCK: &str = "SELECT pairs.name, pairs.key, pairs.value, pairs.by, pairs.at_ms, pairs.project
    FROM pairs JOIN unnest($1::text[], $2::text[], $3::text[]) AS wanted (project, name, key) USING (project, name, key)
    ORDER BY pairs.project, pairs.name, pairs.key FOR UPDATE OF pairs";
const READ: &str = "SELECT pairs.name, pairs.key, pairs.value, pairs.by, pairs.at_ms, pairs.project
    FROM pairs JOIN unnest($1::text[], $2::text[], $3::text[]) AS wanted (project, name, key) USING (project, name, key)";
const LIST: &str = "SELECT name, key, value, by, at_ms, project FROM pairs
    WHERE project = $1 AND ($2::text IS NULL OR name = $2) ORDER BY name, key LIMIT $3";
const GONE: &str = "DELETE FROM pairs USING unnest($1::text[], $2::text[], $3::text[]) AS gone (project, name, key)
    WHERE pairs.project = gone.project AND pairs.name = gone.name AND pairs.key = gone.key";
const OLD: &str = "UPDATE pairs SET value = new.value, by = new.by, at_ms = new.at_ms
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
        AS new (project, name, key, value, by, at_ms)
    WHERE pairs.project = new.project AND pairs.name = new.name AND pairs.key = new.key";
/// A row that is there by now although it was not seen is a conflict, and not ours to overwrite.
const NEW: &str = "INSERT INTO pairs
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])";

/// All that write, so that they are planned before the first one is sent.
pub(super) const ALL: [&str; 4] = [LOCK, GONE, OLD, NEW];

/// Locks and fetches the pairs that may change.
pub(super) async fn fetch(session: &Session, keys: &Keys, fetched: &mut Rows) -> Result<(), Failed> {
    let names: Vec<&PairName> = keys.pairs.iter().collect();
    fetched.pairs = found(session, LOCK, &names).await?.into_iter().map(|(name, pair)| (name, pair.to)).collect();
    Ok(())
}

pub(super) async fn pairs(session: &Session, names: &[PairName]) -> Result<Vec<Option<StoredPair>>, Failed> {
    let mut found = found(session, READ, &names.iter().collect::<Vec<_>>()).await?;
    Ok(names.iter().map(|name| found.remove(name)).collect())
}

async fn found(
    session: &Session,
    sql: &'static str,
    names: &[&PairName],
) -> Result<BTreeMap<PairName, StoredPair>, Failed> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let [projects, tables, keys] = columns(names);
    let found = rows(session, sql, &[&projects, &tables, &keys]).await?;
    found.iter().map(|row| stored(row).map(|pair| (PairName::new(row.get(5), &pair.table, &pair.key), pair))).collect()
}

fn columns<'n>(names: &[&'n PairName]) -> [Vec<&'n str>; 3] {
    let of: [fn(&PairName) -> &str; 3] = [|name| &name.project, |name| &name.table, |name| &name.key];
    of.map(|of| names.iter().map(|name| of(name)).collect())
}

pub(super) async fn pairs_of(
    session: &Session,
    project: &str,
    table: Option<&str>,
    limit: usize,
) -> Result<Vec<StoredPair>, Failed> {
    rows(session, LIST, &[&project, &table, &bound(limit)]).await?.iter().map(stored).collect()
}

fn stored(row: &Row) -> Result<StoredPair, Failed> {
    Ok(StoredPair { table: row.get(0), key: row.get(1), to: row.get(2), by: row.get(3), at: time(row, 4)? })
}

type Kept<'w> = Vec<(&'w PairName, &'w PairRecord)>;

/// What writes the batch's changes. Only a row that was locked is changed or removed.
pub(super) fn statements<'a>(
    session: &'a Session,
    known: &Rows,
    writes: &'a Writes,
) -> Vec<Boxed<'a, Result<(), Failed>>> {
    let (there, not_there): (Vec<_>, Vec<_>) =
        writes.pairs.iter().partition(|(name, _)| known.pairs.contains_key(*name));
    let kept = |all: &[(&'a PairName, &'a Option<PairRecord>)]| -> Kept<'a> {
        all.iter().filter_map(|(name, row)| Some((*name, row.as_ref()?))).collect()
    };
    let (old, new) = (kept(&there), kept(&not_there));
    let gone = there.into_iter().filter(|(_, row)| row.is_none()).map(|(name, _)| name).collect();
    vec![Box::pin(removed(session, gone)), Box::pin(written(session, OLD, old)), Box::pin(written(session, NEW, new))]
}

async fn removed(session: &Session, gone: Vec<&PairName>) -> Result<(), Failed> {
    let [projects, tables, keys] = columns(&gone);
    send(session, GONE, keys.len(), vec![&projects, &tables, &keys]).await
}

async fn written(session: &Session, sql: &'static str, kept: Kept<'_>) -> Result<(), Failed> {
    send(
        session,
        sql,
        kept.len(),
        vec![
            &column(&kept, |(name, _)| &name.project),
            &column(&kept, |(name, _)| &name.table),
            &column(&kept, |(name, _)| &name.key),
            &column(&kept, |(_, row)| &row.to),
            &column(&kept, |(_, row)| &row.by),
            &column(&kept, |(_, row)| row.at_ms),
        ],
    )
    .await
}
