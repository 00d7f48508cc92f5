//! What dies and goes on: the machine's time, its disk, and the points at which it may stop.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use ferry::store::{
    Act, Approval, Change, Committed, DeadLetter, EngineId, Filter, Leased, Member, Posted, RunId, RunRow, Shared,
    Store, StoreError, StoredRun, Taken, VersionFiles, sqlite::SqliteStore,
};
use ferry_contract::{
    key::Digest,
    port::{Boxed, Clock},
};
use jiff::Timestamp;
use tokio::sync::Notify;

/// Where a crash can happen: every commit and every exchange passes here, before and after.
#[derive(Default)]
pub(super) struct Points {
    pub(super) passed: AtomicU64,
    pub(super) crash_at: AtomicU64,
    pub(super) crashed: Notify,
}

impl Points {
    /// Goes on; or, at the chosen point, never again.
    pub(super) async fn pass(&self) {
        if self.is_last() {
            std::future::pending::<()>().await;
        }
    }

    fn is_last(&self) -> bool {
        let point = self.passed.fetch_add(1, Ordering::Relaxed);
        let last = point >= self.crash_at.load(Ordering::Relaxed);
        if last {
            self.crashed.notify_one();
        }
        last
    }
}

/// Virtual time: tokio's paused clock, continued over the lives.
pub(super) struct VirtualClock {
    base_ms: AtomicI64,
    life: std::sync::Mutex<Option<tokio::time::Instant>>,
}

impl VirtualClock {
    pub(super) fn new() -> Self {
        Self { base_ms: AtomicI64::new(1_772_000_000_000), life: std::sync::Mutex::new(None) }
    }

    #[allow(clippy::disallowed_methods, reason = "the simulation's clock is tokio's paused one")]
    pub(super) fn begin(&self) {
        *self.life.lock().unwrap() = Some(tokio::time::Instant::now());
    }

    pub(super) fn end(&self) {
        let now = self.now().as_millisecond();
        *self.life.lock().unwrap() = None;
        self.base_ms.store(now, Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let life = *self.life.lock().unwrap();
        let elapsed = life.map_or(0, |life| i64::try_from(life.elapsed().as_millis()).unwrap());
        Timestamp::from_millisecond(self.base_ms.load(Ordering::Relaxed) + elapsed).unwrap()
    }

    #[allow(clippy::disallowed_methods, reason = "the simulation's clock is tokio's paused one")]
    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A store whose machine may stop before or after a group is durable.
pub(super) struct MortalStore {
    pub(super) store: SqliteStore,
    points: Arc<Points>,
    /// Commits so far, and the seed by which some are refused; 0 refuses none.
    commits: AtomicU64,
    refuse_by: AtomicU64,
}

/// One commit in so many is refused.
const REFUSE_ONE_IN: u64 = 19;

impl MortalStore {
    pub(super) fn new(store: SqliteStore, points: Arc<Points>) -> Self {
        Self { store, points, commits: AtomicU64::new(0), refuse_by: AtomicU64::new(0) }
    }

    pub(super) fn refuse_by(&self, seed: u64) {
        self.refuse_by.store(seed, Ordering::Relaxed);
    }

    fn refuses(&self) -> bool {
        let commits = self.commits.fetch_add(1, Ordering::Relaxed);
        let seed = self.refuse_by.load(Ordering::Relaxed);
        // The first group holds the events, which the test itself brings in.
        seed != 0 && commits > 5 && (commits.wrapping_mul(2_654_435_761) ^ seed).is_multiple_of(REFUSE_ONE_IN)
    }
}

impl Store for MortalStore {
    fn commit(&self, group: Vec<Change>) -> Boxed<'static, Result<Committed, StoreError>> {
        if self.points.is_last() {
            return Box::pin(std::future::pending());
        }
        if self.refuses() {
            return Box::pin(std::future::ready(Err(StoreError::Failed("the disk is full".to_owned()))));
        }
        let durable = self.store.commit(group);
        if self.points.is_last() {
            return Box::pin(std::future::pending());
        }
        durable
    }

    fn run<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<StoredRun>, StoreError>> {
        self.store.run(run)
    }

    fn join<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>> {
        self.store.join(engine, lease)
    }

    fn renew<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>> {
        self.store.renew(engine, lease)
    }

    fn leave<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<(), StoreError>> {
        self.store.leave(engine)
    }

    fn lease<'a>(&'a self, engine: &'a EngineId, now: Timestamp, limit: usize) -> Boxed<'a, Result<Taken, StoreError>> {
        self.store.lease(engine, now, limit)
    }

    fn owned<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<Vec<Leased>, StoreError>> {
        self.store.owned(engine)
    }

    fn woken(&self) -> Boxed<'_, ()> {
        self.store.woken()
    }

    fn members(&self) -> Boxed<'_, Result<Vec<Member>, StoreError>> {
        self.store.members()
    }

    fn belongs_to<'a>(&'a self, world: &'a str) -> Boxed<'a, Result<(), StoreError>> {
        self.store.belongs_to(world)
    }

    fn cursor<'a>(&'a self, trigger: &'a str) -> Boxed<'a, Result<Option<String>, StoreError>> {
        self.store.cursor(trigger)
    }

    fn version<'a>(&'a self, version: &'a Digest) -> Boxed<'a, Result<Option<VersionFiles>, StoreError>> {
        self.store.version(version)
    }

    fn shared<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Shared>, StoreError>> {
        self.store.shared(name)
    }

    fn approvals(&self, limit: usize) -> Boxed<'_, Result<Vec<Approval>, StoreError>> {
        self.store.approvals(limit)
    }

    fn acts(&self, limit: usize) -> Boxed<'_, Result<Vec<Act>, StoreError>> {
        self.store.acts(limit)
    }

    fn posted<'a>(&'a self, text: &'a str) -> Boxed<'a, Result<Vec<Posted>, StoreError>> {
        self.store.posted(text)
    }

    fn runs_with<'a>(&'a self, text: &'a str, among: usize) -> Boxed<'a, Result<Vec<RunRow>, StoreError>> {
        self.store.runs_with(text, among)
    }

    fn runs<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<RunRow>, StoreError>> {
        self.store.runs(filter)
    }

    fn counts(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, StoreError>> {
        self.store.counts()
    }

    fn dead_letters<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadLetter>, StoreError>> {
        self.store.dead_letters(filter)
    }
}
