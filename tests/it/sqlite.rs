//! What only a store in a file can do, or suffer.

use ferry::store::{Arrival, Change, EngineId, Fence, Store as _, Trust, sqlite::SqliteStore};
use ferry_contract::{key::Digest, limits::LEASE};
use jiff::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn arrival(key: &str, owner: Option<EngineId>) -> Change {
    Change::Receive(Arrival {
        pipeline: "pay".into(),
        version: Digest::of("v"),
        event_key: key.into(),
        revision: String::new(),
        event: key.into(),
        refused: None,
        at: at(0),
        owner,
        parent: None,
        lane: None,
    })
}

/// Opens a file to run it, as a start does, and says what is thought of it.
async fn started(path: &std::path::Path) -> (SqliteStore, Trust) {
    let store = SqliteStore::open(path).unwrap();
    store.take_over(&SqliteStore::lock(path).unwrap(), at(9)).await.unwrap();
    let trust = store.trust().await.unwrap();
    (store, trust)
}

#[tokio::test]
async fn a_file_that_was_put_back_is_doubted() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("ferry.db"), folder.path().join("backup.db"));
    let trusted = Change::Judge { is_trusted: true, by: "t".into(), reason: "new".into(), at: at(0) };
    let (store, trust) = started(&path).await;
    assert_eq!(trust, Trust::New);
    store.commit(vec![trusted.clone(), arrival("a", None)]).await.unwrap();
    drop(store);
    let copy = rusqlite::Connection::open(&path).unwrap();
    copy.execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    drop(copy);
    let (store, trust) = started(&path).await;
    assert_eq!(trust, Trust::Trusted, "a restart is no restore");
    store.commit(vec![arrival("b", None)]).await.unwrap();
    // A second answer comes after what the first one noted.
    store.commit(vec![arrival("c", None)]).await.unwrap();
    // Whoever puts it back has stopped the service; here the writer of the old file may still be closing it.
    let back = folder.path().join("back.db");
    std::fs::copy(&backup, &back).unwrap();
    std::fs::copy(folder.path().join("ferry.db.lock"), folder.path().join("back.db.lock")).unwrap();
    let (_, trust) = started(&back).await;
    assert!(matches!(trust, Trust::Doubted { .. }), "{trust:?}");
    let (_, trust) = started(&backup).await;
    assert!(matches!(trust, Trust::Doubted { .. }), "a copy elsewhere: {trust:?}");
}

#[tokio::test]
async fn a_restart_on_a_file_waits_for_no_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ferry.db");
    let killed = SqliteStore::open(&path).unwrap();
    let engine = EngineId::named("killed");
    killed.join(&engine, LEASE).await.unwrap();
    killed.commit(vec![arrival("a", Some(engine))]).await.unwrap();
    drop(killed);
    let store = SqliteStore::open(&path).unwrap();
    store.take_over(&SqliteStore::lock(&path).unwrap(), at(0)).await.unwrap();
    let next = EngineId::named("next");
    store.join(&next, LEASE).await.unwrap();
    let taken = store.lease(&next, at(0), 9).await.unwrap().runs;
    assert_eq!((taken.len(), taken[0].fence), (1, Fence::default().raised().raised().raised()));
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ferry.db");
    std::fs::write(&path, "this is a letter to my bank, and no database at all; it is long enough").unwrap();
    let error = SqliteStore::open(&path).err().unwrap().to_string();
    assert!(error.contains("not a database"), "{error}");
}

#[test]
fn a_store_that_cannot_be_opened_says_what_to_look_at() {
    // A folder is no file.
    let folder = tempfile::tempdir().unwrap();
    let said = SqliteStore::open(folder.path()).err().unwrap().to_string();
    let expected = "cannot be opened: see that its folder is there, and that this user may write it and what is in it";
    assert_eq!(said, format!("{}: {expected}", folder.path().display()));
}
