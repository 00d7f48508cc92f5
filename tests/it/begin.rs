//! A run that begins in memory: its event is durable with the first thing that is, or not at all.

use std::time::Duration;

use ferry::{
    clock::pause,
    store::{Arrival, Change, EngineId, Fence, Filter, Leased, RunId, Store as _, StoreError, postgres::PostgresStore},
};
use ferry_contract::limits::LEASE;
use ferry_core::run::Entry;
use ferry_tests::postgres::server;

use super::store::{arrived, stores};

fn leased(key: &str) -> Leased {
    Leased { run: RunId::of("pay", key), fence: Fence::default().raised(), due_at: arrived(key, "1", 0).at }
}

fn append(leased: &Leased, sequence: u64) -> Change {
    let entry = Entry::Skipped { step: "s".into() };
    Change::Append { run: leased.run.clone(), fence: leased.fence, sequence, at: leased.due_at, entry }
}

fn begun(engine: &EngineId, key: &str) -> Vec<Change> {
    let arrival = Arrival { owner: Some(engine.clone()), ..arrived(key, "1", 0) };
    vec![Change::Begin(arrival), append(&leased(key), 1)]
}

#[tokio::test]
async fn a_run_that_begins_in_memory_is_durable_whole_or_refused_whole() {
    for tested in stores().await {
        let (one, two, gone) = (EngineId::named("one"), EngineId::named("two"), EngineId::named("gone"));
        for engine in [&one, &two] {
            tested.store.join(engine, LEASE).await.unwrap();
        }
        let committed = tested.store.commit(begun(&one, "a")).await.unwrap();
        assert_eq!((committed.started, committed.leased), (1, vec![leased("a")]));
        // Another engine began the same event: its first lease would have the same fence.
        let refused = tested.store.commit(begun(&two, "a")).await;
        assert!(matches!(refused, Err(StoreError::Fenced(_))), "{refused:?}");
        // One that nobody knows would keep its run from everyone else.
        let refused = tested.store.commit(begun(&gone, "b")).await;
        assert!(matches!(refused, Err(StoreError::Fenced(_))), "{refused:?}");
        let stored = tested.store.run(&leased("a").run).await.unwrap().unwrap();
        assert_eq!((stored.journal.len(), stored.owner), (2, Some(one)));
        assert_eq!(tested.store.runs(&Filter { limit: 9, ..Filter::default() }).await.unwrap().len(), 1);
        // As the same event would do that was taken in by itself.
        assert_eq!(tested.store.commit(vec![Change::Receive(arrived("a", "1", 0))]).await.unwrap().known, 1);
    }
}

/// An entry locks its engine's row, not its run's: whoever takes the engine out waits for it, or is waited for.
#[tokio::test]
async fn an_entry_waits_for_whoever_is_just_taking_its_engine_out() {
    let address = server().database();
    let store = PostgresStore::open(&address).await.unwrap();
    let engine = EngineId::named("one");
    store.join(&engine, LEASE).await.unwrap();
    store.commit(begun(&engine, "a")).await.unwrap();
    let database = address.split(['/', '?']).nth(3).unwrap().to_owned();
    let take_out = "BEGIN; DELETE FROM ferry.engines; SELECT pg_sleep(1);
        UPDATE ferry.runs SET owner = NULL, fence = fence + 1; COMMIT";
    let taking = tokio::task::spawn_blocking(move || server().execute_in(&database, take_out));
    pause(Duration::from_millis(300)).await;
    let late = store.commit(vec![append(&leased("a"), 2)]).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    taking.await.unwrap().unwrap();
    assert_eq!(store.run(&leased("a").run).await.unwrap().unwrap().journal.len(), 2);
}
