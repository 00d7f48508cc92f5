//! Durable runs per second through the whole service on SQLite, and the limit of the same disk.
//!
//! Every run receives an event, makes values, checks them, runs a script, writes to a target over HTTP, and
//! makes one more value: five steps, all journaled with `synchronous=FULL`. Engine, store and target share the
//! machine. A sample lasts from the first event to the end of the last run; between samples the store is alone.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark prints")]

mod common;
mod limit;
mod targets;

use std::{path::Path, sync::Arc, time::Duration};

use ferry::{
    clock::{Stopwatch, SystemClock, pause},
    engine::{Engine, LoadedProject, Setup, Time},
    http::HttpClient,
    load,
    sandbox::{self, SandboxInfo},
    store::{Arrival, Change, EngineId, Fence, Filter, Hold, RunId, Store},
};
use ferry_connectors::connection::World;
use ferry_contract::{
    key::{CallKey, Digest},
    port::{Clock, Http},
    script::Rules,
};
use ferry_core::{once::Guards, plan::Plan, run::Entry, run::State};
use ferry_sandbox::{Faults, Options, Sandbox};
use jiff::Timestamp;
use serde_json::{Number, Value, json};
use tokio::task::JoinSet;

use common::{finished, folder, joined, line, per_second, store, terms};

/// Senders of events, each of which waits until its event is durable before it sends the next.
const SENDERS: usize = 64;
/// Clients of the store where it is measured alone; as many runs are in memory at once.
const CLIENTS: usize = ferry::limits::RUNS_ACTIVE_MAX;
/// How often the end is looked for: under 1 % of a sample.
const LOOK_EVERY: Duration = Duration::from_millis(5);

const PROJECT: &str = "\
ferry: 1
project: benchmark
connections:
  salesforce: { connector: salesforce, environment: sandbox, my_domain: acme, client_id: a, client_secret: '${secret:b}' }
";

const PIPELINE: &str = "\
ferry: 1
pipeline: five-steps
trigger:
  poll:
    action: salesforce.query
    with: { object: Payment_Request__c, fields: [Id] }
    every: 1m
    cursor: { field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }
  key: $.Id
steps:
  - id: payment
    map:
      reference: $.event.Id
      amount: { money: { amount: $.event.Amount__c, currency: $.event.CurrencyIsoCode } }
      description: { text: \"Payment request {$.event.Name}\" }
  - id: payable
    check:
      - { field: $.payment.amount.amount, is: { decimal: { above: 0, scale: 2 } } }
  - id: fee
    needs: [payable]
    script: |
      let fee = payment.amount.amount * 0.015;
      if fee < 1.00 { 1.00 } else { fee }
  - id: submit
    action: salesforce.update
    with:
      object: Payment_Request__c
      id: $.payment.reference
      values: { Status__c: Submitted, Payout_Error__c: { text: \"{$.payment.description}: the fee is {$.fee}\" } }
    needs: [fee]
  - id: receipt
    needs: [submit]
    map: { reference: $.payment.reference, fee: $.fee, status: submitted }
";

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    samples: usize,
    runs: usize,
    /// Single rows that one client commits, one after the other.
    rows_of_one: usize,
    /// Single rows of each of [`CLIENTS`].
    rows_of_each: usize,
}

/// `cargo test --benches` only looks whether it works.
fn size() -> Size {
    if std::env::args().any(|argument| argument == "--bench") {
        Size { samples: 7, runs: 2_000, rows_of_one: 500, rows_of_each: 20 }
    } else {
        Size { samples: 1, runs: 50, rows_of_one: 5, rows_of_each: 1 }
    }
}

fn main() {
    let size = size();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the machine has threads");
    let figures = runtime.block_on(measure(size));
    println!("{} samples of {} runs on SQLite; a second, median (lowest to highest):", size.samples, size.runs);
    for figure in figures.columns() {
        println!("{figure}");
    }
    runtime.block_on(targets::measure(size.runs));
}

/// One number a sample of each thing that is measured.
#[derive(Default)]
struct Figures {
    runs: Vec<u64>,
    entries: Vec<u64>,
    store_only: Vec<u64>,
    /// Runs of each hundred that the store alone takes in the same time.
    shares: Vec<u64>,
    rows_of_many: Vec<u64>,
    rows_of_one: Vec<u64>,
}

impl Figures {
    fn columns(mut self) -> [String; 6] {
        [
            line("durable runs through the whole service", &mut self.runs),
            line("journal entries of these runs", &mut self.entries),
            line("limit: runs whose rows the store takes, without an engine", &mut self.store_only),
            line("per cent of this limit that the service reaches", &mut self.shares),
            line(&format!("limit: durable single rows, {CLIENTS} clients at once"), &mut self.rows_of_many),
            line("limit: durable single rows, one client", &mut self.rows_of_one),
        ]
    }
}

async fn measure(size: Size) -> Figures {
    let bench = Bench::new(size.runs).await;
    let mut figures = Figures::default();
    for _ in 0..size.samples {
        figures.rows_of_one.push(rows(1, size.rows_of_one).await);
        figures.rows_of_many.push(rows(CLIENTS, size.rows_of_each).await);
        let store_only = bench.store_only().await;
        let (runs, entries) = bench.runs().await;
        figures.store_only.push(store_only);
        figures.shares.push(100 * runs / store_only.max(1));
        figures.runs.push(runs);
        figures.entries.push(entries);
    }
    bench.assert_written().await;
    figures
}

/// The target, the events for it, and how an engine gets there.
struct Bench {
    sandbox: Sandbox,
    info: SandboxInfo,
    http: Arc<dyn Http>,
    events: Vec<Value>,
}

impl Bench {
    async fn new(runs: usize) -> Self {
        let faults = Faults { budget_per_minute: Some(u32::MAX), ..Faults::default() };
        let options = Options { requests: runs, faults, ..Options::default() };
        let sandbox = ferry_sandbox::start(options).await.expect("a port is free");
        let http: Arc<dyn Http> = Arc::new(HttpClient::new().expect("TLS can be set up"));
        let info = SandboxInfo::ask(&sandbox.url(), &*http).await.expect("the sandbox answers");
        let mut bench = Self { sandbox, info, http, events: Vec::new() };
        bench.events = bench.requests().await.iter().map(event).collect();
        assert_eq!(bench.events.len(), runs, "the target has as many records as there are runs");
        bench
    }

    async fn requests(&self) -> Vec<Value> {
        let url = format!("{}/_sandbox/requests", self.sandbox.url());
        let answer = sandbox::get(&*self.http, &url).await.expect("the sandbox answers");
        answer.as_array().cloned().unwrap_or_default()
    }

    async fn assert_written(&self) {
        let requests = self.requests().await;
        assert!(requests.iter().all(|request| request["status"] == "Submitted"), "every run has written");
    }

    /// Runs and journal entries a second, from the first event to the last run's end.
    async fn runs(&self) -> (u64, u64) {
        let folder = folder();
        let rules = load::pipeline_rules();
        let clock = Arc::new(SystemClock::default());
        let project = self.project(folder.path(), &rules, &clock);
        let plan = Arc::clone(&project.plans[0].0);
        // Looked at through a connection of its own, so that looking does not keep the engine waiting.
        let watched = store(&folder);
        let engine = Engine::new(Setup {
            store: store(&folder),
            clock,
            time: Time::Store,
            terms: terms(),
            rules,
            projects: vec![project],
            recompile: Box::new(|_| None),
            guards: Guards::ALL,
        });
        let working = Arc::clone(&engine);
        let working = tokio::spawn(async move { working.work().await });
        let begun = Stopwatch::start();
        self.send_events(&engine, &plan).await;
        while finished(&*watched).await < self.events.len() {
            pause(LOOK_EVERY).await;
        }
        let runs = per_second(self.events.len(), begun);
        engine.stop();
        working.await.expect("the engine does not panic");
        let entries = entries(&*watched, self.events.len()).await;
        (runs, runs * entries as u64 / self.events.len() as u64)
    }

    fn project(&self, folder: &Path, rules: &Rules, clock: &Arc<SystemClock>) -> LoadedProject {
        std::fs::write(folder.join("ferry.yaml"), PROJECT).expect("the folder can be written");
        std::fs::write(folder.join("five-steps.yaml"), PIPELINE).expect("the folder can be written");
        let project = load::projects(&[folder.to_path_buf()], rules).expect("the folder can be read").pop();
        let project = project.expect("there is one project");
        assert!(project.reports().all(ferry_contract::report::Report::is_ok), "{:#?}", project.checked.reports);
        let world = World { http: Arc::clone(&self.http), clock: Arc::clone(clock) as Arc<dyn Clock> };
        load::open(&project, &world, Some(&self.info)).expect("the sandbox gives the credentials")
    }

    async fn send_events(&self, engine: &Arc<Engine>, plan: &Arc<Plan>) {
        let mut senders = JoinSet::new();
        for part in self.events.chunks(self.events.len().div_ceil(SENDERS)) {
            let (engine, plan, part) = (Arc::clone(engine), Arc::clone(plan), part.to_vec());
            senders.spawn(async move {
                for event in part {
                    engine.receive_event(&plan, &event).await.expect("the store takes the event");
                }
            });
        }
        senders.join_all().await;
    }

    /// Runs a second whose rows the store takes, in the groups in which the engine hands them over.
    async fn store_only(&self) -> u64 {
        let folder = folder();
        let store = store(&folder);
        let engine = joined(&*store).await;
        let begun = Stopwatch::start();
        let mut clients = JoinSet::new();
        for part in self.events.chunks(self.events.len().div_ceil(CLIENTS)) {
            let (store, part, engine) = (Arc::clone(&store), part.to_vec(), engine.clone());
            clients.spawn(async move {
                for event in part {
                    for group in groups(&engine, event) {
                        store.commit(group).await.expect("the store takes the group");
                    }
                }
            });
        }
        clients.join_all().await;
        per_second(self.events.len(), begun)
    }
}

fn event(request: &Value) -> Value {
    let amount: Number = request["amount"].as_str().and_then(|text| text.parse().ok()).expect("an amount is a number");
    json!({
        "attributes": { "type": "Payment_Request__c" },
        "Id": request["id"],
        "Name": request["name"],
        "Amount__c": amount,
        "CurrencyIsoCode": request["currency"],
        "Status__c": "Approved for Payout",
        "SystemModstamp": "2026-03-01T10:00:00.000+0000",
    })
}

/// The four groups of one run: received, about to be sent, answered, ended.
fn groups(engine: &EngineId, event: Value) -> [Vec<Change>; 4] {
    let key = event["Id"].as_str().unwrap_or_default().to_owned();
    let run = RunId::of("five-steps", &key);
    let at = Timestamp::UNIX_EPOCH;
    let fence = Fence::default().raised();
    let append = |sequence, entry| Change::Append { run: run.clone(), fence, sequence, at, entry };
    let evaluated = |step: &str, output| Entry::Evaluated { step: step.to_owned(), output };
    let (step, digest) = ("submit".to_owned(), Digest::of_value(&event));
    let call = CallKey::new("salesforce", "update", &key, &step, 0);
    let payment = json!({
        "reference": key,
        "amount": { "amount": event["Amount__c"], "currency": event["CurrencyIsoCode"] },
        "description": "Payment request PR-0001",
    });
    let receipt = json!({ "reference": key, "fee": event["Amount__c"], "status": "submitted" });
    let fee = event["Amount__c"].clone();
    let arrival = Arrival {
        pipeline: "five-steps".to_owned(),
        version: digest.clone(),
        event_key: key,
        revision: String::new(),
        event,
        refused: None,
        at,
        owner: Some(engine.clone()),
        parent: None,
        lane: None,
    };
    let (note, hold, state) = (String::new(), Hold::Release, State::Finished);
    let ended = Change::Project { run: run.clone(), fence, state, due: None, note, hold, mail: 0, is_active: false };
    let answered = Entry::Answered { step: step.clone(), output: json!({}) };
    let (key, target) = (call.clone(), digest.clone());
    let called = Entry::Called { step, attempt: 1, key, digest: digest.clone(), target, is_probe: false };
    [
        vec![Change::Receive(arrival)],
        vec![
            append(1, evaluated("payment", payment)),
            append(2, evaluated("payable", Value::Bool(true))),
            append(3, evaluated("fee", fee)),
            append(4, called),
            Change::Claim { key: call, run: run.clone(), digest },
        ],
        vec![append(5, answered)],
        vec![append(6, evaluated("receipt", receipt)), append(7, Entry::Finished { output: Value::Null }), ended],
    ]
}

/// Single rows a second.
async fn rows(clients: usize, rows_of_each: usize) -> u64 {
    let folder = folder();
    let store = store(&folder);
    let engine = joined(&*store).await;
    for client in 0..clients {
        let [received, ..] = groups(&engine, json!({ "Id": client.to_string() }));
        store.commit(received).await.expect("the store takes the run");
    }
    let (fence, begun) = (Fence::default().raised(), Stopwatch::start());
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let run = RunId::of("five-steps", &client.to_string());
            for sequence in 1..=rows_of_each as u64 {
                let entry = Entry::Finished { output: Value::Null };
                let row = Change::Append { run: run.clone(), fence, sequence, at: Timestamp::UNIX_EPOCH, entry };
                store.commit(vec![row]).await.expect("the store takes the row");
            }
        });
    }
    tasks.join_all().await;
    per_second(clients * rows_of_each, begun)
}

async fn entries(store: &dyn Store, runs: usize) -> usize {
    let filter = Filter { limit: runs, ..Filter::default() };
    let mut entries = 0;
    for row in store.runs(&filter).await.expect("the store can be read") {
        let stored = store.run(&row.run).await.expect("the store can be read");
        entries += stored.map_or(0, |stored| stored.journal.len());
    }
    entries
}
