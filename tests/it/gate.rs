//! A target that is down for hours, or wants fewer calls: few requests meanwhile, and all is paid once after it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use ferry::{
    clock::pause,
    http::HttpClient,
    sandbox::{get, post},
    store::{Filter, Store as _, sqlite::SqliteStore},
};
use ferry_tests::program::Running;
use serde_json::Value;

use crate::program::{ferry, sandbox, serve};

const REQUESTS: u64 = 120;
/// Looks until a circuit must be open; each takes some 30 ms.
const OPEN_LOOKS_MAX: u32 = 1_000;
/// Real time until all must be settled.
const PATIENCE: Duration = Duration::from_mins(2);

/// Contacts come slowly, so that payouts are spread: the trouble finds some paid, some on their way, most not begun.
const SLOW: &str = "rules: [ { fault: slow, system: salesforce, path: Contact, delay_ms: 100 } ]\n";

/// What goes wrong from the first payout on, and how many requests may meet it.
struct Trouble {
    rule: &'static str,
    requests_max: u64,
    /// Whether the service is killed in the middle.
    is_killed: bool,
}

/// Three hours without an answer, from no host. At the end of each wait, which grows to five minutes, one probe goes.
const OUTAGE: Trouble = Trouble {
    rule: r#"{ "fault": "cut_before", "system": "payoneer", "for_ms": 10800000 }"#,
    requests_max: 150,
    is_killed: true,
};

/// An hour of 429, each with the wish to wait for half a minute.
const STORM: Trouble = Trouble {
    rule: r#"{ "fault": "throttled", "system": "payoneer", "for_ms": 3600000, "retry_after_s": 30 }"#,
    requests_max: 80,
    is_killed: false,
};

#[tokio::test]
async fn an_outage_makes_no_dead_letters_and_few_requests() {
    check(&OUTAGE).await;
}

#[tokio::test]
async fn a_storm_of_refusals_makes_no_dead_letters_and_few_requests() {
    check(&STORM).await;
}

async fn check(trouble: &Trouble) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("faults.yaml"), SLOW).unwrap();
    let requests = REQUESTS.to_string();
    let args = ["--requests", &requests, "--speed", "1000", "--seed", "7", "--faults", "faults.yaml"];
    let sandbox = sandbox(folder, &args);
    let http = HttpClient::new().unwrap();
    let mut service = serve(folder, &sandbox.address);
    begin(&http, &sandbox.address, trouble).await;
    let opened = until_open(folder, &service).await;
    if trouble.is_killed {
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        service = serve(folder, &sandbox.address);
        // It has not forgotten: the circuit is open since the same time, before any call failed again.
        assert_eq!(until_open(folder, &service).await, opened);
    }
    settle(folder).await;
    let faults = get(&http, &format!("{}/_sandbox/faults", sandbox.address)).await.unwrap();
    let hits = faults["rules"][0]["hits"].as_u64().unwrap();
    assert!((5..=trouble.requests_max).contains(&hits), "{hits} requests met the trouble");
    nobody_is_blamed(folder, &get(&http, &format!("{}/_sandbox/ledger", sandbox.address)).await.unwrap()).await;
    assert_eq!(status(folder, &service)["connections"][0]["circuits"][0]["circuit"], "closed");
    drop(service);
}

/// The trouble begins when the first payout is booked.
async fn begin(http: &HttpClient, url: &str, trouble: &Trouble) {
    let faults: Value = serde_json::from_str(&format!(r#"{{ "rules": [ {} ] }}"#, trouble.rule)).unwrap();
    loop {
        let ledger = get(http, &format!("{url}/_sandbox/ledger")).await.unwrap();
        if ledger["totals"]["bookings"].as_u64().unwrap() > 0 {
            break;
        }
        pause(Duration::from_millis(2)).await;
    }
    post(http, &format!("{url}/_sandbox/faults"), &faults).await.unwrap();
}

fn status(folder: &Path, service: &Running) -> Value {
    let admin = service.address.trim_start_matches("http://");
    let output = ferry(folder).args(["status", "--format", "json", "--admin", admin]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Waits until a circuit is not closed; gives since when each is so.
async fn until_open(folder: &Path, service: &Running) -> Vec<Value> {
    for _ in 0..OPEN_LOOKS_MAX {
        let status = status(folder, service);
        let circuits = status["connections"][0]["circuits"].as_array().unwrap();
        let since: Vec<Value> = circuits.iter().map(|circuit| circuit["since"].clone()).collect();
        if since.iter().any(|since| !since.is_null()) {
            return since;
        }
        pause(Duration::from_millis(20)).await;
    }
    panic!("no circuit opened");
}

/// Waits until every run has ended or is held.
async fn settle(folder: &Path) {
    let store = SqliteStore::open(&folder.join("ferry.db")).unwrap();
    let mut counts = BTreeMap::new();
    for _ in 0..PATIENCE.as_millis() / 100 {
        counts = store.counts().await.unwrap();
        let open = ["running", "waiting"].iter().any(|state| counts.contains_key(*state));
        if counts.values().sum::<u64>() == REQUESTS && !open {
            return;
        }
        pause(Duration::from_millis(100)).await;
    }
    panic!("not settled: {counts:?}");
}

/// What failed, failed for reasons of its own; what finished was paid once.
async fn nobody_is_blamed(folder: &Path, ledger: &Value) {
    let store = SqliteStore::open(&folder.join("ferry.db")).unwrap();
    let all = Filter { limit: usize::MAX, ..Filter::default() };
    let blamed = ["throttled", "unavailable", "unknown", "bug"];
    for letter in store.dead_letters(&all).await.unwrap() {
        assert!(!blamed.contains(&letter.class.as_str()), "{}: {}", letter.class, letter.message);
    }
    let payouts: BTreeMap<&str, &Value> = ledger["payouts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|payout| (payout["reference"].as_str().unwrap(), &payout["booked"]))
        .collect();
    assert!(payouts.values().all(|booked| *booked == 1), "{payouts:?}");
    let runs = store.runs(&all).await.unwrap();
    let finished = runs.iter().filter(|run| run.state == "finished");
    assert!(finished.clone().all(|run| payouts.contains_key(run.event_key.as_str())));
    assert!(finished.count() > 60 && runs.iter().all(|run| run.state != "parked"));
}
