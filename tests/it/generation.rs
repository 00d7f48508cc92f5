//! A payout that its target has cancelled: only a person pays it again, under another name.

use std::time::Duration;

use ferry::{
    clock::pause,
    http::HttpClient,
    sandbox::{get, post},
};
use serde_json::{Value, json};

use crate::program::{ferry, sandbox, serve};

const PATIENCE: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn shown(folder: &std::path::Path, args: &[&str]) -> Value {
    let output = ferry(folder).args(args).args(["--format", "json", "--store", "ferry.db"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

#[tokio::test]
async fn a_cancelled_payout_is_paid_again_by_a_person_alone_and_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sandbox = sandbox(folder, &["--requests", "60", "--speed", "1000"]);
    let http = HttpClient::new().unwrap();
    // As it begins, the balance pays all normal requests or a large one: who asks first would be paid, and others held.
    let enough = json!({ "deposit": "100000.00" });
    post(&http, &format!("{}/_sandbox/seed", sandbox.address), &enough).await.unwrap();
    let _service = serve(folder, &sandbox.address);
    let cancelled = async {
        for _ in 0..PATIENCE {
            let letters = shown(folder, &["dlq", "list", "--class", "declined"]);
            if let Some(letter) = letters["dead_letters"].as_array().and_then(|letters| letters.first()) {
                return letter["event_key"].as_str().unwrap().to_owned();
            }
            pause(LOOK_EVERY).await;
        }
        panic!("no payout was cancelled: {}", shown(folder, &["runs", "list"]));
    };
    let id = cancelled.await;
    let ledger = async || get(&http, &format!("{}/_sandbox/ledger", sandbox.address)).await.unwrap();
    let booked = |ledger: &Value, reference: &str| {
        let own = ledger["payouts"].as_array().unwrap().iter().find(|payout| payout["reference"] == reference).cloned();
        own.map(|payout| (payout["booked"].as_u64().unwrap(), payout["status"].as_str().unwrap_or_default().to_owned()))
    };
    let before = ledger().await;
    assert_eq!(booked(&before, &id), Some((1, "Cancelled".to_owned())));
    let again = format!("{id}-2");
    assert_eq!(booked(&before, &again), None);
    let why = ["--by", "ana", "--reason", "the bank has corrected the branch code", "--yes"];
    let mut replay = ferry(folder);
    replay.args(["dlq", "replay", &id, "--store", "ferry.db", "--project", "payouts"]).args(why);
    let replay = replay.output().unwrap();
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    for _ in 0..PATIENCE {
        if shown(folder, &["runs", "show", &id])["run"]["state"] == "finished" {
            let after = ledger().await;
            assert_eq!(booked(&after, &id), Some((1, "Cancelled".to_owned())));
            assert_eq!(booked(&after, &again), Some((1, "Transferred".to_owned())));
            return;
        }
        pause(LOOK_EVERY).await;
    }
    panic!("the run did not end: {}", shown(folder, &["runs", "show", &id]));
}
