//! The sandbox over real loopback HTTP, as a client of Payoneer and Salesforce meets it.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

mod client;
mod describe;
mod webhooks;

use std::collections::BTreeSet;

use client::{Client, payment};
use ferry_sandbox::{Options, StartError};
use serde_json::{Value, json};

const PROGRAM: &str = "/payoneer/v4/programs/100086190";
const DATA: &str = "/salesforce/services/data/v59.0";
const MINUTE_MS: u64 = 60_000;

/// Posts one payout to an active payee.
async fn pay(client: &Client, reference: &str, amount: &str) -> (u16, Value) {
    let payments = format!(r#"{{"Payments":[{}]}}"#, payment(reference, "P-1", amount));
    client.send("POST", &format!("{PROGRAM}/masspayouts"), &payments).await
}

async fn status(client: &Client, reference: &str) -> (u16, Value) {
    client.get(&format!("{PROGRAM}/payouts/{reference}/status")).await
}

/// Counts the bookings of a reference in the ledger.
async fn booked(client: &Client, reference: &str) -> u64 {
    let (_, ledger) = client.get("/_sandbox/ledger").await;
    let payouts = ledger["payouts"].as_array().expect("the ledger lists payouts");
    let found = payouts.iter().find(|payout| payout["reference"] == reference);
    found.map_or(0, |payout| payout["booked"].as_u64().expect("it is a count"))
}

#[tokio::test]
async fn token_expires_on_the_sandbox_clock() {
    let client = Client::payoneer().await;
    assert_eq!(client.get(&format!("{PROGRAM}/balance")).await.0, 200);
    client.advance(61 * MINUTE_MS).await;
    let (code, body) = client.get(&format!("{PROGRAM}/balance")).await;
    assert_eq!((code, &body["error_details"]["sub_code"]), (401, &json!(4016)));
    let bare = client.without_token();
    let (code, body) = bare.get(&format!("{PROGRAM}/balance")).await;
    assert_eq!((code, &body["error_details"]["sub_code"]), (401, &json!(4012)));
    let client = client.renewed().await;
    let (code, body) = client.get("/payoneer/v4/programs/7/balance").await;
    assert_eq!((code, &body["error_details"]["sub_code"]), (404, &json!(1004)));
}

#[tokio::test]
async fn payout_becomes_visible_then_transferred() {
    let client = Client::payoneer().await;
    let (_, before) = client.get("/_sandbox/ledger").await;
    let (code, body) = pay(&client, "ref-1", "5.10").await;
    assert_eq!((code, body), (201, json!({ "result": "Payments Created" })));

    let (code, body) = status(&client, "ref-1").await;
    assert_eq!((code, &body["error_details"]["sub_code"]), (404, &json!(2306)), "it is not visible yet");
    client.advance(MINUTE_MS).await;
    let (code, body) = status(&client, "ref-1").await;
    assert_eq!((code, &body["result"]["status"]), (200, &json!("Pending")));
    assert_eq!(body["result"]["amount"].to_string(), "5.10", "the number keeps its scale");

    client.advance(40 * MINUTE_MS).await;
    let (_, body) = status(&client, "ref-1").await;
    assert_eq!(body["result"]["status"], "Transferred");
    assert!(body["result"]["payout_id"].as_str().is_some_and(|id| id.parse::<u64>().is_ok()));
    assert!(body["result"]["load_date"].is_string());

    let (_, after) = client.get("/_sandbox/ledger").await;
    let paid = client::amount(&before["balance"]) - client::amount(&after["balance"]);
    assert_eq!(paid.to_string(), "5.10");
    assert_eq!(
        after["totals"],
        json!({"references": 1, "bookings": 1, "booked_twice": 0, "duplicates_refused": 0, "amount": "5.10"})
    );
    assert_eq!(status(&client, "never-sent").await.0, 404);
}

#[tokio::test]
async fn some_payouts_fail_at_the_bank_and_give_the_money_back() {
    let client = Client::payoneer().await;
    client.send("POST", "/_sandbox/seed", r#"{"balance":"1000.00"}"#).await;
    let payments: Vec<String> = (0..400).map(|n| payment(&format!("b-{n}"), "P-2", "1.00")).collect();
    let body = format!(r#"{{"Payments":[{}]}}"#, payments.join(","));
    assert_eq!(client.send("POST", &format!("{PROGRAM}/masspayouts"), &body).await.0, 201);
    client.advance(41 * MINUTE_MS).await;
    let (_, ledger) = client.get("/_sandbox/ledger").await;
    let payouts = ledger["payouts"].as_array().expect("the ledger lists payouts");
    let cancelled: Vec<_> = payouts.iter().filter(|payout| payout["status"] == "Cancelled").collect();
    assert!((1..40).contains(&cancelled.len()), "about 1 in 60, not {} of 400", cancelled.len());
    assert_eq!(client::amount(&ledger["balance"]), (600 + cancelled.len()).into());
    let reference = cancelled[0]["reference"].as_str().expect("it is a text");
    let (_, body) = status(&client, reference).await;
    assert_eq!(body["result"]["cancel_reason_code"], 30013);
}

#[tokio::test]
async fn payout_without_funds_is_accepted_then_cancelled() {
    let client = Client::payoneer().await;
    client.send("POST", "/_sandbox/seed", r#"{"balance":"10.00"}"#).await;
    assert_eq!(pay(&client, "ref-1", "10.01").await.0, 201);
    client.advance(41 * MINUTE_MS).await;
    let (_, body) = status(&client, "ref-1").await;
    assert_eq!(body["result"]["status"], "Cancelled");
    assert_eq!(body["result"]["cancel_reason_code"], 40001);
    let (_, ledger) = client.get("/_sandbox/ledger").await;
    assert_eq!(ledger["balance"], "10.00");
}

#[tokio::test]
async fn payout_waits_for_its_payee_and_can_be_cancelled() {
    let client = Client::payoneer().await;
    client.send("POST", "/_sandbox/seed", r#"{"payee":{"id":"P-1","type":0}}"#).await;
    let (_, before) = client.get("/_sandbox/ledger").await;
    assert_eq!(pay(&client, "ref-1", "5.00").await.0, 201);
    client.advance(50 * MINUTE_MS).await;
    let (_, body) = status(&client, "ref-1").await;
    assert_eq!(body["result"]["status"], "Pending Payee");
    let (code, _) = client.send("PUT", &format!("{PROGRAM}/payouts/ref-1/cancel"), "").await;
    assert_eq!(code, 200);
    client.advance(9 * MINUTE_MS).await;
    assert_eq!(status(&client, "ref-1").await.1["result"]["status"], "Pending", "a cancel is not performed at once");
    let client = client.renewed().await;
    client.advance(2 * MINUTE_MS).await;
    assert_eq!(status(&client, "ref-1").await.1["result"]["status"], "Cancelled");
    let (_, after) = client.get("/_sandbox/ledger").await;
    assert_eq!(after["balance"], before["balance"]);
}

#[tokio::test]
async fn bad_items_refuse_the_whole_request_by_name() {
    let client = Client::payoneer().await;
    client.send("POST", "/_sandbox/seed", r#"{"payee":{"id":"P-3","type":99}}"#).await;
    let items = [
        payment("good", "P-1", "5.10"),
        payment("bad_payee", "P-none", "5.10"),
        payment("inactive", "P-3", "5.10"),
        payment("cents", "P-1", "5.101"),
        payment("limit", "P-1", "20000.01"),
        payment("good", "P-1", "5.10"),
        payment("not allowed", "P-1", "-1"),
        r#"{"client_reference_id":"bare","payee_id":"P-1","currency":"EUR"}"#.to_owned(),
    ];
    let body = format!(r#"{{"Payments":[{}]}}"#, items.join(","));
    let (code, body) = client.send("POST", &format!("{PROGRAM}/masspayouts"), &body).await;
    assert_eq!((code, &body["error_details"]["sub_code"]), (400, &json!(1000)));
    let errors = body["error_details"]["errors"].as_array().expect("it names the items");
    let seen: Vec<String> = errors.iter().map(|one| format!("{} {}", one["target"], one["sub_code"])).collect();
    let expected = [
        "\"Payments[1].payee_id\" 10005",
        "\"Payments[2].payee_id\" 10009",
        "\"Payments[3].amount\" 10021",
        "\"Payments[4].amount\" 10020",
        "\"Payments[5].client_reference_id\" 10304",
        "\"Payments[6].client_reference_id\" 10303",
        "\"Payments[6].amount\" 10021",
        "\"Payments[7].amount\" 1001",
        "\"Payments[7].currency\" 10022",
        "\"Payments[7].description\" 1001",
    ];
    assert_eq!(seen, expected);
    let (_, ledger) = client.get("/_sandbox/ledger").await;
    assert_eq!(ledger["payouts"], json!([]), "nothing is booked");

    let many: Vec<String> = (0..501).map(|n| payment(&format!("r-{n}"), "P-1", "1.00")).collect();
    let body = format!(r#"{{"Payments":[{}]}}"#, many.join(","));
    assert_eq!(client.send("POST", &format!("{PROGRAM}/masspayouts"), &body).await.0, 400);
}

#[tokio::test]
async fn duplicate_is_refused_or_paid_twice() {
    let client = Client::payoneer().await;
    assert_eq!(pay(&client, "ref-1", "5.00").await.0, 201);
    let (code, body) = pay(&client, "ref-1", "5.00").await;
    assert_eq!((code, &body["error_details"]["errors"][0]["sub_code"]), (400, &json!(10304)));
    assert_eq!(booked(&client, "ref-1").await, 1);

    client.faults(r#"{"duplicates":"book"}"#).await;
    assert_eq!(pay(&client, "ref-1", "5.00").await.0, 201);
    let (_, ledger) = client.get("/_sandbox/ledger").await;
    assert_eq!(ledger["payouts"][0]["booked"], 2);
    assert_eq!(
        ledger["totals"],
        json!({"references": 1, "bookings": 2, "booked_twice": 1, "duplicates_refused": 1, "amount": "10.00"})
    );
}

#[tokio::test]
async fn faults_happen_before_or_after_the_effect() {
    // The fault, what the client sees, and how often the payout is booked.
    let cases = [
        ("cut_before", None, 0),
        ("cut_after", None, 1),
        ("error_after", Some(500), 1),
        ("server_error", Some(500), 0),
        ("throttled", Some(429), 0),
        ("slow", Some(201), 1),
        ("slow_before", Some(201), 1),
        ("truncated", None, 1),
        ("truncated_chunked", None, 1),
    ];
    let client = Client::payoneer().await;
    for (fault, seen, times) in cases {
        let rule = json!({ "fault": fault, "system": "payoneer", "path": "masspayouts", "times": 1, "delay_ms": 1 });
        client.faults(&json!({ "rules": [rule] }).to_string()).await;
        let body = format!(r#"{{"Payments":[{}]}}"#, payment(fault, "P-1", "1.00"));
        let answer = client.try_send("POST", &format!("{PROGRAM}/masspayouts"), &body).await;
        assert_eq!(answer.as_ref().ok().map(|(code, _)| *code), seen, "{fault}");
        assert_eq!(booked(&client, fault).await, times, "{fault}");
        let (_, faults) = client.get("/_sandbox/faults").await;
        assert_eq!(faults["rules"][0]["hits"], 1, "{fault}");
    }
}

#[tokio::test]
async fn effect_happens_also_when_the_client_has_gone() {
    let client = Client::payoneer().await;
    client
        .faults(r#"{"rules":[{"fault":"slow_before","system":"payoneer","path":"masspayouts","delay_ms":200}]}"#)
        .await;
    let body = format!(r#"{{"Payments":[{}]}}"#, payment("late", "P-1", "1.00"));
    let path = format!("{PROGRAM}/masspayouts");
    let gone = client.send("POST", &path, &body);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), gone).await.is_err());
    assert_eq!(booked(&client, "late").await, 0);
    // Asks until it is there: the look-ups themselves take the time.
    while booked(&client, "late").await == 0 {}
}

#[tokio::test]
async fn budget_refuses_and_fills_up_with_sandbox_time() {
    let client = Client::payoneer().await;
    client.faults(r#"{"budget_per_minute":2}"#).await;
    let path = format!("{PROGRAM}/balance");
    let codes = [client.get(&path).await.0, client.get(&path).await.0, client.get(&path).await.0];
    assert_eq!(codes, [200, 200, 429]);
    client.advance(MINUTE_MS / 2).await;
    assert_eq!(client.get(&path).await.0, 200);
    let salesforce = client.salesforce().await;
    salesforce.get(&format!("{DATA}/limits")).await;
    let (code, body) = salesforce.get(&format!("{DATA}/limits")).await;
    assert_eq!((code, &body[0]["errorCode"]), (403, &json!("REQUEST_LIMIT_EXCEEDED")));
}

#[tokio::test]
async fn paging_shows_each_record_once() {
    let client = Client::payoneer().await.salesforce().await;
    let query = "SELECT Id, Name, Recipient__r.Email FROM Payment_Request__c \
                 WHERE Status__c = 'Approved for Payout' ORDER BY SystemModstamp, Id";
    let (_, mut page) = client.query(query).await;
    assert_eq!(page["totalSize"], 200);
    let mut names = Vec::new();
    loop {
        let records = page["records"].as_array().expect("a page has records");
        assert!(records.iter().all(|record| record["Recipient__r"]["Email"].is_string()));
        names.extend(records.iter().map(|record| record["Name"].as_str().expect("it is a text").to_owned()));
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        page = client.get(&format!("/salesforce{next}")).await.1;
    }
    assert_eq!(page["done"], true);
    assert_eq!(names.len(), 200);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 200);
    assert!(names.is_sorted(), "the oldest request has the first name");
}

#[tokio::test]
async fn queries_filter_sort_and_count() {
    let client = Client::payoneer().await.salesforce().await;
    let (_, all) = client.query("SELECT SystemModstamp FROM Payment_Request__c ORDER BY SystemModstamp LIMIT 1").await;
    let stamp = all["records"][0]["SystemModstamp"].as_str().expect("it is a text").to_owned();
    let cases = [
        (format!("SystemModstamp = {stamp}"), 3),
        (format!("SystemModstamp > {stamp}"), 197),
        ("Amount__c > 20000".to_owned(), 4),
        ("Amount__c >= 9000.00 AND Amount__c <= 15000.00".to_owned(), 4),
        ("Name IN ('PR-0001', 'pr-0002', 'none')".to_owned(), 2),
        ("Payout_Error__c = null AND NOT Name LIKE 'PR-00%'".to_owned(), 101),
        ("Recipient__r.Email LIKE '%@example.com'".to_owned(), 194),
    ];
    for (filter, count) in cases {
        let (code, body) = client.query(&format!("SELECT COUNT() FROM Payment_Request__c WHERE {filter}")).await;
        assert_eq!((code, &body["totalSize"]), (200, &json!(count)), "{filter}");
    }
}

#[tokio::test]
async fn upsert_creates_then_updates() {
    let client = Client::payoneer().await.salesforce().await;
    let path = format!("{DATA}/sobjects/Payment_Transaction__c/Client_Reference__c/ref-1");
    let (code, created) = client.send("PATCH", &path, r#"{"Status__c":"Submitted","Amount__c":12.50}"#).await;
    assert_eq!((code, &created["created"]), (201, &json!(true)));
    let (code, updated) = client.send("PATCH", &path, r#"{"Status__c":"Completed"}"#).await;
    assert_eq!((code, &updated["created"], &updated["id"]), (200, &json!(false), &created["id"]));
    let id = created["id"].as_str().expect("it is a text");
    let record = format!("{DATA}/sobjects/Payment_Transaction__c/{id}");
    let (_, body) = client.get(&format!("{record}?fields=Status__c,Amount__c,Client_Reference__c")).await;
    assert_eq!((&body["Status__c"], &body["Client_Reference__c"]), (&json!("Completed"), &json!("ref-1")));
    assert_eq!(body["Amount__c"].to_string(), "12.50", "the number keeps its scale");
    assert_eq!(client.send("DELETE", &record, "").await.0, 204);
    assert_eq!(client.get(&record).await.0, 404);

    let (_, first) = client.query("SELECT Id FROM Contact LIMIT 1").await;
    assert_eq!(first["records"][0]["Id"].as_str().map(str::len), Some(18));
    client
        .send("POST", &format!("{DATA}/sobjects/Contact"), r#"{"LastName":"A","External_Payoneer_ID__c":"P-1"}"#)
        .await;
    let path = format!("{DATA}/sobjects/Contact/External_Payoneer_ID__c/P-1");
    let (code, urls) = client.send("PATCH", &path, r#"{"FirstName":"B"}"#).await;
    assert_eq!((code, urls.as_array().map(Vec::len)), (300, Some(2)));
}

#[tokio::test]
async fn errors_are_lists_that_name_the_field() {
    let client = Client::payoneer().await.salesforce().await;
    let (_, found) = client.query("SELECT Id FROM Payment_Request__c LIMIT 1").await;
    let id = found["records"][0]["Id"].as_str().expect("it is a text").to_owned();
    let request = format!("{DATA}/sobjects/Payment_Request__c/{id}");
    let transaction = format!("{DATA}/sobjects/Payment_Transaction__c");
    let long = json!({ "Payout_Error__c": "x".repeat(256) }).to_string();
    let cases = [
        ("PATCH", &request, r#"{"Nope__c":1}"#, 400, "INVALID_FIELD", "Nope__c"),
        ("PATCH", &request, r#"{"Status__c":"Paid"}"#, 400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Status__c"),
        ("PATCH", &request, &long, 400, "STRING_TOO_LONG", "Payout_Error__c"),
        ("PATCH", &request, r#"{"Amount__c":null}"#, 400, "REQUIRED_FIELD_MISSING", "Amount__c"),
        ("PATCH", &request, r#"{"Recipient__c":"x"}"#, 400, "MALFORMED_ID", "Recipient__c"),
        ("PATCH", &request, r#"{"Id":"x"}"#, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Id"),
        ("POST", &transaction, "{}", 400, "REQUIRED_FIELD_MISSING", "Client_Reference__c"),
    ];
    for (method, path, body, code, error, field) in cases {
        let (seen, body) = client.send(method, path, body).await;
        assert_eq!((seen, &body[0]["errorCode"], &body[0]["fields"]), (code, &json!(error), &json!([field])));
    }
    let queries = [
        ("SELECT Nope__c FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
        ("SELECT Id FORM Contact", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD"),
    ];
    for (query, error) in queries {
        let (code, body) = client.query(query).await;
        assert_eq!((code, &body[0]["errorCode"]), (400, &json!(error)), "{query}");
    }
    let (code, body) = client.without_token().get(&request).await;
    assert_eq!((code, &body[0]["errorCode"]), (401, &json!("INVALID_SESSION_ID")));
    let (code, body) = client.get(&format!("{DATA}/sobjects/Nope__c/{id}")).await;
    assert_eq!((code, &body[0]["errorCode"]), (404, &json!("NOT_FOUND")));
}

#[tokio::test]
async fn same_seed_gives_the_same_requests() {
    let (one, two) = (Client::payoneer().await, Client::payoneer().await);
    let (_, first) = one.get("/_sandbox/requests").await;
    assert_eq!(two.get("/_sandbox/requests").await.1, first);
    let (_, seed) = two.send("POST", "/_sandbox/seed", r#"{"seed":2,"requests":20}"#).await;
    let kinds = json!({"normal": 16, "inactive_payee": 1, "bad_email": 1, "over_limit": 1, "large": 1});
    assert_eq!(seed["kinds"], kinds);
    assert_ne!(two.get("/_sandbox/requests").await.1[0]["amount"], first[0]["amount"]);

    let rows = first.as_array().expect("the requests are a list");
    let normal = rows.iter().filter(|row| row["kind"] == "normal");
    let sum: rust_decimal::Decimal = normal.map(|row| client::amount(&row["amount"])).sum();
    let (_, ledger) = one.get("/_sandbox/ledger").await;
    assert_eq!(client::amount(&ledger["balance"]), sum + rust_decimal::Decimal::from(5_000));
}

#[tokio::test]
async fn wrong_control_says_what_is_right() {
    let client = Client::payoneer().await;
    let cases = [
        ("POST", "/_sandbox/clock", r#"{"sped":1}"#, 400, "expected `speed` or `advance_ms`"),
        ("POST", "/_sandbox/seed", "{}", 400, "send `seed` and/or `requests`"),
        ("POST", "/_sandbox/seed", r#"{"balance":"x"}"#, 400, "`\"12000.00\"`"),
        ("POST", "/_sandbox/webhooks", r#"{"urls":["http://example.com/"]}"#, 400, "is not on this machine"),
        ("POST", "/_sandbox/faults", r#"{"rules":[{"fault":"x","system":"payoneer"}]}"#, 400, "`cut_after`"),
        ("GET", "/_sandbox/nope", "", 404, "ledger, requests, seed"),
    ];
    for (method, path, body, code, message) in cases {
        let (seen, body) = client.send(method, path, body).await;
        assert_eq!(seen, code, "{path} {body}");
        assert!(body["error"].as_str().is_some_and(|text| text.contains(message)), "{body}");
    }
}

#[tokio::test]
async fn start_refuses_what_it_cannot_serve() {
    let open = Options { listen: ([0, 0, 0, 0], 0).into(), ..Options::default() };
    assert!(matches!(ferry_sandbox::start(open).await, Err(StartError::NotLoopback { .. })));
    let first = ferry_sandbox::start(Options::default()).await.expect("a free port is there");
    let same = Options { listen: first.addr(), ..Options::default() };
    assert!(matches!(ferry_sandbox::start(same.clone()).await, Err(StartError::InUse { .. })));
    first.stop().await;
    ferry_sandbox::start(same).await.expect("the port is free again").stop().await;
}
