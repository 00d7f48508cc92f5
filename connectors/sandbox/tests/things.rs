//! A REST API as any other: things by their paths, and requests with a key.

mod plain;

use plain::Plain;
use serde_json::{Value, json};

const LOGIN: (&str, &str) = ("x-api-key", "sandbox-secret");
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

#[tokio::test]
async fn a_thing_is_put_changed_read_and_removed() {
    let api = Plain::start().await;
    let cases = [
        ("GET", "/http/invoices/1", "", 404, Value::Null),
        ("PUT", "/http/invoices/1", r#"{"amount":12.5,"note":"x"}"#, 201, json!({ "amount": 12.5, "note": "x" })),
        ("PUT", "/http/invoices/1", r#"{"amount":12.5,"note":"x"}"#, 200, json!({ "amount": 12.5, "note": "x" })),
        ("PATCH", "/http/invoices/1", r#"{"note":null,"paid":true}"#, 200, json!({ "amount": 12.5, "paid": true })),
        ("GET", "/http/invoices/1", "", 200, json!({ "amount": 12.5, "paid": true })),
        ("PUT", "/http/invoices/1", "{", 400, Value::Null),
        ("DELETE", "/http/invoices/1", "", 204, Value::Null),
        ("DELETE", "/http/invoices/1", "", 404, Value::Null),
    ];
    for (method, path, body, code, expected) in cases {
        let answer = api.send(method, path, LOGIN, body).await;
        assert_eq!(answer.code, code, "{method} {body}: {}", answer.text);
        assert!(code >= 400 || answer.json() == expected, "{method} {body}: {}", answer.text);
    }
    for login in [("x-api-key", "nobody"), ("authorization", "Bearer nobody"), ("accept", "*/*")] {
        assert_eq!(api.send("GET", "/http", login, "").await.code, 401, "{login:?}");
    }
    assert_eq!(api.send("GET", "/http", ("authorization", "Bearer sandbox-secret"), "").await.code, 200);
    let rule = json!({ "fault": "throttled", "system": "http", "times": 1, "retry_after_s": 3 });
    api.control("faults", &json!({ "rules": [rule] })).await;
    let throttled = api.send("GET", "/http", LOGIN, "").await;
    assert_eq!((throttled.code, throttled.retry_after.as_deref()), (429, Some("3")));
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once_a_day() {
    let api = Plain::start().await;
    let post = async |key: &str, body: &str| {
        let answer = api.send_with("POST", "/http/invoices", &[LOGIN, ("idempotency-key", key)], body).await;
        (answer.code, answer.json())
    };
    let made = async || api.ask("ledger").await["http"]["posts"].as_array().map_or(0, Vec::len);
    let first = post("k-1", r#"{"amount":1}"#).await;
    assert_eq!((first.clone(), made().await), ((201, json!({ "amount": 1 })), 1));
    assert_eq!((post("k-1", r#"{"amount":1}"#).await, made().await), (first, 1), "the same again");
    assert_eq!((post("k-1", r#"{"amount":2}"#).await.0, made().await), (422, 1), "another one with its key");
    assert_eq!((post("k-2", r#"{"amount":1}"#).await.0, made().await), (201, 2));
    api.advance(DAY_MS).await;
    assert_eq!((post("k-1", r#"{"amount":1}"#).await.0, made().await), (201, 3), "the key is forgotten");
}
