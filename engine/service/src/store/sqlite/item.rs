//! Items of reconciliations.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;

use super::read::bound;
use crate::store::{
    ItemFilter, ItemName, ItemState, printable,
    rows::{ItemRecord, Keys, Rows, Writes, found_by},
};

const COLUMNS: &str = "kind, state, what, lefts, rights, data, by, reason, at_ms, number, project, book, key";

/// The items that may change, and the number of the last change of all.
pub(super) fn fetch(connection: &Connection, keys: &Keys, rows: &mut Rows) -> rusqlite::Result<()> {
    if keys.items.is_empty() {
        return Ok(());
    }
    let last = "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'items'";
    rows.items_last = connection.prepare_cached(last)?.query_row([], |row| row.get(0)).optional()?.unwrap_or(0);
    let sql = format!("SELECT {COLUMNS} FROM items WHERE project = ?1 AND book = ?2 AND key = ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    for ItemName { project, book, key } in &keys.items {
        rows.items.extend(statement.query_row([project, book, key], item).optional()?);
    }
    Ok(())
}

pub(super) fn write(connection: &Connection, writes: &Writes) -> rusqlite::Result<()> {
    let Some(last) = writes.items_last else { return Ok(()) };
    let sql = format!(
        "INSERT INTO items ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
        ON CONFLICT (project, book, key) DO UPDATE SET kind = excluded.kind, state = excluded.state,
        what = excluded.what, lefts = excluded.lefts, rights = excluded.rights, data = excluded.data,
        by = excluded.by, reason = excluded.reason, at_ms = excluded.at_ms, number = excluded.number"
    );
    let mut items = connection.prepare_cached(&sql)?;
    for (ItemName { project, book, key }, row) in &writes.items {
        let ItemRecord { kind, state, what, lefts, rights, data, by, reason, at_ms, number } = row;
        items
            .execute(params![kind, state, what, lefts, rights, data, by, reason, at_ms, number, project, book, key])?;
    }
    let mut found = connection.prepare_cached("INSERT OR IGNORE INTO item_rows VALUES (?1, ?2, ?3, ?4)")?;
    let sql = "DELETE FROM item_rows WHERE project = ?1 AND name = ?2 AND book = ?3 AND key = ?4";
    let mut found_no_more = connection.prepare_cached(sql)?;
    for ((ItemName { project, book, key }, name), is_found) in &writes.findings {
        let statement = if *is_found { &mut found } else { &mut found_no_more };
        statement.execute([project, name, book, key])?;
    }
    let sql = "INSERT OR REPLACE INTO meta VALUES ('items', CAST(?1 AS TEXT))";
    connection.prepare_cached(sql)?.execute([last]).map(|_| ())
}

pub(super) fn items(connection: &Connection, filter: &ItemFilter) -> rusqlite::Result<Vec<(ItemName, ItemRecord)>> {
    let has_states = !filter.states.is_empty();
    // Nothing is known here of how many there are of each, so that the way to them is said.
    let from = match (&filter.name, &filter.book) {
        (Some(_), _) => "item_rows CROSS JOIN items USING (project, book, key)",
        (None, Some(_)) if has_states => "items INDEXED BY items_book",
        (None, None) if has_states => "items INDEXED BY items_state",
        (None, _) => "items INDEXED BY items_number",
    };
    let wanted = [
        (filter.name.is_some(), "name = ?3"),
        (filter.book.is_some(), "book = ?4"),
        (has_states, "state IN (SELECT value FROM json_each(?5))"),
        (filter.what.is_some(), "what = ?6"),
    ];
    let wanted = wanted.into_iter().filter_map(|(is_wanted, sql)| is_wanted.then_some(sql));
    let wanted = ["project = ?1", "number > ?2"].into_iter().chain(wanted).collect::<Vec<_>>().join(" AND ");
    let sql = format!("SELECT {COLUMNS} FROM {from} WHERE {wanted} ORDER BY number LIMIT ?7");
    let after = i64::try_from(filter.after).unwrap_or(i64::MAX);
    let name = filter.name.as_deref().map(found_by);
    let [book, what] = [&filter.book, &filter.what].map(|text| text.as_deref().map(printable));
    let states = json!(filter.states.iter().map(|state| ItemState::name(*state)).collect::<Vec<_>>()).to_string();
    let values = params![printable(&filter.project), after, name, book, states, what, bound(filter.limit)];
    connection.prepare_cached(&sql)?.query_map(values, item)?.collect()
}

fn item(row: &Row<'_>) -> rusqlite::Result<(ItemName, ItemRecord)> {
    let record = ItemRecord {
        kind: row.get(0)?,
        state: row.get(1)?,
        what: row.get(2)?,
        lefts: row.get(3)?,
        rights: row.get(4)?,
        data: row.get(5)?,
        by: row.get(6)?,
        reason: row.get(7)?,
        at_ms: row.get(8)?,
        number: row.get(9)?,
    };
    Ok((ItemName { project: row.get(10)?, book: row.get(11)?, key: row.get(12)? }, record))
}
