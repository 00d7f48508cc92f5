//! A target that is slow, and what that is to pipelines which do not call it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use ferry::clock::pause;
use ferry::limits::RUNS_ACTIVE_MAX;
use serde_json::{Value, json};

use crate::reload::{Shop, Target, bank, project};

const BULK: &str = "\
ferry: 1
pipeline: bulk
trigger: { file: { folder: inbox, format: json_lines, every: 50ms }, key: $.id }
steps:
  - { id: pay, action: bank.pay, with: { id: $.event.id } }
on_failure: { alert: ops }
";

const QUICK: &str = "\
ferry: 1
pipeline: quick
trigger: { webhook: { path: quick, verify: none, respond: m }, key: $.id }
steps:
  - { id: m, map: { id: $.event.id } }
";

/// More runs than memory takes wait for two slots of a target that does not answer.
#[tokio::test]
async fn a_slow_target_starves_no_other_pipeline() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let closed = Arc::clone(&gate);
    let (target, port) = Target::open(move |_| {
        let open = closed.0.lock().unwrap();
        let _open = closed.1.wait_while(open, |is_open| !*is_open).unwrap();
        Some((201, ""))
    });
    let shop = Shop::open(&[
        ("st/ferry.yaml", project("st")),
        ("st/bulk.yaml", BULK.to_owned()),
        ("st/quick.yaml", QUICK.to_owned()),
        ("st/connectors/bank/connector.yaml", bank(port, "concurrency: 2", "upsert")),
        ("st/inbox/.keep", String::new()),
    ]);
    let count = RUNS_ACTIVE_MAX + 300;
    let lines: String = (0..count).map(|number| format!("{{\"id\": \"b{number}\"}}\n")).collect();
    shop.write("st/inbox/bulk.jsonl", &lines);
    shop.until_runs("running", count).await;
    for id in ["q1", "q2", "q3"] {
        assert_eq!(shop.deliver("quick", &json!({ "id": id })).await, 200, "{id} is answered meanwhile");
    }
    assert_eq!(target.acted().len(), 2);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    // Those that were sent away come again, and each is sent once.
    for _ in 0..2_000 {
        let acted = target.acted();
        if acted.len() >= 20 {
            assert_eq!(acted.iter().collect::<BTreeSet<_>>().len(), acted.len());
            return;
        }
        pause(Duration::from_millis(50)).await;
    }
    panic!("only {} were sent", target.acted().len());
}

impl Shop {
    async fn until_runs(&self, state: &str, count: usize) {
        let mut status = Value::Null;
        for _ in 0..1_200 {
            status = self.status();
            if status["runs"][state].as_u64().is_some_and(|runs| runs >= count as u64) {
                return;
            }
            pause(Duration::from_millis(50)).await;
        }
        panic!("{status}");
    }
}
