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
    listed(store, Filter { pipeline: Some(pipeline.to_owned()), ..Filter::default() }, at_least).await
}

async fn listed(store: &SqliteStore, filter: Filter, at_least: usize) -> Vec<RunRow> {
    let filter = Filter { limit: 1_000, ..filter };
    for _ in 0..500 {
        let found = store.runs(&filter).await.unwrap();
        if found.len() >= at_least {
            return found;
        }
        pause(Duration::from_millis(40)).await;
    }
    panic!("fewer than {at_least} runs are so: {filter:?}");
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

/// Who posts may add fields; what the pipeline says that it needs must be there, and be of its type.
#[tokio::test]
async fn an_event_that_does_not_fit_the_inputs_is_a_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("inputs");
    std::fs::create_dir(&project).unwrap();
    let payouts = format!("{PAYOUTS}inputs: {{ id: string, amount: number }}\n");
    for (name, text) in [("ferry", "ferry: 1\nproject: inputs\n"), ("payouts", payouts.as_str())] {
        std::fs::write(project.join(format!("{name}.yaml")), text).unwrap();
    }
    let service = serve_folder(folder.path(), &project, "ferry.db", &[]);
    let store = SqliteStore::open(&folder.path().join("ferry.db")).unwrap();
    for body in [r#"{ "id": "a", "amount": "5" }"#, r#"{ "id": "b", "amount": 5, "more": true }"#] {
        let answer = reqwest::Client::new().post(format!("{}payouts", service.hooks)).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
    }
    let taken = in_state(&store, "finished").await;
    assert_eq!(output(&store, &taken).await["amount"], 5);
    let refused = in_state(&store, "dead_lettered").await;
    let said = "invalid: `payouts` does not take this event: `$.amount` must be number, and is a string";
    assert!(refused.event_key == "a" && refused.note.contains(said), "{refused:?}");
}

async fn in_state(store: &SqliteStore, state: &str) -> RunRow {
    listed(store, Filter { kinds: vec![state.to_owned()], ..Filter::default() }, 1).await.remove(0)
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

const INVOICES: &str = r#"
ferry: 1
pipeline: invoices
trigger: { file: { folder: inbox, format: csv, every: 50ms }, key: $.number }
steps:
  - { id: total, map: { money: { amount: $.event.amount, currency: $.event.currency } } }
output: $.total
"#;

const LINES: &str = r#"
ferry: 1
pipeline: lines
trigger: { file: { folder: inbox, format: json_lines, every: 50ms }, key: $.id }
steps:
  - { id: id, map: { from: $.event.id } }
output: $.id
"#;

#[tokio::test]
async fn each_row_of_a_dropped_file_is_one_run_and_a_broken_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("drop/inbox");
    std::fs::create_dir_all(&inbox).unwrap();
    for (name, text) in [("ferry", "ferry: 1\nproject: drop\n"), ("invoices", INVOICES), ("lines", LINES)] {
        std::fs::write(folder.path().join(format!("drop/{name}.yaml")), text).unwrap();
    }
    let csv = "number,amount,currency\n010,12.50,EUR\n011,1.00,USD,one too many\n\"012\",7,EUR\n";
    std::fs::write(inbox.join("march.csv"), csv).unwrap();
    let long = format!("{{\"id\": \"{}\"}}", "x".repeat(2 << 20));
    std::fs::write(inbox.join("march.jsonl"), format!("{{\"id\": \"a\"}}\n\n{long}\n{{\"id\": 1.50}}\n{{broken\n"))
        .unwrap();
    let _service = serve_folder(folder.path(), &folder.path().join("drop"), "ferry.db", &[]);
    let store = SqliteStore::open(&folder.path().join("ferry.db")).unwrap();
    // A row that cannot be read is named by file and row, and a digest of what stands there.
    let name = |run: &RunRow| run.event_key.splitn(3, ':').take(2).collect::<Vec<_>>().join(":");
    let keys = |runs: &[RunRow]| runs.iter().map(name).collect::<BTreeSet<_>>();
    let invoices = runs(&store, "invoices", 3).await;
    assert_eq!(keys(&invoices), ["010", "012", "march.csv:3"].map(str::to_owned).into());
    let paid = invoices.iter().find(|run| run.event_key == "010").unwrap();
    assert_eq!(output(&store, paid).await.to_string(), r#"{"amount":12.50,"currency":"EUR"}"#);
    let lines = runs(&store, "lines", 4).await;
    assert_eq!(keys(&lines), ["a", "1.50", "march.jsonl:3", "march.jsonl:5"].map(str::to_owned).into());
    // That a run has begun does not say that it has ended.
    let broken = listed(&store, Filter { kinds: vec!["dead_lettered".to_owned()], ..Filter::default() }, 3).await;
    assert_eq!(keys(&broken), ["march.csv:3", "march.jsonl:3", "march.jsonl:5"].map(str::to_owned).into());
    let row = broken.iter().find(|run| run.event_key.starts_with("march.csv:3:")).unwrap();
    let broken = store.run(&row.run).await.unwrap().unwrap();
    let Entry::Started { event, .. } = &broken.journal[0].1 else { panic!("a run begins") };
    assert_eq!(event["text"], "011,1.00,USD,one too many");
    // The same rows under another name begin nothing.
    std::fs::write(inbox.join("again.csv"), csv.replace(",one too many", "")).unwrap();
    assert_eq!(runs(&store, "invoices", 4).await.len(), 4);
    for _ in 0..200 {
        if ["march.csv", "march.jsonl", "again.csv"].iter().all(|name| inbox.join("done").join(name).is_file()) {
            return;
        }
        pause(Duration::from_millis(20)).await;
    }
    panic!("the files were not put away");
}
