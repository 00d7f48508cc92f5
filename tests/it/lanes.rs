//! Runs with one `concurrency` key, on every store: so many at once, in the order of their events.

use std::time::Duration;

use ferry::store::{Arrival, Change, EngineId, Hold, Leased, RunId, Store};
use ferry_contract::key::Digest;
use ferry_core::run::State;
use jiff::Timestamp;
use serde_json::json;

use crate::store::{Tested, stores};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn arrival(key: &str, lane: Option<&str>, limit: u32) -> Change {
    Change::Receive(Arrival {
        pipeline: "pay".into(),
        version: Digest::of("v"),
        event_key: key.into(),
        revision: String::new(),
        event: json!({}),
        refused: None,
        at: at(0),
        owner: None,
        parent: None,
        lane: lane.map(|lane| (lane.to_owned(), limit)),
    })
}

/// Lets a run go: it ends, or it waits until a time, with its place or without.
fn project(leased: &Leased, state: State, due: Option<Timestamp>, is_active: bool) -> Change {
    let (run, fence) = (leased.run.clone(), leased.fence);
    Change::Project { run, fence, state, due, note: String::new(), hold: Hold::Release, mail: 0, is_active }
}

async fn lease(store: &dyn Store, engine: &EngineId, second: i64) -> Vec<Leased> {
    store.lease(engine, at(second), 9).await.unwrap().runs
}

/// The one of these that is the run of a key.
fn of<'l>(leased: &'l [Leased], key: &str) -> &'l Leased {
    leased.iter().find(|leased| leased.run == RunId::of("pay", key)).unwrap()
}

/// In the order of the keys: a store gives those that may go together in any order.
fn names(leased: &[Leased], keys: &[&str]) -> Vec<String> {
    let is_there = |key: &&&str| leased.iter().any(|leased| leased.run == RunId::of("pay", key));
    keys.iter().filter(is_there).map(|key| (*key).to_owned()).collect()
}

#[tokio::test]
async fn runs_with_one_key_go_in_order_and_so_many_at_once() {
    let keys = ["z", "y", "x", "w", "alone"];
    for Tested { store, .. } in stores().await {
        let engine = EngineId::named("engine-1");
        store.join(&engine, Duration::from_secs(60)).await.unwrap();
        let all = keys.iter().take(4).map(|key| arrival(key, Some("acme"), 2));
        store.commit(all.chain([arrival("alone", None, 0)]).collect()).await.unwrap();
        let first = lease(&*store, &engine, 0).await;
        assert_eq!(names(&first, &keys), ["z", "y", "alone"]);
        // Nobody waits for a place in vain, again and again.
        assert_eq!(store.lease(&engine, at(0), 9).await.unwrap().next, None);
        // What is unknown keeps its place; what waits for somebody else does not.
        store.commit(vec![project(of(&first, "z"), State::Running, Some(at(60)), true)]).await.unwrap();
        assert!(lease(&*store, &engine, 1).await.is_empty());
        store.commit(vec![project(of(&first, "y"), State::Waiting, Some(at(30)), false)]).await.unwrap();
        let second = lease(&*store, &engine, 1).await;
        assert_eq!(names(&second, &keys), ["x"]);
        // The one that waited is due again, and was there before the others.
        store.commit(vec![project(&second[0], State::Finished, None, false)]).await.unwrap();
        let third = lease(&*store, &engine, 31).await;
        assert_eq!(names(&third, &keys), ["y"]);
        let fourth = lease(&*store, &engine, 61).await;
        assert_eq!(names(&fourth, &keys), ["z"]);
        let ends = third.iter().chain(&fourth).map(|leased| project(leased, State::Finished, None, false));
        store.commit(ends.collect()).await.unwrap();
        assert_eq!(names(&lease(&*store, &engine, 62).await, &keys), ["w"]);
    }
}

/// A target that is down keeps the first run of each key at work, and another one waiting behind it.
#[tokio::test]
async fn keys_whose_place_is_taken_keep_no_other_key_waiting() {
    for Tested { store, .. } in stores().await {
        let engine = EngineId::named("engine-1");
        store.join(&engine, Duration::from_secs(60)).await.unwrap();
        let taken: Vec<String> = (0..9).map(|number| format!("a-{number}")).collect();
        let all = taken.iter().map(|key| arrival(key, Some(key), 1));
        store.commit(all.collect()).await.unwrap();
        let first = lease(&*store, &engine, 0).await;
        assert_eq!(first.len(), 9);
        let retries = first.iter().map(|leased| project(leased, State::Running, Some(at(60)), true));
        store.commit(retries.collect()).await.unwrap();
        let behind = taken.iter().map(|key| arrival(&format!("{key}-again"), Some(key), 1));
        store.commit(behind.collect()).await.unwrap();
        store.commit(vec![arrival("z", Some("z"), 1)]).await.unwrap();
        assert_eq!(names(&lease(&*store, &engine, 1).await, &["z"]), ["z"]);
    }
}

/// As many keys as there is room for, the one first that waits longest, whatever it is called.
#[tokio::test]
async fn the_key_that_waits_longest_is_first() {
    for Tested { store, .. } in stores().await {
        let engine = EngineId::named("engine-1");
        store.join(&engine, Duration::from_secs(60)).await.unwrap();
        for (second, key) in ["z", "a", "m"].into_iter().enumerate() {
            let Change::Receive(arrived) = arrival(key, Some(key), 1) else { unreachable!("it arrives") };
            let at = at(i64::try_from(second).unwrap());
            store.commit(vec![Change::Receive(Arrival { at, ..arrived })]).await.unwrap();
        }
        let mut order = Vec::new();
        while let Some(leased) = store.lease(&engine, at(9), 1).await.unwrap().runs.pop() {
            order.extend(names(std::slice::from_ref(&leased), &["z", "a", "m"]));
        }
        assert_eq!(order, ["z", "a", "m"]);
    }
}
