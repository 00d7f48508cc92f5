//! What systems tell by themselves: their own word is taken once, and nobody else's.

use std::{path::Path, sync::Arc, time::Duration};

use ferry::{
    clock::{SystemClock, pause},
    http::HttpClient,
    sandbox::{get, post},
};
use ferry_connectors::webhook::{Delivery, sign};
use ferry_contract::{port::Clock, webhook::Scheme};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    program::{ferry, sandbox, serve_folder},
    shipped,
};

const PATIENCE: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(crate) const PROJECT: &str = "ferry: 1
project: told
connections:
  payoneer:
    connector: payoneer
    environment: sandbox
    program_id: ${env:NOBODY:-1}
    client_id: ${env:NOBODY:-a}
    client_secret: ${env:NOBODY:-b}
    webhook_secret: ${env:NOBODY:-c}
";

pub(crate) const SENT: &str = "ferry: 1
pipeline: sent
trigger: { webhook: { from: payoneer.payout_sent, path: sent }, key: $.client_reference_id }
steps:
  - { id: paid, map: { who: $.event.payee_id, cents: { rhai: event.amount * 100 } } }
output: { value: $.paid }
";

async fn pays(sandbox: &str, reference: &str) {
    let http = Arc::new(HttpClient::new().unwrap());
    let fields = ["program_id", "client_id", "client_secret"];
    let connection = shipped::opened((sandbox, &http), ("payoneer", None), &fields).await;
    let amount = json!({ "amount": 5.10, "currency": "USD" });
    let input = json!({ "client_reference_id": reference, "payee_id": "P-1", "amount": amount, "description": "x" });
    shipped::call(&connection, "create_payout", input).await.unwrap();
}

/// Waits until the sandbox's last webhook with this value of a field was accepted and refused so often.
pub(crate) async fn until(sandbox: &str, (field, name): (&str, &str), expected: [u64; 2]) {
    let http = HttpClient::new().unwrap();
    let mut seen = Value::Null;
    for _ in 0..PATIENCE {
        seen = get(&http, &format!("{sandbox}/_sandbox/webhooks")).await.unwrap()["list"].take();
        let own = seen.as_array().unwrap().iter().rfind(|webhook| webhook[field] == name);
        let counts = own.map(|own| ["accepted", "refused"].map(|name| own[name].as_u64().unwrap()));
        if counts == Some(expected) {
            return;
        }
        pause(LOOK_EVERY).await;
    }
    panic!("{name} is not {expected:?}: {seen}");
}

/// The sandbox tells as Payoneer does, and somebody else beside it.
#[tokio::test]
async fn payoneers_word_is_taken_once_and_a_forgery_or_a_recording_never() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("told")).unwrap();
    std::fs::write(folder.join("told/ferry.yaml"), PROJECT).unwrap();
    std::fs::write(folder.join("told/sent.yaml"), SENT).unwrap();
    let sandbox = sandbox(folder, &["--requests", "20", "--speed", "60"]);
    let service = serve_folder(folder, &folder.join("told"), "ferry.db", &["--sandbox", &sandbox.address]);
    let http = HttpClient::new().unwrap();
    let control = async |what: &str, body: Value| {
        post(&http, &format!("{}/_sandbox/{what}", sandbox.address), &body).await.unwrap()
    };
    control("webhooks", json!({ "urls": [format!("SentToBank={}sent", service.hooks)] })).await;
    // By ten minutes: twice as long as a signature is believed.
    for (reference, fault, expected) in [
        ("ref-1", json!({ "fault": "duplicate" }), [2, 0]),
        ("ref-2", json!({ "fault": "replayed", "by_ms": 600_000 }), [1, 1]),
        ("ref-3", json!({ "fault": "badly_signed" }), [0, 1]),
    ] {
        control("faults", json!({ "webhooks": [fault] })).await;
        pays(&sandbox.address, reference).await;
        control("clock", json!({ "advance_ms": 41 * 60_000 })).await;
        until(&sandbox.address, ("reference", reference), expected).await;
    }
    for (reference, output) in [("ref-1", true), ("ref-2", true), ("ref-3", false)] {
        let mut shown = Value::Null;
        for _ in 0..PATIENCE {
            let args = ["runs", "show", reference, "--store", "ferry.db", "--format", "json"];
            let printed = ferry(folder).args(args).output().unwrap();
            shown = serde_json::from_slice(&printed.stdout).unwrap_or(Value::Null);
            if shown["run"]["state"] == "finished" || !output {
                break;
            }
            pause(LOOK_EVERY).await;
        }
        let finished = shown["journal"].as_array().and_then(|journal| journal.last()).map(|last| &last["entry"]);
        let expected = r#"{"finished":{"output":{"value":{"who":"P-1","cents":510.00}}}}"#;
        assert_eq!(finished.map(ToString::to_string).as_deref(), output.then_some(expected), "{reference}");
    }
}

const CONNECTOR: &str = "ferry: 1
connector: acme
title: Acme
environments: { sandbox: { api: https://api.sandbox.example.com } }
connection:
  key: { secret: true, doc: What both sides know., example: a long random text }
errors: [ { when: \"status == 400\", class: rejected } ]
actions:
  get_thing:
    summary: Reads a thing.
    source: a test
    effect: read
    request: { host: api, method: GET, path: /thing }
    success: status == 200
    result: $
    input: { type: object, properties: {} }
    output: { type: object, properties: {} }
    sample: samples/get_thing.json
webhooks:
  asked:
    summary: Somebody asks.
    source: a test
    verify: { scheme: shared_secret, header: X-Token, secret: key }
    encoding: query
    result: { id: $.id, what: $.what }
    output: { type: object, properties: { id: { type: string, description: Its name., example: a-1 }, what: { type: string, description: What., example: x } } }
    sample: samples/webhooks/asked.json
  paid:
    summary: Somebody pays.
    source: a test
    verify: { scheme: payoneer_hmacauth, secret: key }
    result: { id: $.id, what: $.what }
    output: { type: object, properties: { id: { type: string, description: Its name., example: a-1 }, what: { type: string, description: What., example: x } } }
    sample: samples/webhooks/paid.json
  filled:
    summary: Somebody fills a form.
    source: a test
    verify: { scheme: shared_secret, header: X-Token, secret: key }
    encoding: form
    result: { id: $.id, what: $.what }
    output: { type: object, properties: { id: { type: string, description: Its name., example: a-1 }, what: { type: string, description: What., example: x } } }
    sample: samples/webhooks/filled.json
  signed:
    summary: Somebody signs as the standard says.
    source: a test
    verify: { scheme: standard_webhooks, secret: key, skew: 1m }
    result: { id: { rhai: 'headers[\"webhook-id\"]' }, what: $.data.what }
    output: { type: object, properties: { id: { type: string, description: Its name., example: a-1 }, what: { type: string, description: What., example: x } } }
    sample: samples/webhooks/signed.json
";

fn write_acme(folder: &Path) {
    std::fs::create_dir_all(folder.join("acme/connectors/acme")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join("acme").join(name), text).unwrap();
    write("connectors/acme/connector.yaml", CONNECTOR);
    let project = "ferry: 1\nproject: acme\nconnections:\n  acme: { connector: acme, environment: sandbox, key: \"${env:HOOK_SECRET}\" }\n";
    write("ferry.yaml", project);
    for webhook in ["asked", "filled", "paid", "signed"] {
        let text = format!(
            "ferry: 1
pipeline: {webhook}
trigger: {{ webhook: {{ from: acme.{webhook}, path: {webhook}, respond: answer }}, key: $.id }}
steps:
  - {{ id: answer, map: {{ id: $.event.id, what: $.event.what }} }}
"
        );
        write(&format!("{webhook}.yaml"), &text);
    }
    let plain = "ferry: 1
pipeline: plain
trigger:
  webhook: { path: plain, verify: { scheme: standard_webhooks, secret: \"${env:HOOK_SECRET}\" }, respond: answer }
  key: $.id
steps:
  - { id: answer, map: { id: $.event.id, what: $.event.what } }
";
    write("plain.yaml", plain);
}

/// A connector of the project's own; senders call the service by another name than its address.
#[tokio::test]
async fn each_scheme_and_encoding_is_taken_from_who_knows_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    write_acme(folder.path());
    let public = "https://hooks.example.com/ferry/";
    let service = serve_folder(folder.path(), &folder.path().join("acme"), "ferry.db", &["--public-url", public]);
    let skew = Duration::from_mins(5);
    let header = "x-token".to_owned();
    let (hmacauth, shared) = (Scheme::PayoneerHmacauth { skew }, Scheme::SharedSecret { header });
    let (standard, form) = (Scheme::StandardWebhooks { skew }, "application/x-www-form-urlencoded");
    let http = reqwest::Client::new();
    let cases = [
        ("asked?what=f%C3%BCnf+euro&id=a-1", "GET", &shared, "", "", "fünf euro"),
        ("paid", "POST", &hmacauth, "application/json", r#"{"id": "a-1", "what": "4"}"#, "4"),
        ("filled", "POST", &shared, form, "id=a-1&what=f%C3%BCnf+euro", "fünf euro"),
        ("signed", "POST", &standard, "application/json", r#"{"data": {"what": "5"}}"#, "5"),
        ("plain", "POST", &standard, "application/json", r#"{"id": "a-1", "what": "6"}"#, "6"),
    ];
    for (path, method, scheme, kind, body, what) in cases {
        let send = async |secret: &str, url: &str, age_s: i64, method: &str| {
            let delivery = Delivery { method, url, headers: &[], body: body.as_bytes() };
            let at = Timestamp::from_second(Clock::now(&SystemClock::default()).as_second() - age_s).unwrap();
            let headers = sign(scheme, &SecretString::from(secret), &delivery, ("a-1", at));
            let method = method.parse().unwrap();
            let mut request = http.request(method, format!("{}{path}", service.hooks)).body(body.to_owned());
            request = request.header("content-type", kind);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
        };
        let url = format!("https://hooks.example.com/ferry/hooks/{path}");
        let (status, refused) = send("wrong", &url, 0, method).await;
        assert_eq!(
            (status, refused["error"].as_str()),
            (401, Some("the signature does not fit the request")),
            "{path}"
        );
        let other = if method == "GET" { "POST" } else { "GET" };
        assert_eq!(send("geheim", &url, 0, other).await.0, 405, "{path}");
        if *scheme == hmacauth {
            assert_eq!(send("geheim", &format!("{}{path}", service.hooks), 0, method).await.0, 401, "{path}");
        }
        if *scheme != shared {
            let (status, refused) = send("geheim", &url, 3_600, method).await;
            let said = refused["error"].as_str().unwrap_or_default().to_owned();
            assert!(status == 401 && said.contains(" s ago, and "), "{path}: {status} {said}");
        }
        for _ in 0..2 {
            let taken = send("geheim", &url, 0, method).await;
            assert_eq!(taken, (200, json!({ "id": "a-1", "what": what })), "{path}");
        }
    }
}

/// A delivery that its connector does not describe takes no key from the one that it should have been.
#[tokio::test]
async fn what_a_connector_does_not_describe_is_a_dead_letter_and_no_payment() {
    let folder = tempfile::tempdir().unwrap();
    write_acme(folder.path());
    let service = serve_folder(folder.path(), &folder.path().join("acme"), "ferry.db", &[]);
    let http = reqwest::Client::new();
    let send = async |body: &str| {
        let url = format!("{}paid", service.hooks);
        let delivery = Delivery { method: "POST", url: &url, headers: &[], body: body.as_bytes() };
        let scheme = Scheme::PayoneerHmacauth { skew: Duration::from_mins(5) };
        let now = Clock::now(&SystemClock::default());
        let headers = sign(&scheme, &SecretString::from("geheim"), &delivery, ("n", now));
        let request = http.post(&url).header(&headers[0].0, &headers[0].1).body(body.to_owned());
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(r#"{"id": "a-1", "what": 5}"#).await, 202);
    assert_eq!(send("<xml/>").await, 202);
    assert_eq!(send(r#"{"id": "a-1", "what": "5"}"#).await, 200);
    let args = ["dlq", "list", "--store", "ferry.db", "--format", "json"];
    let printed = ferry(folder.path()).args(args).output().unwrap();
    let letters: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let mut reasons: Vec<&str> =
        letters["dead_letters"].as_array().unwrap().iter().map(|letter| letter["message"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    let [first, second] = reasons.as_slice() else { panic!("{letters}") };
    assert!(first.contains("the body is no JSON") && second.contains("not as the connector describes it"), "{letters}");
}
