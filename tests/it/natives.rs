//! PostgreSQL as the connector `sql` sees it, against a real server.

use std::{sync::Arc, time::Duration};

use expect_test::{Expect, expect};
use ferry::{
    clock::{SystemClock, pause},
    http::HttpClient,
};
use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
    request::Gate,
};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::FreePass,
    script::NoWatch,
};
use ferry_tests::postgres::{Server, server};
use serde_json::{Value, json};

use crate::program::{ferry, outcome, sandbox};

/// A database of its own, with one table.
struct Books {
    name: String,
    connection: Connection,
}

const TABLE: &str = "CREATE TYPE state AS ENUM ('open', 'paid');
    CREATE TABLE invoices (id text PRIMARY KEY, amount numeric(30, 8), state state NOT NULL DEFAULT 'open', n bigint UNIQUE,
        at timestamptz, on_day date, note jsonb, scan bytea, tags text[], f float8, span interval);
    INSERT INTO invoices VALUES ('I-1', 12345678901234567.89, 'open', 1, '2026-03-01 10:00:00+02', '2026-03-31', '{\"b\": 1.10, \"a\": [2]}',
        '\\x00ff', '{x,NULL}', 0.1, '1 day'), ('I-2', NULL, 'paid', NULL, '2026-03-01 08:00:01Z', NULL, NULL, NULL, NULL, NULL, NULL);";

fn books() -> Books {
    let address = server().database();
    let name = Server::name(&address).to_owned();
    server().execute_in(&name, TABLE).unwrap();
    let folder = address.split("host=").nth(1).unwrap().to_owned();
    let connection = open(&[("host", &folder), ("database", &name), ("user", "ferry"), ("tls", "off")]);
    Books { name, connection }
}

fn open(fields: &[(&str, &str)]) -> Connection {
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    let settings = Settings {
        name: "books".to_owned(),
        connector: "sql".to_owned(),
        environment: "server".to_owned(),
        profile: None,
        sandbox: None,
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
    };
    let world = World { http: Arc::new(HttpClient::new().unwrap()), clock: Arc::new(SystemClock::default()) };
    Connection::open(settings, &library, world).unwrap()
}

async fn call(connection: &Connection, action: &str, input: &Value) -> Result<Value, Failure> {
    let call = connection.prepare(action, input)?.while_open(Gate::new(|| true));
    connection.send(&FreePass, action, &[&call]).await.pop().unwrap()
}

async fn said(connection: &Connection, action: &str, input: Value) -> String {
    match call(connection, action, &input).await {
        Ok(output) => output.to_string(),
        Err(failure) => format!("{}: {}", failure.class, failure.message),
    }
}

async fn check(action: &str, input: Value, expected: Expect) {
    expected.assert_eq(&said(&books().connection, action, input).await);
}

#[tokio::test]
async fn a_row_is_read_as_exactly_as_it_is() {
    check(
        "query_one",
        json!({ "sql": "SELECT amount, state, n, at, on_day, note, scan, tags, f, 1.50 AS half FROM invoices WHERE id = $1", "params": ["I-1"] }),
        expect![[r#"{"row":{"amount":12345678901234567.89000000,"state":"open","n":1,"at":"2026-03-01T08:00:00Z","on_day":"2026-03-31","note":{"a":[2],"b":1.10},"scan":"AP8=","tags":["x",null],"f":0.1,"half":1.50}}"#]],
    )
    .await;
    check(
        "query",
        json!({ "sql": "SELECT id, amount FROM invoices WHERE at > $1::timestamptz AND n IS NOT DISTINCT FROM $2", "params": ["2026-03-01T08:00:00Z", null] }),
        expect![[r#"{"rows":[{"id":"I-2","amount":null}]}"#]],
    )
    .await;
    check("query_one", json!({ "sql": "SELECT 1 WHERE false" }), expect!["not_found: there is no such row"]).await;
}

#[tokio::test]
async fn the_database_itself_keeps_a_read_from_writing() {
    let books = books();
    let mut all = String::new();
    for sql in [
        "DELETE FROM invoices",
        "WITH gone AS (DELETE FROM invoices RETURNING id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM invoices",
        "SELECT nothing FROM invoices",
        "SELECT span FROM invoices",
        "SELECT id, id FROM invoices",
        "SELECT $1::int",
    ] {
        all.push_str(&said(&books.connection, "query", json!({ "sql": sql })).await);
        all.push('\n');
    }
    let many = json!({ "sql": "SELECT generate_series(1, 100001) AS n" });
    all.push_str(&said(&books.connection, "query", many).await);
    expect![[r#"
        rejected: the database says: cannot execute DELETE in a read-only transaction
        rejected: the database says: cannot execute SELECT in a read-only transaction
        rejected: the database says: cannot insert multiple commands into a prepared statement
        rejected: the database says: column "nothing" does not exist
        rejected: `span` is of the type `interval`; make it a text with `span::text`
        rejected: two columns are called `id`; name one with `AS`
        invalid: the statement has 1 parameters, and `params` has 0
        rejected: it has more than 100000 rows, or 67108864 bytes; ask for fewer with a condition or `LIMIT`"#]]
    .assert_eq(&all);
    let count = said(&books.connection, "query_one", json!({ "sql": "SELECT count(*) AS n FROM invoices" })).await;
    assert_eq!(count, r#"{"row":{"n":2}}"#);
}

#[tokio::test]
async fn a_write_is_done_once_and_found_again() {
    let books = books();
    let put = |key: &str, values: Value| json!({ "table": "public.invoices", "key": { "id": key }, "values": values });
    let mut all = String::new();
    let row = json!({ "amount": 12.50, "note": { "a": "x" }, "scan": "AP8=", "tags": ["a\"b", null], "on_day": "2026-04-01" });
    for (action, input) in [
        ("find", put("I-3", row.clone())),
        ("insert", put("I-3", row.clone())),
        ("insert", put("I-3", row.clone())),
        ("upsert", put("I-3", json!({ "state": "paid" }))),
        ("upsert", put("I-3", json!({ "state": "paid" }))),
        ("upsert", put("I-4", json!({ "n": 1 }))),
        ("upsert", put("I-4", json!({ "state": "unknown" }))),
        ("upsert", put("I-4", json!({ "nothing": 1 }))),
        ("upsert", put("I-4", json!({ "n": 1.5 }))),
        ("upsert", put("I-4", json!({ "state": null }))),
        (
            "execute",
            json!({ "sql": "UPDATE invoices SET amount = amount + $1 WHERE id = $2", "params": [0.005, "I-3"] }),
        ),
        ("execute", json!({ "sql": "DELETE FROM invoices; SELECT 1" })),
        ("query_one", json!({ "sql": "SELECT amount, state, tags FROM invoices WHERE id = 'I-3'" })),
    ] {
        all.push_str(&format!("{action} {}\n", said(&books.connection, action, input).await));
    }
    expect![[r#"
        find not_found: there is no such row
        insert {}
        insert conflict: the database says: duplicate key value violates unique constraint "invoices_pkey"
        upsert {"affected":1}
        upsert {"affected":1}
        upsert conflict: the database says: duplicate key value violates unique constraint "invoices_n_key"
        upsert rejected: the database says: invalid input value for enum state: "unknown"
        upsert rejected: the database says: column "nothing" of relation "invoices" does not exist
        upsert rejected: the database says: invalid input syntax for type bigint: "1.5"
        upsert rejected: the database says: null value in column "state" of relation "invoices" violates not-null constraint
        execute {"affected":1}
        execute rejected: the database says: cannot insert multiple commands into a prepared statement
        query_one {"row":{"amount":12.50500000,"state":"paid","tags":["a\"b",null]}}
    "#]].assert_eq(&all);
    let same = call(&books.connection, "find", &put("I-3", json!({ "amount": 12.505, "on_day": "2026-04-01" })))
        .await
        .unwrap();
    assert_eq!(same["values"].to_string(), r#"{"amount":12.505,"on_day":"2026-04-01"}"#, "as it was asked");
    let whole = call(&books.connection, "find", &put("I-1", json!({ "n": 1 }))).await.unwrap();
    assert_eq!(whole["row"]["span"], "1 day", "what is no JSON is a text");
    let other = call(&books.connection, "find", &put("I-3", json!({ "amount": 13 }))).await.unwrap();
    assert_eq!(other["values"].to_string(), r#"{"amount":12.50500000}"#, "as it is");
}

#[tokio::test]
async fn a_poll_begins_at_its_cursor() {
    let cursor =
        json!({ "field": "at", "tie_break": "id", "from": "2026-03-01T08:00:00Z", "before": "2026-03-01T08:00:01Z" });
    let input = json!({ "sql": "SELECT id, at FROM invoices;", "cursor": cursor });
    let page = books().connection.page(&FreePass, "query", &input, None).await.unwrap();
    assert_eq!(page.output.to_string(), r#"{"rows":[{"id":"I-1","at":"2026-03-01T08:00:00Z"}]}"#);
}

/// Ends the session that waits in `pg_sleep`, as soon as there is one.
async fn end_sleeper(name: &str) {
    let ends = format!(
        "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event = 'PgSleep';
         IF NOT FOUND THEN RAISE EXCEPTION 'not yet'; END IF; END $$"
    );
    while server().execute(&ends).is_err() {
        pause(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_session_that_ends_says_nothing_of_a_write() {
    let books = books();
    let sleeps = json!({ "sql": "UPDATE invoices SET n = 2 WHERE pg_sleep(30) IS NULL" });
    let (write, ()) = tokio::join!(call(&books.connection, "execute", &sleeps), end_sleeper(&books.name));
    assert_eq!(write.unwrap_err().class, ErrorClass::Unknown);
    let sleeps = json!({ "sql": "SELECT pg_sleep(30)::text" });
    let (read, ()) = tokio::join!(call(&books.connection, "query", &sleeps), end_sleeper(&books.name));
    assert_eq!(read.unwrap_err().class, ErrorClass::Unavailable);
    let input = json!({ "sql": "DELETE FROM invoices" });
    let late = books.connection.prepare("execute", &input).unwrap().while_open(Gate::new(|| false));
    let late = books.connection.send(&FreePass, "execute", &[&late]).await.pop().unwrap().unwrap_err();
    assert!(late.is_untried, "{late}");
}

#[tokio::test]
async fn who_and_where_is_checked_before_anything_is_sent() {
    let books = books();
    let address = server().database();
    let folder = address.split("host=").nth(1).unwrap();
    let one = json!({ "sql": "SELECT 1 AS n" });
    for (host, database, user, tls, expected) in [
        (folder, "nothing", "ferry", "off", "config: the database says: database \"nothing\" does not exist"),
        (folder, &*books.name, "nobody", "off", "auth: the database says: role \"nobody\" does not exist"),
        ("/nowhere", &*books.name, "ferry", "off", "unavailable: the connection to the database failed: "),
        (
            "db.acme.com",
            "a",
            "a",
            "off",
            "config: `tls: off` is for this machine only, and `db.acme.com` is another one",
        ),
        (folder, "a", "a", "prefer", "config: `tls` is `verify` or `off`, and not `prefer`"),
    ] {
        let connection = open(&[("host", host), ("database", database), ("user", user), ("tls", tls)]);
        let said = said(&connection, "query", one.clone()).await;
        assert!(said.starts_with(expected), "{said}");
    }
}

const TRIED: &str = "\
ferry: 1
pipeline: taken
trigger:
  poll:
    action: files.list
    with: { folder: in, ending: .csv }
    every: 1m
    cursor: { field: $.modified, tie_break: $.path, lookback: 1m }
  key: $.path
steps:
  - { id: read, action: files.read_csv, with: { path: $.event.path } }
  - id: kept
    action: books.insert
    with: { table: names, key: { name: $.event.name }, values: { rows: { rhai: read.rows.len() } } }
  - id: moved
    needs: [kept]
    action: files.move
    with: { path: $.event.path, to: { text: \"done/{$.event.name}\" } }
  - { id: told, action: shared.write_csv, with: { path: told.csv, columns: [a], rows: $.read.rows } }
on_failure: { alert: ops }
";

/// What is real is not to be reached from a sandbox: a folder that a bank writes to would lose what it has.
#[test]
fn files_are_in_the_project_in_a_sandbox_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let real = path("real").to_str().unwrap().to_owned();
    for made in ["real/in", "real/done", "own"] {
        std::fs::create_dir_all(path(made)).unwrap();
    }
    let project = format!(
        "ferry: 1\nproject: own\nconnections:\n  files: {{ connector: file, environment: local, folder: {real} }}\n  books: \
         {{ connector: sqlite, environment: local, file: {real}/books.db }}\n  shared: {{ connector: file, environment: local, \
         folder: kept }}\nfiles: kept\nalerts: {{ ops: log }}\n"
    );
    std::fs::write(path("own/ferry.yaml"), project).unwrap();
    std::fs::write(path("own/taken.yaml"), TRIED).unwrap();
    std::fs::write(path("real/in/march.csv"), "a\n1\n").unwrap();
    let world = sandbox(folder.path(), &[]);
    let run = || outcome(ferry(folder.path()).args(["run", "taken", "--project", "own", "--sandbox", &world.address]));
    // Nobody has prepared a folder, which is no failure.
    let (code, _, stderr) = run();
    assert!(code == Some(0) && stderr.contains("0 new events"), "{stderr}");
    std::fs::write(path("own/.ferry/sandbox/files/in/april.csv"), "a\n1\n2\n").unwrap();
    let books = rusqlite::Connection::open(path("own/.ferry/sandbox/books")).unwrap();
    books.execute_batch("CREATE TABLE names (name TEXT PRIMARY KEY, rows INTEGER)").unwrap();
    let (code, _, stderr) = run();
    assert!(code == Some(0) && stderr.contains("1 finished"), "{stderr}");
    let kept = books.query_row("SELECT name || rows FROM names", [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(kept, "april.csv2");
    assert!(path("own/.ferry/sandbox/files/done/april.csv").is_file());
    assert!(path("real/in/march.csv").is_file());
    // Where the project's own files are, its tables are written to be sent.
    assert!(path("own/kept/told.csv").is_file());
}
