//! Pairs of cross-references.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::read::{bound, time};
use crate::store::{
    PairName, StoredPair,
    rows::{Keys, Rows, Writes},
};

const PAIR: &str = "SELECT name, key, value, by, at_ms FROM pairs";

pub(super) fn fetch(connection: &Connection, keys: &Keys, rows: &mut Rows) -> rusqlite::Result<()> {
    for name in &keys.pairs {
        rows.pairs.extend(pair(connection, name)?.map(|found| (name.clone(), found.to)));
    }
    Ok(())
}

pub(super) fn write(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    if writes.pairs.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM pairs WHERE project = ?1 AND name = ?2 AND key = ?3";
    let mut gone = connection.prepare_cached(sql)?;
    let mut kept = connection.prepare_cached("INSERT OR REPLACE INTO pairs VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (PairName { project, table, key }, row) in &writes.pairs {
        match row {
            Some(row) => kept.execute(params![project, table, key, row.to, row.by, row.at_ms])?,
            None => gone.execute(params![project, table, key])?,
        };
    }
    Ok(())
}

pub(super) fn pairs(connection: &Connection, names: &[PairName]) -> rusqlite::Result<Vec<Option<StoredPair>>> {
    names.iter().map(|name| pair(connection, name)).collect()
}

fn pair(connection: &Connection, name: &PairName) -> rusqlite::Result<Option<StoredPair>> {
    let sql = format!("{PAIR} WHERE project = ?1 AND name = ?2 AND key = ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row(params![name.project, name.table, name.key], stored).optional()
}

pub(super) fn pairs_of(
    connection: &Connection,
    project: &str,
    table: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<StoredPair>> {
    let sql = format!("{PAIR} WHERE project = ?1 AND (?2 IS NULL OR name = ?2) ORDER BY name, key LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![project, table, bound(limit)], stored)?.collect()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredPair> {
    Ok(StoredPair { table: row.get(0)?, key: row.get(1)?, to: row.get(2)?, by: row.get(3)?, at: time(row, 4)? })
}
