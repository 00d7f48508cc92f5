//! Times of a schedule, by the clock of the store and not by that of the machine.
#![allow(clippy::disallowed_methods, reason = "the clock is tokio's paused one")]

use std::{sync::Arc, time::Duration};

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
use tokio::time::Instant;

/// A clock of virtual time, and how far it is ahead.
struct Ahead(Instant, SignedDuration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.0.elapsed()).unwrap();
        "2026-03-01T08:59:30Z".parse::<Timestamp>().unwrap() + passed + self.1
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

struct Nobody;

impl Http for Nobody {
    fn send(&self, _: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(std::future::ready(Err(HttpError::NotSent("nobody listens".to_owned()))))
    }
}

fn pipeline(name: &str) -> String {
    format!(
        "ferry: 1\npipeline: {name}\ntrigger:\n  schedule: {{ cron: '0 9 * * *', zone: UTC, overlap: skip, catch_up: none }}\n\
         steps: [ {{ id: day, map: {{ day: $.event.day }} }} ]\n"
    )
}

/// An engine that starts half a minute before nine, on a machine whose clock says that it is past nine already.
#[tokio::test(start_paused = true)]
async fn a_time_is_missed_by_the_stores_clock_alone() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("ferry", "ferry: 1\nproject: reports\n".to_owned()), ("a", pipeline("new")), ("b", pipeline("old"))];
    for (name, text) in files {
        std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let began = Instant::now();
    let clock = |ahead| Arc::new(Ahead(began, SignedDuration::from_secs(ahead))) as Arc<dyn Clock>;
    let rules = load::pipeline_rules();
    let projects = load::projects(&[folder.path().to_owned()], &rules, &load::Wanted::default()).unwrap();
    let world = World { http: Arc::new(Nobody), clock: clock(60) };
    let project = load::open(&projects[0], &world, None).unwrap();
    let store = Arc::new(SqliteStore::in_memory((clock(0), clock(0)), Guards::ALL).unwrap());
    let yesterday = Change::Cursor { trigger: "old".to_owned(), value: "2026-02-28T09:00:00Z".to_owned() };
    store.commit(vec![yesterday]).await.unwrap();
    let terms = Terms { process: "one".to_owned(), lease: LEASE, look_every: Duration::from_secs(1), clock: clock(0) };
    let engine = Engine::new(Setup {
        store: Arc::clone(&store) as Arc<dyn Store>,
        clock: clock(60),
        time: Time::Store,
        terms,
        rules,
        projects: vec![project],
        guards: Guards::ALL,
    });
    let serving = Arc::clone(&engine);
    let served = tokio::spawn(async move { serving.serve().await });
    tokio::time::sleep(Duration::from_mins(3)).await;
    engine.stop();
    served.await.unwrap();
    let runs = store.runs(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
    let mut runs: Vec<String> = runs.iter().map(|run| format!("{} {}", run.pipeline, run.event_key)).collect();
    runs.sort();
    assert_eq!(runs, ["new 2026-03-01T09:00:00Z", "old 2026-03-01T09:00:00Z"]);
}
