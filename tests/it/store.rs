//! The store's contract: every store keeps it, or it is none.

use std::{sync::Arc, time::Duration};

use ferry::{
    clock::{BootClock, MachineClock},
    store::{
        Again, Arrival, Change, EngineId, Filter, Hold, Leased, RunId, Store, StoreError, Taken, Trust, VersionFiles,
        postgres::PostgresStore, sqlite::SqliteStore,
    },
};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
    limits::LEASE,
};
use ferry_core::{
    once::Guards,
    run::{Entry, State, TRIGGER},
};
use jiff::Timestamp;
use serde_json::Value;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

pub(crate) fn arrived(key: &str, revision: &str, second: i64) -> Arrival {
    Arrival {
        pipeline: "pay".into(),
        version: Digest::of("v"),
        event_key: key.into(),
        revision: revision.into(),
        event: exact(),
        refused: None,
        at: at(second),
        owner: None,
        parent: None,
        lane: None,
    }
}

fn arrival(key: &str, revision: &str, second: i64) -> Change {
    Change::Receive(arrived(key, revision, second))
}

/// A number that no float can hold.
fn exact() -> Value {
    serde_json::from_str(r#"{"Id": "a", "Amount__c": 12345678901234567.890}"#).unwrap()
}

fn run_of(key: &str) -> RunId {
    RunId::of("pay", key)
}

fn append(leased: &Leased, sequence: u64) -> Change {
    let entry = Entry::Skipped { step: format!("s{sequence}") };
    Change::Append { run: leased.run.clone(), fence: leased.fence, sequence, at: at(1), entry }
}

fn project(leased: &Leased, state: State, due: Option<Timestamp>, hold: Hold) -> Change {
    Change::Project {
        run: leased.run.clone(),
        fence: leased.fence,
        state,
        due,
        note: String::new(),
        hold,
        mail: 0,
        is_active: false,
    }
}

fn claim(run: &str, call: &str) -> Change {
    Change::Claim { key: CallKey::new("c", "pay", call, "s", 0), run: run_of(run), digest: Digest::of("d") }
}

pub(crate) fn dead_letter(step: &str, leased: &Leased, sequence: u64) -> Vec<Change> {
    let Leased { run, fence, .. } = leased.clone();
    let failure = Failure::new(ErrorClass::Invalid, "the e-mail is wrong");
    let entry = Entry::DeadLettered { step: step.into(), failure: failure.clone() };
    vec![
        Change::Append { run: run.clone(), fence, sequence, at: at(5), entry },
        Change::DeadLetter { run, step: step.into(), failure, event: exact(), at: at(5) },
        project(leased, State::DeadLettered, None, Hold::Release),
    ]
}

/// A store under test: two handles on it, as two processes have them.
pub(crate) struct Tested {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) other: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

/// Every store that there is.
pub(crate) async fn stores() -> Vec<Tested> {
    let folder = tempfile::tempdir().unwrap();
    let file = || Arc::new(SqliteStore::open(&folder.path().join("deep/ferry.db")).unwrap());
    let (store, other): (Arc<dyn Store>, Arc<dyn Store>) = (file(), file());
    let memory: Arc<dyn Store> =
        Arc::new(SqliteStore::in_memory((Arc::new(BootClock), Arc::new(MachineClock)), Guards::ALL).unwrap());
    vec![
        Tested { store, other, _folder: Some(folder) },
        Tested { store: Arc::clone(&memory), other: memory, _folder: None },
        on_a_server().await,
    ]
}

async fn on_a_server() -> Tested {
    let address = ferry_tests::postgres::server().database();
    let open = || async { Arc::new(PostgresStore::open(&address).await.unwrap()) };
    Tested { store: open().await, other: open().await, _folder: None }
}

impl Tested {
    /// A new engine, through one of the handles.
    async fn engine(&self, name: &str, lease: Duration) -> EngineId {
        let engine = EngineId::named(name);
        self.store.join(&engine, lease).await.unwrap();
        engine
    }

    pub(crate) async fn take(&self, engine: &EngineId, second: i64) -> Vec<Leased> {
        self.store.lease(engine, at(second), 9).await.unwrap().runs
    }

    /// An engine with the one run of an event.
    pub(crate) async fn driven(&self, key: &str) -> (EngineId, Leased) {
        let engine = self.engine(&format!("of-{key}"), LEASE).await;
        self.store.commit(vec![arrival(key, "1", 0)]).await.unwrap();
        let mut taken = self.take(&engine, 0).await;
        assert_eq!(taken.len(), 1, "{taken:?}");
        (engine, taken.remove(0))
    }

    /// What an engine takes once the store's clock has gone past the end of another's lease.
    async fn take_over(&self, engine: &EngineId) -> Vec<Leased> {
        for _ in 0..100_000 {
            let taken = self.other.lease(engine, at(0), 9).await.unwrap().runs;
            if !taken.is_empty() {
                return taken;
            }
        }
        panic!("nothing was taken over");
    }
}

fn is_fenced<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Fenced(_)))
}

#[tokio::test]
async fn one_run_for_one_event() {
    for Tested { store, .. } in stores().await {
        let first = store.commit(vec![arrival("a", "1", 0), arrival("a", "1", 1), arrival("b", "1", 1)]).await.unwrap();
        let again = store.commit(vec![arrival("a", "1", 2)]).await.unwrap();
        assert_eq!((first.started, first.known, again.started, again.known), (2, 1, 0, 1));
        let run = store.run(&run_of("a")).await.unwrap().unwrap();
        assert_eq!(run.journal, vec![(at(0), Entry::Started { event: exact(), parent: None, refused: None })]);
        let text = serde_json::to_string(&run.journal[0].1).unwrap();
        assert!(text.contains("12345678901234567.890"), "{text}");
    }
}

#[tokio::test]
async fn one_run_for_an_event_that_two_engines_receive_at_once() {
    for Tested { store, other, .. } in stores().await {
        let keys: Vec<String> = (0..40).map(|key| key.to_string()).collect();
        let both = keys.iter().flat_map(|key| [&store, &other].map(|store| store.commit(vec![arrival(key, "1", 0)])));
        let done = futures_util::future::join_all(both).await;
        let started: usize = done.iter().map(|done| done.as_ref().unwrap().started).sum();
        let known: usize = done.iter().map(|done| done.as_ref().unwrap().known).sum();
        assert_eq!((started, known), (40, 40));
    }
}

#[tokio::test]
async fn a_corrected_event_reopens_only_a_dead_letter() {
    for tested in stores().await {
        let (engine, mut leased) = tested.driven("a").await;
        let store = &tested.store;
        let open = store.commit(vec![arrival("a", "2", 1)]).await.unwrap();
        assert_eq!((open.started, open.reopened, open.known), (0, 0, 1));
        // The correction came while the run was open, so its end as a dead letter reopens it.
        store.commit(dead_letter("payable", &leased, 1)).await.unwrap();
        assert_eq!(store.lease(&engine, at(4), 9).await.unwrap(), Taken { runs: vec![], next: Some(at(5)) });
        leased = tested.take(&engine, 5).await.remove(0);
        store.commit(dead_letter("payable", &leased, 3)).await.unwrap();
        let letters = store.dead_letters(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
        assert_eq!((letters.len(), &letters[0].event, letters[0].class.as_str()), (1, &exact(), "invalid"));
        let same = store.commit(vec![arrival("a", "2", 6)]).await.unwrap();
        let corrected = store.commit(vec![arrival("a", "3", 7)]).await.unwrap();
        assert_eq!((same.reopened, corrected.reopened), (0, 1));
        assert_eq!(tested.take(&engine, 7).await[0].due_at, at(7));
        assert!(store.dead_letters(&Filter { limit: 9, ..Filter::default() }).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn two_runs_share_one_call_key() {
    for Tested { store, other, .. } in stores().await {
        store.commit(vec![arrival("a", "1", 0), arrival("b", "1", 0)]).await.unwrap();
        store.commit(vec![claim("a", "k")]).await.unwrap();
        store.commit(vec![claim("a", "k")]).await.unwrap();
        let refused = other.commit(vec![claim("b", "k")]).await.unwrap_err();
        assert!(matches!(refused, StoreError::CallTaken { .. }), "{refused}");
        // Two engines that claim at once: one of them has it.
        for call in 0..20 {
            let call = call.to_string();
            let one = store.commit(vec![claim("a", &call)]);
            let two = other.commit(vec![claim("b", &call)]);
            let (one, two) = futures_util::future::join(one, two).await;
            let taken = [&one, &two].map(|done| matches!(done, Err(StoreError::CallTaken { .. })));
            assert!(one.is_ok() != two.is_ok() && taken[0] != taken[1], "{one:?} {two:?}");
        }
    }
}

#[tokio::test]
async fn a_group_is_durable_whole_or_not_at_all_and_takes_no_other_with_it() {
    for tested in stores().await {
        let (_, leased) = tested.driven("a").await;
        let store = &tested.store;
        let bad = vec![append(&leased, 1), claim("a", "k"), arrival("z", "1", 0), append(&leased, 0)];
        let (bad, good) = (store.commit(bad), store.commit(vec![append(&leased, 1)]));
        assert!(is_fenced(&bad.await));
        good.await.unwrap();
        assert_eq!(store.run(&leased.run).await.unwrap().unwrap().journal.len(), 2);
        assert!(store.run(&run_of("z")).await.unwrap().is_none());
        // The refused group has claimed nothing.
        store.commit(vec![arrival("b", "1", 0), claim("b", "k")]).await.unwrap();
    }
}

#[tokio::test]
async fn an_event_that_cannot_run_is_kept_and_cannot_be_replayed() {
    for tested in stores().await {
        let engine = tested.engine("e", LEASE).await;
        let refused = Some(Failure::new(ErrorClass::Invalid, "the event has no key"));
        // It waits for no place: its run does nothing but end.
        let lane = Some(("lane".to_owned(), 1));
        let arrival = Arrival { refused, lane, owner: Some(engine.clone()), ..arrived("no-key-1", "1", 0) };
        let committed = tested.store.commit(vec![Change::Receive(arrival.clone())]).await.unwrap();
        assert_eq!((committed.started, committed.leased.len()), (1, 1));
        let run = tested.other.run(&run_of("no-key-1")).await.unwrap().unwrap();
        assert_eq!(run.journal, vec![(at(0), arrival.started())]);
        tested.store.commit(dead_letter(TRIGGER, &committed.leased[0], 1)).await.unwrap();
        let (run, by, reason, how) = (run_of("no-key-1"), "t".into(), "x".into(), Again::default());
        let resume = Change::Resume { run, by, reason, at: at(1), how };
        assert!(matches!(tested.store.commit(vec![resume]).await.unwrap_err(), StoreError::NotEnded(_)));
    }
}

#[tokio::test]
async fn a_run_is_leased_when_it_is_due_and_by_one_engine() {
    for tested in stores().await {
        let (one, two) = (tested.engine("one", LEASE).await, tested.engine("two", LEASE).await);
        tested.store.commit((0..40).map(|key| arrival(&key.to_string(), "1", 5)).collect()).await.unwrap();
        assert_eq!(tested.store.lease(&one, at(4), 9).await.unwrap(), Taken { runs: vec![], next: Some(at(5)) });
        let mut all = Vec::new();
        while all.len() < 40 {
            let (first, second) = (tested.store.lease(&one, at(5), 7), tested.other.lease(&two, at(5), 7));
            let (first, second) = futures_util::future::join(first, second).await;
            all.extend(first.unwrap().runs.into_iter().chain(second.unwrap().runs).map(|leased| leased.run));
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40);
        assert_eq!(tested.take(&one, 9).await, vec![]);
    }
}

#[tokio::test]
async fn an_event_may_begin_leased_and_a_released_run_waits_for_its_time() {
    for tested in stores().await {
        let engine = tested.engine("e", LEASE).await;
        let arrival = Change::Receive(Arrival { owner: Some(engine.clone()), ..arrived("a", "1", 0) });
        let leased = tested.store.commit(vec![arrival]).await.unwrap().leased.remove(0);
        assert_eq!(tested.take(&engine, 9).await, vec![]);
        assert_eq!(tested.other.owned(&engine).await.unwrap(), vec![leased.clone()], "should the answer be lost");
        tested.store.commit(vec![project(&leased, State::Waiting, Some(at(20)), Hold::Keep)]).await.unwrap();
        tested.store.commit(vec![append(&leased, 1)]).await.unwrap();
        tested.store.commit(vec![project(&leased, State::Waiting, Some(at(30)), Hold::Release)]).await.unwrap();
        assert!(is_fenced(&tested.store.commit(vec![append(&leased, 2)]).await), "it was let go");
        assert_eq!(tested.store.lease(&engine, at(29), 9).await.unwrap().next, Some(at(30)));
        assert!(tested.take(&engine, 30).await[0].fence > leased.fence);
        let stranger = Change::Receive(Arrival { owner: Some(EngineId::named("x")), ..arrived("b", "1", 0) });
        assert!(is_fenced(&tested.store.commit(vec![stranger]).await), "an engine that is not known has no runs");
    }
}

#[tokio::test]
async fn a_lease_that_has_ended_is_taken_over_and_its_engine_is_fenced_in_every_change() {
    for tested in stores().await {
        let store = &tested.store;
        let (slow, quick) = (tested.engine("slow", Duration::ZERO).await, tested.engine("quick", LEASE).await);
        let arrival = Change::Receive(Arrival { owner: Some(slow.clone()), ..arrived("a", "1", 0) });
        let old = store.commit(vec![arrival]).await.unwrap().leased.remove(0);
        let new = tested.take_over(&quick).await.remove(0);
        assert!(new.run == old.run && new.fence > old.fence, "{new:?}");
        let defer = Change::Defer { run: old.run.clone(), fence: old.fence, until: at(9) };
        for late in [append(&old, 1), project(&old, State::Finished, None, Hold::Release), defer] {
            assert!(is_fenced(&store.commit(vec![late.clone()]).await), "{late:?}");
        }
        assert!(is_fenced(&store.renew(&slow, LEASE).await));
        assert!(is_fenced(&store.lease(&slow, at(0), 9).await));
        store.renew(&quick, LEASE).await.unwrap();
        store.commit(vec![append(&new, 1)]).await.unwrap();
        let stored = store.run(&new.run).await.unwrap().unwrap();
        assert_eq!((stored.fence, stored.owner.as_ref(), stored.journal.len()), (new.fence, Some(&quick), 2));
    }
}

#[tokio::test]
async fn an_engine_that_leaves_frees_its_runs_at_once() {
    for tested in stores().await {
        let (engine, leased) = tested.driven("a").await;
        let next = tested.engine("next", LEASE).await;
        assert_eq!(tested.take(&next, 0).await, vec![]);
        assert_eq!(tested.store.members().await.unwrap().iter().map(|member| member.runs).sum::<u64>(), 1);
        tested.store.leave(&engine).await.unwrap();
        let taken = tested.take(&next, 0).await;
        assert!(taken.len() == 1 && taken[0].fence > leased.fence, "{taken:?}");
        // A put-off run waits.
        let defer = Change::Defer { run: leased.run, fence: taken[0].fence, until: at(50) };
        tested.store.commit(vec![defer]).await.unwrap();
        assert_eq!(tested.store.lease(&next, at(49), 9).await.unwrap(), Taken { runs: vec![], next: Some(at(50)) });
    }
}

#[tokio::test]
async fn cursors_and_versions_are_kept() {
    for Tested { store, other, .. } in stores().await {
        let files = |text: &str| VersionFiles {
            project: "p".into(),
            project_text: text.into(),
            pipeline_name: "n".into(),
            pipeline_text: "ö\n".into(),
            tables: [("t".to_owned(), "x".to_owned())].into(),
            ..VersionFiles::default()
        };
        let cursor = |value: &str| Change::Cursor { trigger: "pay".into(), value: value.into() };
        let version = |text| Change::Version { version: Digest::of("v"), files: files(text) };
        store.commit(vec![cursor("1"), version("one"), cursor("2")]).await.unwrap();
        store.commit(vec![version("two"), cursor("3")]).await.unwrap();
        assert_eq!(other.cursor("pay").await.unwrap().as_deref(), Some("3"));
        assert_eq!(other.cursor("other").await.unwrap(), None);
        let kept = other.version(&Digest::of("v")).await.unwrap().unwrap();
        assert_eq!((kept.project_text.as_str(), kept.pipeline_text.as_str(), kept.tables.len()), ("one", "ö\n", 1));
        assert!(other.version(&Digest::of("w")).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn lists_take_their_filters_and_any_text_is_kept() {
    for Tested { store, other, .. } in stores().await {
        store.commit(vec![arrival("a\0ö", "1\0", 0), arrival("b", "1", 1), arrival("c", "1", 2)]).await.unwrap();
        let known = store.commit(vec![arrival("a\0ö", "1\0", 3)]).await.unwrap();
        assert_eq!(known.known, 1);
        let list =
            |pipeline: Option<&str>, limit| Filter { pipeline: pipeline.map(Into::into), limit, ..Filter::default() };
        let keys = |filter: Filter| {
            let other = Arc::clone(&other);
            async move { other.runs(&filter).await.unwrap().into_iter().map(|run| run.event_key).collect::<Vec<_>>() }
        };
        assert_eq!(keys(list(None, 2)).await, ["c", "b"]);
        assert_eq!((keys(list(Some("pay"), usize::MAX)).await.len(), keys(list(Some("x"), 9)).await.len()), (3, 0));
        assert_eq!(other.counts().await.unwrap(), [("running".to_owned(), 3)].into());
        let held_or = |state: &str| Filter { kinds: vec!["held".into(), state.into()], ..list(None, 9) };
        assert_eq!((keys(held_or("running")).await.len(), keys(held_or("waiting")).await.len()), (3, 0));
    }
}

#[tokio::test]
async fn a_store_belongs_to_one_world() {
    for Tested { store, other, .. } in stores().await {
        store.belongs_to("sandbox").await.unwrap();
        other.belongs_to("sandbox").await.unwrap();
        let refused = other.belongs_to("real systems").await.unwrap_err().to_string();
        assert!(refused.contains("was used with the sandbox"), "{refused}");
    }
}

#[tokio::test]
async fn what_was_said_last_of_a_store_counts() {
    for Tested { store, other, .. } in stores().await {
        assert_eq!(other.trust().await.unwrap(), Trust::New);
        let judge = |is_trusted, reason: &str, second| Change::Judge {
            is_trusted,
            by: "tester".into(),
            reason: reason.into(),
            at: at(second),
        };
        store.commit(vec![judge(false, "restored", 1)]).await.unwrap();
        assert_eq!(other.trust().await.unwrap(), Trust::Doubted { since: at(1), why: "restored".into() });
        store.commit(vec![judge(true, "checked", 2)]).await.unwrap();
        assert_eq!(other.trust().await.unwrap(), Trust::Trusted);
    }
}
