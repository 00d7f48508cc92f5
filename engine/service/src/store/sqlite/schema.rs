//! Tables, and the settings without which nothing is durable.

use rusqlite::{Connection, ErrorCode, OptionalExtension as _};

use crate::store::other_layout;

/// The number of this layout.
const LAYOUT: &str = "10";

const META: &str = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;";

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS versions (
    version TEXT PRIMARY KEY, files TEXT NOT NULL
) STRICT;
-- One row an event for ever: the guard against the same event delivered twice. The run's name is made of
-- pipeline and business key.
CREATE TABLE IF NOT EXISTS inbox (
    run TEXT PRIMARY KEY, revision TEXT NOT NULL, received_ms INTEGER NOT NULL,
    -- A corrected event that the run has not seen.
    newer TEXT
) STRICT, WITHOUT ROWID;
-- Names of runs are random, numbers are not: rows of runs that are at work stand in few pages.
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE,
    pipeline TEXT NOT NULL, version TEXT NOT NULL, event_key TEXT NOT NULL, state TEXT NOT NULL,
    note TEXT NOT NULL, started_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, due_ms INTEGER,
    -- Who may write to it.
    fence INTEGER NOT NULL, owner TEXT,
    -- Letters sent to it so far, the step that began it, and its place among the runs of one `concurrency` key.
    mail INTEGER NOT NULL, parent TEXT, lane TEXT, lane_limit INTEGER NOT NULL,
    place INTEGER NOT NULL, is_active INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS runs_due ON runs (due_ms, run) WHERE owner IS NULL AND due_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_owner ON runs (owner) WHERE owner IS NOT NULL;
-- Who has a place of a `concurrency` key, and who waits for one; not those that have ended.
CREATE INDEX IF NOT EXISTS runs_placed ON runs (lane, lane_limit) WHERE lane IS NOT NULL AND is_active;
CREATE INDEX IF NOT EXISTS runs_waiting ON runs (lane, place, run, due_ms, lane_limit)
    WHERE lane IS NOT NULL AND NOT is_active AND owner IS NULL AND due_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_key ON runs (event_key);
-- By a column that never changes: an update of a run costs nothing here.
CREATE INDEX IF NOT EXISTS runs_over ON runs (pipeline, started_ms) WHERE state IN ('finished', 'cancelled');
-- Engines that are alive, until then by the store's clock.
CREATE TABLE IF NOT EXISTS engines (engine TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_state ON runs (state);
-- In the order in which entries were written: a commit of many runs touches few pages.
CREATE TABLE IF NOT EXISTS journal (
    number INTEGER PRIMARY KEY, run INTEGER NOT NULL, sequence INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, entry TEXT NOT NULL, UNIQUE (run, sequence)
) STRICT;
-- One row a call for ever: the guard against two runs that make the same call.
CREATE TABLE IF NOT EXISTS calls (
    call_key TEXT PRIMARY KEY, run TEXT NOT NULL, digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- What was said of the store's memory, the last one counts.
CREATE TABLE IF NOT EXISTS verdicts (
    number INTEGER PRIMARY KEY, verdict TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL
) STRICT;
-- How often something was committed: a file that knows less than is written beside it was put back.
CREATE TABLE IF NOT EXISTS commits (number INTEGER NOT NULL) STRICT;
INSERT INTO commits SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM commits);
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
-- What processes share: circuits and budgets, changed by compare and set on the version.
CREATE TABLE IF NOT EXISTS shared (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- What two systems call the same record, by project and cross-reference; who recorded it, and when.
CREATE TABLE IF NOT EXISTS pairs (
    project TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, by TEXT NOT NULL,
    at_ms INTEGER NOT NULL, PRIMARY KEY (project, name, key)
) STRICT, WITHOUT ROWID;
-- What reconciliations have matched, what was left, and what persons said of it. Each change has a greater number than all
-- before it, of any item; the last one is in `meta`.
CREATE TABLE IF NOT EXISTS items (
    project TEXT NOT NULL, book TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    what TEXT NOT NULL, lefts TEXT NOT NULL, rights TEXT NOT NULL, data TEXT NOT NULL, by TEXT NOT NULL,
    reason TEXT NOT NULL, at_ms INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (project, book, key)
) STRICT;
CREATE INDEX IF NOT EXISTS items_number ON items (project, number);
CREATE INDEX IF NOT EXISTS items_book ON items (project, book, state, number);
CREATE INDEX IF NOT EXISTS items_state ON items (project, state, number);
-- Items by their keys and by the names of their rows.
CREATE TABLE IF NOT EXISTS item_rows (
    project TEXT NOT NULL, name TEXT NOT NULL, book TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (project, name, book, key)
) STRICT, WITHOUT ROWID;
-- Letters to runs, until their runs have journaled what came of them.
CREATE TABLE IF NOT EXISTS mail (
    run TEXT NOT NULL, number INTEGER NOT NULL, at_ms INTEGER NOT NULL, letter TEXT NOT NULL, PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;
-- Steps that wait for an event or a person.
CREATE TABLE IF NOT EXISTS waits (
    run TEXT NOT NULL, step TEXT NOT NULL, event TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL,
    detail TEXT NOT NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waits_value ON waits (event, path, value, run, step);
-- Events that steps wait for, where in them their values are looked at, and whether the steps can do without them.
CREATE TABLE IF NOT EXISTS paths (
    event TEXT NOT NULL, path TEXT NOT NULL, only_wakes INTEGER NOT NULL, PRIMARY KEY (event, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS posts (
    event TEXT NOT NULL, key TEXT NOT NULL, at_ms INTEGER NOT NULL, data TEXT NOT NULL, claimed_by TEXT,
    -- The step that emitted it, and its values by which waits find it.
    run TEXT, pipeline TEXT, step TEXT, found_by TEXT NOT NULL,
    -- Since when it waits for a claim, while it does; and when it became a dead letter, of which class, while it is one.
    unclaimed_ms INTEGER, dead_ms INTEGER, class TEXT,
    PRIMARY KEY (event, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS posts_unclaimed ON posts (unclaimed_ms) WHERE unclaimed_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS posts_dead ON posts (dead_ms) WHERE dead_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS posts_settled ON posts (at_ms)
    WHERE unclaimed_ms IS NULL AND dead_ms IS NULL AND data <> 'null';
-- Events of which not all who wait for them are told yet.
CREATE TABLE IF NOT EXISTS untold (
    event TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (event, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS post_values (
    event TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (event, path, value, key)
) STRICT, WITHOUT ROWID;
-- What runs hold for, in the order in which they are released.
CREATE TABLE IF NOT EXISTS reservations (
    run TEXT NOT NULL, step TEXT NOT NULL, queue TEXT NOT NULL, since_ms INTEGER NOT NULL, amount TEXT NOT NULL,
    is_released INTEGER NOT NULL, PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reservations_queue ON reservations (queue, is_released, since_ms, run, step);
-- What persons did; only ever added to.
CREATE TABLE IF NOT EXISTS acts (number INTEGER PRIMARY KEY AUTOINCREMENT, act TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS dead_letters (
    run TEXT PRIMARY KEY, pipeline TEXT NOT NULL, event_key TEXT NOT NULL, step TEXT NOT NULL, class TEXT NOT NULL,
    message TEXT NOT NULL, at_ms INTEGER NOT NULL, event TEXT NOT NULL
) STRICT;
";

/// Makes the tables.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(META)?;
    connection.execute_batch(TABLES)
}

/// Why a store cannot be used, and what to look at.
pub(super) fn why(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "cannot be opened: see that its folder is there, and that this user may write it and what is in it"
                .to_owned()
        }
        _ => format!("cannot be opened: {error}"),
    }
}

/// Makes the tables where they are missing, and refuses those of another layout.
pub(super) fn prepare(connection: &Connection) -> Result<(), String> {
    let text = |error: rusqlite::Error| why(&error);
    connection.execute_batch(META).map_err(text)?;
    let found: rusqlite::Result<Option<String>> =
        connection.query_row("SELECT value FROM meta WHERE name = 'layout'", [], |row| row.get(0)).optional();
    match found.map_err(text)? {
        // The number before the tables: a layout is named before it is made.
        None => connection.execute("INSERT OR IGNORE INTO meta VALUES ('layout', ?1)", [LAYOUT]).map(|_| ()),
        Some(found) if found.as_str() == LAYOUT => Ok(()),
        Some(found) => return Err(other_layout(&found, LAYOUT)),
    }
    .map_err(text)?;
    tables(connection).map_err(text)
}

/// The world that the store belongs to; the first one that asks.
pub(super) fn world(connection: &Connection, world: &str) -> rusqlite::Result<String> {
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('world', ?1)", [world])?;
    connection.query_row("SELECT value FROM meta WHERE name = 'world'", [], |row| row.get(0))
}

/// The world that the store belongs to, where one has asked.
pub(super) fn known_world(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM meta WHERE name = 'world'", [], |row| row.get(0)).optional()
}

/// Gives the world another name, where it has this one.
pub(super) fn rename_world(connection: &Connection, from: &str, to: &str) -> rusqlite::Result<bool> {
    let sql = "UPDATE meta SET value = ?2 WHERE name = 'world' AND value = ?1";
    connection.execute(sql, [from, to]).map(|changed| changed == 1)
}

/// Sets what durability needs, and reads it back: two known engines run at NORMAL unknowingly.
pub(super) fn durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if synchronous != 2 || mode != "wal" {
        let message =
            format!("SQLite keeps journal_mode {mode} and synchronous {synchronous}; WAL and FULL are needed");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISUSE),
            Some(message),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As for a user who may read the file alone.
    #[test]
    fn a_store_that_may_only_be_read_says_what_to_look_at() {
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "query_only", true).unwrap();
        let said = prepare(&connection).unwrap_err();
        let expected =
            "cannot be opened: see that its folder is there, and that this user may write it and what is in it";
        assert_eq!(said, expected);
    }
}
