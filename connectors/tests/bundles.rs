//! Calls that travel as one request, and an answer that has a result for each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::sync::Arc;

use ferry_contract::port::{Boxed, FreePass, Http, HttpError, HttpRequest, HttpResponse};
use serde_json::{Value, json};

fn manifest(by: &str, order: &str) -> String {
    format!(
        "ferry: 1
connector: acme
title: Acme
environments: {{ only: {{ api: \"https://a\" }} }}
errors:
  - {{ when: 'body.error == \"EXISTS\"', class: conflict }}
  - {{ when: 'body.error == \"BAD\"', class: rejected }}
  - {{ when: \"status == 429\", class: throttled }}
message: body.error
actions:
  pay:
    summary: Pays.
    source: this test
    effect: {{ write: {{ repeat: never }} }}
    bundle:
      max: 9
      within: 1s
      items: $.payments
      order: {order}
      results: {{ when: \"status == 200\", items: $.results, by: {by} }}
    request: {{ host: api, method: POST, path: /pay, body: {{ payments: [ {{ ref: $.ref }} ] }} }}
    success: body.ok == true
    result: {{ id: $.id }}
    input: {{ type: object, properties: {{ ref: {{ type: string, description: A name., example: r }} }} }}
    output: {{ type: object, properties: {{ id: {{ type: integer, description: Its id., example: 1 }} }} }}
    sample: none
"
    )
}

/// A target with one answer.
struct Target(u16, Value);

impl Http for Target {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        let sent: Value = serde_json::from_slice(request.bytes()).unwrap();
        assert_eq!(sent["payments"], json!([{ "ref": "a" }, { "ref": "b" }, { "ref": "c" }]));
        let body = self.1.to_string().into();
        Box::pin(std::future::ready(Ok(HttpResponse { status: self.0, headers: Vec::new(), body })))
    }
}

#[tokio::test]
async fn each_call_of_a_bundle_gets_its_own_result() {
    let by_key = "{ theirs: $.reference, ours: $.ref }";
    let results = |results: Value| json!({ "results": results });
    let ok = |reference: &str, id: u32| json!({ "reference": reference, "ok": true, "id": id });
    let failed = |reference: &str, error: &str| json!({ "reference": reference, "ok": false, "error": error });
    for (by, status, body, expected) in [
        ("index", 200, results(json!([ok("?", 1), failed("?", "BAD"), failed("?", "EXISTS")])), "1 rejected conflict"),
        // Nobody knows whose the two are, and what a target says of nothing may have been done.
        ("index", 200, results(json!([ok("?", 1), ok("?", 2)])), "unknown unknown unknown"),
        ("index", 200, json!({}), "unknown unknown unknown"),
        (by_key, 200, results(json!([ok("c", 3), failed("b", "NEW"), ok("a", 1)])), "1 unknown 3"),
        (by_key, 200, results(json!([ok("a", 1), ok("b", 2), ok("b", 4), ok("x", 5)])), "1 unknown unknown"),
        // The whole request was refused.
        (by_key, 429, json!({}), "throttled throttled throttled"),
        ("index", 500, json!({}), "unknown unknown unknown"),
    ] {
        let connection = common::open(manifest(by, "1"), &[], Arc::new(Target(status, body.clone()))).unwrap();
        let prepared = ["a", "b", "c"].map(|name| connection.prepare("pay", &json!({ "ref": name })).unwrap());
        let calls: Vec<_> = prepared.iter().collect();
        let got = connection.send(&FreePass, "pay", &calls).await;
        let said = |result: &Result<Value, ferry_contract::failure::Failure>| match result {
            Ok(output) => output["id"].to_string(),
            Err(failure) => failure.class.name().to_owned(),
        };
        assert_eq!(got.iter().map(said).collect::<Vec<_>>().join(" "), expected, "{by} {status} {body}");
    }
}

#[tokio::test]
async fn calls_go_in_the_order_that_the_target_likes_and_each_gets_its_own_result() {
    let answer =
        json!({ "results": [{ "ok": true, "id": 1 }, { "ok": false, "error": "BAD" }, { "ok": true, "id": 3 }] });
    let connection = common::open(manifest("index", "$.ref"), &[], Arc::new(Target(200, answer))).unwrap();
    let prepared = ["c", "a", "b"].map(|name| connection.prepare("pay", &json!({ "ref": name })).unwrap());
    let got = connection.send(&FreePass, "pay", &prepared.iter().collect::<Vec<_>>()).await;
    let got = got
        .iter()
        .map(|result| result.as_ref().map_or_else(|failure| json!(failure.class.name()), |done| done["id"].clone()));
    assert_eq!(got.collect::<Vec<_>>(), [json!(3), json!(1), json!("rejected")]);
}
