//! SQLite as a pipeline sees it, against real files.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::system::System;

/// A database with one table.
struct Books {
    folder: tempfile::TempDir,
    system: System,
}

fn books() -> Books {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.db");
    let table = "CREATE TABLE invoices (id TEXT PRIMARY KEY, amount NUMERIC, status TEXT NOT NULL, scan BLOB, at TEXT);
        INSERT INTO invoices VALUES ('I-1', 1250.10, 'open', x'00ff', '2026-03-01T10:00:00Z'),
            ('I-2', 80, 'paid', NULL, '2026-03-01T10:00:00.5Z'), ('I-3', NULL, 'open', NULL, '2026-02-28T00:00:00Z');";
    rusqlite::Connection::open(&file).unwrap().execute_batch(table).unwrap();
    let system = System::new("sqlite", "local", &[("file", file.to_str().unwrap())]);
    Books { folder, system }
}

async fn check(action: &str, input: Value, expected: Expect) {
    expected.assert_eq(&books().system.said(action, input).await);
}

#[tokio::test]
async fn rows_are_read_with_parameters() {
    let open = "SELECT id, amount, scan FROM invoices WHERE status = ?1 ORDER BY id";
    check(
        "query",
        json!({ "sql": open, "params": ["open"] }),
        expect![[r#"{"rows":[{"id":"I-1","amount":1250.1,"scan":"AP8="},{"id":"I-3","amount":null,"scan":null}]}"#]],
    )
    .await;
    check("query", json!({ "sql": open, "params": ["' OR 1=1 --"] }), expect![[r#"{"rows":[]}"#]]).await;
    let one = "SELECT amount FROM invoices WHERE id = ?1";
    check("query_one", json!({ "sql": one, "params": ["I-1"] }), expect![[r#"{"row":{"amount":1250.1}}"#]]).await;
    check("query_one", json!({ "sql": one, "params": ["I-9"] }), expect!["not_found: there is no such row"]).await;
    check(
        "query_one",
        json!({ "sql": "SELECT * FROM invoices" }),
        expect!["rejected: there are several such rows, and one was asked for; ask by what is unique"],
    )
    .await;
}

#[tokio::test]
async fn a_poll_begins_at_its_cursor() {
    let cursor = json!({ "field": "at", "tie_break": "id", "from": "2026-03-01T10:00:00Z" });
    let input = json!({ "sql": "SELECT id, at FROM invoices -- all", "cursor": cursor });
    let books = books();
    let page = books.system.connection.page(&ferry_contract::port::FreePass, "query", &input, None).await.unwrap();
    let ids: Vec<&str> =
        page.output["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!((ids, page.next), (vec!["I-1", "I-2"], None));
}

#[tokio::test]
async fn what_reads_cannot_write_and_a_statement_is_alone() {
    let wrong = [
        "DELETE FROM invoices",
        "UPDATE invoices SET amount = 1 RETURNING id",
        "SELECT 1; DELETE FROM invoices",
        "SELECT nothing FROM invoices",
        "SELECT id, id FROM invoices",
        "SELECT ?1",
    ];
    let books = books();
    let mut said = String::new();
    for sql in wrong {
        said.push_str(&books.system.said("query", json!({ "sql": sql })).await);
        said.push('\n');
    }
    said.push_str(&books.system.said("execute", json!({ "sql": "DELETE FROM invoices; SELECT 1" })).await);
    expect![[r#"
        rejected: the statement writes, and this action only reads
        rejected: the statement writes, and this action only reads
        rejected: the database says: Multiple statements provided
        rejected: the database says: near "nothing": syntax error in SELECT nothing FROM invoices at offset 7
        rejected: two columns are called `id`; name one with `AS`
        invalid: the statement has 1 parameters, and `params` has 0
        rejected: the database says: Multiple statements provided"#]]
    .assert_eq(&said);
    let count = books.system.said("query_one", json!({ "sql": "SELECT count(*) AS n FROM invoices" })).await;
    assert_eq!(count, r#"{"row":{"n":3}}"#);
}

#[tokio::test]
async fn a_write_is_done_once_and_found_again() {
    let books = books();
    let system = &books.system;
    let row = json!({ "table": "invoices", "key": { "id": "I-4" }, "values": { "amount": 12.50, "status": "open" } });
    assert_eq!(system.said("find", row.clone()).await, "not_found: there is no such row");
    assert_eq!(system.said("insert", row.clone()).await, "{}");
    assert_eq!(
        system.said("insert", row.clone()).await,
        "conflict: the database says: UNIQUE constraint failed: invoices.id"
    );
    let found = system.call("find", row).await.unwrap();
    assert_eq!(found["values"].to_string(), r#"{"amount":12.5,"status":"open"}"#);
    let other = json!({ "table": "invoices", "key": { "id": "I-4" }, "values": { "amount": 13, "status": "open" } });
    assert_eq!(system.call("find", other).await.unwrap()["values"].to_string(), r#"{"amount":12.5,"status":"open"}"#);
    let paid = json!({ "table": "invoices", "key": { "id": "I-4" }, "values": { "status": "paid", "amount": 12.50 } });
    assert_eq!(system.said("upsert", paid.clone()).await, r#"{"affected":1}"#);
    assert_eq!(system.said("upsert", paid).await, r#"{"affected":1}"#);
    let status = json!({ "sql": "SELECT status, amount FROM invoices WHERE id = ?1", "params": ["I-4"] });
    assert_eq!(system.said("query_one", status).await, r#"{"row":{"status":"paid","amount":12.5}}"#);
    let pay = json!({ "sql": "UPDATE invoices SET status = 'paid' WHERE status = ?1", "params": ["open"] });
    assert_eq!(system.said("execute", pay).await, r#"{"affected":2}"#);
}

#[tokio::test]
async fn what_the_database_refuses_has_its_class() {
    let put = |values: Value| json!({ "table": "invoices", "key": { "id": "I-4" }, "values": values });
    check(
        "upsert",
        put(json!({ "status": null })),
        expect!["rejected: the database says: NOT NULL constraint failed: invoices.status"],
    )
    .await;
    check(
        "insert",
        put(json!({ "nothing": 1 })),
        expect!["rejected: the database says: table invoices has no column named nothing"],
    )
    .await;
    check(
        "insert",
        put(json!({ "status": "open", "amount": "12345678901234567.89".parse::<serde_json::Number>().unwrap() })),
        expect!["invalid: SQLite has no exact number `12345678901234567.89`; give it as a text"],
    )
    .await;
}

#[tokio::test]
async fn a_file_is_there_and_named_whole() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.db");
    let text = folder.path().join("text.db");
    std::fs::write(&text, "it is no database, and longer than its header is ".repeat(9)).unwrap();
    for (file, expected) in [
        ("books.db", "config: `file` is a whole path, from `/` on, and not `books.db`"),
        (missing.to_str().unwrap(), "config: the database says: unable to open database file"),
        (text.to_str().unwrap(), "config: the database says: file is not a database"),
    ] {
        let system = System::new("sqlite", "local", &[("file", file)]);
        let said = system.said("query", json!({ "sql": "SELECT * FROM sqlite_master" })).await;
        assert!(said.starts_with(expected), "{said}");
    }
    assert!(!missing.exists());
}

#[tokio::test]
async fn nothing_is_written_once_the_right_to_is_over() {
    let books = books();
    books.system.close();
    let put = json!({ "table": "invoices", "key": { "id": "I-4" }, "values": { "status": "open" } });
    assert!(books.system.call("insert", put.clone()).await.unwrap_err().is_untried);
    let find = json!({ "table": "invoices", "key": { "id": "I-4" } });
    drop(books.system);
    let system = System::new("sqlite", "local", &[("file", books.folder.path().join("books.db").to_str().unwrap())]);
    assert_eq!(system.said("find", find).await, "not_found: there is no such row");
}
