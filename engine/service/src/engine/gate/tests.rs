//! Gates of two processes on one store, on a clock that a sleep moves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
};
use ferry_contract::{
    catalog::Window,
    failure::ErrorClass,
    port::{Boxed, Clock, Http, HttpError, HttpRequest, HttpResponse, Level, Pass as _, Seen},
    report::Source,
    script::NoWatch,
};
use ferry_core::once::Guards;
use jiff::Timestamp;

use super::{Ask, Gate, Gates, Pass};
use crate::{
    clock::BootClock,
    store::{Store, sqlite::SqliteStore},
};

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(1_772_000_000_000 + self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

struct NoHttp;

impl Http for NoHttp {
    fn send(&self, _: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(std::future::ready(Err(HttpError::NotSent("there is no network here".to_owned()))))
    }
}

/// One store, one clock, and any number of processes.
struct Place {
    store: Arc<dyn Store>,
    clock: Arc<TestClock>,
    library: Library,
}

impl Place {
    fn new(limits: &str) -> Self {
        let manifest = format!(
            "ferry: 1\nconnector: acme\ntitle: Acme\nenvironments: {{ only: {{ api: \"https://acme\" }} }}\n{limits}\n\
             actions:\n  get:\n    summary: Gets.\n    source: this test\n    effect: read\n    \
             request: {{ host: api, method: GET, path: /things }}\n    success: \"status == 200\"\n    result: $\n    \
             input: {{ type: object, properties: {{}} }}\n    output: {{ type: object, properties: {{}} }}\n    sample: none\n"
        );
        let (library, reports) = Library::load(&[Source::new("acme.yaml", manifest)], Arc::new(NoWatch));
        assert!(reports.iter().all(ferry_contract::report::Report::is_ok));
        let store = Arc::new(SqliteStore::in_memory((Arc::new(BootClock), Arc::new(BootClock)), Guards::ALL).unwrap());
        Self { store, clock: Arc::new(TestClock(AtomicI64::new(0))), library }
    }

    fn process(&self) -> Arc<Gate> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let settings = Settings {
            name: "acme".to_owned(),
            connector: "acme".to_owned(),
            environment: "only".to_owned(),
            profile: None,
            sandbox: None,
            fields: BTreeMap::new(),
        };
        let world = World { http: Arc::new(NoHttp), clock: Arc::clone(&clock) };
        let connection = Connection::open(settings, &self.library, world).unwrap();
        Gates::new(&self.store, &clock, std::iter::empty()).of(&connection)
    }

    async fn wait(&self, wait: Duration) {
        self.clock.sleep(wait).await;
    }
}

async fn admit(gate: &Arc<Gate>, pipeline: &str) -> Result<Pass, Timestamp> {
    gate.admit(Ask { pipeline, hosts: &[vec!["api".to_owned()]], is_write: false, seed: "run" }).await
}

async fn answer(gate: &Arc<Gate>, seen: Seen) {
    admit(gate, "p").await.unwrap_or_else(|at| panic!("not before {at}")).seen("api", seen).await;
}

fn class(class: ErrorClass) -> Seen {
    Seen { class: Some(class), ..Seen::default() }
}

#[tokio::test]
async fn a_budget_is_shared_by_processes_and_never_exceeded() {
    let place = Place::new("budget: [ { limit: 40, per: 1h }, { limit: 1000, per: 1d } ]");
    let (one, other) = (place.process(), place.process());
    assert_eq!(admitted(&[&one, &other]).await, 40);
    // A new process does not begin with a budget of its own.
    assert_eq!(admitted(&[&place.process()]).await, 0);
    place.wait(Duration::from_mins(3)).await;
    assert_eq!(admitted(&[&one, &other]).await, 2);
}

/// How many of many calls go now.
async fn admitted(gates: &[&Arc<Gate>]) -> u32 {
    let mut admitted = 0;
    for gate in gates.iter().cycle().take(100) {
        admitted += u32::from(admit(gate, "p").await.is_ok());
    }
    admitted
}

#[tokio::test]
async fn calls_that_cannot_be_afforded_are_put_off_one_behind_the_other() {
    let place = Place::new("budget: [ { limit: 60, per: 1h } ]");
    let gate = place.process();
    while admit(&gate, "bulk").await.is_ok() {}
    let mut times = BTreeSet::new();
    let now = place.clock.now();
    for pipeline in ["bulk", "bulk", "other"] {
        let at = admit(&gate, pipeline).await.err().unwrap();
        times.insert((pipeline, at.duration_since(now).as_secs()));
    }
    let first = times.iter().find(|(pipeline, _)| *pipeline == "other").unwrap().1;
    assert!((60..=120).contains(&first), "the bulk does not put the other one off: {times:?}");
}

#[tokio::test]
async fn an_open_circuit_is_known_to_other_processes_and_one_of_them_probes() {
    let place = Place::new("");
    let (one, other) = (place.process(), place.process());
    assert!(admit(&other, "p").await.is_ok());
    for _ in 0..5 {
        answer(&one, class(ErrorClass::Unavailable)).await;
    }
    assert!(admit(&one, "p").await.is_err() && admit(&place.process(), "p").await.is_err(), "kept over a restart");
    place.wait(Duration::from_secs(20)).await;
    let probe = admit(&other, "p").await.unwrap();
    assert!(probe.is_probe() && admit(&one, "p").await.is_err() && admit(&other, "p").await.is_err());
    probe.seen("api", Seen::default()).await;
    assert!(!admit(&other, "p").await.unwrap().is_probe());
    place.wait(Duration::from_secs(20)).await;
    assert!(!admit(&one, "p").await.unwrap().is_probe());
}

#[tokio::test]
async fn nothing_goes_before_a_retry_after_nor_beyond_what_a_target_says() {
    let pause = |wait| Seen { retry_after: Some(Duration::from_secs(wait)), ..class(ErrorClass::Throttled) };
    let hour = Window { limit: 100, per: Duration::from_hours(1), host: None };
    let level = |remaining| {
        let level = Level { remaining, ..Level::default() };
        Seen { levels: vec![(hour.clone(), level)], ..Seen::default() }
    };
    for (seen, refused_s, free_s) in [(pause(60), 59, 61), (level(Some(0)), 30, 40), (level(Some(90)), 0, 0)] {
        let place = Place::new("budget: [ { limit: 100, per: 1h } ]");
        let (one, other) = (place.process(), place.process());
        answer(&one, seen.clone()).await;
        for gate in [&one, &other] {
            assert_eq!(admit(gate, "p").await.is_err(), refused_s > 0, "{seen:?}");
        }
        place.wait(Duration::from_secs(refused_s)).await;
        assert_eq!(admit(&one, "p").await.is_err(), refused_s > 0, "{seen:?}");
        place.wait(Duration::from_secs(free_s - refused_s)).await;
        assert!(admit(&one, "p").await.is_ok(), "{seen:?}");
    }
}

#[tokio::test]
async fn no_more_go_at_once_than_the_manifest_says() {
    let gate = Place::new("concurrency: 2").process();
    let held = [admit(&gate, "p").await.unwrap(), admit(&gate, "p").await.unwrap()];
    let third = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { admit(&gate, "p").await.is_ok() }
    });
    tokio::task::yield_now().await;
    let status = gate.status().await;
    assert_eq!((status.under_way, status.waiting, third.is_finished()), (2, 1, false));
    drop(held);
    assert!(third.await.unwrap());
    assert_eq!(gate.status().await.under_way, 0);
}

/// On this clock, whoever waits for a time has waited already.
#[tokio::test]
async fn a_crowd_that_waits_long_leaves_room_and_keeps_its_order() {
    let place = Place::new("concurrency: 2");
    let gate = place.process();
    let held = [admit(&gate, "bulk").await.unwrap(), admit(&gate, "bulk").await.unwrap()];
    let wait = |pipeline: &'static str| {
        let gate = Arc::clone(&gate);
        tokio::spawn(async move { admit(&gate, pipeline).await.map(drop) })
    };
    let (mut patient, mut away) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let call = wait("bulk");
        tokio::task::yield_now().await;
        if call.is_finished() { away.push(call.await.unwrap().unwrap_err()) } else { patient.push(call) }
    }
    assert_eq!((patient.len(), away.len(), gate.status().await.waiting), (2, 18, 2));
    assert!(away.windows(2).all(|pair| pair[0] < pair[1]), "the later behind the earlier: {away:?}");
    let others = place.clock.now();
    let other = wait("other");
    tokio::task::yield_now().await;
    assert!(!other.is_finished() && place.clock.now() == others, "a bulk sends no other pipeline away");
    drop(held);
    for call in patient.into_iter().chain([other]) {
        call.await.unwrap().unwrap();
    }
    assert!(admit(&gate, "bulk").await.is_ok());
}

#[tokio::test]
async fn a_call_with_another_address_goes_while_the_circuit_of_the_first_is_open() {
    let place = Place::new("budget: [ { limit: 100, per: 1h, host: api } ]");
    let gate = place.process();
    for _ in 0..5 {
        answer(&gate, class(ErrorClass::Unavailable)).await;
    }
    let hosts = [vec!["api".to_owned(), "api https://b".to_owned()]];
    let ask = Ask { pipeline: "p", hosts: &hosts, is_write: true, seed: "run" };
    assert!(admit(&gate, "p").await.is_err(), "a call that may go to the first one alone waits");
    let pass = gate.admit(ask).await.unwrap();
    assert_eq!(pass.next("api").await.unwrap_err().class, ErrorClass::Unavailable);
    pass.next("api https://b").await.unwrap();
    for _ in 0..5 {
        let pass = gate.admit(ask).await.unwrap_or_else(|at| panic!("not before {at}"));
        pass.seen("api https://b", class(ErrorClass::Unavailable)).await;
    }
    assert!(gate.admit(ask).await.is_err(), "both are open");
    place.wait(Duration::from_secs(60)).await;
    // Whatever door is taken, it is the system that asks to wait, and whose budget is used.
    let pause = Seen { retry_after: Some(Duration::from_secs(60)), ..class(ErrorClass::Throttled) };
    gate.admit(Ask { is_write: false, ..ask }).await.unwrap().seen("api https://b", pause).await;
    assert!(gate.admit(ask).await.is_err());
    assert!(gate.status().await.budget[0].left < 93, "each of seven calls counts");
}
