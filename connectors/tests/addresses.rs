//! Which addresses of a system a call goes to, for each way in which the first one fails.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use ferry_connectors::connection::Connection;
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Boxed, FreePass, Http, HttpError, HttpRequest, HttpResponse, Pass, Seen},
};
use serde_json::{Value, json};

const MANIFEST: &str = r#"
ferry: 1
connector: acme
title: Acme
environments: { only: { api: "https://a", login: "https://login-a" } }
connection:
  client_id: { example: a, doc: A name. }
  client_secret: { secret: true, example: b, doc: A secret. }
auth: { oauth2: { grant: client_credentials, token_url: "{login}/token", client: basic } }
errors: [ { when: "status == 404", class: not_found }, { when: "status == 429", class: throttled } ]
actions:
  get:
    summary: Gets.
    source: this test
    effect: read
    request: { host: api, method: GET, path: /things }
    paginate: { items: $.items, next: $.next }
    success: "status == 200"
    result: $.items
    input: { type: object, properties: {} }
    output: { type: array, items: { type: string } }
    sample: none
"#;

/// The writes of the manifest, by what a repeat of them would do.
fn manifest() -> String {
    let write = |(name, repeat): (&str, &str)| {
        format!(
            "  {name}:\n    summary: Does.\n    source: this test\n    effect: {{ write: {{ {repeat} }} }}\n    \
             request: {{ host: api, method: POST, path: /{name} }}\n    success: \"status == 200\"\n    result: {{}}\n    \
             input: {{ type: object, properties: {{}} }}\n    output: {{ type: object, properties: {{}} }}\n    sample: none\n"
        )
    };
    let writes = [
        ("upsert", "repeat: upsert"),
        ("keyed", "repeat: keyed, header: Idempotency-Key"),
        ("lookup", "repeat: lookup, by: { action: get }, found: { a: $.a }"),
        ("never", "repeat: never"),
    ];
    format!("{MANIFEST}{}", writes.map(write).concat())
}

/// What an address does with each request.
#[derive(Clone, Copy, Debug)]
enum Does {
    Refuses,
    Cuts,
    Answers(u16),
    /// A first page that leads to the second one at this address.
    Leads(&'static str),
}

/// A network of addresses: what each does, and where requests came to.
struct Net {
    does: BTreeMap<&'static str, Does>,
    asked: Mutex<Vec<String>>,
    tokens: Mutex<Vec<String>>,
}

impl Net {
    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.url.trim_start_matches("https://").split('/').next().unwrap();
        self.asked.lock().unwrap().push(request.url.trim_start_matches("https://").to_owned());
        let token = request.headers.iter().find(|(name, _)| name == "authorization");
        self.tokens.lock().unwrap().push(format!("{host} {}", token.map_or("", |(_, value)| value)));
        let answer = |status, body: Value| HttpResponse { status, headers: Vec::new(), body: body.to_string().into() };
        match self.does.get(host).unwrap_or_else(|| panic!("{host} is not ours")) {
            Does::Refuses => Err(HttpError::NotSent("refused".to_owned())),
            Does::Cuts => Err(HttpError::NoAnswer("cut".to_owned())),
            Does::Answers(200) if request.url.ends_with("/token") => {
                Ok(answer(200, json!({ "access_token": "t", "expires_in": 3600, "instance_url": "https://c" })))
            }
            Does::Leads(next) if !request.url.ends_with("/2") => {
                Ok(answer(200, json!({ "items": ["a"], "next": next })))
            }
            Does::Leads(_) => Ok(answer(200, json!({ "items": ["b"] }))),
            Does::Answers(status) => Ok(answer(*status, json!({ "items": ["c"] }))),
        }
    }
}

impl Http for Net {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(std::future::ready(self.answer(&request)))
    }
}

/// A gate that is closed at the first address, and hears of the others.
struct Closed(&'static str, Mutex<Vec<String>>);

impl Pass for Closed {
    fn next<'a>(&'a self, host: &'a str) -> Boxed<'a, Result<(), Failure>> {
        let closed = || Failure::new(ErrorClass::Unavailable, "the circuit is open");
        Box::pin(std::future::ready(if host == self.0 { Err(closed()) } else { Ok(()) }))
    }

    fn seen<'a>(&'a self, host: &'a str, _: Seen) -> Boxed<'a, ()> {
        self.1.lock().unwrap().push(host.to_owned());
        Box::pin(std::future::ready(()))
    }
}

fn open(does: &[(&'static str, Does)], fallback: &[(&str, &str)]) -> (Arc<Net>, Result<Connection, Failure>) {
    open_as(manifest(), does, fallback)
}

fn open_as(
    manifest: String,
    does: &[(&'static str, Does)],
    fallback: &[(&str, &str)],
) -> (Arc<Net>, Result<Connection, Failure>) {
    let does = [("login-a", Does::Answers(200))].into_iter().chain(does.iter().copied()).collect();
    let net = Arc::new(Net { does, asked: Mutex::default(), tokens: Mutex::default() });
    let fallback =
        fallback.iter().map(|(host, url)| ((*host).to_owned(), url.split(' ').map(str::to_owned).collect())).collect();
    let fields = [("client_id", "x"), ("client_secret", "x")];
    let opened = common::open(manifest, &fields, Arc::clone(&net) as Arc<dyn Http>).unwrap();
    (net, opened.with_fallback(fallback))
}

/// Where a call of an action went after it had its token, and what it got.
async fn went(action: &str, first: Does, second: Does) -> (String, Option<ErrorClass>) {
    let (net, connection) = open(&[("a", first), ("b", second)], &[("api", "https://b/")]);
    let connection = connection.unwrap();
    let call = connection.prepare(action, &json!({})).unwrap();
    let got = connection.send(&FreePass, action, &[&call]).await.pop().unwrap();
    let hosts: Vec<_> = net.asked.lock().unwrap().iter().map(|url| url.split('/').next().unwrap().to_owned()).collect();
    (hosts[1..].join(" "), got.err().map(|failure| failure.class))
}

#[tokio::test]
async fn a_call_goes_on_where_nothing_was_sent_and_a_read_where_nothing_was_said() {
    use Does::{Answers, Cuts, Refuses};
    let (unavailable, unknown) = (Some(ErrorClass::Unavailable), Some(ErrorClass::Unknown));
    for (action, first, second, hosts, class) in [
        ("get", Answers(200), Refuses, "a", None),
        ("get", Refuses, Answers(200), "a b", None),
        ("get", Cuts, Answers(200), "a b", None),
        ("get", Answers(503), Answers(200), "a b", None),
        // What the target says is its answer, wherever it is asked.
        ("get", Answers(404), Answers(200), "a", Some(ErrorClass::NotFound)),
        ("get", Answers(429), Answers(200), "a", Some(ErrorClass::Throttled)),
        ("get", Refuses, Cuts, "a b", unknown),
        ("upsert", Refuses, Answers(200), "a b", None),
        ("keyed", Refuses, Answers(200), "a b", None),
        ("lookup", Refuses, Answers(200), "a b", None),
        ("lookup", Refuses, Refuses, "a b", unavailable),
        // It may have been done at the first one.
        ("upsert", Cuts, Answers(200), "a", unknown),
        ("keyed", Answers(503), Answers(200), "a", unknown),
        ("lookup", Cuts, Answers(200), "a", unknown),
        ("never", Refuses, Answers(200), "a", unavailable),
        ("never", Cuts, Answers(200), "a", unknown),
    ] {
        let expected = (hosts.to_owned(), class);
        assert_eq!(went(action, first, second).await, expected, "{action}: {first:?}, then {second:?}");
    }
}

#[tokio::test]
async fn a_failure_tells_what_came_of_each_address() {
    let does = [("a", Does::Refuses), ("b", Does::Answers(503)), ("c", Does::Cuts)];
    let (_, connection) = open(&does, &[("api", "https://b https://c")]);
    let connection = connection.unwrap();
    let call = connection.prepare("get", &json!({})).unwrap();
    let failure = connection.send(&FreePass, "get", &[&call]).await.pop().unwrap().unwrap_err();
    let told = failure.message.split("; at the address before it: ").map(|told| &told[..told.len().min(9)]);
    assert_eq!(told.collect::<Vec<_>>(), ["no answer", "Acme answ", "not sent:"], "{}", failure.message);
}

#[tokio::test]
async fn a_closed_circuit_is_passed_by_and_each_address_has_its_own() {
    let (net, connection) = open(&[("b", Does::Answers(200))], &[("api", "https://b")]);
    let connection = connection.unwrap();
    let pass = Closed("api", Mutex::default());
    let call = connection.prepare("lookup", &json!({})).unwrap();
    assert!(connection.send(&pass, "lookup", &[&call]).await[0].is_ok());
    assert_eq!(*net.asked.lock().unwrap(), ["login-a/token", "b/lookup"]);
    assert_eq!(*pass.1.lock().unwrap(), ["login", "api https://b"]);
    assert_eq!(connection.hosts_of("lookup"), [["api", "api https://b"]]);
    assert_eq!(connection.hosts_of("never"), [["api"]]);
}

#[tokio::test]
async fn that_a_write_has_not_arrived_is_said_by_all_addresses_or_by_none() {
    use Does::{Answers, Cuts, Refuses};
    let absent = ErrorClass::NotFound;
    for (first, second, class) in [
        (Answers(200), Refuses, None),
        (Refuses, Answers(200), None),
        (Answers(404), Answers(200), None),
        (Answers(404), Answers(404), Some(absent)),
        // Here a payout would be sent again on the word of an address that does not know of it.
        (Refuses, Answers(404), Some(ErrorClass::Unavailable)),
        (Answers(404), Cuts, Some(ErrorClass::Unknown)),
    ] {
        let (_, connection) = open(&[("a", first), ("b", second)], &[("api", "https://b")]);
        let connection = connection.unwrap();
        let question = connection.prepare("get", &json!({})).unwrap();
        let found = connection.look_up(&FreePass, "get", &question, absent).await;
        assert_eq!(found.err().map(|failure| failure.class), class, "{first:?}, then {second:?}");
    }
}

#[tokio::test]
async fn a_token_goes_only_to_addresses_that_are_written_and_comes_from_them() {
    for (next, pages) in [("https://b/2", "a/things b/things a/2 b/2"), ("/2", "a/things b/things a/2 b/2")] {
        let (net, connection) = open(&[("a", Does::Refuses), ("b", Does::Leads(next))], &[("api", "https://b")]);
        let connection = connection.unwrap();
        let call = connection.prepare("get", &json!({})).unwrap();
        assert_eq!(connection.send(&FreePass, "get", &[&call]).await, [Ok(json!(["a", "b"]))]);
        assert_eq!(net.asked.lock().unwrap()[1..].join(" "), pages);
    }
    let (net, connection) = open(&[("a", Does::Leads("https://evil/2"))], &[("api", "https://b")]);
    let connection = connection.unwrap();
    let call = connection.prepare("get", &json!({})).unwrap();
    let failure = connection.send(&FreePass, "get", &[&call]).await.pop().unwrap().unwrap_err();
    assert_eq!((failure.class, net.asked.lock().unwrap().len()), (ErrorClass::Bug, 2), "nothing went to `evil`");

    let answers = Does::Answers(200);
    let does = [("login-a", Does::Refuses), ("login-b", answers), ("a", answers)];
    let (net, connection) = open(&does, &[("login", "https://login-b")]);
    let connection = connection.unwrap();
    let call = connection.prepare("get", &json!({})).unwrap();
    assert!(connection.send(&FreePass, "get", &[&call]).await[0].is_ok());
    assert_eq!(*net.asked.lock().unwrap(), ["login-a/token", "login-b/token", "a/things"]);
    assert_eq!(net.tokens.lock().unwrap()[2], "a Bearer t");
}

#[test]
fn a_fallback_leads_where_its_connection_leads() {
    let identity = |fallback| open(&[], fallback).1.unwrap().identity().clone();
    assert_eq!(identity(&[("api", "https://b")]), identity(&[]), "a write in doubt is one of the same target");
    let no_address =
        "`fallback.api[0]` is no address: it must be a scheme, a host and perhaps a path, and nothing else";
    for (host, url, said) in [
        ("app", "https://b", "`fallback`: its environment has no address `app`"),
        ("api", "b.example", no_address),
        // It was a reference until now, and must not be in any message, log or row.
        ("api", "https://user:secret@b", no_address),
        ("api", "https://b?key=secret", no_address),
        ("api", "https:///b", no_address),
        ("api", "http://127.0.0.1:1", "`fallback.api[0]` is not encrypted, and `https://a` is"),
        ("api", "https://a/", "`fallback.api[0]` is an address that stands before it, so it would be tried twice"),
    ] {
        let failure = open(&[], &[(host, url)]).1.unwrap_err();
        assert_eq!(failure.message, format!("connection `acme`: {said}"));
    }
}

#[tokio::test]
async fn a_host_that_a_token_names_has_no_further_address() {
    let named = || manifest().replace("client: basic }", "client: basic, hosts: { api: $.instance_url } }");
    let failure = open_as(named(), &[], &[("api", "https://b")]).1.unwrap_err();
    assert_eq!(failure.message, "connection `acme`: `fallback.api`: a token names `api`, so it has no further address");
    // Calls go where the token says, whichever address it came from; and what is not there is absent.
    let does = [("login-a", Does::Refuses), ("login-b", Does::Answers(200)), ("c", Does::Answers(404))];
    let (net, connection) = open_as(named(), &does, &[("login", "https://login-b")]);
    let connection = connection.unwrap();
    let question = connection.prepare("get", &json!({})).unwrap();
    let found = connection.look_up(&FreePass, "get", &question, ErrorClass::NotFound).await;
    assert_eq!(found.unwrap_err().class, ErrorClass::NotFound);
    assert_eq!(*net.asked.lock().unwrap(), ["login-a/token", "login-b/token", "c/things"]);
}
