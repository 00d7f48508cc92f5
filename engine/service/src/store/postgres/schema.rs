//! Tables of PostgreSQL, and the settings without which nothing is durable.

use tokio_postgres::Client;

use super::link::{explain, ms};
use crate::{limits::STORE_BUSY_MAX, store::other_layout};

/// The number of this layout.
pub(super) const LAYOUT: &str = "10";

/// So that several processes may start at once; any number that nobody else uses in this database.
const ADVISORY_LOCK: i64 = 0x0066_6572_7279;

/// Names sort by their bytes, as they do in memory: rows are locked in that order.
const TABLES: &str = r#"
CREATE TABLE IF NOT EXISTS versions (version TEXT COLLATE "C" PRIMARY KEY, files TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS inbox (
    run TEXT COLLATE "C" PRIMARY KEY, revision TEXT NOT NULL, received_ms BIGINT NOT NULL, newer TEXT
);
CREATE TABLE IF NOT EXISTS runs (
    run TEXT COLLATE "C" PRIMARY KEY, pipeline TEXT NOT NULL, version TEXT NOT NULL, event_key TEXT NOT NULL,
    state TEXT NOT NULL, note TEXT NOT NULL, started_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL, due_ms BIGINT,
    fence BIGINT NOT NULL, owner TEXT COLLATE "C",
    mail BIGINT NOT NULL, parent TEXT, lane TEXT COLLATE "C", lane_limit BIGINT NOT NULL,
    place BIGINT NOT NULL, is_active BOOLEAN NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS runs_due ON runs (due_ms, run) WHERE owner IS NULL AND due_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_owner ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_state ON runs (state);
CREATE INDEX IF NOT EXISTS runs_placed ON runs (lane, lane_limit) WHERE lane IS NOT NULL AND is_active;
CREATE INDEX IF NOT EXISTS runs_waiting ON runs (lane, place, run, due_ms, lane_limit)
    WHERE lane IS NOT NULL AND NOT is_active AND owner IS NULL AND due_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_key ON runs (event_key);
CREATE INDEX IF NOT EXISTS runs_over ON runs (pipeline, started_ms) WHERE state IN ('finished', 'cancelled');
CREATE TABLE IF NOT EXISTS engines (engine TEXT COLLATE "C" PRIMARY KEY, until_ms BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS journal (
    run TEXT COLLATE "C" NOT NULL, sequence BIGINT NOT NULL, at_ms BIGINT NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (run, sequence)
);
CREATE TABLE IF NOT EXISTS calls (call_key TEXT COLLATE "C" PRIMARY KEY, run TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS verdicts (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, verdict TEXT NOT NULL, by TEXT NOT NULL,
    reason TEXT NOT NULL, at_ms BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS cursors (name TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shared (name TEXT COLLATE "C" PRIMARY KEY, version BIGINT NOT NULL, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pairs (
    project TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL, by TEXT NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (project, name, key)
);
-- An item is looked up by one name of its own, made of project, book and key: a plan that is made while the table is
-- small cannot take another index for it.
CREATE TABLE IF NOT EXISTS items (
    item TEXT COLLATE "C" PRIMARY KEY, project TEXT COLLATE "C" NOT NULL, book TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL, state TEXT COLLATE "C" NOT NULL, what TEXT NOT NULL, lefts TEXT NOT NULL, rights TEXT NOT NULL,
    data TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, at_ms BIGINT NOT NULL, number BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS items_number ON items (project, number);
CREATE INDEX IF NOT EXISTS items_book ON items (project, book, state, number);
CREATE INDEX IF NOT EXISTS items_state ON items (project, state, number);
CREATE TABLE IF NOT EXISTS item_rows (
    project TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, item TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, name, item)
);
CREATE TABLE IF NOT EXISTS mail (
    run TEXT COLLATE "C" NOT NULL, number BIGINT NOT NULL, at_ms BIGINT NOT NULL, letter TEXT NOT NULL,
    PRIMARY KEY (run, number)
);
CREATE TABLE IF NOT EXISTS waits (
    run TEXT COLLATE "C" NOT NULL, step TEXT COLLATE "C" NOT NULL, event TEXT NOT NULL, path TEXT NOT NULL,
    value TEXT NOT NULL, detail TEXT NOT NULL, since_ms BIGINT NOT NULL, PRIMARY KEY (run, step)
);
CREATE INDEX IF NOT EXISTS waits_value ON waits (event, path, value, run, step);
CREATE TABLE IF NOT EXISTS paths (
    event TEXT COLLATE "C" NOT NULL, path TEXT COLLATE "C" NOT NULL, only_wakes BOOLEAN NOT NULL,
    PRIMARY KEY (event, path)
);
CREATE TABLE IF NOT EXISTS posts (
    event TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL, at_ms BIGINT NOT NULL, data TEXT NOT NULL,
    claimed_by TEXT, run TEXT, pipeline TEXT, step TEXT, found_by TEXT NOT NULL, unclaimed_ms BIGINT, dead_ms BIGINT,
    class TEXT, PRIMARY KEY (event, key)
);
CREATE INDEX IF NOT EXISTS posts_unclaimed ON posts (unclaimed_ms, event, key) WHERE unclaimed_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS posts_dead ON posts (dead_ms, event, key) WHERE dead_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS posts_settled ON posts (at_ms)
    WHERE unclaimed_ms IS NULL AND dead_ms IS NULL AND data <> 'null';
CREATE TABLE IF NOT EXISTS untold (
    event TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL, PRIMARY KEY (event, key)
);
CREATE TABLE IF NOT EXISTS post_values (
    event TEXT COLLATE "C" NOT NULL, path TEXT COLLATE "C" NOT NULL, value TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL, PRIMARY KEY (event, path, value, key)
);
CREATE TABLE IF NOT EXISTS reservations (
    run TEXT COLLATE "C" NOT NULL, step TEXT COLLATE "C" NOT NULL, queue TEXT NOT NULL, since_ms BIGINT NOT NULL,
    amount TEXT NOT NULL, is_released BOOLEAN NOT NULL, PRIMARY KEY (run, step)
);
CREATE INDEX IF NOT EXISTS reservations_queue ON reservations (queue, is_released, since_ms, run, step);
CREATE TABLE IF NOT EXISTS acts (number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, act TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (
    run TEXT COLLATE "C" PRIMARY KEY, pipeline TEXT NOT NULL, event_key TEXT NOT NULL, step TEXT NOT NULL,
    class TEXT NOT NULL, message TEXT NOT NULL, at_ms BIGINT NOT NULL, event TEXT NOT NULL
);
"#;

/// Makes the tables where they are missing, and refuses those of another layout.
pub(super) async fn prepare(client: &Client) -> Result<(), String> {
    let prepared = prepared(client).await;
    let end = if prepared.is_ok() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await.map_err(|error| explain(&error))?;
    prepared
}

async fn prepared(client: &Client) -> Result<(), String> {
    let failed = |error: tokio_postgres::Error| explain(&error);
    let begin = format!(
        "BEGIN; SET LOCAL client_min_messages = warning; SELECT pg_advisory_xact_lock({ADVISORY_LOCK});
        CREATE SCHEMA IF NOT EXISTS ferry;
        CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
    );
    client.batch_execute(&begin).await.map_err(failed)?;
    client
        .execute("INSERT INTO meta VALUES ('layout', $1) ON CONFLICT (name) DO NOTHING", &[&LAYOUT])
        .await
        .map_err(failed)?;
    let found = client.query_one("SELECT value FROM meta WHERE name = 'layout'", &[]).await.map_err(failed)?;
    let found: String = found.get(0);
    if found != LAYOUT {
        return Err(other_layout(&found, LAYOUT));
    }
    client.batch_execute(TABLES).await.map_err(failed)
}

/// What a session is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// The same few statements again and again, by keys.
    Work,
    /// Questions of people, whose best plan depends on what they ask.
    Questions,
}

/// Sets what every session needs, and refuses a server that may forget what it has committed.
pub(super) async fn begin_session(client: &Client, purpose: Purpose, listens: bool) -> Result<(), String> {
    let patience = ms(STORE_BUSY_MAX);
    let listen = if listens { "LISTEN ferry_due;" } else { "" };
    // Statements by keys are planned once. A plan that was made while a table was small must not be one that
    // reads all of it for ever, and the penalty that forbids that must not look like work for a compiler.
    let plans = match purpose {
        Purpose::Work => "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off;",
        Purpose::Questions => "",
    };
    // A session that is lost in the middle of a transaction must not keep its rows locked.
    let settings = format!(
        "SET search_path = ferry; SET lock_timeout = {patience};
        SET idle_in_transaction_session_timeout = {patience}; {plans} {listen}"
    );
    client.batch_execute(&settings).await.map_err(|error| explain(&error))?;
    durable(client).await
}

/// Read back, because a database that is not durable looks the same until the power fails.
async fn durable(client: &Client) -> Result<(), String> {
    let sql = "SELECT name, setting FROM pg_settings
        WHERE name IN ('synchronous_commit', 'fsync', 'full_page_writes') ORDER BY name";
    for row in client.query(sql, &[]).await.map_err(|error| explain(&error))? {
        let (name, setting): (String, String) = (row.get(0), row.get(1));
        if setting == "off" || setting == "local" {
            return Err(format!(
                "the server has `{name} = {setting}`, and would forget payments in a crash; set it to `on` (in \
                 postgresql.conf, or for the database and the role that ferry uses)"
            ));
        }
    }
    Ok(())
}
