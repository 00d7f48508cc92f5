//! Reconciliations in a service: the book, what begins with it, and what persons decide; and how right the matcher is on noise that it
//! has not seen.

use std::{collections::BTreeMap, time::Duration};

use ferry::{
    clock::pause,
    store::{Filter, ItemFilter, ItemState, Store as _, StoredItem},
};
use ferry_tests::{
    noise::{Config, generate},
    reconciled::judge,
};
use serde_json::{Value, json};

use crate::{
    program::{ferry, outcome},
    shop::Shop,
};

/// Noise of another author: what is confirmed is right, nearly all is found, and reasons are right.
#[test]
fn noise_of_a_stranger_is_matched_as_promised() {
    for seed in [11, 12] {
        let score = judge(&generate(&Config::new(seed, 3_000))).score;
        let figures = [score.confirmed_precision.millionths(), score.f1().millionths(), score.reasons.millionths()];
        let promised = [999_000, 970_000, 950_000];
        assert!(figures.iter().zip(promised).all(|(figure, promised)| *figure >= promised), "seed {seed}: {score}");
    }
}

const PROJECT: &str = "\
ferry: 1
project: shop
alerts: { ops: log }
";

const DAILY: &str = "\
ferry: 1
pipeline: daily
trigger: { webhook: { path: daily, verify: none }, key: $.day }
steps:
  - id: matched
    reconcile:
      book: orders
      left: { from: { items: $.event.orders }, id: $.id, amount: $.amount, currency: USD, ref: $.id, party: $.who, date: $.day }
      right: { from: { items: $.event.payments }, id: $.id, amount: $.amount, currency: USD, ref: $.text, party: $.who, date: $.day }
      rules:
        - { name: exact-ref, by: ref, gives: confirmed }
        - { name: no-ref, by: party, days: [-1, 14], gives: suggested }
output: $.matched
on_failure: { alert: ops }
";

const BOOKED: &str = "\
ferry: 1
pipeline: booked
trigger: { reconciled: { book: orders, of: matches, every: 100ms } }
steps:
  - { id: told, emit: { event: order.paid, key: $.event.key, data: { order: \"$.event.left[0].id\" } } }
on_failure: { alert: ops }
";

const REVIEW: &str = "\
ferry: 1
pipeline: review
trigger: { reconciled: { book: orders, of: exceptions, reasons: [duplicate_payment], every: 100ms } }
steps:
  - { id: told, emit: { event: payment.twice, key: $.event.key, data: { payment: $.event.row.id } } }
on_failure: { alert: ops }
";

fn open() -> Shop {
    Shop::open(&[("ferry", PROJECT), ("daily", DAILY), ("booked", BOOKED), ("review", REVIEW)])
}

fn row(id: &str, amount: &str, text: &str, who: &str) -> Value {
    json!({ "id": id, "amount": amount, "text": text, "who": who, "day": "2026-03-01" })
}

async fn items(shop: &Shop, states: &[ItemState]) -> Vec<StoredItem> {
    let (project, states) = ("shop".to_owned(), states.to_vec());
    shop.store.items(&ItemFilter { project, states, limit: 9_999, ..ItemFilter::default() }).await.unwrap()
}

/// Items as `what: left = right`, in the order of their names.
async fn told(shop: &Shop, states: &[ItemState]) -> Vec<String> {
    let said = |stored: StoredItem| {
        let item = stored.item;
        format!("{} {}: {} = {}", item.state.name(), item.what, item.left.join(" "), item.right.join(" "))
    };
    let mut told: Vec<String> = items(shop, states).await.into_iter().map(said).collect();
    told.sort();
    told
}

/// How many runs of each pipeline have finished, as soon as there are so many of one.
async fn finished(shop: &Shop, pipeline: &str, count: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..600 {
        let runs = shop.store.runs(&Filter { limit: 9_999, ..Filter::default() }).await.unwrap();
        counts.clear();
        for run in runs.iter().filter(|run| run.state == "finished") {
            *counts.entry(run.pipeline.clone()).or_default() += 1;
        }
        if counts.get(pipeline).copied().unwrap_or(0) >= count {
            return counts;
        }
        pause(Duration::from_millis(20)).await;
    }
    panic!("{pipeline} has not finished {count} times: {counts:?}");
}

fn recon(shop: &Shop, args: &[&str]) -> (Option<i32>, String) {
    let mut command = ferry(shop.folder.path());
    command.args(["recon"]).args(args).args(["--project", "shop", "--store", "ferry.db"]).env("USER", "carl");
    let (code, stdout, stderr) = outcome(&mut command);
    (code, stdout + stderr.as_str())
}

/// A kill in the middle, and the same rows once more: each match and each exception is there once, and begins one run.
#[tokio::test]
async fn what_a_reconciliation_finds_begins_one_run_each_through_a_kill() {
    const ORDERS: usize = 1_500;
    let mut shop = open();
    let name = |letter: char, number: usize| format!("{letter}{number:05}");
    let orders: Vec<Value> = (0..ORDERS).map(|n| row(&name('A', n), "10.00", "", "Ana")).collect();
    let mut payments: Vec<Value> = (0..ORDERS).map(|n| row(&name('p', n), "10.00", &name('A', n), "Ana")).collect();
    payments.push(row("twice", "10.00", "A00007", "Ana"));
    let event = |day: &str| json!({ "day": day, "orders": orders, "payments": payments });
    shop.deliver("daily", &event("monday")).await;
    // Somewhere between the first part of the book and the last.
    while items(&shop, &[]).await.is_empty() {
        pause(Duration::from_millis(1)).await;
    }
    shop.kill();
    shop.run("daily", "monday", &["finished"]).await;
    finished(&shop, "booked", ORDERS).await;
    let last = items(&shop, &[]).await.last().map(|stored| stored.number);
    shop.deliver("daily", &event("monday again")).await;
    let run = shop.run("daily", "monday again", &["finished"]).await;
    let counts = finished(&shop, "review", 1).await;
    assert_eq!(counts, BTreeMap::from([("booked".into(), ORDERS), ("daily".into(), 2), ("review".into(), 1)]));
    assert_eq!(items(&shop, &[]).await.last().map(|stored| stored.number), last, "nothing has changed");
    assert_eq!(items(&shop, &[]).await.len(), ORDERS + 1);
    let output = format!("{:?}", run.journal.last());
    assert!(
        output.contains("\"confirmed\": Number(1500)") && output.contains("\"duplicate_payment\": Number(1)"),
        "{output}"
    );
}

/// Two that see one order at once: one of them pays it, and the other knows.
#[tokio::test]
async fn two_reconciliations_at_once_match_no_row_twice() {
    let shop = open();
    for round in 0..8 {
        let order = row(&format!("ORD{round}"), "50.00", "", "Ana");
        let event = |who: &str| {
            let payment = row(&format!("{who}{round}"), "50.00", &format!("ORD{round}"), "Ana");
            json!({ "day": format!("{who}{round}"), "orders": [order], "payments": [payment] })
        };
        let (one, other) = (event("a"), event("b"));
        futures_util::future::join(shop.deliver("daily", &one), shop.deliver("daily", &other)).await;
        for who in ["a", "b"] {
            shop.run("daily", &format!("{who}{round}"), &["finished"]).await;
        }
        let here = |stored: &&StoredItem| stored.item.left.contains(&format!("ORD{round}"));
        let confirmed = items(&shop, &[ItemState::Confirmed]).await;
        assert_eq!(confirmed.iter().filter(here).count(), 1, "{confirmed:#?}");
        let open = items(&shop, &[ItemState::Open]).await;
        let twice = open.iter().filter(|stored| stored.item.what == "duplicate_payment").count();
        assert_eq!(twice, round + 1, "{open:#?}");
    }
}

/// What persons decide is kept, begins runs, and goes before all rules from then on.
#[tokio::test]
async fn what_persons_decide_goes_before_the_rules() {
    let shop = open();
    let orders = [row("A1001", "50.00", "", "Ana"), row("A1002", "70.00", "", "Ben"), row("A1003", "9.00", "", "Carl")];
    let payments = [row("p1", "50.00", "", "Ana"), row("p2", "70.00", "", "Ben"), row("p3", "40.00", "A1003", "Carl")];
    let deliver = |day: &'static str| {
        let event = json!({ "day": day, "orders": orders, "payments": payments });
        let shop = &shop;
        async move {
            shop.deliver("daily", &event).await;
            shop.run("daily", day, &["finished"]).await;
        }
    };
    deliver("first").await;
    let told_first = told(&shop, &[]).await;
    assert_eq!(
        told_first,
        [
            "open overpaid:  = p3",
            "open overpaid: A1003 = ",
            "suggested no-ref: A1001 = p1",
            "suggested no-ref: A1002 = p2"
        ]
    );
    let why = ["--reason", "known"];
    let said = |args: &[&str]| recon(&shop, &[args, &why[..]].concat());
    assert!(said(&["accept", "p1"]).1.contains("is accepted"));
    assert!(said(&["reject", "p2"]).1.contains("is rejected"));
    let (code, text) = said(&["split", "p3", "--into", "9.00,30.00"]);
    assert!(code == Some(1) && text.contains("the parts come to 39.00, and the row is 40.00 USD"), "{text}");
    assert_eq!(said(&["split", "p3", "--into", "9.00,31.00"]).0, Some(0));
    assert_eq!(finished(&shop, "booked", 1).await["booked"], 1);
    deliver("second").await;
    assert_eq!(
        told(
            &shop,
            &[ItemState::Accepted, ItemState::Confirmed, ItemState::Suggested, ItemState::Rejected, ItemState::Open]
        )
        .await,
        [
            "accepted no-ref: A1001 = p1",
            "confirmed exact-ref: A1003 = p3#1",
            "open overpaid:  = p3#2",
            "open unknown_payment:  = p2",
            "open unpaid: A1002 = ",
            "rejected no-ref: A1002 = p2",
        ]
    );
    let (code, text) = said(&["accept", "--left", "A1002", "--right", "p3#2"]);
    assert!(code == Some(1) && text.contains("the left is 39.00 USD more than the right"), "{text}");
    assert_eq!(said(&["accept", "--left", "A1002", "--right", "p2"]).0, Some(0));
    assert_eq!(said(&["write-off", "p3#2", "--account", "goodwill"]).0, Some(0));
    deliver("third").await;
    assert_eq!(told(&shop, &[ItemState::Open, ItemState::Suggested]).await, Vec::<String>::new());
    let (code, text) = recon(&shop, &["list"]);
    assert_eq!((code, text.as_str()), (Some(4), "nothing of that kind; `--state all` shows what is settled, too\n"));
    let (_, csv) = recon(&shop, &["export", "--state", "written_off"]);
    assert!(csv.contains(",written_off,overpaid,,p3#2,31.00,USD,,carl,known,"), "{csv}");
    let acts: Vec<String> =
        shop.store.acts(9).await.unwrap().into_iter().map(|act| format!("{} {}", act.by, act.act)).collect();
    assert_eq!(acts, ["carl written off", "carl accepted", "carl split", "carl rejected", "carl accepted"]);
}
