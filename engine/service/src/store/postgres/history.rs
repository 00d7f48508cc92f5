//! Which server this is, and which line of its history: a restore to a moment, and the promotion of a standby, begin another one.
//!
//! Such a server may lack what was committed last, and a payment may have been made for that. So every session asks before
//! it reads anything else. The first that finds another server than the noted one doubts the store and takes all
//! engines their names, in the transaction that notes the server: none of them writes by what it has read of the
//! one before, nor by its trust in it. Their runs are given to nobody while what they have sent may be on its way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ferry_contract::limits::LEASE;
use tokio_postgres::Client;

use super::{
    lease::NOW_MS,
    link::{explain, ms},
    schema::LAYOUT,
};
use crate::store::Trust;

/// Its identifier, and the number of its line; nothing for a standby. A promotion counts from its first moment: what
/// `pg_control_checkpoint` says is that of the last checkpoint, which comes later.
const OWN: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE
        (SELECT system_identifier FROM pg_control_system())::text || '/'
            || ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int::text END,
    to_regclass('meta') IS NOT NULL";
const NOTED: &str =
    "SELECT (SELECT value FROM meta WHERE name = 'layout'), (SELECT value FROM meta WHERE name = 'server')";
const LOCKED: &str = "SELECT value FROM meta WHERE name = 'server' FOR UPDATE";
const NOTE: &str = "INSERT INTO meta VALUES ('server', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const WHY: &str = "its server, or the server's history, is another one";

/// The server that the sessions of one process are to be on.
#[derive(Default)]
pub(super) struct History(Mutex<Option<String>>);

impl History {
    /// Whether a session is still on it.
    pub(super) fn is(&self, server: &str) -> bool {
        self.server().as_deref() == Some(server)
    }

    fn server(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the server of a new session, whose rows nobody has read yet. Sessions on another one are over then.
    ///
    /// # Errors
    /// Why it must not be used.
    pub(super) async fn enter(&self, client: &Client) -> Result<String, String> {
        let failed = |error: tokio_postgres::Error| explain(&error);
        let row = client.query_one(OWN, &[]).await.map_err(failed)?;
        let own: Option<String> = row.get(0);
        let own = own.ok_or("the server is a standby, which takes no writes; name its primary")?;
        let before = self.server().clone();
        if before.as_ref().is_some_and(|before| is_behind(&own, before)) {
            return Err(
                "the server is the primary of before, which another one has replaced; end it for good".to_owned()
            );
        }
        if row.get(1) {
            notice(client, &own, before.as_ref().is_some_and(|before| *before != own)).await?;
        }
        *self.server() = Some(own.clone());
        Ok(own)
    }
}

/// Whether one line of a server's history was replaced by another.
fn is_behind(own: &str, before: &str) -> bool {
    let parts = |name: &str| name.split_once('/').map(|(server, line)| (server.to_owned(), line.parse::<u32>().ok()));
    let (own, before) = (parts(own), parts(before));
    own.zip(before).is_some_and(|(own, before)| own.0 == before.0 && own.1 < before.1)
}

/// Notes the server of a store. `has_moved` says that this process was on another one.
async fn notice(client: &Client, own: &str, has_moved: bool) -> Result<(), String> {
    let failed = |error: tokio_postgres::Error| explain(&error);
    let row = client.query_one(NOTED, &[]).await.map_err(failed)?;
    let (layout, noted): (Option<String>, Option<String>) = (row.get(0), row.get(1));
    if layout.as_deref() != Some(LAYOUT) || noted.as_deref() == Some(own) {
        return Ok(());
    }
    client.batch_execute("BEGIN").await.map_err(failed)?;
    let done = renote(client, own, has_moved).await;
    client.batch_execute(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await.map_err(failed)?;
    if done.map_err(failed)? {
        let help = "see that nothing was lost, then `ferry store trust`; until then, payments are looked up or wait";
        tracing::error!(why = WHY, help, "the store is doubted");
    }
    Ok(())
}

/// Whether the store is doubted from now on. A store of which nothing was said yet is not believed anyway.
async fn renote(client: &Client, own: &str, has_moved: bool) -> Result<bool, tokio_postgres::Error> {
    let noted: Option<String> = client.query_opt(LOCKED, &[]).await?.map(|row| row.get(0));
    client.execute(NOTE, &[&own]).await?;
    if noted.map_or(!has_moved, |noted| noted == own) {
        return Ok(false);
    }
    let doubt = format!(
        "INSERT INTO verdicts (verdict, by, reason, at_ms)
        SELECT $1, 'ferry', $2, greatest({NOW_MS}, (SELECT value::bigint FROM meta WHERE name = 'time'))
        WHERE EXISTS (SELECT 1 FROM verdicts)"
    );
    let doubted = client.execute(&doubt, &[&Trust::verdict(false), &WHY]).await?;
    // Under another name, an engine that lives is unknown, and its runs wait for the end of its lease: what it has just
    // sent must have come by then.
    let rename = format!("UPDATE engines SET engine = engine || '~', until_ms = greatest(until_ms, {NOW_MS} + $1)");
    client.execute(&rename, &[&ms(LEASE)]).await?;
    client.execute("SELECT run FROM runs WHERE owner IS NOT NULL ORDER BY run FOR UPDATE", &[]).await?;
    client.execute("UPDATE runs SET owner = owner || '~', fence = fence + 1 WHERE owner IS NOT NULL", &[]).await?;
    Ok(doubted > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_line_of_the_same_server_is_behind() {
        for (own, before, expected) in [
            ("7/1", "7/2", true),
            ("7/2", "7/2", false),
            ("7/3", "7/2", false),
            ("8/1", "7/2", false),
            ("7/10", "7/9", false),
        ] {
            assert_eq!(is_behind(own, before), expected, "{own} {before}");
        }
    }
}
