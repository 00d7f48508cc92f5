//! What only a store on a server can do, or suffer.

use std::time::Duration;

use ferry::{
    clock::pause,
    store::{Arrival, Change, EngineId, RunId, Store as _, StoreError, Trust, postgres::PostgresStore},
};
use ferry_contract::key::Digest;
use ferry_core::run::Entry;
use ferry_tests::postgres::{Server, Standby, server};
use jiff::Timestamp;

/// Real time in which a server must have told the others.
const PATIENCE: Duration = Duration::from_secs(30);

fn arrival(key: &str) -> Change {
    Change::Receive(Arrival {
        pipeline: "pay".into(),
        version: Digest::of("v"),
        event_key: key.into(),
        revision: String::new(),
        event: key.into(),
        refused: None,
        at: Timestamp::UNIX_EPOCH,
        owner: None,
        parent: None,
        lane: None,
    })
}

#[tokio::test]
async fn a_server_that_may_forget_is_refused_and_no_password_is_shown() {
    for (setting, expected) in
        [("synchronous_commit = off", "`synchronous_commit = off`"), ("synchronous_commit = local", "set it to `on`")]
    {
        let address = server().database();
        let name = Server::name(&address);
        server().execute(&format!("ALTER DATABASE {name} SET {setting}")).unwrap();
        let refused =
            PostgresStore::open(&address.replace("ferry@", "ferry:hunter2@")).await.err().unwrap().to_string();
        assert!(refused.contains(expected) && !refused.contains("hunter2"), "{refused}");
    }
    for wrong in ["postgres://u:hunter2@127.0.0.1:1/x", "postgres://u:hunter2@[/x", "postgres://u:hu@nter2@h:x/y"] {
        let refused = PostgresStore::open(wrong).await.err().unwrap().to_string();
        assert!(!refused.contains("hunter2") && !refused.contains("nter2"), "{refused}");
    }
}

/// A store of which a person has said that it is to be believed.
async fn trusted(address: &str) -> PostgresStore {
    let store = PostgresStore::open(address).await.unwrap();
    assert_eq!(store.trust().await.unwrap(), Trust::New);
    let (by, reason, at) = ("t".to_owned(), "new".to_owned(), Timestamp::UNIX_EPOCH);
    store.commit(vec![Change::Judge { is_trusted: true, by, reason, at }]).await.unwrap();
    store
}

/// A store comes back to a server that was lost, in a moment.
async fn answered<T, F>(ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..1_000 {
        match ask().await {
            Err(StoreError::Failed(_)) => pause(Duration::from_millis(20)).await,
            answer => return answer,
        }
    }
    panic!("the store did not come back");
}

#[tokio::test]
async fn a_server_that_was_restored_is_doubted() {
    let address = server().database();
    drop(trusted(&address).await);
    let store = PostgresStore::open(&address).await.unwrap();
    assert_eq!(store.trust().await.unwrap(), Trust::Trusted);
    // The same rows on another server, which an open store meets with its next session.
    let (name, elsewhere) = (Server::name(&address), "UPDATE ferry.meta SET value = '1/1' WHERE name = 'server'");
    server().execute_in(name, elsewhere).unwrap();
    server()
        .execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
        .unwrap();
    let Trust::Doubted { since, .. } = answered(|| store.trust()).await.unwrap() else { panic!("it is believed") };
    // Once for each, and by whoever starts.
    server().execute_in(name, elsewhere).unwrap();
    let other = PostgresStore::open(&address).await.unwrap();
    assert!(matches!(other.trust().await.unwrap(), Trust::Doubted { since: again, .. } if again > since));
}

/// The standby was promoted without the last thing that its primary had committed: what a payment was about to be made for.
#[tokio::test]
async fn a_server_that_was_promoted_is_doubted_before_an_engine_writes_to_it() {
    let primary = Server::start().unwrap();
    let address = primary.database();
    trusted(&address).await.commit(vec![arrival("a")]).await.unwrap();
    let standby = Standby::new().unwrap();
    let either = format!("{address}&host={}", standby.host().display());
    let store = PostgresStore::open(&either).await.unwrap();
    let (engine, minute) = (EngineId::named("engine-1"), Duration::from_mins(1));
    store.join(&engine, minute).await.unwrap();
    let leased = store.lease(&engine, Timestamp::UNIX_EPOCH, 9).await.unwrap().runs.remove(0);
    let (run, fence) = (leased.run.clone(), leased.fence);
    let append = || {
        let (entry, at) = (Entry::Skipped { step: "pay".to_owned() }, Timestamp::UNIX_EPOCH);
        vec![Change::Append { run: run.clone(), fence, sequence: 1, at, entry }]
    };
    standby.copy(&primary).unwrap();
    store.commit(append()).await.unwrap();
    // While the engine lives, and before the new primary has written a checkpoint of its own.
    drop(primary);
    let promoted = standby.promote().unwrap();
    let late = answered(|| store.commit(append())).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    assert!(matches!(answered(|| store.trust()).await.unwrap(), Trust::Doubted { .. }));
    assert_eq!(answered(|| store.run(&run)).await.unwrap().unwrap().journal.len(), 1, "one entry is lost");
    drop(promoted);
}

#[tokio::test]
async fn many_processes_make_the_tables_at_once_and_a_lost_connection_comes_back() {
    let address = server().database();
    let all = futures_util::future::join_all((0..8).map(|_| PostgresStore::open(&address))).await;
    let stores: Vec<PostgresStore> = all.into_iter().map(Result::unwrap).collect();
    stores[0].commit(vec![arrival("a")]).await.unwrap();
    let name = Server::name(&address);
    server()
        .execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
        .unwrap();
    let lost = stores[0].commit(vec![arrival("b")]).await;
    assert!(matches!(lost, Err(StoreError::Failed(_)) | Ok(_)), "{lost:?}");
    stores[0].commit(vec![arrival("b")]).await.unwrap();
    assert!(stores[0].run(&RunId::of("pay", "b")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_run_that_is_due_now_wakes_the_engines_of_other_processes() {
    let address = server().database();
    let (one, other) = (PostgresStore::open(&address).await.unwrap(), PostgresStore::open(&address).await.unwrap());
    one.commit(vec![arrival("a")]).await.unwrap();
    tokio::select! {
        () = other.woken() => {}
        () = pause(PATIENCE) => panic!("nobody was woken"),
    }
}

/// Taking a dead engine's runs waits for whoever has their rows; a sign of life does not wait behind that.
#[tokio::test]
async fn a_sign_of_life_waits_for_no_lease() {
    let address = server().database();
    let store = PostgresStore::open(&address).await.unwrap();
    let (dead, own) = (EngineId::named("dead"), EngineId::named("own"));
    store.join(&dead, Duration::ZERO).await.unwrap();
    store.join(&own, Duration::from_mins(1)).await.unwrap();
    let Change::Receive(arrived) = arrival("a") else { unreachable!("it arrives") };
    store.commit(vec![Change::Receive(Arrival { owner: Some(dead), ..arrived })]).await.unwrap();
    let name = Server::name(&address).to_owned();
    let has_rows = "SELECT run FROM ferry.runs FOR UPDATE; SELECT pg_sleep(3)";
    let holder = std::thread::spawn({
        let name = name.clone();
        move || server().execute_in(&name, has_rows)
    });
    let sleeps = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event = 'PgSleep') THEN RAISE EXCEPTION 'not yet'; END IF; END $$";
    while server().execute_in(&name, sleeps).is_err() {
        pause(Duration::from_millis(20)).await;
    }
    let mut lease = store.lease(&own, Timestamp::UNIX_EPOCH, 9);
    tokio::select! {
        biased;
        taken = &mut lease => panic!("{taken:?} came before the sign of life"),
        renewed = store.renew(&own, Duration::from_mins(1)) => renewed.unwrap(),
    }
    let taken = lease.await.unwrap();
    assert_eq!(taken.runs.len(), 1, "what is let go is taken");
    holder.join().unwrap().unwrap();
}
