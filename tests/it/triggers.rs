//! What begins runs by itself, through the service: times, through a kill, and ends of other runs.

use std::{collections::BTreeSet, time::Duration};

use ferry::{
    clock::pause,
    store::{Filter, RunRow, Store as _, sqlite::SqliteStore},
};

use ferry_core::run::Entry;
use serde_json::Value;

use crate::program::serve_folder;

/// Each second, so that a test need not wait for a minute.
const TICKS: &str = r#"
ferry: 1
pipeline: ticks
trigger:
  schedule: { cron: "* * * * * *", zone: Europe/Berlin, overlap: allow, catch_up: all }
steps:
  - { id: day, map: { text: "{$.event.day} {$.event.time} {$.event.zone}" } }
output: $.day
"#;

/// The run before never ends in time, so that the times after it are skipped.
const SLOW: &str = r#"
ferry: 1
pipeline: slow
trigger:
  schedule: { cron: "* * * * * *", zone: UTC, overlap: skip, catch_up: none }
steps:
  - { id: pause, wait: { for: 1h } }
"#;

async fn runs(store: &SqliteStore, pipeline: &str, at_least: usize) -> Vec<RunRow> {
    let filter = Filter { pipeline: Some(pipeline.to_owned()), limit: 1_000, ..Filter::default() };
    for _ in 0..500 {
        let found = store.runs(&filter).await.unwrap();
        if found.len() >= at_least {
            return found;
        }
        pause(Duration::from_millis(40)).await;
    }
    panic!("`{pipeline}` has fewer than {at_least} runs");
}

/// Pays where the amount is not above 10.
const PAYOUTS: &str = r#"
ferry: 1
pipeline: payouts
trigger: { webhook: { path: payouts, verify: none }, key: $.id }
steps:
  - { id: small, check: [{ rhai: event.amount <= 10, say: "{$.event.id} is too large" }] }
  - { id: paid, needs: [small], map: { id: $.event.id, amount: $.event.amount } }
output: $.paid
"#;

const BOOKED: &str = r#"
ferry: 1
pipeline: booked
trigger: { pipeline: { name: payouts, on: finished } }
steps:
  - { id: line, map: { text: "{$.event.key} {$.event.output.amount}" } }
output: $.line
"#;

const CORRECTED: &str = r#"
ferry: 1
pipeline: corrected
trigger: { pipeline: { name: payouts, on: dead_letter } }
steps:
  - { id: line, map: { text: "{$.event.key} {$.event.event.amount}: {$.event.failure.message}" } }
output: $.line
"#;

/// One that follows a follower.
const ROUND: &str = r#"
ferry: 1
pipeline: round
trigger: { pipeline: { name: booked, on: finished } }
steps:
  - { id: again, emit: { event: round.again, key: $.event.key, data: { id: $.event.key } } }
"#;

#[tokio::test]
async fn a_run_that_ends_begins_those_that_follow_it() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("follow");
    std::fs::create_dir(&project).unwrap();
    let files = [("payouts", PAYOUTS), ("booked", BOOKED), ("corrected", CORRECTED), ("round", ROUND)];
    for (name, text) in [("ferry", "ferry: 1\nproject: follow\n")].iter().chain(&files) {
        std::fs::write(project.join(format!("{name}.yaml")), text).unwrap();
    }
    let service = serve_folder(folder.path(), &project, "ferry.db", &[]);
    let store = SqliteStore::open(&folder.path().join("ferry.db")).unwrap();
    for (id, amount) in [("a", 5), ("b", 50)] {
        let body = format!("{{\"id\": \"{id}\", \"amount\": {amount}}}");
        let answer = reqwest::Client::new().post(format!("{}payouts", service.hooks)).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
    }
    for (pipeline, key, expected) in [("booked", "a", "a 5"), ("corrected", "b", "b 50: b is too large")] {
        let run = runs(&store, pipeline, 1).await.remove(0);
        assert_eq!(run.event_key, key);
        assert_eq!(output(&store, &run).await, expected);
    }
    assert_eq!(runs(&store, "round", 1).await[0].event_key, "a");
    assert_eq!(runs(&store, "booked", 1).await.len(), 1);
}

/// What a run gives when it has ended.
async fn output(store: &SqliteStore, run: &RunRow) -> Value {
    for _ in 0..500 {
        let found = store.run(&run.run).await.unwrap().unwrap();
        if let Some((_, Entry::Finished { output })) = found.journal.last() {
            return output.clone();
        }
        pause(Duration::from_millis(20)).await;
    }
    panic!("{} has not ended", run.run);
}

#[tokio::test]
async fn each_time_is_one_run_through_a_kill_and_none_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("clock");
    std::fs::create_dir(&project).unwrap();
    for (name, text) in [("ferry", "ferry: 1\nproject: clock\n"), ("ticks", TICKS), ("slow", SLOW)] {
        std::fs::write(project.join(format!("{name}.yaml")), text).unwrap();
    }
    let mut service = serve_folder(folder.path(), &project, "ferry.db", &[]);
    let store = SqliteStore::open(&folder.path().join("ferry.db")).unwrap();
    let before = runs(&store, "ticks", 2).await.len();
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    pause(Duration::from_millis(2_100)).await;
    let service = serve_folder(folder.path(), &project, "ferry.db", &[]);
    let all = runs(&store, "ticks", before + 4).await;
    drop(service);
    let times: BTreeSet<jiff::Timestamp> = all.iter().map(|run| run.event_key.parse().unwrap()).collect();
    assert_eq!(times.len(), all.len(), "no time has two runs");
    let (first, last) = (times.first().unwrap(), times.last().unwrap());
    let seconds = usize::try_from(last.duration_since(*first).as_secs()).unwrap() + 1;
    assert_eq!(times.len(), seconds, "every second between the first and the last has one, those of the stop too");
    assert_eq!(runs(&store, "slow", 1).await.len(), 1, "a run that has not ended has no other beside it");
}
