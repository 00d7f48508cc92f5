//! Journal and engine without a network: a target that answers at once, on SQLite and on PostgreSQL.
//!
//! Beside each figure stands what the same disk does in the same run: the store alone with the rows of such
//! runs, and a bare loop that appends as many bytes for as many clients and makes them durable in groups.

use std::{collections::BTreeSet, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use ferry::{
    clock::{Stopwatch, SystemClock, pause},
    engine::{Delivery, Engine, Setup, Time},
    ingress, load,
    store::{Arrival, Change, EngineId, Fence, Hold, RunId, Store, StoreAddress, open},
};
use ferry_connectors::connection::World;
use ferry_connectors::webhook::Event;
use ferry_contract::{
    key::CallKey,
    port::{Boxed, Clock, Http, HttpError, HttpRequest, HttpResponse},
};
use ferry_core::{
    once::Guards,
    run::{Entry, State},
};
use ferry_tests::postgres::Server;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    common::{finished, folder, joined, median, per_second, store, terms},
    limit,
};

/// Runs at once.
const CLIENTS: usize = 32;
/// Clients that deliver webhooks over HTTP.
const SENDERS: usize = 64;
const STEPS: usize = 10;

const PROJECT: &str =
    "ferry: 1\nproject: benchmark\nconnections: { target: { connector: target, environment: only } }\n";

const MANIFEST: &str = r#"
ferry: 1
connector: target
title: Target
environments: { only: { api: "https://target" } }
# A call has its slot while its intent is on the way to the disk, too: there are as many as runs.
concurrency: 32
errors: [ { when: "status >= 400 && status < 500", class: rejected } ]
actions:
  put:
    summary: Writes a record.
    source: this benchmark
    effect: { write: { repeat: upsert } }
    request: { host: api, method: PUT, path: /records, body: { id: $.id, step: $.step } }
    success: "status == 200"
    result: $
    input: { type: object, additionalProperties: true, properties: {} }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: none
"#;

/// A target behind the port that answers before anybody waits.
struct AtOnce;

impl Http for AtOnce {
    fn send(&self, _: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        let body = br#"{"id":"0000000001","done":true}"#.to_vec();
        Box::pin(std::future::ready(Ok(HttpResponse { status: 200, headers: Vec::new(), body })))
    }
}

/// A pipeline of so many steps, one after the other.
fn pipeline(name: &str, steps: usize, step: impl Fn(usize) -> String) -> String {
    let mut text = format!(
        "ferry: 1\npipeline: {name}\ntrigger:\n  webhook: {{ path: {name}, verify: none, respond: s{} }}\n  key: $.id\nsteps:\n",
        steps - 1
    );
    for index in 0..steps {
        let needs = if index == 0 { String::new() } else { format!(", needs: [s{}]", index - 1) };
        text += &format!("  - {{ id: s{index}{needs}, {} }}\n", step(index));
    }
    text
}

fn write(index: usize) -> String {
    format!("action: target.put, with: {{ id: $.event.id, step: {index} }}")
}

fn map(_: usize) -> String {
    "map: { id: $.event.id, amount: { rhai: event.amount * 2 } }".to_owned()
}

fn event(name: &str, index: usize) -> Value {
    json!({ "id": format!("{name}-{index:010}"), "amount": index, "note": "as long as a short note is" })
}

/// Measures on both stores, and prints.
pub(crate) async fn measure(runs: usize) {
    let server = Server::start().expect("PostgreSQL is installed");
    for name in ["SQLite", "PostgreSQL"] {
        let folder = folder();
        let open_store = async || -> Arc<dyn Store> {
            match name {
                "SQLite" => store(&folder_of(folder.path())),
                _ => open(&StoreAddress::Server(server.database())).await.expect("the server answers"),
            }
        };
        println!("{name}, a target in this process that answers at once:");
        let bench = Bench::new(open_store().await, folder.path());
        let (steps, journal) = bench.steps_a_second(runs).await;
        let alone = alone(open_store().await, &journal, runs).await;
        let groups = groups(&EngineId::named("bytes"), "x", &journal);
        let bytes = json!(journal).to_string().len() / groups.len();
        let bare = limit::groups_a_second(folder.path(), CLIENTS, runs / CLIENTS * groups.len(), bytes).await;
        println!("{:>58}: {steps}", format!("durable steps a second, {CLIENTS} runs of {STEPS} writes at once"));
        println!("{:>58}: {alone}", "the store alone, with the rows of these runs");
        println!(
            "{:>58}: {}",
            "bare appends and fdatasync, as many bytes and clients",
            bare * STEPS as u64 / groups.len() as u64
        );
        // Each write is durable before it is sent, with what came before; the answer of the last one is, too.
        let (commits, rounds) = (4, 500);
        let alone = limit::groups_a_second(folder.path(), 1, rounds, bytes).await;
        let name = format!("{commits} bare appends and fdatasync, one client: microseconds");
        println!("{name:>58}: {}", commits * 1_000_000 / alone.max(1));
        let mixed = "three steps, one of them a write, one client: microseconds";
        bench.latency("mixed", mixed, runs.min(500)).await;
        bench.latency("three", "three writes, one client: microseconds to the answer", runs.min(500)).await;
        bench.latency("light", "forty maps, one client: microseconds to the answer", runs.min(300)).await;
        bench.webhooks(runs).await;
        bench.end().await;
    }
}

/// SQLite opens a file in a folder of its own.
fn folder_of(folder: &Path) -> tempfile::TempDir {
    tempfile::TempDir::new_in(folder).expect("the folder can be written")
}

struct Bench {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    working: tokio::task::JoinHandle<()>,
}

impl Bench {
    fn new(store: Arc<dyn Store>, folder: &Path) -> Self {
        let own = folder.join("project");
        std::fs::create_dir_all(own.join("connectors/target")).expect("the folder can be written");
        let file = |name: &str, text: String| std::fs::write(own.join(name), text).expect("the folder can be written");
        file("ferry.yaml", PROJECT.to_owned());
        file("connectors/target/connector.yaml", MANIFEST.to_owned());
        file("ten.yaml", pipeline("ten", STEPS, write));
        file("three.yaml", pipeline("three", 3, write));
        file("mixed.yaml", pipeline("mixed", 3, |index| if index == 1 { write(index) } else { map(index) }));
        file("light.yaml", pipeline("light", 40, map));
        file("hook.yaml", pipeline("hook", 1, map));
        let (rules, clock) = (load::pipeline_rules(), Arc::new(SystemClock::default()));
        let project = load::projects(&[own], &rules, &load::Wanted::default())
            .expect("the folder can be read")
            .pop()
            .expect("there is one");
        assert!(project.reports().all(ferry_contract::report::Report::is_ok), "{:#?}", project.checked.reports);
        let world = World { http: Arc::new(AtOnce), clock: Arc::clone(&clock) as Arc<dyn Clock> };
        let engine = Engine::new(Setup {
            store: Arc::clone(&store),
            clock,
            time: Time::Store,
            terms: terms(),
            rules,
            projects: vec![load::open(&project, &world, None).expect("nothing is missing")],
            guards: Guards::ALL,
        });
        let at_work = Arc::clone(&engine);
        let working = tokio::spawn(async move { at_work.work().await });
        Self { engine, store, working }
    }

    async fn deliver(engine: &Arc<Engine>, path: &str, event: &Value) {
        let hook = engine.hook(path).expect("the pipeline is loaded");
        let event = Event { value: event.clone(), wrong: None };
        let delivered = engine.deliver(&hook, &event).await.expect("the store takes the event");
        assert!(matches!(delivered, Delivery::Answered(_)), "{delivered:?}");
    }

    /// Until every run's end is durable; with the journal of one of them.
    async fn steps_a_second(&self, runs: usize) -> (u64, Vec<Entry>) {
        let begun = Stopwatch::start();
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let engine = Arc::clone(&self.engine);
            clients.spawn(async move {
                for index in (client..runs).step_by(CLIENTS) {
                    Self::deliver(&engine, "ten", &event("ten", index)).await;
                }
            });
        }
        clients.join_all().await;
        while finished(&*self.store).await < runs {
            pause(Duration::from_millis(1)).await;
        }
        let steps = per_second(runs * STEPS, begun);
        let run = RunId::of("ten", event("ten", 0)["id"].as_str().unwrap_or_default());
        let stored = self.store.run(&run).await.expect("the store can be read").expect("the run is there");
        (steps, stored.journal.into_iter().map(|(_, entry)| entry).collect())
    }

    /// From a task, as the listener of webhooks delivers.
    async fn latency(&self, path: &'static str, name: &str, runs: usize) {
        let engine = Arc::clone(&self.engine);
        let client = tokio::spawn(async move {
            let mut micros = Vec::new();
            for index in 0..runs {
                let begun = Stopwatch::start();
                Self::deliver(&engine, path, &event(path, index)).await;
                micros.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            micros
        });
        let mut micros = client.await.expect("the client does not panic");
        let half = median(&mut micros);
        let most = micros.get(micros.len() * 99 / 100).copied().unwrap_or(0);
        println!("{name:>58}: {half} (99 of 100 within {most})");
    }

    /// Over loopback HTTP: delivered, durable, mapped, answered.
    async fn webhooks(&self, runs: usize) {
        let addr = ingress::listen((SocketAddr::from(([127, 0, 0, 1], 0)), None), Arc::clone(&self.engine)).await;
        let url = format!("http://{}/hooks/hook", addr.expect("a port is free"));
        let (begun, client) = (Stopwatch::start(), reqwest::Client::new());
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let (client, url) = (client.clone(), url.clone());
            senders.spawn(async move {
                for index in (sender..runs).step_by(SENDERS) {
                    let body = event("hook", index).to_string();
                    let answer = client.post(&url).body(body).send().await.expect("the listener answers");
                    assert_eq!(answer.status(), 200);
                    answer.bytes().await.expect("the answer is whole");
                }
            });
        }
        senders.join_all().await;
        let name = format!("webhooks a second, mapped and answered, {SENDERS} clients");
        println!("{name:>58}: {}", per_second(runs, begun));
    }

    async fn end(self) {
        self.engine.stop();
        self.working.await.expect("the engine does not panic");
    }
}

/// Steps a second that the store alone makes durable, in the groups in which the engine hands them over.
pub(crate) async fn alone(store: Arc<dyn Store>, journal: &[Entry], runs: usize) -> u64 {
    let engine = joined(&*store).await;
    let begun = Stopwatch::start();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (store, engine, journal) = (Arc::clone(&store), engine.clone(), journal.to_vec());
        clients.spawn(async move {
            for index in (client..runs).step_by(CLIENTS) {
                for group in groups(&engine, &format!("alone-{index:010}"), &journal) {
                    store.commit(group).await.expect("the store takes the group");
                }
            }
        });
    }
    clients.join_all().await;
    per_second(runs, begun) * steps_of(journal)
}

/// How many steps a journal tells of.
pub(crate) fn steps_of(journal: &[Entry]) -> u64 {
    let steps: BTreeSet<&str> = journal.iter().filter_map(Entry::step).collect();
    steps.len() as u64
}

/// A run's journal in groups: all that has happened is durable with the intent of the next write.
fn groups(engine: &EngineId, key: &str, journal: &[Entry]) -> Vec<Vec<Change>> {
    let (run, at, fence) = (RunId::of("ten", key), Timestamp::UNIX_EPOCH, Fence::default().raised());
    let mut groups = vec![Vec::new()];
    for (sequence, entry) in journal.iter().enumerate() {
        let group = groups.last_mut().expect("there is one");
        if let Entry::Started { event, .. } = entry {
            group.push(Change::Begin(arrival(engine, key, event)));
        } else {
            group.push(Change::Append { run: run.clone(), fence, sequence: sequence as u64, at, entry: entry.clone() });
        }
        if let Entry::Called { step, digest, .. } = entry {
            let call = CallKey::new("target", "put", key, step, 0);
            group.push(Change::Claim { key: call, run: run.clone(), digest: digest.clone() });
            groups.push(Vec::new());
        }
    }
    let ended = Change::Project {
        run,
        fence,
        state: State::Finished,
        due: None,
        note: String::new(),
        hold: Hold::Release,
        mail: 0,
        is_active: false,
    };
    groups.last_mut().expect("there is one").push(ended);
    groups
}

fn arrival(engine: &EngineId, key: &str, event: &Value) -> Arrival {
    Arrival {
        pipeline: "ten".to_owned(),
        version: ferry_contract::key::Digest::of("v"),
        event_key: key.to_owned(),
        revision: String::new(),
        event: event.clone(),
        refused: None,
        at: Timestamp::UNIX_EPOCH,
        owner: Some(engine.clone()),
        parent: None,
        lane: None,
    }
}
