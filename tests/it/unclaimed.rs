//! Events that nobody claims: each is one dead letter, seven days later, until somebody claims it.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry::{
    clock::{BootClock, pause},
    engine::{Engine, Setup, Terms, Time},
    limits::{TOLD_AT_ONCE_MAX, UNCLAIMED_AFTER, UNCLAIMED_ROWS_MAX},
    load,
    store::{
        Arrival, Change, DeadEvent, EngineId, Fence, Filter, Posted, RunId, Store, StoreError, sqlite::SqliteStore,
    },
};
use ferry_contract::{
    limits::LEASE,
    port::{Boxed, Clock},
};
use ferry_core::{
    once::Guards,
    plan::Use,
    run::{Entry, Letter, On, Parent, Wanted},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    program::{ferry, outcome},
    store::{arrived, stores},
};

const PATIENCE: u32 = 2_000;
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn at(ms: i64) -> Timestamp {
    arrived("a", "1", 0).at + SignedDuration::from_millis(ms)
}

/// The first moment at which an event that came at 0 is a dead letter.
fn due_ms() -> i64 {
    i64::try_from(UNCLAIMED_AFTER.as_millis()).unwrap()
}

fn watch(event: &str, uses: Use) -> Change {
    Change::Watch { event: event.into(), path: "$.id".into(), uses }
}

fn post(event: &str, key: &str, ms: i64) -> Change {
    Change::Post { event: event.into(), key: key.into(), data: json!({ "id": format!("of-{key}") }), at: at(ms) }
}

fn give_up(event: &str, key: &str, ms: i64) -> Vec<Change> {
    vec![Change::GiveUp { event: event.into(), key: key.into(), at: at(ms) }]
}

/// The run of an event, in the hands of its engine, with one entry more, and what is durable with that.
async fn begun(store: &dyn Store, key: &str, (entry, ms): (Entry, i64), also: Vec<Change>) -> RunId {
    let engine = EngineId::named(format!("of-{key}"));
    store.join(&engine, LEASE).await.unwrap();
    let (run, fence) = (RunId::of("pay", key), Fence::default().raised());
    let arrival = Arrival { owner: Some(engine), ..arrived(key, "1", 0) };
    let append = Change::Append { run: run.clone(), fence, sequence: 1, at: at(ms), entry };
    store.commit([vec![Change::Begin(arrival), append], also].concat()).await.unwrap();
    run
}

/// An event that a step of a run emits begins another one.
fn begins(parent: &str) -> Change {
    let parent = Parent { run: RunId::of("pay", parent).to_string(), step: "told".into(), depth: 1, waits: false };
    Change::Receive(Arrival { pipeline: "booked".into(), parent: Some(parent), ..arrived("o1", "1", 0) })
}

fn emitted(event: &str, key: &str) -> Entry {
    Entry::Emitted { step: "told".into(), event: event.into(), key: key.into(), data: json!({ "id": key }) }
}

fn waits_for(event: &str, value: &str) -> Entry {
    let wanted = Wanted { event: event.into(), path: "$.id".into(), value: value.into() };
    Entry::Waiting { step: "paid".into(), on: On::Event(wanted) }
}

async fn dead(store: &dyn Store) -> Vec<DeadEvent> {
    let dead = store.dead_events(&Filter { limit: 999, ..Filter::default() }).await.unwrap();
    assert_eq!(store.dead_events_count().await.unwrap(), dead.len() as u64);
    dead
}

async fn unclaimed(store: &dyn Store) -> Vec<String> {
    store.unclaimed(9).await.unwrap().into_iter().map(|posted| posted.key).collect()
}

#[tokio::test]
async fn an_event_that_nobody_claims_is_one_dead_letter_after_seven_days_and_not_before() {
    for tested in stores().await {
        let (store, other) = (&tested.store, &tested.other);
        let run = begun(&**store, "sender", (emitted("order.paid", "o1"), 0), vec![]).await;
        store.commit(vec![watch("order.paid", Use::Claim)]).await.unwrap();
        store.commit(vec![post("order.paid", "k2", 1)]).await.unwrap();
        let early = store.commit(give_up("order.paid", "k2", due_ms())).await.unwrap();
        assert_eq!((early.given_up, dead(&**store).await.len()), (vec![], 0));
        assert_eq!(unclaimed(&**other).await, ["o1", "k2"]);
        // Two engines that look at once: one of them makes it, and tells.
        let group = [give_up("order.paid", "k2", due_ms() + 1), give_up("order.paid", "o1", due_ms() + 1)].concat();
        let both = futures_util::future::join(store.commit(group.clone()), other.commit(group.clone())).await;
        let given_up = |done: Result<ferry::store::Committed, StoreError>| done.unwrap().given_up;
        let told: Vec<Posted> = given_up(both.0).into_iter().chain(given_up(both.1)).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(store.commit(group).await.unwrap().given_up, vec![]);
        assert!(unclaimed(&**store).await.is_empty());
        let dead = dead(&**other).await;
        let names: Vec<_> = dead.iter().map(|dead| (dead.posted.key.as_str(), dead.class.as_str())).collect();
        // No pipeline waited for events of that name when the first one came.
        assert_eq!(names, [("k2", "not_found"), ("o1", "config")]);
        assert_eq!(dead[0].message, "in 7 days, no run has waited for `order.paid` with `$.id` of-k2");
        assert_eq!((dead[0].posted.dead_at, &dead[0].data), (Some(at(due_ms() + 1)), &json!({ "id": "of-k2" })));
        let from = dead[1].posted.from.as_ref().unwrap();
        assert_eq!((&from.run, from.pipeline.as_str(), from.step.as_str()), (&run, "pay", "told"));
        let of = |pipeline: &str| Filter { pipeline: Some(pipeline.into()), limit: 9, ..Filter::default() };
        assert_eq!(store.dead_events(&of("pay")).await.unwrap(), [dead[1].clone()]);
        let kind = Filter { kinds: vec!["not_found".into()], limit: 9, ..Filter::default() };
        assert_eq!(store.dead_events(&kind).await.unwrap(), [dead[0].clone()]);
    }
}

#[tokio::test]
async fn a_claim_in_time_leaves_no_dead_letter_and_a_late_one_settles_it() {
    for tested in stores().await {
        let store = &*tested.store;
        store.commit(vec![watch("order.paid", Use::Claim)]).await.unwrap();
        store.commit(["early", "late"].map(|key| post("order.paid", key, 0)).to_vec()).await.unwrap();
        let early = begun(store, "e", (waits_for("order.paid", "of-early"), 9), vec![]).await;
        assert_eq!(unclaimed(store).await, ["late"]);
        for key in ["early", "late"] {
            store.commit(give_up("order.paid", key, due_ms())).await.unwrap();
        }
        assert_eq!(dead(store).await.iter().map(|dead| dead.posted.key.as_str()).collect::<Vec<_>>(), ["late"]);
        let late = begun(store, "l", (waits_for("order.paid", "of-late"), due_ms() + 5), vec![]).await;
        assert_eq!(dead(store).await, vec![]);
        for (run, key) in [(early, "early"), (late, "late")] {
            let posted = store.posted(key).await.unwrap().remove(0);
            assert_eq!((posted.claimed_by.as_ref(), posted.dead_at), (Some(&run), None));
            let letters = store.run(&run).await.unwrap().unwrap().letters;
            let data = json!({ "id": format!("of-{key}") });
            assert_eq!(letters[&0], Letter::Event { step: "paid".into(), data });
            // What was claimed once is never given up.
            assert_eq!(store.commit(give_up("order.paid", key, 9 * due_ms())).await.unwrap().given_up, vec![]);
        }
        assert!(unclaimed(store).await.is_empty() && dead(store).await.is_empty());
    }
}

/// One engine gives it up while a run of another begins to wait for it: whoever is second sees the first.
#[tokio::test]
async fn a_claim_and_a_look_at_once_leave_no_dead_letter() {
    for tested in stores().await {
        let (store, other) = (&*tested.store, &*tested.other);
        store.commit(vec![watch("order.paid", Use::Claim)]).await.unwrap();
        for number in 0..20 {
            let key = format!("k{number}");
            store.commit(vec![post("order.paid", &key, 0)]).await.unwrap();
            let claims = begun(store, &key, (waits_for("order.paid", &format!("of-{key}")), due_ms()), vec![]);
            let (_, given_up) =
                futures_util::future::join(claims, other.commit(give_up("order.paid", &key, due_ms()))).await;
            given_up.unwrap();
            assert_eq!(dead(store).await, vec![]);
        }
    }
}

#[tokio::test]
async fn what_begins_a_run_or_only_wakes_one_is_no_dead_letter() {
    for tested in stores().await {
        let store = &*tested.store;
        let watched = vec![watch("order.done", Use::Claim), watch("payout.status", Use::Wake)];
        store.commit(watched).await.unwrap();
        begun(store, "begins", (emitted("order.done", "o1"), 0), vec![begins("begins")]).await;
        assert!(unclaimed(store).await.is_empty());
        // Whoever waits finds it all the same.
        let late = begun(store, "w", (waits_for("order.done", "o1"), 9), vec![]).await;
        assert_eq!(store.run(&late).await.unwrap().unwrap().letters.len(), 1);
        store.commit(vec![post("payout.status", "s1", 0)]).await.unwrap();
        assert_eq!(store.commit(give_up("payout.status", "s1", due_ms())).await.unwrap().given_up, vec![]);
        assert!(unclaimed(store).await.is_empty() && dead(store).await.is_empty());
        // A name that another pipeline cannot do without: in whichever order they are loaded.
        store.commit(vec![post("payout.status", "s2", 0), watch("payout.status", Use::Claim)]).await.unwrap();
        store.commit(vec![watch("payout.status", Use::Wake)]).await.unwrap();
        assert_eq!(store.commit(give_up("payout.status", "s2", due_ms())).await.unwrap().given_up.len(), 1);
    }
}

/// A clock that a test sets; whoever sleeps looks again soon.
struct Hand(Mutex<Timestamp>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> Boxed<'_, ()> {
        Box::pin(pause(LOOK_EVERY))
    }
}

fn engine(store: &Arc<dyn Store>, clock: &Arc<Hand>, process: &str) -> Arc<Engine> {
    let (process, look_every) = (process.to_owned(), LOOK_EVERY);
    Engine::new(Setup {
        store: Arc::clone(store),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        time: Time::Clock,
        terms: Terms { process, lease: LEASE, look_every, clock: Arc::new(BootClock) },
        rules: load::pipeline_rules(),
        projects: Vec::new(),
        guards: Guards::ALL,
    })
}

#[tokio::test]
async fn engines_give_up_what_is_due_a_bounded_number_at_a_time() {
    for tested in stores().await {
        let count = UNCLAIMED_ROWS_MAX * 2 + 6;
        let key = |number: usize| format!("k{number:03}");
        let posts = (0..count).map(|number| post("order.paid", &key(number), i64::from(number + 1 == count)));
        tested.store.commit(posts.collect()).await.unwrap();
        let one_look = tested.store.unclaimed(UNCLAIMED_ROWS_MAX).await.unwrap();
        assert_eq!((one_look.len(), one_look[0].key.as_str()), (UNCLAIMED_ROWS_MAX, "k000"));
        let clock = Arc::new(Hand(Mutex::new(at(due_ms()))));
        let engines = [engine(&tested.store, &clock, "one"), engine(&tested.other, &clock, "two")];
        let works = engines.clone().map(|engine| tokio::spawn(async move { engine.work().await }));
        until(&*tested.store, count - 1).await;
        assert_eq!(unclaimed(&*tested.store).await, [key(count - 1)]);
        *clock.0.lock().unwrap() = at(due_ms() + 1);
        until(&*tested.store, count).await;
        engines.iter().for_each(|engine| engine.stop());
        for work in works {
            work.await.unwrap();
        }
        let mut keys: Vec<String> = dead(&*tested.store).await.into_iter().map(|dead| dead.posted.key).collect();
        keys.sort();
        assert_eq!(keys, (0..count).map(key).collect::<Vec<_>>());
    }
}

/// Those whom one transaction does not tell are told in the next ones, by whichever engine; nobody is told twice.
#[tokio::test]
async fn all_who_wait_for_one_event_are_told_once_a_bounded_number_at_a_time() {
    for tested in stores().await {
        let store = &*tested.store;
        store.commit(vec![watch("order.paid", Use::Claim)]).await.unwrap();
        let count = TOLD_AT_ONCE_MAX * 2 + 5;
        let mut runs = Vec::new();
        for number in 0..count {
            runs.push(begun(store, &format!("w{number:03}"), (waits_for("order.paid", "of-k"), 9), vec![]).await);
        }
        // One that asks anyway is woken if it is among the first, and not looked for afterwards.
        let wanted = Wanted { event: "order.paid".into(), path: "$.id".into(), value: "of-k".into() };
        let asks = Entry::Waiting { step: "paid".into(), on: On::Answer { wake: Some(wanted) } };
        let asks = begun(store, "asks", (asks, 9), vec![]).await;
        let all = [&runs[..], std::slice::from_ref(&asks)].concat();
        store.commit(vec![post("order.paid", "k", 10)]).await.unwrap();
        assert_eq!((letters(store, &all).await, told(store).await), (TOLD_AT_ONCE_MAX, false));
        store.commit(vec![Change::Tell { event: "order.paid".into(), key: "k".into(), at: at(11) }]).await.unwrap();
        assert_eq!((letters(store, &all).await, told(&*tested.other).await), (TOLD_AT_ONCE_MAX * 2, false));
        let clock = Arc::new(Hand(Mutex::new(at(12))));
        let engines = [engine(&tested.store, &clock, "one"), engine(&tested.other, &clock, "two")];
        let works = engines.clone().map(|engine| tokio::spawn(async move { engine.work().await }));
        let mut looks = 0..PATIENCE;
        while !told(store).await && looks.next().is_some() {
            pause(LOOK_EVERY).await;
        }
        engines.iter().for_each(|engine| engine.stop());
        for work in works {
            work.await.unwrap();
        }
        assert!(told(store).await && letters(store, &[asks]).await <= 1);
        assert_eq!(letters(store, &runs).await, count);
        // Who has been told waits no more.
        let again = json!({ "id": "of-k" });
        let again = Change::Post { event: "order.paid".into(), key: "again".into(), data: again, at: at(14) };
        store.commit(vec![again]).await.unwrap();
        assert_eq!(letters(store, &runs).await, count);
    }
}

/// Waits that are written with the event are counted as those that were there, and nobody is told of two.
#[tokio::test]
async fn those_who_begin_to_wait_in_one_batch_with_the_event_are_all_told_once() {
    for tested in stores().await {
        let store = &*tested.store;
        store.commit(vec![watch("order.paid", Use::Claim)]).await.unwrap();
        let engine = EngineId::named("one");
        store.join(&engine, LEASE).await.unwrap();
        let keys: Vec<String> = (0..TOLD_AT_ONCE_MAX + 3).map(|number| format!("w{number:03}")).collect();
        let begins = keys.iter().flat_map(|key| {
            let (run, fence) = (RunId::of("pay", key), Fence::default().raised());
            let arrival = Arrival { owner: Some(engine.clone()), ..arrived(key, "1", 0) };
            let entry = waits_for("order.paid", "x");
            [Change::Begin(arrival), Change::Append { run, fence, sequence: 1, at: at(9), entry }]
        });
        let post = |key: &str| {
            let data = json!({ "id": "x" });
            Change::Post { event: "order.paid".into(), key: key.into(), data, at: at(10) }
        };
        store.commit(begins.chain([post("k")]).collect()).await.unwrap();
        let runs: Vec<RunId> = keys.iter().map(|key| RunId::of("pay", key)).collect();
        assert_eq!((letters(store, &runs).await, told(store).await), (TOLD_AT_ONCE_MAX, false));
        let tell = Change::Tell { event: "order.paid".into(), key: "k".into(), at: at(11) };
        store.commit(vec![tell, post("l")]).await.unwrap();
        assert_eq!((letters(store, &runs).await, told(store).await), (runs.len(), true));
        assert_eq!(unclaimed(store).await, ["l"]);
    }
}

async fn told(store: &dyn Store) -> bool {
    store.untold(9).await.unwrap().is_empty()
}

async fn letters(store: &dyn Store, runs: &[RunId]) -> usize {
    let mut letters = 0;
    for run in runs {
        letters += store.run(run).await.unwrap().unwrap().letters.len();
    }
    letters
}

async fn until(store: &dyn Store, count: usize) {
    for _ in 0..PATIENCE {
        if store.dead_events_count().await.unwrap() == count as u64 {
            return;
        }
        pause(LOOK_EVERY).await;
    }
    panic!("{} of {count} are dead letters", store.dead_events_count().await.unwrap());
}

#[tokio::test]
async fn a_person_is_shown_what_nobody_claimed_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join(".ferry/ferry.db")).unwrap();
    store.commit(vec![watch("order.paid", Use::Claim)]).await.unwrap();
    let run = begun(&store, "sender", (emitted("order.paid", "o1"), 0), vec![]).await;
    let says = |args: &[&str]| says(folder.path(), args);
    let waits = says(&["why", "o1"]);
    assert!(waits.contains("no run has waited for it yet. If none has by 2026-03-"), "{waits}");
    store.commit(give_up("order.paid", "o1", due_ms())).await.unwrap();
    let id = Posted::id_of("order.paid", "o1");
    let cause = "in 7 days, no run has waited for `order.paid` with `$.id` o1";
    let list = says(&["dlq", "list"]);
    let columns = [id.as_str(), "pay", "o1", "told", "not_found", cause, "ferry dlq show"];
    assert!(columns.iter().all(|column| list.contains(column)) && !list.contains("dlq replay"), "{list}");
    for name in [&id, "o1"] {
        let shown = says(&["dlq", "show", name]);
        let parts = ["this is for finance", "\"id\": \"o1\"", cause, run.as_str(), "takes it still"];
        assert!(parts.iter().all(|part| shown.contains(part)), "{shown}");
        let why = says(&["why", name]);
        assert!(why.contains("is kept as a dead letter since ") && why.contains("This is for finance"), "{why}");
    }
    let json = says(&["dlq", "list", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["dead_events"][0]["id"], &json["dead_letters"]), (&json!(id), &json!([])));
    let replay = says(&["dlq", "replay", &id, "--yes", "--reason", "x"]);
    assert!(replay.contains("is an event, and no run that could be replayed"), "{replay}");
    assert!(says(&["store", "show"]).contains("1 events that nobody claimed"));
}

fn says(folder: &Path, args: &[&str]) -> String {
    let (_, stdout, stderr) = outcome(ferry(folder).args(args));
    stdout + stderr.as_str()
}
