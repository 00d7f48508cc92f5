//! Rules on an answer know what was asked, and by whom.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::sync::Arc;

use ferry_connectors::library::Library;
use ferry_contract::{
    failure::Failure,
    port::{Boxed, FreePass, Http, HttpError, HttpRequest, HttpResponse},
    report::Source,
    script::NoWatch,
};
use serde_json::{Value, json};

fn manifest(result: &str, bundle: &str) -> String {
    format!(
        "ferry: 1
connector: acme
title: Acme
environments: {{ only: {{ api: \"https://a\" }} }}
connection: {{ zone: {{ example: UTC, doc: Where it is. }}, key: {{ secret: true, example: k, doc: The key. }} }}
errors: [ {{ when: \"status == 429\", class: throttled }} ]
message: body.why
actions:
  find:
    summary: Finds a thing by its name.
    source: this test
    effect: {{ write: {{ repeat: never }} }}
{bundle}    request: {{ host: api, method: POST, path: /find, body: {{ things: [$] }} }}
    errors: [ {{ when: 'status == 200 && body.filter(|row| row.name == input.name).is_empty()', class: not_found }} ]
    success: status == 200
    result: {{ rhai: '{result}' }}
    input: {{ type: object, properties: {{ name: {{ type: string, description: A name., example: a }} }} }}
    output: {{ type: object, additionalProperties: true, properties: {{}} }}
    sample: none
"
    )
}

struct Target(Value);

impl Http for Target {
    fn send(&self, _: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        let body = self.0.to_string().into();
        Box::pin(std::future::ready(Ok(HttpResponse { status: 200, headers: Vec::new(), body })))
    }
}

async fn found(name: &str) -> Result<Value, Failure> {
    let result = "let found = body.filter(|row| row.name == input.name)[0]; found.zone = connection.zone; found";
    let rows = json!([{ "name": "a-2", "id": 2 }, { "name": "a", "id": 1 }]);
    let fields = [("zone", "Mars"), ("key", "k")];
    let connection = common::open(manifest(result, ""), &fields, Arc::new(Target(rows))).unwrap();
    let call = connection.prepare("find", &json!({ "name": name })).unwrap();
    connection.send(&FreePass, "find", &[&call]).await.pop().unwrap()
}

#[tokio::test]
async fn of_many_rows_the_one_that_was_asked_for_is_found() {
    assert_eq!(found("a").await, Ok(json!({ "name": "a", "id": 1, "zone": "Mars" })));
    assert_eq!(found("a-2").await, Ok(json!({ "name": "a-2", "id": 2, "zone": "Mars" })));
    assert_eq!(found("a-").await.unwrap_err().class.name(), "not_found");
}

/// What a reader of manifests says of a result.
fn findings(result: &str, bundle: &str) -> String {
    let source = Source::new("acme.yaml", manifest(result, bundle));
    let (_, reports) = Library::load(&[source], Arc::new(NoWatch));
    let own = reports.iter().filter(|report| report.source.name == "acme.yaml");
    let findings = own.flat_map(ferry_contract::report::Report::findings);
    findings.map(|finding| format!("{}: {}\n", finding.at.line, finding.message)).collect()
}

#[test]
fn what_no_answer_can_know_is_refused() {
    let bundle = "    bundle: { max: 9, within: 1s, items: $.things, refused: { errors: $.e, index: $.i, message: $.m, code: $.c } }\n";
    for (result, bundle, expected) in [
        ("connection.zone", "", ""),
        ("connection.key", "", "`key` is a secret"),
        ("connection.zoen", "", "`zoen` is no field"),
        ("body", bundle, "one answer is for all calls of a bundle"),
    ] {
        let said = findings(result, bundle);
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{result}: {said}");
    }
}
