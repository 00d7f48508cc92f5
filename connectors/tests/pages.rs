//! Pages: each way to the next one, to the last and never round in a circle.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use ferry_connectors::{connection::Connection, library::Library};
use ferry_contract::{
    failure::ErrorClass,
    port::{Boxed, FreePass, Http, HttpError, HttpRequest, HttpResponse},
    report::{Report, Source},
    script::NoWatch,
};
use serde_json::{Value, json};

fn manifest(paginate: &str) -> String {
    format!(
        "ferry: 1
connector: acme
title: Acme
environments: {{ only: {{ api: \"https://a\" }} }}
errors: [ {{ when: \"status == 404\", class: not_found }} ]
actions:
  list:
    summary: Lists.
    source: this test
    effect: read
    request: {{ host: api, method: GET, path: /things, query: {{ q: $.q, size: 2, from: {{ rhai: input.from ?? () }} }} }}
    paginate: {paginate}
    success: \"status == 200\"
    result: {{ things: $.items }}
    input:
      type: object
      properties:
        q: {{ type: string, description: What., example: x }}
        from: {{ type: integer, description: Where it begins., example: 0 }}
    output: {{ type: object, properties: {{ things: {{ type: array, items: {{ type: string }}, description: They., example: [a] }} }} }}
    sample: none
"
    )
}

/// A target that has these answers by path and query, and what it was asked.
struct Target {
    answers: BTreeMap<&'static str, Value>,
    asked: Mutex<Vec<String>>,
}

impl Http for Target {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        let asked = request.url.trim_start_matches("https://a/things?q=a%20b&size=2").to_owned();
        let body = self.answers.get(asked.as_str()).cloned().unwrap_or_else(|| panic!("{asked} has no answer"));
        self.asked.lock().unwrap().push(asked);
        Box::pin(std::future::ready(Ok(HttpResponse {
            status: 200,
            headers: Vec::new(),
            body: body.to_string().into(),
        })))
    }
}

fn open(paginate: &str, answers: &[(&'static str, Value)]) -> (Connection, Arc<Target>) {
    let target = Arc::new(Target { answers: answers.iter().cloned().collect(), asked: Mutex::default() });
    (common::open(manifest(paginate), &[], Arc::clone(&target) as _).unwrap(), target)
}

/// All things, and what was asked.
async fn read(
    paginate: &str,
    input: &Value,
    answers: &[(&'static str, Value)],
) -> (Result<Value, String>, Vec<String>) {
    let (connection, target) = open(paginate, answers);
    let prepared = connection.prepare("list", input).unwrap();
    let result = connection.send(&FreePass, "list", &[&prepared]).await.pop().unwrap();
    let asked = target.asked.lock().unwrap().clone();
    (
        result
            .map(|output| output["things"].clone())
            .map_err(|failure| format!("{}: {}", failure.class, failure.message)),
        asked,
    )
}

#[tokio::test]
async fn all_pages_are_read_in_each_way() {
    let input = json!({ "q": "a b" });
    let page = |items: &[&str], more: Value| {
        let mut page = json!({ "items": items });
        page.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        page
    };
    let cases = [
        (
            "{ items: $.items, cursor: { at: $.meta.next, parameter: after } }",
            vec![
                ("", page(&["a", "b"], json!({ "meta": { "next": "x/1" } }))),
                ("&after=x%2F1", page(&["c", "d"], json!({ "meta": { "next": 7 } }))),
                ("&after=7", page(&["e"], json!({ "meta": { "next": "" } }))),
            ],
        ),
        (
            "{ items: $.items, offset: { parameter: from } }",
            vec![
                ("", page(&["a", "b"], json!({}))),
                ("&from=2", page(&["c", "d"], json!({}))),
                ("&from=4", page(&["e"], json!({}))),
                ("&from=5", page(&[], json!({}))),
            ],
        ),
        // The total spares the empty page.
        (
            "{ items: $.items, offset: { parameter: from }, total: $.total }",
            vec![
                ("", page(&["a", "b"], json!({ "total": 5 }))),
                ("&from=2", page(&["c", "d"], json!({ "total": 5 }))),
                ("&from=4", page(&["e"], json!({ "total": 5 }))),
            ],
        ),
        (
            "{ items: $.items, page: { parameter: number, first: 0 }, total: $.total }",
            vec![
                ("", page(&["a", "b"], json!({ "total": 5 }))),
                ("&number=1", page(&["c", "d"], json!({ "total": 5 }))),
                ("&number=2", page(&["e"], json!({ "total": 5 }))),
            ],
        ),
        (
            "{ items: $.items, page: { parameter: number } }",
            vec![
                ("", page(&["a", "b"], json!({}))),
                ("&number=2", page(&["c", "d", "e"], json!({}))),
                ("&number=3", page(&[], json!({}))),
            ],
        ),
    ];
    for (paginate, answers) in cases {
        let (things, asked) = read(paginate, &input, &answers).await;
        assert_eq!(things, Ok(json!(["a", "b", "c", "d", "e"])), "{paginate}");
        assert_eq!(asked, answers.iter().map(|(target, _)| (*target).to_owned()).collect::<Vec<_>>(), "{paginate}");
    }
}

/// The query says where it begins, and a poll goes on page by page.
#[tokio::test]
async fn a_page_is_behind_the_one_that_was_asked_for() {
    let answers = [
        ("&from=6", json!({ "items": ["a", "b"] })),
        ("&from=8", json!({ "items": ["c"] })),
        ("&from=9", json!({ "items": [] })),
    ];
    let (connection, _) = open("{ items: $.items, offset: { parameter: from } }", &answers);
    let input = json!({ "q": "a b", "from": 6 });
    let mut next: Option<String> = None;
    let mut found = Vec::new();
    loop {
        let page = connection.page(&FreePass, "list", &input, next.as_deref()).await.unwrap();
        found.extend(page.output["things"].as_array().unwrap().clone());
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_circle_and_a_wrong_total_are_failures_and_nothing_is_cut() {
    let cursor = "{ items: $.items, cursor: { at: $.next, parameter: after }, total: $.total }";
    let circle = [
        ("", json!({ "items": ["a"], "next": "x" })),
        ("&after=x", json!({ "items": ["b"], "next": "y" })),
        ("&after=y", json!({ "items": ["c"], "next": "x" })),
    ];
    let (circled, asked) = read(cursor, &json!({ "q": "a b" }), &circle).await;
    assert_eq!((circled, asked.len()), (Err(format!("{}: the pages lead round in a circle", ErrorClass::Bug)), 3));
    let short = [("", json!({ "items": ["a"], "total": 2 }))];
    let (counted, _) = read(cursor, &json!({ "q": "a b" }), &short).await;
    assert_eq!(counted, Err(format!("{}: the target counts 2 items and sent 1", ErrorClass::Unavailable)));
}

#[test]
fn a_manifest_says_one_way() {
    for (paginate, says) in [
        ("{ items: $.items }", "`paginate` says in one way where the next page is"),
        (
            "{ items: $.items, next: $.next, page: { parameter: p } }",
            "`paginate` says in one way where the next page is",
        ),
        ("{ items: $.items, page: { paramter: p } }", "`paramter` is not a key of `page` of pages"),
        ("{ items: $.items, cursor: $.next }", "`cursor` of pages must be a map, and this is text"),
    ] {
        let source = Source::new("acme/connector.yaml", manifest(paginate));
        let (_, reports) = Library::load(&[source], Arc::new(NoWatch));
        let found: Vec<_> = reports.iter().flat_map(Report::findings).map(|finding| finding.message.clone()).collect();
        assert!(found.iter().any(|message| message == says), "{paginate}: {found:?}");
    }
}
