//! What is nested so deep that its journal could not be read again, wherever it comes from.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::bank::{Desk, PAYMENTS, nested};

/// An event with so many levels: it is one itself.
fn event(id: &str, levels: usize) -> String {
    let event = json!({ "id": id, "account": "open", "amount": 10, "big": false, "maker": "ana" });
    event.to_string().replacen('{', &format!("{{\"nested\":{},", nested(levels - 1)), 1)
}

#[tokio::test]
async fn what_is_nested_too_deep_is_kept_and_can_be_read() {
    let wraps =
        "  - { id: wrap, map: { outer: { inside: { from: $.event.nested } } } }\n  - id: release\n    needs: [wrap]\n";
    let desk = Desk::with("", &PAYMENTS.replace("  - id: release\n", wraps));
    desk.deliver(event("fits-1", 63)).await;
    desk.until("fits-1", "finished").await;
    desk.deliver(event("wraps-1", 64)).await;
    desk.until("wraps-1", "dead_lettered").await;
    let message = &desk.json(&["dlq", "show", "wraps-1"])["message"];
    assert_eq!(
        message,
        "the value has more than 64 levels of lists and maps in one another; take what is needed of it"
    );
    // A reader of JSON takes 127 levels, and a journal adds its own.
    for levels in [65, 127] {
        let id = format!("in-{levels}");
        assert_eq!(desk.deliver(event(&id, levels)).await, 202, "what cannot be run is kept");
        desk.until(&id, "dead_lettered").await;
        let letter = desk.json(&["dlq", "show", &id]);
        let said = "the event has more than 64 levels of lists and maps in one another; its sender can send what is inside as text";
        assert_eq!(letter["message"], said, "{letter}");
        assert_eq!(serde_json::from_str::<Value>(letter["event"].as_str().unwrap()).unwrap()["id"], id, "{letter}");
    }
    assert_eq!(desk.deliver(event("in-128", 128)).await, 400, "the sender is told");

    // A payment whose answer cannot be kept may have been made.
    desk.deliver(event("deep-1", 2)).await;
    desk.until("deep-1", "parked").await;
    let shown = desk.says(&["runs", "show", "deep-1"]).1;
    assert!(shown.contains("cannot be kept: it has more than 64 levels"), "{shown}");
    let found = ["runs", "decide", "deep-1", "--done", "--reason", "the bank has it", "--project", "treasury"];
    let (code, said) = desk.says(&[&found[..], &["--output", &nested(65).to_string()]].concat());
    assert!(code == 2 && said.contains("`--output` has more than 64 levels"), "{code}: {said}");
    assert_eq!(desk.bank.booked().iter().filter(|name| *name == "pay deep-1").count(), 1);
}

/// Rhai bounds the size of a value and the number of operations, and not how deep a value is.
#[tokio::test]
async fn a_script_that_nests_a_value_in_itself_ends_its_own_step_alone() {
    let spiral = "  - id: spiral\n    when: event.id == \"spiral-1\"\n    script: |\n      let a = event;\n      loop { a = [[[[[[[[[[[[[[a]]]]]]]]]]]]]]; }\n  - \
         id: release\n    needs: [spiral]\n";
    let desk = Desk::with("", &PAYMENTS.replace("  - id: release\n", spiral));
    desk.pay("spiral-1", "open", 10).await;
    desk.until("spiral-1", "dead_lettered").await;
    let message = &desk.json(&["dlq", "show", "spiral-1"])["message"];
    assert!(message.as_str().is_some_and(|message| message.contains("it took too long")), "{message}");
    desk.pay("plain-1", "open", 10).await;
    desk.until("plain-1", "finished").await;
}

#[tokio::test]
async fn a_run_that_cannot_be_read_keeps_no_other_from_its_replay() {
    let desk = Desk::open();
    for id in ["c-1", "c-2"] {
        desk.pay(id, "closed", 10).await;
        desk.until(id, "dead_lettered").await;
    }
    let file = rusqlite::Connection::open(desk.folder.path().join("ferry.db")).unwrap();
    let broken = "UPDATE journal SET entry = ?1
        WHERE sequence = 0 AND run = (SELECT number FROM runs WHERE event_key = 'c-1')";
    let entry = json!({ "started": { "event": nested(126) } }).to_string();
    assert_eq!(file.execute(broken, [entry]).unwrap(), 1);
    desk.bank.opened.store(true, Ordering::SeqCst);
    let bulk = ["dlq", "replay", "--class", "rejected", "--project", "treasury", "--yes", "--reason", "open again"];
    let (code, said) = desk.says(&bulk);
    assert!(code == 5 && said.contains("its journal cannot be read"), "{code}: {said}");
    desk.until("c-2", "finished").await;
}
