//! The store's contract.

use std::sync::Arc;

use ferry::store::{Arrival, Change, Filter, RunId, Shared, Store, StoreError, sqlite::SqliteStore};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
};
use ferry_core::run::{Entry, State};
use jiff::Timestamp;
use serde_json::Value;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn arrival(key: &str, revision: &str, second: i64) -> Change {
    Change::Receive(Arrival {
        pipeline: "pay".into(),
        version: Digest::of("v"),
        event_key: key.into(),
        revision: revision.into(),
        event: exact(),
        refused: None,
        at: at(second),
    })
}

/// A number that no float can hold.
fn exact() -> Value {
    serde_json::from_str(r#"{"Id": "a", "Amount__c": 12345678901234567.890}"#).unwrap()
}

fn dead_letter(run: &RunId, sequence: u64) -> Vec<Change> {
    let failure = Failure::new(ErrorClass::Invalid, "the e-mail is wrong");
    let entry = Entry::DeadLettered { step: "payable".into(), failure: failure.clone() };
    vec![
        Change::Append { run: run.clone(), sequence, at: at(5), entry },
        Change::DeadLetter { run: run.clone(), step: "payable".into(), failure, event: exact(), at: at(5) },
        Change::Project { run: run.clone(), state: State::DeadLettered, due: None, note: String::new() },
    ]
}

/// Both ways to commit: on a thread with a file, and in memory.
fn stores() -> Vec<(Arc<dyn Store>, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(&folder.path().join("deep/ferry.db")).unwrap();
    vec![(Arc::new(file), Some(folder)), (Arc::new(SqliteStore::in_memory().unwrap()), None)]
}

#[tokio::test]
async fn one_run_for_one_event() {
    for (store, _folder) in stores() {
        let first = store.commit(vec![arrival("a", "1", 0), arrival("a", "1", 1), arrival("b", "1", 1)]).await.unwrap();
        let again = store.commit(vec![arrival("a", "1", 2)]).await.unwrap();
        assert_eq!((first.started, first.known, again.started, again.known), (2, 1, 0, 1));
        let run = store.run(&RunId::of("pay", "a")).await.unwrap().unwrap();
        assert_eq!(run.journal, vec![(at(0), Entry::Started { event: exact(), parent: None })]);
        assert_eq!(run.journal[0].1, Entry::Started { event: exact(), parent: None });
        let text = serde_json::to_string(&run.journal[0].1).unwrap();
        assert!(text.contains("12345678901234567.890"), "{text}");
    }
}

#[tokio::test]
async fn a_corrected_event_reopens_only_a_dead_letter() {
    for (store, _folder) in stores() {
        let run = RunId::of("pay", "a");
        store.commit(vec![arrival("a", "1", 0)]).await.unwrap();
        let open = store.commit(vec![arrival("a", "2", 1)]).await.unwrap();
        assert_eq!((open.started, open.reopened, open.known), (0, 0, 1));
        // The correction came while the run was open, so its end as a dead letter reopens it.
        store.commit(dead_letter(&run, 1)).await.unwrap();
        assert_eq!(store.due(9).await.unwrap(), vec![(run.clone(), at(5))]);
        store.commit(dead_letter(&run, 3)).await.unwrap();
        let letters = store.dead_letters(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
        assert_eq!((letters.len(), &letters[0].event, letters[0].class.as_str()), (1, &exact(), "invalid"));
        let same = store.commit(vec![arrival("a", "2", 6)]).await.unwrap();
        let corrected = store.commit(vec![arrival("a", "3", 7)]).await.unwrap();
        assert_eq!((same.reopened, corrected.reopened), (0, 1));
        assert_eq!(store.due(9).await.unwrap(), vec![(run.clone(), at(7))]);
        assert!(store.dead_letters(&Filter { limit: 9, ..Filter::default() }).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn two_runs_share_one_call_key() {
    for (store, _folder) in stores() {
        store.commit(vec![arrival("a", "1", 0), arrival("b", "1", 0)]).await.unwrap();
        let claim = |run: &str| Change::Claim {
            key: CallKey::new("c", "pay", "k", "s", 0),
            run: RunId::of("pay", run),
            digest: Digest::of("d"),
        };
        store.commit(vec![claim("a")]).await.unwrap();
        store.commit(vec![claim("a")]).await.unwrap();
        let refused = store.commit(vec![claim("b")]).await.unwrap_err();
        assert!(matches!(refused, StoreError::CallTaken { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_group_is_durable_whole_or_not_at_all_and_takes_no_other_with_it() {
    for (store, _folder) in stores() {
        store.commit(vec![arrival("a", "1", 0)]).await.unwrap();
        let run = RunId::of("pay", "a");
        let entry = |sequence| Change::Append {
            run: run.clone(),
            sequence,
            at: at(1),
            entry: Entry::Skipped { step: format!("s{sequence}") },
        };
        let (bad, good) = (store.commit(vec![entry(1), entry(0)]), store.commit(vec![entry(1)]));
        assert!(matches!(bad.await.unwrap_err(), StoreError::Fenced(_)));
        good.await.unwrap();
        assert_eq!(store.run(&run).await.unwrap().unwrap().journal.len(), 2);
    }
}

#[tokio::test]
async fn an_event_that_cannot_run_is_kept_and_cannot_be_replayed() {
    for (store, _folder) in stores() {
        let Change::Receive(arrival) = arrival("no-key-1", "1", 0) else { unreachable!() };
        let refused = Some(Failure::new(ErrorClass::Invalid, "the event has no key"));
        store.commit(vec![Change::Receive(Arrival { refused, ..arrival })]).await.unwrap();
        assert!(store.due(9).await.unwrap().is_empty());
        let run = RunId::of("pay", "no-key-1");
        let resume = Change::Resume { run, by: "tester".into(), reason: "why not".into(), at: at(1) };
        assert!(matches!(store.commit(vec![resume]).await.unwrap_err(), StoreError::NotEnded(_)));
    }
}

#[tokio::test]
async fn a_shared_row_is_changed_only_by_who_has_read_it() {
    for (store, _folder) in stores() {
        let share = |expected, value: i64| {
            store.commit(vec![Change::Share { name: "circuit".into(), expected, value: value.into() }])
        };
        assert_eq!(store.shared("circuit").await.unwrap(), None);
        let mut changed = Vec::new();
        // Two read version 1; the second one that writes must read again.
        for (expected, value) in [(1, 1), (0, 2), (0, 3), (1, 4), (1, 5), (2, 6), (7, 7)] {
            let answer = share(expected, value).await;
            assert!(matches!(answer, Ok(_) | Err(StoreError::Stale(_))), "{answer:?}");
            changed.extend(answer.is_ok().then_some(value));
        }
        assert_eq!(changed, [2, 4, 6]);
        assert_eq!(store.shared("circuit").await.unwrap(), Some(Shared { version: 3, value: 6.into() }));
        assert_eq!(store.shared("other").await.unwrap(), None);
    }
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ferry.db");
    std::fs::write(&path, "this is a letter to my bank, and no database at all; it is long enough").unwrap();
    let error = SqliteStore::open(&path).err().unwrap().to_string();
    assert!(error.contains("not a database"), "{error}");
}
