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
        let body = String::from_utf8(request.bytes().to_vec()).unwrap();
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

/// A connector whose one action calls what its input says, with the header of the connection's own key.
const ANY: &str = "ferry: 1\nconnector: acme\ntitle: Acme\nenvironments: { only: { api: \"{base}\" } }\nconnection:\n  base: { example: b, \
     doc: B. }\n  header: { example: X-Key, doc: H. }\n  key: { secret: true, example: k, doc: K. }\nauth: { api_key: { header: \
     \"{header}\", value: \"{key}\" } }\nerrors: [ { when: \"status == 400\", class: rejected } ]\nactions:\n  put:\n    summary: Puts.\n    \
     source: this test\n    effect: { write: { repeat: keyed, header: Idempotency-Key } }\n    request: { host: api, method: POST, path: \
     \"/v1{+$.path}\", query: $.query, headers: $.headers }\n    success: \"status == 200\"\n    result: { status: { rhai: status } }\n    input: { \
     type: object, additionalProperties: true, properties: {} }\n    output: { type: object, additionalProperties: true, properties: {} }\n    \
     sample: none\n";

async fn called(header: &str, input: Value) -> String {
    let net = Arc::new(Net { asked: Mutex::default(), answer: "{}" });
    let fields = [("base", "https://a/base/"), ("header", header), ("key", "hush")];
    let connection = common::open(ANY.to_owned(), &fields, Arc::clone(&net) as Arc<dyn Http>).unwrap();
    let output = match connection.prepare("put", &input) {
        Ok(call) => connection.send(&FreePass, "put", &[&call]).await.pop().unwrap(),
        Err(failure) => Err(failure),
    };
    let asked = net.asked.lock().unwrap().clone();
    output.map_or_else(|failure| format!("{}: {}", failure.class, failure.message), |output| format!("{asked}{output}"))
}

#[tokio::test]
async fn a_call_is_what_its_input_says() {
    let input = json!({ "path": "/a b/c", "query": { "x y": ["1&", 2], "none": null }, "headers": { "X-B": "b", "x-key": "mine" } });
    let expected = expect![[r#"
        POST https://a/base/v1/a%20b/c?x%20y=1%26&x%20y=2
        accept: application/json
        x-key: hush
        idempotency-key: 
        x-b: b

        {"status":200}"#]];
    expected.assert_eq(&called("X-Key", input).await);
}

#[tokio::test]
async fn no_input_leads_elsewhere_or_says_who_we_are() {
    for (input, says) in [
        (json!({ "path": "//evil.example/a" }), "and a path goes from `/` on"),
        (json!({ "path": "/a/../../b" }), "and a path goes from `/` on"),
        (json!({ "path": "/a?b=c" }), "and a path goes from `/` on"),
        (
            json!({ "path": "/a", "headers": { "Authorization": "mine" } }),
            "`authorization` is no header that a call may have",
        ),
        (json!({ "path": "/a", "headers": { "Idempotency-Key": "mine" } }), "`idempotency-key` is no header"),
        (json!({ "path": "/a", "headers": { "Host": "evil.example" } }), "`host` is no header"),
        (json!({ "path": "/a", "headers": { "Transfer-Encoding": "chunked" } }), "`transfer-encoding` is no header"),
        (json!({ "path": "/a", "headers": { "a b": "c" } }), "`a b` is no header"),
        (
            json!({ "path": "/a", "headers": { "x-a": "b\r\nc: d" } }),
            "the header `x-a` has letters that no header may have",
        ),
        (json!({ "path": "/a", "query": { "a": { "b": 1 } } }), "`$.query.a` is no single value"),
        (json!({ "path": "/a", "query": [] }), "`$.query` is a map"),
    ] {
        let said = called("X-Key", input.clone()).await;
        assert!(said.starts_with("invalid: ") && said.contains(says), "{input}: {said}");
    }
    for header in ["content-length", "a b", "host"] {
        let said = called(header, json!({ "path": "/a" })).await;
        assert_eq!(said, format!("config: `{header}` is no header that can say who we are"));
    }
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
