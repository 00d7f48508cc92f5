//! Alerts that begin pipelines, through the service and a crash.

use std::{collections::BTreeSet, time::Duration};

use ferry::{
    clock::pause,
    store::{Filter, Store as _, sqlite::SqliteStore},
};
use ferry_core::run::{Entry, State};
use serde_json::Value;

use crate::program::serve_folder;

const PROJECT: &str = "\
ferry: 1
project: shop
alerts: { desk: { pipeline: tell }, ops: log }
";

const ORDERS: &str = r#"
ferry: 1
pipeline: orders
trigger: { webhook: { path: orders, verify: none }, key: $.id }
steps:
  - { id: large, when: event.amount > 10, alert: { to: desk, say: "{$.event.id} is large" } }
  - { id: small, needs: [large], check: [{ rhai: event.amount <= 100, say: "{$.event.id} is too large" }] }
on_failure: { alert: desk }
"#;

/// Fails where it is told of the order `d`.
const TELL: &str = r#"
ferry: 1
pipeline: tell
trigger: manual
inputs: { kind: string, text: string, key: string, class: { type: string, optional: true } }
steps:
  - { id: heard, check: [{ rhai: event.key != "d", say: "nobody is there" }] }
  - { id: line, needs: [heard], map: { text: { text: "{$.event.kind}: {$.event.text}" }, class: { from: $.event.class, default: none } } }
output: $.line
on_failure: { alert: ops }
"#;

#[tokio::test]
async fn what_persons_must_know_begins_the_pipeline_of_its_channel_once() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("shop");
    std::fs::create_dir(&project).unwrap();
    for (name, text) in [("ferry", PROJECT), ("orders", ORDERS), ("tell", TELL)] {
        std::fs::write(project.join(format!("{name}.yaml")), text).unwrap();
    }
    let mut service = serve_folder(folder.path(), &project, "ferry.db", &[]);
    // The last one has no key, and is a dead letter from the start.
    for body in [
        r#"{ "id": "a", "amount": 5 }"#,
        r#"{ "id": "b", "amount": 50 }"#,
        r#"{ "id": "c", "amount": 500 }"#,
        r#"{ "id": "d", "amount": 500 }"#,
        r#"{ "amount": 5 }"#,
    ] {
        let sent = reqwest::Client::new().post(format!("{}orders", service.hooks)).body(body).send().await.unwrap();
        assert_eq!(sent.status().as_u16(), 202);
    }
    service.kill().unwrap();
    let _service = serve_folder(folder.path(), &project, "ferry.db", &[]);
    let store = SqliteStore::open(&folder.path().join("ferry.db")).unwrap();
    let mut told = BTreeSet::new();
    for _ in 0..500 {
        told = ended(&store).await;
        if told.len() == 6 {
            break;
        }
        pause(Duration::from_millis(20)).await;
    }
    let expected = [
        "dead letter: nobody is there",
        "dead letter: nobody is there (dead_letter)",
        "dead_letter: invalid: c is too large, invalid",
        "dead_letter: invalid: the event has no key at `$.id`, invalid",
        "message: b is large, none",
        "message: c is large, none",
    ];
    assert_eq!(told, expected.map(str::to_owned).into());
}

/// What the runs that tell have come to, of those that have ended.
async fn ended(store: &SqliteStore) -> BTreeSet<String> {
    let filter = Filter { pipeline: Some("tell".to_owned()), limit: 100, ..Filter::default() };
    let mut ended = BTreeSet::new();
    for row in store.runs(&filter).await.unwrap() {
        let run = store.run(&row.run).await.unwrap().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match &run.journal.last().unwrap().1 {
            Entry::Finished { output } => {
                ended.insert(format!("{}, {}", text(&output["text"]), text(&output["class"])));
            }
            Entry::DeadLettered { failure, .. } => {
                let Entry::Started { event, .. } = &run.journal[0].1 else { panic!("a run begins") };
                let of = if event["kind"] == "dead_letter" { " (dead_letter)" } else { "" };
                ended.insert(format!("dead letter: {}{of}", failure.message));
            }
            _ => assert_ne!(row.state, State::Finished.name()),
        }
    }
    ended
}
