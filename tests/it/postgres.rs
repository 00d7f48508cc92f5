//! What only a store on a server can do, or suffer.

use std::time::Duration;

use ferry::{
    clock::pause,
    store::{Arrival, Change, EngineId, RunId, Store as _, StoreError, Trust, postgres::PostgresStore},
};
use ferry_contract::key::Digest;
use ferry_tests::postgres::{Server, server};
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

#[tokio::test]
async fn a_server_that_was_restored_is_doubted() {
    let address = server().database();
    let store = PostgresStore::open(&address).await.unwrap();
    store.take_over(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(store.trust().await.unwrap(), Trust::New);
    let (by, reason, at) = ("t".to_owned(), "new".to_owned(), Timestamp::UNIX_EPOCH);
    store.commit(vec![Change::Judge { is_trusted: true, by, reason, at }]).await.unwrap();
    store.take_over(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(store.trust().await.unwrap(), Trust::Trusted);
    // The same rows on another server.
    let name = Server::name(&address);
    server().execute_in(name, "UPDATE ferry.meta SET value = '1/1' WHERE name = 'server'").unwrap();
    store.take_over(Timestamp::UNIX_EPOCH).await.unwrap();
    assert!(matches!(store.trust().await.unwrap(), Trust::Doubted { .. }));
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
