//! A run is found by a value in its journal, and a dead letter by its names, on every store.

use ferry::store::{Change, Filter, RunId};
use ferry_contract::failure::{ErrorClass, Failure};
use serde_json::{Value, json};

use crate::store::{Tested, arrived, stores};

#[tokio::test]
async fn a_value_is_found_in_the_runs_that_changed_last() {
    for Tested { store, .. } in stores().await {
        let event = |key: &str, second: i64, event: Value| {
            let mut arrival = arrived(key, "1", second);
            arrival.event = event;
            Change::Receive(arrival)
        };
        let group = vec![
            event("a", 1, json!({ "payout_id": "1636", "note": "50% _of \"it\"" })),
            event("b", 2, json!({ "payout_id": 1636 })),
            event("c", 3, json!({ "payout_id": "91636" })),
        ];
        store.commit(group).await.unwrap();
        for (text, among, expected) in [
            ("1636", 9, &["b", "a"][..]),
            ("1636", 2, &["b"]),
            ("91636", 9, &["c"]),
            ("50% _of \"it\"", 9, &["a"]),
            ("50%", 9, &[]),
        ] {
            let found = store.runs_with(text, among).await.unwrap();
            let keys: Vec<&str> = found.iter().map(|row| row.event_key.as_str()).collect();
            assert_eq!(keys, expected, "{text}");
        }
        let of = Filter { event_key: Some("b".to_owned()), limit: 9, ..Filter::default() };
        assert_eq!(store.runs(&of).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_dead_letter_is_found_by_its_run_and_by_its_event() {
    for Tested { store, .. } in stores().await {
        for key in ["a", "b"] {
            let arrival = arrived(key, "1", 1);
            let (run, event, at) = (RunId::of("pay", key), arrival.event.clone(), arrival.at);
            let failure = Failure::new(ErrorClass::Invalid, "too large");
            let dead = Change::DeadLetter { run, step: "trigger".to_owned(), failure, event, at };
            store.commit(vec![Change::Receive(arrival), dead]).await.unwrap();
        }
        let found = async |name: &str| {
            let of = Filter { event_key: Some(name.to_owned()), limit: 9, ..Filter::default() };
            store.dead_letters(&of).await.unwrap().into_iter().map(|letter| letter.event_key).collect::<Vec<_>>()
        };
        assert_eq!(found("a").await, ["a"]);
        assert_eq!(found(RunId::of("pay", "b").as_str()).await, ["b"]);
        assert!(found("c").await.is_empty());
    }
}
