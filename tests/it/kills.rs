//! Real kills: SIGKILL while it pays, against a sandbox in another process that books duplicates.

use std::{collections::BTreeMap, path::Path, time::Duration};

use ferry::{
    clock::pause,
    http::HttpClient,
    sandbox::{get, post},
    store::{Filter, Store as _, sqlite::SqliteStore},
};
use serde_json::{Value, json};

use crate::program::{sandbox, serve};

const REQUESTS: usize = 500;
const KILLS: u32 = 50;
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
    let folder = tempfile::tempdir().unwrap();
    let faults = folder.path().join("faults.yaml");
    std::fs::write(&faults, FAULTS).unwrap();
    let args = ["--requests", "500", "--speed", "500", "--seed", "50", "--faults", "faults.yaml"];
    let sandbox = sandbox(folder.path(), &args);
    let http = HttpClient::new().unwrap();
    let funds = json!({ "balance": "9000000.00" });
    post(&http, &format!("{}/_sandbox/seed", sandbox.address), &funds).await.unwrap();
    let mut random = 0x5EED_u64;
    let mut paying = 0;
    for _ in 0..KILLS {
        let before = booked(&http, &sandbox.address).await;
        let mut service = serve(folder.path(), &sandbox.address);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        pause(Duration::from_millis(100 + (random >> 33) % 500)).await;
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        paying += usize::from(booked(&http, &sandbox.address).await > before);
    }
    assert!(paying >= 5, "only {paying} lives paid: the kills fell beside the point");

    let service = serve(folder.path(), &sandbox.address);
    settle(folder.path()).await;
    drop(service);
    check(folder.path(), &http, &sandbox.address).await;
}

async fn booked(http: &HttpClient, url: &str) -> usize {
    let ledger = get(http, &format!("{url}/_sandbox/ledger")).await.unwrap();
    ledger["payouts"].as_array().unwrap().len()
}

/// Waits until every run has ended or is held.
async fn settle(folder: &Path) {
    let store = SqliteStore::open(&folder.join("ferry.db")).unwrap();
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

async fn check(folder: &Path, http: &HttpClient, url: &str) {
    post(http, &format!("{url}/_sandbox/faults"), &json!({ "rules": [] })).await.unwrap();
    let ledger = get(http, &format!("{url}/_sandbox/ledger")).await.unwrap();
    let requests = get(http, &format!("{url}/_sandbox/requests")).await.unwrap();
    let requests = requests.get("requests").unwrap_or(&requests).as_array().unwrap().clone();
    let store = SqliteStore::open(&folder.join("ferry.db")).unwrap();
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
