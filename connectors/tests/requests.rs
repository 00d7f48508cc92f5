//! What a request is made of, and how its answer is read: headers, forms, fields of the connection, XML and texts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use ferry_connectors::library::Library;
use ferry_contract::{
    port::{Boxed, FreePass, Http, HttpError, HttpRequest, HttpResponse},
    report::Source,
    script::NoWatch,
};
use serde_json::{Value, json};

/// A connector whose one action has this request.
fn manifest(request: &str) -> String {
    format!(
        "ferry: 1\nconnector: acme\ntitle: Acme\nenvironments: {{ only: {{ api: \"https://a\" }} }}\nconnection:\n  \
         company: {{ example: \"1\", doc: A. }}\n  key: {{ secret: true, optional: true, example: b, doc: B. }}\nerrors: [ {{ \
         when: \"status >= 400\", class: rejected }} ]\nactions:\n  put:\n    summary: Puts.\n    source: this test\n    effect: \
         read\n    request: {{ host: api, method: POST, path: /things, {request} }}\n    success: \
         \"status == 200\"\n    result: {{ read: $ }}\n    input: {{ type: object, additionalProperties: true, properties: {{}} \
         }}\n    output: {{ type: object, additionalProperties: true, properties: {{}} }}\n    sample: none\n"
    )
}

/// Writes down what is asked, and answers each time the same.
struct Net {
    asked: Mutex<String>,
    answer: &'static str,
}

impl Http for Net {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        let headers: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let body = String::from_utf8(request.body.unwrap_or_default()).unwrap();
        *self.asked.lock().unwrap() = format!("{} {}\n{headers}{body}\n", request.method, request.url);
        let body = self.answer.as_bytes().to_vec();
        Box::pin(std::future::ready(Ok(HttpResponse { status: 200, headers: Vec::new(), body })))
    }
}

async fn sent(request: &str, input: Value, answer: &'static str) -> (String, Result<Value, String>) {
    let net = Arc::new(Net { asked: Mutex::default(), answer });
    let fields = [("company", "7"), ("key", "hush")];
    let connection = common::open(manifest(request), &fields, Arc::clone(&net) as Arc<dyn Http>).unwrap();
    let output = match connection.prepare("put", &input) {
        Ok(call) => connection.send(&FreePass, "put", &[&call]).await.pop().unwrap(),
        Err(failure) => Err(failure),
    };
    let asked = net.asked.lock().unwrap().clone();
    (asked, output.map_err(|failure| format!("{}: {}", failure.class, failure.message)))
}

async fn check(request: &str, input: Value, expected: Expect) {
    let (asked, output) = sent(request, input, "{}").await;
    expected.assert_eq(&output.map_or_else(|failure| failure + "\n", |_| asked));
}

#[tokio::test]
async fn a_request_is_what_its_manifest_writes() {
    check(
        "let: { context: { rhai: \"base64url(to_json(#{ company: parse_int(connection.company) }))\" } }, headers: { X-Context: { rhai: \
         \"base64url(to_json(#{ company: parse_int(connection.company) }))\" }, X-Left-Out: $.nothing, X-Kind: entry }, body: { \
         company: { rhai: connection.company }, ref: $.ref }",
        json!({ "ref": "A-1", "nothing": null }),
        expect![[r#"
            POST https://a/things
            accept: application/json
            x-context: eyJjb21wYW55Ijo3fQ
            x-kind: entry
            content-type: application/json
            {"company":"7","ref":"A-1"}
        "#]],
    )
    .await;
    check(
        "encoding: form, accept: text, body: { name: $.name, amount: $.amount, note: $.note }",
        json!({ "name": "Ana & Bo", "amount": 12.50, "note": null }),
        expect![[r#"
            POST https://a/things
            accept: text/plain, */*
            content-type: application/x-www-form-urlencoded
            name=Ana+%26+Bo&amount=12.5
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_no_request_can_say_is_not_sent() {
    check(
        "headers: { X-Note: $.note }",
        json!({ "note": "a\r\nauthorization: other" }),
        expect![[r#"
            invalid: the request cannot be made: the header `x-note` has letters that no header may have
        "#]],
    )
    .await;
    check(
        "encoding: form, body: { name: $.name }",
        json!({ "name": { "first": "Ana" } }),
        expect![[r#"
            invalid: the request cannot be made: `name` is no single value, and a form has no other
        "#]],
    )
    .await;
}

#[tokio::test]
async fn an_answer_is_read_as_it_is_written() {
    let read = async |accept: &str, answer: &'static str| {
        sent(&format!("accept: {accept}"), json!({}), answer).await.1.unwrap()["read"].clone()
    };
    assert_eq!(read("xml", "<a b=\"1\"><c>2</c></a>").await, json!({ "a": { "@b": "1", "c": "2" } }));
    // An error of a gateway is written as it likes.
    assert_eq!(read("xml", "{\"error\":\"busy\"}").await, json!({ "error": "busy" }));
    assert_eq!(read("xml", "<p>unclosed").await, json!("<p>unclosed"));
    assert_eq!(read("text", "12").await, json!("12"));
    assert_eq!(read("json", "12").await, json!(12));
}

#[test]
fn what_is_wrong_with_a_request_is_a_finding() {
    for (request, says) in [
        ("headers: { Authorization: x }", "`Authorization` is written by ferry itself; say who we are with `auth`"),
        ("headers: { Content-Type: x }", "`Content-Type` is written by ferry itself"),
        ("headers: { X-A: { rhai: connection.key } }", "`key` is a secret, which only `auth` may send"),
        ("body: { a: { rhai: connection.compny } }", "`compny` is no field of `connection`; did you mean `company`?"),
        ("encoding: xml, body: {}", "`xml` is not an encoding of a body"),
        ("accept: pdf", "`pdf` is not a kind of answer"),
    ] {
        let (_, reports) = Library::load(&[Source::new("acme.yaml", manifest(request))], Arc::new(NoWatch));
        let findings = reports.iter().flat_map(|report| report.findings());
        let said: Vec<String> = findings.map(|finding| format!("{}; {}", finding.message, finding.help)).collect();
        assert!(said.iter().any(|said| said.contains(says)), "{request}: {said:?}");
    }
}
