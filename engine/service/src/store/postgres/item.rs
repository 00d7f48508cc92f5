//! Items of reconciliations.
//!
//! Whoever changes items takes one advisory lock first, and has it until the changes can be seen: so numbers are given
//! in the order of the commits, and whoever follows them misses none. It is the last lock of a transaction, so that
//! nobody who has it waits for somebody else.

use ferry_contract::{key::Digest, port::Boxed};
use tokio_postgres::{Row, types::ToSql};

use super::{
    link::{Failed, Session},
    read::{bound, rows},
    write::{column, send},
};
use crate::store::{
    ItemFilter, ItemName, ItemState, StoredItem, printable,
    rows::{Finding, ItemRecord, Keys, Rows, Writes, found_by},
};

/// A question for items, by their names or by a filter.
macro_rules! items {
    ($from:literal) => {
        concat!(
            "SELECT kind, state, what, lefts, rights, data, by, reason, at_ms, number, items.project, book, key
            FROM items ",
            $from
        )
    };
    (filtered, $by:literal) => {
        concat!(
            items!($by),
            " AND items.project = $1 AND number > $2 AND ($3::text IS NULL OR book = $3)
            AND (cardinality($4::text[]) = 0 OR state = ANY($4)) AND ($5::text IS NULL OR what = $5)
            ORDER BY number LIMIT $6"
        )
    };
}

/// Any number that nobody else uses in this database.
const LOCK: &str = "SELECT pg_advisory_xact_lock(452924370291)";
const LAST: &str = "SELECT value FROM meta WHERE name = 'items'";
/// Nobody changes one meanwhile: whoever would waits for the lock.
const READ: &str = items!("WHERE item = ANY($1)");
const LIST: &str = items!(filtered, "WHERE $7::text IS NULL");
const NAMED: &str = items!(filtered, "JOIN item_rows USING (item) WHERE item_rows.project = $1 AND name = $7");
const OLD: &str = "UPDATE items SET kind = new.kind, state = new.state, what = new.what, lefts = new.lefts,
    rights = new.rights, data = new.data, by = new.by, reason = new.reason, at_ms = new.at_ms, number = new.number
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[])
        AS new (item, project, book, key, kind, state, what, lefts, rights, data, by, reason, at_ms, number)
    WHERE items.item = new.item";
/// A row that is there by now although it was not seen is a conflict, and not ours to overwrite.
const NEW: &str = "INSERT INTO items SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[],
    $14::bigint[])";
const FOUND: &str = "INSERT INTO item_rows SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    ON CONFLICT DO NOTHING";
const FOUND_NO_MORE: &str = "DELETE FROM item_rows
    USING unnest($1::text[], $2::text[], $3::text[]) AS gone (project, name, item)
    WHERE item_rows.project = gone.project AND item_rows.name = gone.name AND item_rows.item = gone.item";
const COUNTED: &str = "INSERT INTO meta VALUES ('items', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// All that are sent one behind the other, so that they are planned before the first one is sent.
pub(super) const ALL: [&str; 8] = [LOCK, LAST, READ, OLD, NEW, FOUND, FOUND_NO_MORE, COUNTED];

/// The items that may change, and the number of the last change of all, behind the lock.
pub(super) async fn fetch(session: &Session, keys: &Keys, fetched: &mut Rows) -> Result<(), Failed> {
    if keys.items.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = keys.items.iter().map(id).collect();
    let wanted: [&(dyn ToSql + Sync); 1] = [&ids];
    let (locked, last, items) =
        futures_util::join!(rows(session, LOCK, &[]), rows(session, LAST, &[]), rows(session, READ, &wanted));
    locked?;
    let wrong = |error: std::num::ParseIntError| Failed::Wrong(format!("the number of items: {error}"));
    let last = last?.first().map(|row| row.get::<_, &str>(0).parse().map_err(wrong)).transpose()?;
    fetched.items_last = last.unwrap_or(0);
    fetched.items = items?.iter().map(item).collect();
    Ok(())
}

/// The one name of an item. No part of it has a NUL.
fn id(ItemName { project, book, key }: &ItemName) -> String {
    Digest::of([project.as_str(), book, key].join("\0")).as_str().to_owned()
}

fn item(row: &Row) -> (ItemName, ItemRecord) {
    let record = ItemRecord {
        kind: row.get(0),
        state: row.get(1),
        what: row.get(2),
        lefts: row.get(3),
        rights: row.get(4),
        data: row.get(5),
        by: row.get(6),
        reason: row.get(7),
        at_ms: row.get(8),
        number: row.get(9),
    };
    (ItemName { project: row.get(10), book: row.get(11), key: row.get(12) }, record)
}

pub(super) async fn items(session: &Session, filter: &ItemFilter) -> Result<Vec<StoredItem>, Failed> {
    let project = printable(&filter.project);
    let after = i64::try_from(filter.after).unwrap_or(i64::MAX);
    let [book, what] = [&filter.book, &filter.what].map(|text| text.as_deref().map(printable));
    let states: Vec<&str> = filter.states.iter().map(|state| ItemState::name(*state)).collect();
    let name = filter.name.as_deref().map(found_by);
    let sql = if name.is_some() { NAMED } else { LIST };
    let found = rows(session, sql, &[&project, &after, &book, &states, &what, &bound(filter.limit), &name]).await?;
    found.iter().map(item).map(|(name, record)| record.stored(name).map_err(Failed::Refused)).collect()
}

type Kept<'w> = Vec<(&'w ItemName, &'w ItemRecord)>;

/// What writes the batch's changes.
pub(super) fn statements<'a>(
    session: &'a Session,
    known: &Rows,
    writes: &'a Writes,
) -> Vec<Boxed<'a, Result<(), Failed>>> {
    let (old, new): (Kept<'_>, Kept<'_>) = writes.items.iter().partition(|(name, _)| known.items.contains_key(*name));
    let findings = |is_wanted: bool| -> Vec<&'a Finding> {
        writes.findings.iter().filter(|(_, is_found)| **is_found == is_wanted).map(|(finding, _)| finding).collect()
    };
    vec![
        Box::pin(written(session, OLD, old)),
        Box::pin(written(session, NEW, new)),
        Box::pin(found(session, FOUND, findings(true))),
        Box::pin(found(session, FOUND_NO_MORE, findings(false))),
        Box::pin(async move {
            let last = writes.items_last.unwrap_or(0).to_string();
            send(session, COUNTED, usize::from(writes.items_last.is_some()), vec![&last]).await
        }),
    ]
}

async fn written(session: &Session, sql: &'static str, kept: Kept<'_>) -> Result<(), Failed> {
    send(
        session,
        sql,
        kept.len(),
        vec![
            &column(&kept, |(name, _)| id(name)),
            &column(&kept, |(name, _)| &name.project),
            &column(&kept, |(name, _)| &name.book),
            &column(&kept, |(name, _)| &name.key),
            &column(&kept, |(_, row)| &row.kind),
            &column(&kept, |(_, row)| &row.state),
            &column(&kept, |(_, row)| &row.what),
            &column(&kept, |(_, row)| &row.lefts),
            &column(&kept, |(_, row)| &row.rights),
            &column(&kept, |(_, row)| &row.data),
            &column(&kept, |(_, row)| &row.by),
            &column(&kept, |(_, row)| &row.reason),
            &column(&kept, |(_, row)| row.at_ms),
            &column(&kept, |(_, row)| row.number),
        ],
    )
    .await
}

async fn found(session: &Session, sql: &'static str, findings: Vec<&Finding>) -> Result<(), Failed> {
    let (project, name) = (column(&findings, |(item, _)| &item.project), column(&findings, |(_, name)| name));
    let item = column(&findings, |(item, _)| id(item));
    send(session, sql, findings.len(), vec![&project, &name, &item]).await
}
