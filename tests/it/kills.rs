//! Real kills: SIGKILL while it pays, against a sandbox in another process that books duplicates.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ferry::{
    clock::pause,
    http::HttpClient,
    sandbox::{get, post},
    store::{self, Filter, Store, StoreAddress},
};
use serde_json::{Value, json};

use crate::program::{Running, sandbox, serve, serve_on};

const REQUESTS: usize = 500;
const KILLS: u32 = 50;
const KILLS_OF_TWO: u32 = 12;
/// Real time until the last life must have settled everything.
const PATIENCE: Duration = Duration::from_mins(2);

/// A duplicate would be paid. Contacts come slowly, so that the payouts are spread over many lives;
/// answers to payouts come late, so that many kills fall between booking and answer.
const FAULTS: &str = "
duplicates: book
rules:
  - { fault: slow, system: salesforce, path: Contact, one_in: 1, delay_ms: 200 }
  - { fault: slow, system: payoneer, path: masspayouts, one_in: 2, delay_ms: 80 }
";

#[tokio::test]
async fn fifty_kills_pay_five_hundred_requests_once() {
    let world = World::new().await;
    let mut random = 0x5EED_u64;
    let mut paying = 0;
    for _ in 0..KILLS {
        let before = booked(&world.http, &world.sandbox.address).await;
        let mut service = serve(world.folder.path(), &world.sandbox.address);
        pause(Duration::from_millis(100 + chance(&mut random) % 500)).await;
        kill(&mut service);
        paying += usize::from(booked(&world.http, &world.sandbox.address).await > before);
    }
    assert!(paying >= 5, "only {paying} lives paid: the kills fell beside the point");

    let service = serve(world.folder.path(), &world.sandbox.address);
    let store = world.store("ferry.db").await;
    settle(&*store).await;
    drop(service);
    check(&*store, &world.http, &world.sandbox.address).await;
}

/// One of two is killed while both pay; the other, and the one that follows it, take its runs up.
#[tokio::test]
async fn two_engines_on_one_server_pay_five_hundred_requests_once_through_kills() {
    let world = World::new().await;
    let address = ferry_tests::postgres::server().database();
    let start = || serve_on(world.folder.path(), &world.sandbox.address, &address);
    let mut services = [start(), start()];
    let mut random = 0x5EED_u64;
    for _ in 0..KILLS_OF_TWO {
        pause(Duration::from_millis(300 + chance(&mut random) % 700)).await;
        let victim = usize::try_from(chance(&mut random) % 2).unwrap();
        kill(&mut services[victim]);
        services[victim] = start();
    }
    let store = world.store(&address).await;
    settle(&*store).await;
    drop(services);
    check(&*store, &world.http, &world.sandbox.address).await;
}

/// A sandbox with funds and faults, and a folder.
struct World {
    folder: tempfile::TempDir,
    sandbox: Running,
    http: HttpClient,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("faults.yaml"), FAULTS).unwrap();
        let args = ["--requests", "500", "--speed", "500", "--seed", "50", "--faults", "faults.yaml"];
        let sandbox = sandbox(folder.path(), &args);
        let http = HttpClient::new().unwrap();
        let funds = json!({ "balance": "9000000.00" });
        post(&http, &format!("{}/_sandbox/seed", sandbox.address), &funds).await.unwrap();
        Self { folder, sandbox, http }
    }

    async fn store(&self, name: &str) -> Arc<dyn Store> {
        let address: StoreAddress = match name {
            "ferry.db" => StoreAddress::File(self.folder.path().join(name)),
            server => server.parse().unwrap(),
        };
        store::open(&address).await.unwrap()
    }
}

fn chance(random: &mut u64) -> u64 {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    *random >> 33
}

fn kill(service: &mut Running) {
    service.child.kill().unwrap();
    service.child.wait().unwrap();
}

async fn booked(http: &HttpClient, url: &str) -> usize {
    let ledger = get(http, &format!("{url}/_sandbox/ledger")).await.unwrap();
    ledger["payouts"].as_array().unwrap().len()
}

/// Waits until every run has ended or is held.
async fn settle(store: &dyn Store) {
    let looks = PATIENCE.as_millis() / 100;
    let mut counts = BTreeMap::new();
    for _ in 0..looks {
        counts = store.counts().await.unwrap();
        let total: u64 = counts.values().sum();
        let open = ["running", "waiting", "parked"].iter().any(|state| counts.contains_key(*state));
        if total == REQUESTS as u64 && !open {
            return;
        }
        pause(Duration::from_millis(100)).await;
    }
    panic!("not settled: {counts:?}");
}

async fn check(store: &dyn Store, http: &HttpClient, url: &str) {
    post(http, &format!("{url}/_sandbox/faults"), &json!({ "rules": [] })).await.unwrap();
    let ledger = get(http, &format!("{url}/_sandbox/ledger")).await.unwrap();
    let requests = get(http, &format!("{url}/_sandbox/requests")).await.unwrap();
    let requests = requests.get("requests").unwrap_or(&requests).as_array().unwrap().clone();
    let runs = store.runs(&Filter { limit: usize::MAX, ..Filter::default() }).await.unwrap();
    let states: BTreeMap<&str, &str> = runs.iter().map(|run| (run.event_key.as_str(), run.state.as_str())).collect();
    let payouts: BTreeMap<&str, &Value> = ledger["payouts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|payout| (payout["reference"].as_str().unwrap(), payout))
        .collect();
    assert_eq!((requests.len(), states.len()), (REQUESTS, REQUESTS));
    let mut finished = 0;
    for request in &requests {
        let id = request["id"].as_str().unwrap();
        let booked = payouts.get(id).map_or(0, |payout| payout["booked"].as_u64().unwrap());
        let status = payouts.get(id).map_or("", |payout| payout["status"].as_str().unwrap());
        let right = match states[id] {
            "finished" => booked == 1 && status == "Transferred",
            "held" => booked == 0,
            "dead_lettered" => booked == 0 || (booked == 1 && status == "Cancelled"),
            _ => false,
        };
        assert!(right, "{id} is {} and was booked {booked} times, {status}", states[id]);
        finished += usize::from(states[id] == "finished");
    }
    assert!(payouts.keys().all(|reference| states.contains_key(reference)), "a payout that nobody approved");
    assert!(finished > REQUESTS * 8 / 10, "only {finished} were paid");
}
