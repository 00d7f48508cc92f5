//! What is over is forgotten by age, and never happens again.

use std::fs;

use ferry::store::{
    Again, Arrival, Change, EngineId, Fence, Filter, Hold, Item, ItemFilter, ItemName, ItemState, PairName, Pairing,
    RunId, Store,
};
use ferry_contract::{
    key::{CallKey, Digest},
    limits::LEASE,
};
use ferry_core::{
    plan::Use,
    run::{Entry, Parent, State},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    items,
    program::{ferry, sandbox, serve_folder},
    store::{arrived, stores},
};

fn at(second: i64) -> Timestamp {
    arrived("a", "1", 0).at + SignedDuration::from_secs(second)
}

fn forget(key: &str, second: i64) -> Change {
    Change::Forget { run: RunId::of("pay", key), before: at(second) }
}

/// A run in the hands of an engine, begun by a step of another run or by an event.
async fn begun(store: &dyn Store, key: &str, parent: Option<&str>) {
    let engine = EngineId::named(format!("of-{key}"));
    store.join(&engine, LEASE).await.unwrap();
    let parent = parent.map(|parent| RunId::of("pay", parent).to_string());
    let parent = parent.map(|run| Parent { run, step: "part".into(), depth: 1, waits: true });
    let claim = Change::Claim { key: call(key), run: RunId::of("pay", key), digest: Digest::of("d") };
    store
        .commit(vec![Change::Begin(Arrival { owner: Some(engine), parent, ..arrived(key, "1", 0) }), claim])
        .await
        .unwrap();
}

fn call(key: &str) -> CallKey {
    CallKey::new("c", "pay", key, "s", 0)
}

/// The end of a run.
async fn ends(store: &dyn Store, key: &str, (entry, second): (Entry, i64)) {
    let (run, fence) = (RunId::of("pay", key), Fence::default().raised());
    let state = match &entry {
        Entry::Finished { .. } => State::Finished,
        Entry::Cancelled { .. } => State::Cancelled,
        _ => State::DeadLettered,
    };
    let append = Change::Append { run: run.clone(), fence, sequence: 1, at: at(second), entry };
    let (hold, note) = (Hold::Release, String::new());
    let project = Change::Project { run, fence, state, due: None, note, hold, mail: 0, is_active: false };
    store.commit(vec![append, project]).await.unwrap();
}

fn finished() -> Entry {
    Entry::Finished { output: json!({ "paid": true }) }
}

fn dead_lettered() -> Entry {
    let failure = ferry_contract::failure::Failure::new(ferry_contract::failure::ErrorClass::Invalid, "no");
    Entry::DeadLettered { step: "s".into(), failure }
}

async fn known(store: &dyn Store) -> Vec<String> {
    let all = store.runs(&Filter { limit: 99, ..Filter::default() }).await.unwrap();
    let mut keys: Vec<String> = all.into_iter().map(|row| row.event_key).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn a_run_that_is_over_is_forgotten_by_age_and_never_comes_again() {
    for tested in stores().await {
        let store = &tested.store;
        for key in ["done", "late", "no", "open", "dead"] {
            begun(&**store, key, None).await;
        }
        begun(&**store, "part", Some("open")).await;
        let cancelled = Entry::Cancelled { by: "finance".into(), reason: "twice".into() };
        for (key, entry, second) in [
            ("done", finished(), 10),
            ("late", finished(), 30),
            ("no", cancelled, 10),
            ("dead", dead_lettered(), 10),
            ("part", finished(), 10),
        ] {
            ends(&**store, key, (entry, second)).await;
        }
        let pair = PairName::new("p", "contacts", "003");
        let by = RunId::of("pay", "done").to_string();
        let linked = Pairing { was: None, to: Some("P-1".into()), by, run: None, at: at(10) };
        store.commit(vec![Change::Pair(pair.clone(), linked)]).await.unwrap();
        let (name, matched) =
            (ItemName::new("p", "bank", "m"), items::item(ItemState::Confirmed, "exact", &["l", "r"]));
        let by = Item { by: RunId::of("pay", "done").to_string(), ..matched };
        store.commit(vec![items::set(&name, None, by)]).await.unwrap();
        let over = tested.other.over(Some("pay"), at(20), (0, 9)).await.unwrap();
        let [done, no, part] = ["done", "no", "part"].map(|key| RunId::of("pay", key));
        assert_eq!(over.len(), 3, "{over:?}");
        assert!([&done, &no, &part].into_iter().all(|run| over.contains(run)), "{over:?}");
        assert_eq!(tested.other.over(Some("pay"), at(20), (2, 9)).await.unwrap(), over[2..]);
        assert_eq!(tested.other.over(None, at(20), (0, 9)).await.unwrap(), over, "whatever their pipeline is called");
        // Whatever is proposed, the store decides: what is young, open or a dead letter stays, and what an open run
        // may still ask for.
        let all = ["done", "late", "no", "open", "dead", "part", "unknown"];
        let forgotten = store.commit(all.map(|key| forget(key, 20)).into()).await.unwrap().forgotten;
        assert_eq!((forgotten, known(&**store).await), (2, ["dead", "late", "open", "part"].map(str::to_owned).into()));
        assert!(tested.other.run(&done).await.unwrap().is_none());
        assert_eq!(tested.other.revision(&done).await.unwrap().as_deref(), Some("1"), "that it came is known");
        assert_eq!(tested.other.revision(&RunId::of("pay", "unknown")).await.unwrap(), None);
        // What it has recorded of other systems is no part of its story.
        let linked = tested.other.pairs(std::slice::from_ref(&pair)).await.unwrap();
        assert_eq!(linked[0].as_ref().map(|pair| pair.to.as_str()), Some("P-1"));
        let items = ItemFilter { project: "p".into(), name: Some("l".into()), limit: 9, ..ItemFilter::default() };
        assert_eq!(tested.other.items(&items).await.unwrap().len(), 1);
        // Neither its event nor its call happens again, and a corrected event begins nothing.
        let again = vec![Change::Receive(arrived("done", "1", 40)), Change::Receive(arrived("done", "2", 40))];
        let again = tested.other.commit(again).await.unwrap();
        assert_eq!((again.started, again.reopened, again.known), (0, 0, 2));
        let other = Change::Claim { key: call("done"), run: RunId::of("pay", "late"), digest: Digest::of("d") };
        assert!(store.commit(vec![other]).await.is_err());
        let how = Again::default();
        let resume = Change::Resume { run: done, by: "x".into(), reason: "y".into(), at: at(50), how };
        assert!(store.commit(vec![resume]).await.is_err());
        // With the run that began it, the part is over.
        ends(&**store, "open", (finished(), 15)).await;
        assert_eq!(store.commit(vec![forget("part", 20), forget("open", 20)]).await.unwrap().forgotten, 2);
        assert_eq!(known(&**store).await, ["dead", "late"]);
    }
}

#[tokio::test]
async fn what_settled_events_said_is_forgotten_and_their_names_are_not() {
    for tested in stores().await {
        let store = &tested.store;
        let post = |key: &str, second| Change::Post {
            event: "paid".into(),
            key: key.into(),
            data: json!({ "id": format!("of-{key}"), "iban": "DE00" }),
            at: at(second),
        };
        // Only wakes: it settles by itself, as one that is claimed does.
        let watch = Change::Watch { event: "paid".into(), path: "$.id".into(), uses: Use::Wake };
        store.commit(vec![watch]).await.unwrap();
        store.commit(vec![post("old", 0), post("open", 0), post("young", 90)]).await.unwrap();
        let week = i64::try_from(ferry::limits::UNCLAIMED_AFTER.as_secs()).unwrap();
        let settle = |key: &str| Change::GiveUp { event: "paid".into(), key: key.into(), at: at(week + 90) };
        store.commit(vec![settle("old"), settle("young")]).await.unwrap();
        let settled = tested.other.settled(at(60), 9).await.unwrap();
        assert_eq!(settled, [("paid".to_owned(), "old".to_owned())]);
        let forget = |key: &str| Change::ForgetEvent { event: "paid".into(), key: key.into(), before: at(60) };
        let all = ["old", "open", "young", "unknown"].map(forget).into();
        assert_eq!(store.commit(all).await.unwrap().forgotten, 1);
        assert_eq!(tested.other.settled(at(60), 9).await.unwrap(), []);
        assert!(tested.other.posted("of-old").await.unwrap().is_empty(), "its value is not found any more");
        assert_eq!(tested.other.posted("of-young").await.unwrap().len(), 1);
        let old = tested.other.posted("old").await.unwrap();
        assert_eq!((old.len(), old[0].values.len()), (1, 0), "that it came is known");
        // It does not come again: nobody is told.
        store.commit(vec![post("old", 99)]).await.unwrap();
        assert!(tested.other.posted("of-old").await.unwrap().is_empty());
    }
}

#[test]
fn a_service_forgets_what_is_older_than_ferry_yaml_says_and_pays_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = sandbox(folder.path(), &["--requests", "3"]);
    let call = |args: &[&str]| {
        let output = ferry(folder.path()).args(args).env("FERRY_SANDBOX", &world.address).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let listed =
        || serde_json::from_str::<Value>(&call(&["runs", "list", "--store", "ferry.db", "--format", "json"])).unwrap();
    call(&["new", "webhook", "own"]);
    let project = fs::read_to_string(folder.path().join("own/ferry.yaml")).unwrap();
    fs::write(folder.path().join("own/ferry.yaml"), project + "\nretention: { runs: 30d }\n").unwrap();
    let run = ["run", "payees", "--project", "own", "--event", "own/samples/payee.json", "--store", "ferry.db"];
    call(&run);
    assert_eq!(listed()["runs"].as_array().unwrap().len(), 1);
    let url = format!("{}/_sandbox/clock", world.address);
    let month = json!({ "advance_ms": 31_i64 * 24 * 3_600_000 }).to_string();
    let moved = std::process::Command::new("curl").args(["-sf", "--json", &month, &url]).output().unwrap();
    assert!(moved.status.success());
    let service = serve_folder(folder.path(), &folder.path().join("own"), "ferry.db", &["--sandbox", &world.address]);
    let audit = || call(&["audit", "list", "--store", "ferry.db", "--format", "json"]);
    for _ in 0..200 {
        if audit().contains("forget") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(service);
    let acts: Value = serde_json::from_str(&audit()).unwrap();
    let act = &acts["acts"][0];
    assert_eq!(
        (&act["act"], &act["subject"], &act["detail"]),
        (&json!("forget"), &json!("payees"), &json!({ "runs": 1 }))
    );
    assert_eq!(listed()["runs"], json!([]));
    // The same event is known, though nothing of it is.
    call(&run);
    assert_eq!(listed()["runs"], json!([]));
}
