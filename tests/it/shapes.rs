//! The shapes of pipelines, through the service: items, pipelines in pipelines, events, waits, approvals.

use std::{collections::BTreeMap, time::Duration};

use ferry::{
    clock::{SystemClock, pause},
    store::{Change, RunId, Store as _, StoredRun},
};
use ferry_contract::port::Clock as _;
use ferry_core::run::{Entry, Letter};
use serde_json::{Value, json};

use crate::{
    program::{ferry, outcome},
    shop::Shop,
};

const ORDERS: &str = r#"
ferry: 1
pipeline: orders
trigger: { webhook: { path: orders, verify: none }, key: $.id }
steps:
  - id: lines
    each: { in: $.event.lines, as: line, key: $.line.sku, concurrency: 2, errors: collect }
    pipeline: line
    with: { sku: $.line.sku, amount: $.line.amount }
  - id: told
    needs: [lines]
    emit: { event: order.done, key: $.event.id, data: { id: $.event.id, lines: $.lines } }
"#;

const LINE: &str = r#"
ferry: 1
pipeline: line
trigger: manual
inputs: { sku: string, amount: number }
steps:
  - { id: payable, check: [{ field: $.event.amount, is: { decimal: { above: 0 } }, say: "{$.event.sku} costs nothing" }] }
  - { id: pause, needs: [payable], wait: { for: 50ms } }
  - { id: total, needs: [pause], map: { twice: { rhai: event.amount * 2 } } }
output: $.total
"#;

const BOOKED: &str = r#"
ferry: 1
pipeline: booked
trigger: { event: order.done, key: $.id }
steps:
  - { id: sum, map: { from: $.event.lines } }
"#;

const SHIPMENTS: &str = r#"
ferry: 1
pipeline: shipments
trigger: { webhook: { path: shipments, verify: none }, key: $.id }
steps:
  - id: ordered
    wait: { event: order.done, match: { event: $.id, run: $.event.order }, timeout: { after: 2s, then: continue } }
  - { id: release, needs: [ordered], approve: { by: [ana, bob], not: $.event.maker, show: { order: $.event.order }, expires: 1m } }
  - { id: shipped, needs: [release], map: { order: { from: $.ordered.id, default: unknown }, by: $.release.by } }
"#;

const TWICE: &str = r#"
ferry: 1
pipeline: twice
trigger: { webhook: { path: twice, verify: none }, key: $.id }
steps:
  - id: ordered
    wait: { event: order.done, match: { event: $.id, run: $.event.order }, timeout: { after: 1d, then: dead_letter } }
  - { id: never, needs: [ordered], check: [{ rhai: "ordered.id == 0", say: it is a name }] }
"#;

fn open() -> Shop {
    let project = ("ferry", "ferry: 1\nproject: shop\n");
    Shop::open(&[
        project,
        ("orders", ORDERS),
        ("line", LINE),
        ("booked", BOOKED),
        ("shipments", SHIPMENTS),
        ("twice", TWICE),
    ])
}

/// What the steps of a run gave.
fn outputs(run: &StoredRun) -> BTreeMap<String, Value> {
    let output = |(_, entry): &(jiff::Timestamp, Entry)| match entry {
        Entry::Evaluated { step, output } | Entry::Arrived { step, output } => Some((step.clone(), output.clone())),
        Entry::Emitted { step, data, .. } => Some((step.clone(), data.clone())),
        Entry::Approved { step, by, .. } => Some((step.clone(), json!(by))),
        _ => None,
    };
    run.journal.iter().filter_map(output).collect()
}

fn order(id: &str) -> Value {
    json!({ "id": id, "lines": [{ "sku": "a", "amount": 0.1 }, { "sku": "b", "amount": 0 }, { "sku": "c", "amount": 7 }] })
}

#[tokio::test]
async fn each_item_is_a_run_of_its_own_and_the_outcome_is_told_on() {
    let shop = open();
    shop.deliver("orders", &order("o1")).await;
    let run = shop.run("orders", "o1", &["finished"]).await;
    let told = &outputs(&run)["told"];
    assert_eq!(told["lines"][0], json!({ "key": "a", "ok": true, "output": { "twice": 0.2 } }));
    assert_eq!(told["lines"][2], json!({ "key": "c", "ok": true, "output": { "twice": 14 } }));
    let error = &told["lines"][1]["error"];
    assert!(error["class"] == "invalid" && error["message"].as_str().unwrap().ends_with("b costs nothing"), "{error}");
    shop.run("line", "orders/o1/lines[a]", &["finished"]).await;
    shop.run("line", "orders/o1/lines[b]", &["dead_lettered"]).await;
    let booked = shop.run("booked", "o1", &["finished"]).await;
    assert_eq!(outputs(&booked)["sum"], told["lines"]);
}

#[tokio::test]
async fn an_event_is_found_by_who_waits_before_it_or_after_it_or_not_at_all() {
    let mut shop = open();
    let shipment = |id: &str, order: &str| json!({ "id": id, "order": order, "maker": "ana" });
    shop.deliver("shipments", &shipment("before", "o1")).await;
    shop.run("shipments", "before", &["waiting"]).await;
    // A wait outlives its process.
    shop.kill();
    shop.deliver("orders", &order("o1")).await;
    shop.run("orders", "o1", &["finished"]).await;
    shop.deliver("orders", &order("o2")).await;
    shop.run("orders", "o2", &["finished"]).await;
    shop.deliver("shipments", &shipment("after", "o2")).await;
    shop.deliver("shipments", &shipment("never", "o3")).await;
    for (shipment, ordered) in [("before", "o1"), ("after", "o2"), ("never", "unknown")] {
        let run = RunId::of("shipments", shipment);
        asked(&shop, &run).await;
        for (by, yes) in [("ana", true), ("eve", true), ("bob", true)] {
            let letter =
                Letter::Answer { step: "release".into(), by: by.into(), yes, reason: "seen".into(), asked_at: None };
            shop.store
                .commit(vec![Change::Send { run: run.clone(), letter, at: SystemClock::default().now() }])
                .await
                .unwrap();
        }
        let run = shop.run("shipments", shipment, &["finished"]).await;
        // She made it, and nobody knows the other one.
        assert_eq!(outputs(&run)["shipped"], json!({ "order": ordered, "by": "bob" }));
        assert!(run.letters.is_empty());
    }
}

/// Waits until a run asks for an approval.
async fn asked(shop: &Shop, run: &RunId) {
    for _ in 0..400 {
        if shop.store.approvals(99).await.unwrap().iter().any(|approval| approval.run == *run) {
            return;
        }
        pause(Duration::from_millis(20)).await;
    }
    panic!("{run} asks nobody");
}

/// It is claimed by one of them.
#[tokio::test]
async fn who_was_told_of_an_event_among_others_finds_it_again() {
    let shop = open();
    for id in ["one", "two"] {
        shop.deliver("twice", &json!({ "id": id, "order": "o1" })).await;
        shop.run("twice", id, &["waiting"]).await;
    }
    shop.deliver("orders", &order("o1")).await;
    for id in ["one", "two"] {
        let first = shop.run("twice", id, &["dead_lettered"]).await;
        let mut replay = ferry(shop.folder.path());
        replay.args(["dlq", "replay", id, "--from", "start", "--yes", "--reason", "x"]);
        replay.args(["--store", "ferry.db", "--project", "shop"]);
        let (code, _, said) = outcome(&mut replay);
        assert_eq!(code, Some(0), "{said}");
        let is_told = |entry: &&(_, Entry)| matches!(&entry.1, Entry::Arrived { step, .. } if step == "ordered");
        let mut told = 0;
        for _ in 0..400 {
            let run = shop.store.run(&first.row.run).await.unwrap().unwrap();
            told = run.journal.iter().filter(is_told).count();
            if told == 2 {
                break;
            }
            pause(Duration::from_millis(20)).await;
        }
        assert_eq!(told, 2, "{id}");
    }
}
