//! Bulk API 2.0 over real loopback HTTP, on the sandbox clock.

mod client;

use client::Client;
use serde_json::{Value, json};

const JOBS: &str = "/salesforce/services/data/v59.0/jobs";
const STEP_MS: u64 = 200;

async fn job(client: &Client, body: Value) -> (u16, Value) {
    let kind = if body["query"].is_null() { "ingest" } else { "query" };
    client.send("POST", &format!("{JOBS}/{kind}"), &body.to_string()).await
}

async fn set_state(client: &Client, id: &str, state: &str) -> (u16, Value) {
    client.send("PATCH", &format!("{JOBS}/ingest/{id}"), &json!({ "state": state }).to_string()).await
}

/// Makes a job, sends its table and lets it be done; says its id and what it says of itself then.
async fn ingested(client: &Client, body: Value, table: &str) -> (String, Value) {
    let (code, made) = job(client, body).await;
    assert_eq!((code, &made["state"]), (200, &json!("Open")), "{made}");
    let id = made["id"].as_str().expect("it is a text").to_owned();
    let url = made["contentUrl"].as_str().expect("it is a text");
    assert_eq!(client.send("PUT", &format!("/salesforce/{url}"), table).await.0, 201);
    assert_eq!(set_state(client, &id, "UploadComplete").await.1["state"], "UploadComplete");
    (id.clone(), ended(client, "ingest", &id).await)
}

async fn ended(client: &Client, kind: &str, id: &str) -> Value {
    for _ in 0..50 {
        let (_, info) = client.get(&format!("{JOBS}/{kind}/{id}")).await;
        if !["UploadComplete", "InProgress"].contains(&info["state"].as_str().expect("it is a text")) {
            return info;
        }
        client.advance(STEP_MS).await;
    }
    json!("it never ends")
}

fn insert(object: &str) -> Value {
    json!({ "object": object, "operation": "insert", "contentType": "CSV", "lineEnding": "LF" })
}

#[tokio::test]
async fn a_job_goes_on_by_itself_and_says_what_became_of_each_row() {
    let client = Client::payoneer().await.salesforce().await;
    let table = "Name,Type\nAcme One,Customer\n,Customer\n\"Acme, Two\",Nope\nAcme Three,\n";
    let (_, made) = job(&client, insert("Account")).await;
    let id = made["id"].as_str().unwrap();
    let path = format!("{JOBS}/ingest/{id}");
    assert_eq!(client.send("PUT", &format!("{path}/batches"), table).await.0, 201);
    assert_eq!(client.send("PUT", &format!("{path}/batches"), table).await.0, 400, "it takes its data once");
    set_state(&client, id, "UploadComplete").await;
    assert_eq!(client.get(&format!("{path}/failedResults")).await.1[0]["errorCode"], "INVALIDJOBSTATE");
    let mut states = Vec::new();
    for _ in 0..3 {
        states.push(client.get(&path).await.1["state"].clone());
        client.advance(STEP_MS).await;
    }
    assert_eq!(states, ["UploadComplete", "InProgress", "JobComplete"]);
    let (_, info) = client.get(&path).await;
    assert_eq!((&info["numberRecordsProcessed"], &info["numberRecordsFailed"]), (&json!(4), &json!(2)));

    let (done, _) = client.table(&format!("{path}/successfulResults"), "x").await;
    let lines: Vec<&str> = done.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, r#""sf__Id","sf__Created","Name","Type""#));
    assert!(lines[1].starts_with(r#""0015e00000"#) && lines[1].ends_with(r#","true","Acme One","Customer""#));
    let (refused, _) = client.table(&format!("{path}/failedResults"), "x").await;
    let expected = [
        r#""sf__Id","sf__Error","Name","Type""#,
        r#""","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --","","Customer""#,
        r#""","INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:Type: bad value for restricted picklist field: Nope:Type --","Acme, Two","Nope""#,
    ];
    assert_eq!(refused.lines().collect::<Vec<_>>(), expected);
    let (rest, _) = client.table(&format!("{path}/unprocessedrecords"), "x").await;
    assert_eq!(rest.lines().count(), 1);
    assert_eq!(client.get(&format!("{JOBS}/ingest")).await.1["records"].as_array().map(Vec::len), Some(1));
    assert_eq!(client.send("DELETE", &path, "").await.0, 204);
    assert_eq!(client.get(&path).await.0, 404);
}

#[tokio::test]
async fn records_are_found_by_key_changed_and_deleted() {
    let client = Client::payoneer().await.salesforce().await;
    let upsert = json!({ "object": "Payment__c", "operation": "upsert", "externalIdFieldName": "Payment_ID__c", "lineEnding": "CRLF", "columnDelimiter": "SEMICOLON" });
    let table = "Payment_ID__c;Amount__c;Account__r.Customer_Vault_ID__c\r\nT-1;1.10;V-1\r\nT-2;2.20;none\r\n";
    let (id, info) = ingested(&client, upsert.clone(), table).await;
    assert_eq!((&info["numberRecordsProcessed"], &info["numberRecordsFailed"]), (&json!(2), &json!(1)));
    let (done, _) = client.table(&format!("{JOBS}/ingest/{id}/successfulResults"), "x").await;
    assert!(done.ends_with("\"true\";\"T-1\";\"1.10\";\"V-1\"\r\n"), "{done}");
    let (id, _) = ingested(&client, upsert, "Payment_ID__c;Amount__c\r\nT-1;#N/A\r\nT-2;\r\n").await;
    let (done, _) = client.table(&format!("{JOBS}/ingest/{id}/successfulResults"), "x").await;
    let created: Vec<bool> = done.lines().skip(1).map(|line| line.contains("\"true\"")).collect();
    assert_eq!(created, [false, true]);
    let (_, found) = client.query("SELECT Id, Amount__c FROM Payment__c WHERE Payment_ID__c = 'T-1'").await;
    assert_eq!(found["records"][0]["Amount__c"], json!(null), "`#N/A` empties a field");
    let record = found["records"][0]["Id"].as_str().unwrap();
    let update = json!({ "object": "Payment__c", "operation": "update" });
    let (_, info) = ingested(&client, update, &format!("Id,Status__c\n{record},Completed\n{record},\nnone,\n")).await;
    assert_eq!((&info["numberRecordsProcessed"], &info["numberRecordsFailed"]), (&json!(3), &json!(1)));
    let delete = json!({ "object": "Payment__c", "operation": "delete" });
    let (_, info) = ingested(&client, delete, &format!("Id\n{record}\n{record}\n")).await;
    assert_eq!(info["numberRecordsFailed"], 1, "it is deleted once");
    assert_eq!(client.query("SELECT COUNT() FROM Payment__c").await.1["totalSize"], 1);
}

#[tokio::test]
async fn a_wrong_job_or_table_says_what_is_wrong() {
    let client = Client::payoneer().await.salesforce().await;
    for (body, code) in [
        (json!({ "object": "Nope__c", "operation": "insert" }), "INVALIDENTITY"),
        (json!({ "object": "Account", "operation": "merge" }), "INVALIDJOB"),
        (json!({ "object": "Account", "operation": "upsert" }), "INVALIDJOB"),
        (json!({ "operation": "query", "query": "SELECT Nope FROM Account" }), "INVALID_FIELD"),
    ] {
        let (status, answer) = job(&client, body).await;
        assert_eq!((status, &answer[0]["errorCode"]), (400, &json!(code)));
    }
    for (object, table, message) in [
        (
            "Account",
            "Name\r\nA\r\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        ("Account", "Nam\nA\n", "InvalidBatch : Field name not found : Nam"),
    ] {
        let (_, info) = ingested(&client, insert(object), table).await;
        assert_eq!((&info["state"], &info["errorMessage"]), (&json!("Failed"), &json!(message)));
    }
    let (_, made) = job(&client, insert("Account")).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(set_state(&client, id, "Aborted").await.1["state"], "Aborted");
    assert_eq!(set_state(&client, id, "UploadComplete").await.1[0]["errorCode"], "INVALIDJOBSTATE");
}

#[tokio::test]
async fn many_rows_take_their_time_and_can_be_stopped_and_read_in_parts() {
    let client = Client::payoneer().await.salesforce().await;
    let rows: String = (0..25_000).map(|row| format!("K-{row},{row}.5\n")).collect();
    let table = format!("Key__c,Amount__c\n{rows}");
    let (_, made) = job(&client, insert("Bulk_Target__c")).await;
    let id = made["id"].as_str().unwrap();
    let path = format!("{JOBS}/ingest/{id}");
    client.send("PUT", &format!("{path}/batches"), &table).await;
    set_state(&client, id, "UploadComplete").await;
    client.advance(STEP_MS).await;
    client.get(&path).await;
    client.advance(STEP_MS).await;
    assert_eq!(client.get(&path).await.1["state"], "InProgress");
    assert_eq!(set_state(&client, id, "Aborted").await.0, 200);
    let done = client.get(&path).await.1["numberRecordsProcessed"].as_u64().unwrap();
    assert!((1..25_000).contains(&done) && done.is_multiple_of(10_000), "whole chunks are done: {done}");
    let (rest, _) = client.table(&format!("{path}/unprocessedrecords"), "x").await;
    assert_eq!(rest.lines().count() as u64, 25_001 - done);

    let (_, made) =
        job(&client, json!({ "operation": "query", "query": "SELECT Id, Key__c, Amount__c FROM Bulk_Target__c" }))
            .await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(ended(&client, "query", id).await["numberRecordsProcessed"], done);
    let (mut keys, mut locator) = (Vec::new(), String::new());
    while locator != "null" {
        let part = if locator.is_empty() { String::new() } else { format!("&locator={locator}") };
        let path = format!("{JOBS}/query/{id}/results?maxRecords=7000{part}");
        let (table, next) = client.table(&path, "sforce-locator").await;
        assert!(table.starts_with("\"Id\",\"Key__c\",\"Amount__c\"\n"));
        keys.extend(table.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()));
        locator = next;
    }
    assert_eq!((keys.len() as u64, keys[0].as_str()), (done, "\"K-0\""));
    assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len() as u64, done);
    assert_eq!(client.query("SELECT COUNT() FROM Bulk_Target__c WHERE Key__c = 'k-17'").await.1["totalSize"], 1);
}
