//! Tables of records into Salesforce and out of it, by jobs of Bulk API 2.0 over loopback HTTP.

use std::{path::Path, sync::Arc};

use ferry::{clock::SystemClock, http::HttpClient, sandbox::SandboxInfo};
use ferry_connectors::{connection::Connection, files::Files};
use ferry_contract::{
    failure::ErrorClass,
    port::{Clock, FreePass},
};
use ferry_sandbox::{Fault, FaultRule, Faults, Options, Sandbox, System};
use serde_json::{Value, json};

use crate::shipped::{self, call};

/// A sandbox whose jobs are done in a moment, and a connection to its Salesforce with its files in a folder.
async fn opened(files: &Path, rules: Vec<FaultRule>) -> (Sandbox, Connection) {
    let fields = [("my_domain", Some("acme")), ("client_id", None), ("client_secret", None)];
    opened_as("salesforce", &fields, (files, rules)).await
}

async fn opened_as(
    connector: &str,
    fields: &[(&str, Option<&str>)],
    (files, rules): (&Path, Vec<FaultRule>),
) -> (Sandbox, Connection) {
    let faults = Faults { rules, ..Faults::default() };
    let sandbox = ferry_sandbox::start(Options { speed: 1_000, faults, ..Options::default() }).await.unwrap();
    let http = Arc::new(HttpClient::new().unwrap());
    let clock = Arc::new(SystemClock::default());
    let (now, speed) = SandboxInfo::ask(&sandbox.url(), &*http).await.unwrap().clock(&*http).await.unwrap();
    clock.follow(now, speed);
    let by = (connector, None);
    let connection = shipped::opened_by((&sandbox.url(), &http), clock as Arc<dyn Clock>, by, fields).await;
    (sandbox, connection.with_files(Some(Files::new(files.to_owned()))))
}

fn fault_of(system: System, fault: Fault, (method, path, times): (&str, &str, u32)) -> FaultRule {
    let (path, method) = (path.to_owned(), Some(method.to_owned()));
    let (retry_after_s, delay_ms, after_ms, for_ms) = (None, None, None, None);
    FaultRule { fault, system, path, method, one_in: 1, times: Some(times), retry_after_s, delay_ms, after_ms, for_ms }
}

fn fault(fault: Fault, method: &str, path: &str, times: u32) -> FaultRule {
    fault_of(System::Salesforce, fault, (method, path, times))
}

fn payments(rows: &[(&str, &str)]) -> String {
    let rows: String = rows.iter().map(|(id, amount)| format!("{id},{amount}\n")).collect();
    format!("Payment_ID__c,Amount__c\n{rows}")
}

fn upsert() -> Value {
    json!({ "object": "Payment__c", "operation": "upsert", "external_id": "Payment_ID__c", "file": "out/a.csv",
            "failed_file": "out/refused.csv" })
}

/// The same as a job, however few the records are.
fn upsert_as_job() -> Value {
    let mut input = upsert();
    input["delimiter"] = json!("COMMA");
    input
}

async fn read_back(connection: &Connection, folder: &Path) -> String {
    let query = "SELECT Payment_ID__c, Amount__c FROM Payment__c WHERE Payment_ID__c LIKE 'B-%' ORDER BY Payment_ID__c";
    let query = json!({ "query": query, "file": "in/all.csv" });
    let read = call(connection, "bulk_query", query).await.unwrap();
    let table = std::fs::read_to_string(folder.join("in/all.csv")).unwrap();
    assert_eq!((&read["bytes"], &read["records"]), (&json!(table.len()), &json!(table.lines().count() - 1)));
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_written_once_however_often_and_its_refused_rows_say_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("out/a.csv"), payments(&[("B-1", "1.10"), ("B-2", "x"), ("B-3", "3")])).unwrap();
    let (_sandbox, crm) = opened(folder.path(), vec![]).await;
    for _ in 0..2 {
        let done = call(&crm, "bulk_ingest", upsert_as_job()).await.unwrap();
        assert_eq!((&done["processed"], &done["failed"]), (&json!(3), &json!(1)), "{done}");
        let refused = std::fs::read_to_string(folder.path().join("out/refused.csv")).unwrap();
        let lines: Vec<&str> = refused.lines().collect();
        assert_eq!(lines[0], "\"sf__Id\",\"sf__Error\",\"Payment_ID__c\",\"Amount__c\"");
        assert!(lines.len() == 2 && lines[1].contains("cannot deserialize") && lines[1].ends_with("\"B-2\",\"x\""));
    }
    let expected = "\"Payment_ID__c\",\"Amount__c\"\n\"B-1\",\"1.10\"\n\"B-3\",\"3\"\n";
    assert_eq!(read_back(&crm, folder.path()).await, expected);

    std::fs::write(folder.path().join("out/a.csv"), "Payment_ID__c,Nothing__c\r\nB-1,1\r\n").unwrap();
    let refused = call(&crm, "bulk_ingest", upsert_as_job()).await.unwrap_err();
    let expected = "is Failed, and no record was written: InvalidBatch : Field name not found : Nothing__c";
    assert!(refused.class == ErrorClass::Rejected && refused.message.ends_with(expected), "{refused:?}");
}

/// What is not known of a job is said to be unknown, and only then; a second one writes the same records.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_lost_on_the_way_is_known_for_what_it_is() {
    let ingest = "jobs/ingest";
    for (fault, expected, records) in [
        (fault(Fault::CutAfter, "POST", ingest, 1), Err(ErrorClass::Unavailable), 0),
        (fault(Fault::CutAfter, "PUT", "batches", 1), Err(ErrorClass::Unavailable), 0),
        (fault(Fault::CutBefore, "PATCH", ingest, 1), Err(ErrorClass::Unknown), 0),
        (fault(Fault::ErrorAfter, "PATCH", ingest, 1), Err(ErrorClass::Unknown), 2),
        (fault(Fault::Throttled, "PATCH", ingest, 1), Err(ErrorClass::Throttled), 0),
        (fault(Fault::CutAfter, "GET", ingest, 3), Ok(()), 2),
        (fault(Fault::ServerError, "GET", ingest, 2), Ok(()), 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        std::fs::write(folder.path().join("out/a.csv"), payments(&[("B-1", "1"), ("B-2", "2")])).unwrap();
        let (_sandbox, crm) = opened(folder.path(), vec![fault.clone()]).await;
        let got = call(&crm, "bulk_ingest", upsert_as_job()).await;
        assert_eq!(got.as_ref().map(|_| ()).map_err(|failure| failure.class), expected, "{fault:?} {got:?}");
        if expected.is_ok() || records == 0 {
            assert_eq!(read_back(&crm, folder.path()).await.lines().count(), records + 1, "{fault:?}");
        }
        call(&crm, "bulk_ingest", upsert_as_job()).await.unwrap();
        assert_eq!(read_back(&crm, folder.path()).await.lines().count(), 3, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_new_records_waits_for_a_person_where_nobody_knows() {
    let input = json!({ "object": "Payment__c", "file": "a.csv" });
    for (rule, expected, records) in [
        (None, Ok(json!([2, 0])), 2),
        (Some(fault(Fault::CutAfter, "PUT", "batches", 1)), Err(ErrorClass::Unavailable), 0),
        (Some(fault(Fault::CutAfter, "PATCH", "jobs/ingest", 1)), Err(ErrorClass::Unknown), 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), payments(&[("B-1", "1"), ("B-2", "2")])).unwrap();
        let (sandbox, crm) = opened(folder.path(), rule.into_iter().collect()).await;
        let got = call(&crm, "bulk_insert", input.clone()).await;
        let got = got.map(|done| json!([done["processed"], done["failed"]])).map_err(|failure| failure.class);
        assert_eq!(got, expected);
        // A job that was let go is done soon, whether or not anybody knows.
        let order = json!({ "advance_ms": 60_000 }).to_string();
        let clock = reqwest::Client::new().post(format!("{}/_sandbox/clock", sandbox.url())).body(order);
        assert!(clock.send().await.unwrap().status().is_success());
        assert_eq!(read_back(&crm, folder.path()).await.lines().count(), records + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_in_bulk_is_saved_whole_or_not_at_all() {
    let results = "results";
    for (rule, expected) in [
        (fault(Fault::Truncated, "GET", results, 1), Err(ErrorClass::Unavailable)),
        (fault(Fault::TruncatedChunked, "GET", results, 1), Err(ErrorClass::Unavailable)),
        (fault(Fault::CutAfter, "POST", "jobs/query", 1), Err(ErrorClass::Unavailable)),
        (fault(Fault::CutAfter, "GET", "jobs/query", 1), Ok(())),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (_sandbox, crm) = opened(folder.path(), vec![rule.clone()]).await;
        let query = json!({ "query": "SELECT Id, Name FROM Account", "file": "in/all.csv" });
        let got = call(&crm, "bulk_query", query.clone()).await;
        assert_eq!(got.as_ref().map(|_| ()).map_err(|failure| failure.class), expected, "{rule:?} {got:?}");
        assert_eq!(folder.path().join("in/all.csv").exists(), expected.is_ok());
        let read = call(&crm, "bulk_query", query).await.unwrap();
        let table = std::fs::read(folder.path().join("in/all.csv")).unwrap();
        assert_eq!(read["bytes"], json!(table.len()));
        let alone = std::fs::read_dir(folder.path().join("in")).unwrap().count();
        assert_eq!(alone, 1, "nothing is left of what did not come whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_put_and_got_by_plain_http_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let text = json!({ "lines": vec!["of some length"; 20_000] }).to_string();
    std::fs::write(folder.path().join("a.json"), &text).unwrap();
    let rules = vec![
        fault_of(System::Http, Fault::CutAfter, ("PUT", "reports", 1)),
        fault_of(System::Http, Fault::Truncated, ("GET", "reports", 1)),
    ];
    let fields = [("base_url", None), ("bearer_token", None)];
    let (_sandbox, api) = opened_as("http", &fields, (folder.path(), rules)).await;
    let put = json!({ "path": "/reports/a", "file": "a.json", "media_type": "application/json" });
    let shown = async || {
        let prepared = api.prepare("upload", &put).unwrap();
        api.rendered(&FreePass, "upload", &prepared).await.unwrap()
    };
    let first = shown().await;
    assert_eq!(first.body.as_ref().unwrap()["bytes"], json!(text.len()));
    std::fs::write(folder.path().join("a.json"), text.replace("some", "same")).unwrap();
    assert_ne!(shown().await.digest, first.digest, "another file is another request");
    std::fs::write(folder.path().join("a.json"), &text).unwrap();
    assert_eq!(shown().await.digest, first.digest);
    assert_eq!(call(&api, "upload", put.clone()).await.unwrap_err().class, ErrorClass::Unknown);
    assert_eq!(call(&api, "upload", put).await.unwrap()["status"], 200, "it was there already");
    let got = |media_type: &str| json!({ "path": "/reports/a", "file": "b.json", "media_type": media_type });
    assert_eq!(call(&api, "download", got("application/json")).await.unwrap_err().class, ErrorClass::Unknown);
    let other = call(&api, "download", got("application/pdf")).await.unwrap_err();
    assert!(other.message.ends_with("no `application/pdf`, so nothing was saved"), "{other:?}");
    assert!(!folder.path().join("b.json").exists());
    let saved = call(&api, "download", got("application/json")).await.unwrap();
    let back = std::fs::read_to_string(folder.path().join("b.json")).unwrap();
    assert_eq!(saved["bytes"], json!(back.len()));
    assert_eq!(serde_json::from_str::<Value>(&back).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_records_go_together_and_many_as_a_job() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let write = |table: String| std::fs::write(folder.path().join("out/a.csv"), table).unwrap();
    let (_sandbox, crm) = opened(folder.path(), vec![]).await;
    // The same record twice in one request is refused, and apart the last one counts, as in a job.
    write(payments(&[("B-1", "1"), ("B-2", "x"), ("B-1", "1.10"), ("B-3", "3")]));
    let done = call(&crm, "bulk_ingest", upsert()).await.unwrap();
    let expected = json!({ "jobs": [], "processed": 4, "failed": 1, "failed_files": ["out/refused.csv"] });
    assert_eq!(done, expected);
    let refused = std::fs::read_to_string(folder.path().join("out/refused.csv")).unwrap();
    assert!(refused.starts_with("sf__Error,Payment_ID__c,Amount__c\n") && refused.ends_with(",B-2,x\n"), "{refused}");
    let records = "\"Payment_ID__c\",\"Amount__c\"\n\"B-1\",\"1.10\"\n\"B-3\",\"3\"\n";
    assert_eq!(read_back(&crm, folder.path()).await, records);

    let query = json!({ "query": "SELECT Id FROM Payment__c WHERE Payment_ID__c LIKE 'B-%'", "file": "ids.csv" });
    call(&crm, "bulk_query", query).await.unwrap();
    let ids = std::fs::read_to_string(folder.path().join("ids.csv")).unwrap();
    let changed: Vec<String> = ids.lines().skip(1).map(|id| format!("{id},#N/A")).collect();
    write(format!("Id,Amount__c\n{}\n", changed.join("\n")));
    let update = json!({ "object": "Payment__c", "operation": "update", "file": "out/a.csv" });
    let done = call(&crm, "bulk_ingest", update).await.unwrap();
    assert_eq!((&done["processed"], &done["jobs"]), (&json!(2), &json!([])));
    let emptied = read_back(&crm, folder.path()).await;
    assert!(emptied.contains("\"B-1\",\"\"\n") && emptied.contains("\"B-3\",\"\"\n"), "{emptied}");
    write(ids);
    let delete = json!({ "object": "Payment__c", "operation": "delete", "file": "out/a.csv" });
    assert_eq!(call(&crm, "bulk_ingest", delete).await.unwrap()["failed"], 0);
    assert_eq!(read_back(&crm, folder.path()).await.lines().count(), 1);

    let many: String = (0..2_001).map(|row| format!("B-{row:04},{row}\n")).collect();
    write(format!("Payment_ID__c,Amount__c\n{many}"));
    let done = call(&crm, "bulk_ingest", upsert()).await.unwrap();
    assert_eq!((&done["processed"], done["jobs"].as_array().unwrap().len()), (&json!(2_001), 1));
}

/// What is wrong with the whole table is not said of its rows, and is known before anything is sent where it can be.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_wrong_as_a_whole_is_refused_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let write = |table: &str| std::fs::write(folder.path().join("out/a.csv"), table).unwrap();
    let (_sandbox, crm) = opened(folder.path(), vec![]).await;
    let of = |name: &str, value: &str| {
        let mut input = upsert();
        input[name] = json!(value);
        input
    };
    let records = "Payment_ID__c,Amount__c\nB-1,1\nB-2,2\n";
    for (table, input, class, says) in [
        (records, of("failed_file", "../refused.csv"), ErrorClass::Invalid, "is no path inside the folder"),
        (records, of("object", "Nothing__c"), ErrorClass::NotFound, "does not exist"),
        (records, of("external_id", "Nothing__c"), ErrorClass::NotFound, "does not exist"),
        (
            "Account__c,Account__c.Name\n1,2\n",
            upsert(),
            ErrorClass::Invalid,
            "two columns of the table say what `Account__c` is",
        ),
        ("Payment_ID__c,Amount__c\nB-1\n", upsert(), ErrorClass::Invalid, "it is no table"),
        ("Payment_ID__c\rB-1\r", upsert(), ErrorClass::Invalid, "a carriage return alone"),
        ("", upsert(), ErrorClass::Invalid, "it is empty"),
    ] {
        write(table);
        let refused = call(&crm, "bulk_ingest", input.clone()).await.unwrap_err();
        assert!(refused.class == class && refused.message.contains(says), "{input}: {refused:?}");
        assert_eq!(read_back(&crm, folder.path()).await.lines().count(), 1, "nothing is written");
    }
}

/// A second time writes the same records, so that what is not known is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_few_records_that_are_lost_on_the_way_are_known_for_what_they_are() {
    let path = "composite/sobjects";
    for (rule, expected) in [
        (fault(Fault::Throttled, "PATCH", path, 1), ErrorClass::Throttled),
        (fault(Fault::CutBefore, "PATCH", path, 1), ErrorClass::Unknown),
        (fault(Fault::CutAfter, "PATCH", path, 1), ErrorClass::Unknown),
        (fault(Fault::Truncated, "PATCH", path, 1), ErrorClass::Unknown),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        let rows: String = (0..450).map(|row| format!("B-{row:04},{row}\n")).collect();
        std::fs::write(folder.path().join("out/a.csv"), format!("Payment_ID__c,Amount__c\n{rows}")).unwrap();
        let (_sandbox, crm) = opened(folder.path(), vec![rule.clone()]).await;
        assert_eq!(call(&crm, "bulk_ingest", upsert()).await.unwrap_err().class, expected, "{rule:?}");
        assert_eq!(call(&crm, "bulk_ingest", upsert()).await.unwrap()["processed"], 450);
        assert_eq!(read_back(&crm, folder.path()).await.lines().count(), 451, "{rule:?}");
    }
}
