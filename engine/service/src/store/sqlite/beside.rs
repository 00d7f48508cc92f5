//! How often something was committed: in the file, and noted in the lock file beside it.
//!
//! A file that knows of fewer commits than were noted is older than what was written to it: somebody has put a
//! backup back. The note is not flushed, so a power failure may lose its end; then it is lower than the truth, and
//! doubts nothing that it should not.

use std::{fs::File, os::unix::fs::FileExt as _};

use rusqlite::Connection;

/// The width of a note, so that the next one covers it.
const WIDTH: usize = 20;

/// What was noted last.
pub(super) fn noted(file: &File) -> std::io::Result<Option<i64>> {
    let mut bytes = [0; WIDTH];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok())),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the file knows.
pub(super) fn commits(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT number FROM commits")?.query_row([], |row| row.get(0))
}

/// Counts one commit, inside it.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE commits SET number = number + 1")?.execute([]).map(|_| ())
}

/// Notes a commit that was done. One that cannot be noted is only missed by a restore.
pub(super) fn note(file: &File, commits: i64) {
    if let Err(error) = file.write_all_at(format!("{commits:0WIDTH$}").as_bytes(), 0) {
        tracing::warn!(%error, "the lock file cannot be written; a restored store would not be noticed");
    }
}
