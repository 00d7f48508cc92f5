//! A payment in doubt while an address of its system is dead for hours: it waits for the address, not for a person.
#![allow(clippy::disallowed_methods, reason = "the clock is tokio's paused one")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry::{
    engine::{Engine, Setup, Terms, Time},
    load,
    store::{Change, Filter, Store, sqlite::SqliteStore},
};
use ferry_connectors::connection::World;
use ferry_contract::{
    limits::LEASE,
    port::{Boxed, Clock, Http, HttpError, HttpRequest, HttpResponse},
};
use ferry_core::once::Guards;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::Instant;

/// How long the second address is dead.
const DEAD: Duration = Duration::from_hours(3);
const LOOK_EVERY: Duration = Duration::from_mins(1);

const PROJECT: &str = "ferry: 1\nproject: shop\nconnections:\n  acme:\n    connector: acme\n    environment: only\n    \
    fallback: { api: [\"https://b\"] }\nalerts: { desk: log }\n";

const MANIFEST: &str = "\
ferry: 1
connector: acme
title: Acme
description: A system with two addresses.
environments: { only: { api: \"https://a\" } }
connection: {}
errors: [ { when: \"status == 404\", class: not_found } ]
actions:
  pay:
    summary: Pays.
    source: this test
    effect:
      write:
        repeat: lookup
        by: { action: find, with: { reference: $.reference } }
        found: { reference: $.reference }
        absence: { class: not_found, proves: true, visible_after: 12s }
    timeout: 1s
    request: { host: api, method: POST, path: /pay, body: $ }
    success: \"status == 200\"
    result: {}
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: none
  find:
    summary: Finds a payment.
    source: this test
    effect: read
    timeout: 1s
    request: { host: api, method: GET, path: \"/find/{$.reference}\" }
    success: \"status == 200\"
    result: $
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: none
";

const PIPELINE: &str = "\
ferry: 1
pipeline: pay
trigger: manual
steps: [ { id: pay, action: acme.pay, with: { reference: $.event.id } } ]
on_failure: { alert: desk }
";

/// Virtual time, from the moment when the world began.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.0.elapsed()).unwrap();
        Timestamp::from_millisecond(1_772_000_000_000).unwrap() + passed
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The first address loses the first payment, and its answer with it; the second one is dead at first.
struct Net {
    began: Instant,
    paid: Mutex<Vec<String>>,
}

impl Net {
    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.url.starts_with("https://b/") && self.began.elapsed() < DEAD {
            return Err(HttpError::NotSent("nobody listens".to_owned()));
        }
        let mut status = 404;
        if request.method == "POST" {
            self.paid.lock().unwrap().push(request.url.clone());
            if self.paid.lock().unwrap().len() == 1 {
                return Err(HttpError::NoAnswer("cut".to_owned()));
            }
            status = 200;
        }
        Ok(HttpResponse { status, headers: Vec::new(), body: b"{}".to_vec() })
    }
}

impl Http for Net {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(std::future::ready(self.answer(&request)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_waits_for_an_address_that_is_dead_for_hours() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("connectors/acme")).unwrap();
    for (name, text) in [("ferry.yaml", PROJECT), ("pay.yaml", PIPELINE), ("connectors/acme/connector.yaml", MANIFEST)]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let rules = load::pipeline_rules();
    let projects = load::projects(&[folder.path().to_owned()], &rules, &load::Wanted::default()).unwrap();
    let findings: Vec<_> = projects[0].reports().flat_map(|report| report.findings()).collect();
    assert!(projects[0].reports().all(ferry_contract::report::Report::is_ok), "{findings:?}");
    let began = Instant::now();
    let clock: Arc<dyn Clock> = Arc::new(Paused(began));
    let net = Arc::new(Net { began, paid: Mutex::default() });
    let world = World { http: Arc::clone(&net) as Arc<dyn Http>, clock: Arc::clone(&clock) };
    let project = load::open(&projects[0], &world, None).unwrap();
    let plan = Arc::clone(&project.plans[0].0);
    let store = Arc::new(SqliteStore::in_memory((Arc::clone(&clock), Arc::clone(&clock)), Guards::ALL).unwrap());
    let judged = |at| Change::Judge { is_trusted: true, by: "ana".to_owned(), reason: "a new system".to_owned(), at };
    store.commit(vec![judged(clock.now())]).await.unwrap();
    let engine = Engine::new(Setup {
        store: Arc::clone(&store) as Arc<dyn Store>,
        clock: Arc::clone(&clock),
        time: Time::Clock,
        terms: Terms { process: "one".to_owned(), lease: LEASE, look_every: LOOK_EVERY, clock: Arc::clone(&clock) },
        rules,
        projects: vec![project],
        guards: Guards::ALL,
    });
    let working = Arc::clone(&engine);
    let work = tokio::spawn(async move { working.work().await });
    engine.begin_by_hand(&plan, "T-1", &json!({ "id": "T-1" })).await.unwrap();
    let state = async || store.runs(&Filter { limit: 9, ..Filter::default() }).await.unwrap()[0].state.clone();
    while began.elapsed() < DEAD {
        clock.sleep(LOOK_EVERY).await;
        assert!(!["parked", "dead_lettered", "finished"].contains(&state().await.as_str()), "{:?}", began.elapsed());
    }
    clock.sleep(DEAD).await;
    engine.stop();
    work.await.unwrap();
    // Now that both say that they do not have it, it is paid.
    assert_eq!(
        (state().await.as_str(), &**net.paid.lock().unwrap()),
        ("finished", &["https://a/pay"; 2].map(String::from)[..])
    );
}
