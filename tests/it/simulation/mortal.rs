//! A store as one process sees it: the process may stop before or after a group is durable.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ferry::store::{
    Act, Approval, Change, Committed, DeadEvent, DeadLetter, EngineId, Filter, InQueue, ItemFilter, Leased, Member,
    PairName, Posted, RunId, RunRow, Shared, Store, StoreError, StoredItem, StoredPair, StoredRun, Taken, Trust,
    VersionFiles,
};
use ferry_contract::{key::Digest, port::Boxed};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::{
    process::{Place, Process},
    shelf::Shelf,
};

/// A store that many processes share.
pub(super) struct MortalStore {
    shelf: Shelf,
    process: Arc<Process>,
    /// Commits so far of all processes, and the seed by which some are refused; 0 refuses none.
    commits: Arc<AtomicU64>,
    refuse_by: u64,
    /// Groups that a frozen process will commit, in order, when it goes on.
    line: Arc<Mutex<Option<mpsc::UnboundedSender<Job>>>>,
}

type Reply = Result<Committed, StoreError>;
type Job = (Vec<Change>, oneshot::Sender<Reply>);

/// One commit in so many is refused.
const REFUSE_ONE_IN: u64 = 19;

impl MortalStore {
    pub(super) fn new(
        shelf: &Shelf,
        process: &Arc<Process>,
        (commits, refuse_by): (&Arc<AtomicU64>, u64),
    ) -> Arc<Self> {
        Arc::new(Self {
            shelf: shelf.clone(),
            process: Arc::clone(process),
            commits: Arc::clone(commits),
            refuse_by,
            line: Arc::default(),
        })
    }

    fn refuses(&self) -> bool {
        let commits = self.commits.fetch_add(1, Ordering::Relaxed);
        // The first groups hold the events, which the test itself brings in.
        self.refuse_by != 0
            && commits > 5
            && (commits.wrapping_mul(2_654_435_761) ^ self.refuse_by).is_multiple_of(REFUSE_ONE_IN)
    }

    fn commit_now(&self, group: Vec<Change>) -> Boxed<'static, Reply> {
        if self.refuses() {
            return Box::pin(std::future::ready(Err(StoreError::Failed("the disk is full".to_owned()))));
        }
        let durable = self.shelf.ask(self.shelf.store().commit(group));
        self.process.reach(Place::Disk);
        let process = Arc::clone(&self.process);
        Box::pin(async move {
            process.goes_on().await;
            durable.await
        })
    }

    /// Behind what a frozen process has not committed yet.
    fn commit_later(&self, group: Vec<Change>) -> Boxed<'static, Reply> {
        let (reply, answer) = oneshot::channel();
        let mut line = self.line.lock().unwrap();
        let sender = line.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(Self::work_off(self.handle(), receiver));
            sender
        });
        sender.send((group, reply)).unwrap();
        Box::pin(async move {
            match answer.await {
                Ok(reply) => reply,
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn handle(&self) -> Self {
        Self {
            shelf: self.shelf.clone(),
            process: Arc::clone(&self.process),
            commits: Arc::clone(&self.commits),
            refuse_by: self.refuse_by,
            line: Arc::clone(&self.line),
        }
    }

    async fn work_off(store: Self, mut receiver: mpsc::UnboundedReceiver<Job>) {
        loop {
            store.process.goes_on().await;
            let job = {
                let mut line = store.line.lock().unwrap();
                let job = receiver.try_recv().ok();
                if job.is_none() {
                    *line = None;
                }
                job
            };
            let Some((group, reply)) = job else { return };
            let _ = reply.send(store.commit_now(group).await);
        }
    }

    /// What a process asks is asked when it goes on, and answered when it goes on.
    fn asked<'a, T: Send + 'a>(
        &'a self,
        question: impl FnOnce(&'a dyn Store) -> Boxed<'a, T> + Send + 'a,
    ) -> Boxed<'a, T> {
        Box::pin(async move {
            self.process.goes_on().await;
            let answer = self.shelf.ask(question(self.shelf.store())).await;
            self.process.goes_on().await;
            answer
        })
    }
}

impl Store for MortalStore {
    /// Its engines are as good as processes.
    fn is_shared(&self) -> bool {
        true
    }

    fn commit(&self, group: Vec<Change>) -> Boxed<'static, Result<Committed, StoreError>> {
        self.process.reach(Place::Disk);
        if self.process.is_dead() {
            return Box::pin(std::future::pending());
        }
        let is_waiting = self.line.lock().unwrap().is_some();
        if is_waiting || self.process.is_frozen() { self.commit_later(group) } else { self.commit_now(group) }
    }

    fn time(&self, known: Timestamp) -> Boxed<'_, Result<Timestamp, StoreError>> {
        // A disk and a server have a clock of their own, which is none of this world.
        match &self.shelf {
            Shelf::Memory(_) => self.asked(move |store| store.time(known)),
            Shelf::Real(..) => Box::pin(std::future::ready(Ok(self.process.now()))),
        }
    }

    fn join<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>> {
        self.asked(move |store| store.join(engine, self.shelf.lease(lease)))
    }

    fn renew<'a>(&'a self, engine: &'a EngineId, lease: Duration) -> Boxed<'a, Result<(), StoreError>> {
        self.asked(move |store| store.renew(engine, self.shelf.lease(lease)))
    }

    fn leave<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<(), StoreError>> {
        self.asked(move |store| store.leave(engine))
    }

    fn lease<'a>(&'a self, engine: &'a EngineId, now: Timestamp, limit: usize) -> Boxed<'a, Result<Taken, StoreError>> {
        Box::pin(async move {
            let taken = self.asked(move |store| store.lease(engine, now, limit)).await;
            // Most looks find nothing, and are no point of interest.
            if taken.as_ref().is_ok_and(|taken| !taken.runs.is_empty()) {
                self.process.pass(Place::Disk).await;
            }
            taken
        })
    }

    fn owned<'a>(&'a self, engine: &'a EngineId) -> Boxed<'a, Result<Vec<Leased>, StoreError>> {
        self.asked(move |store| store.owned(engine))
    }

    fn woken(&self) -> Boxed<'_, ()> {
        // Polling is the truth, and takes no real time.
        Box::pin(std::future::pending())
    }

    fn members(&self) -> Boxed<'_, Result<Vec<Member>, StoreError>> {
        self.asked(move |store| store.members())
    }

    fn trust(&self) -> Boxed<'_, Result<Trust, StoreError>> {
        self.asked(move |store| store.trust())
    }

    fn belongs_to<'a>(&'a self, world: &'a str) -> Boxed<'a, Result<(), StoreError>> {
        self.asked(move |store| store.belongs_to(world))
    }

    fn world(&self) -> Boxed<'_, Result<Option<String>, StoreError>> {
        self.asked(move |store| store.world())
    }

    fn rename_world<'a>(&'a self, from: &'a str, to: &'a str) -> Boxed<'a, Result<bool, StoreError>> {
        self.asked(move |store| store.rename_world(from, to))
    }

    fn run<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<StoredRun>, StoreError>> {
        self.asked(move |store| store.run(run))
    }

    fn revision<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<String>, StoreError>> {
        self.asked(move |store| store.revision(run))
    }

    fn cursor<'a>(&'a self, trigger: &'a str) -> Boxed<'a, Result<Option<String>, StoreError>> {
        self.asked(move |store| store.cursor(trigger))
    }

    fn version<'a>(&'a self, version: &'a Digest) -> Boxed<'a, Result<Option<VersionFiles>, StoreError>> {
        self.asked(move |store| store.version(version))
    }

    fn shared<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Shared>, StoreError>> {
        self.asked(move |store| store.shared(name))
    }

    fn pairs<'a>(&'a self, names: &'a [PairName]) -> Boxed<'a, Result<Vec<Option<StoredPair>>, StoreError>> {
        self.asked(move |store| store.pairs(names))
    }

    fn pairs_of<'a>(
        &'a self,
        project: &'a str,
        table: Option<&'a str>,
        limit: usize,
    ) -> Boxed<'a, Result<Vec<StoredPair>, StoreError>> {
        self.asked(move |store| store.pairs_of(project, table, limit))
    }

    fn items<'a>(&'a self, filter: &'a ItemFilter) -> Boxed<'a, Result<Vec<StoredItem>, StoreError>> {
        self.asked(move |store| store.items(filter))
    }

    fn approvals(&self, limit: usize) -> Boxed<'_, Result<Vec<Approval>, StoreError>> {
        self.asked(move |store| store.approvals(limit))
    }

    fn queue<'a>(&'a self, queue: &'a str, held_max: usize) -> Boxed<'a, Result<Vec<InQueue>, StoreError>> {
        self.asked(move |store| store.queue(queue, held_max))
    }

    fn acts(&self, limit: usize) -> Boxed<'_, Result<Vec<Act>, StoreError>> {
        self.asked(move |store| store.acts(limit))
    }

    fn posted<'a>(&'a self, text: &'a str) -> Boxed<'a, Result<Vec<Posted>, StoreError>> {
        self.asked(move |store| store.posted(text))
    }

    fn untold(&self, limit: usize) -> Boxed<'_, Result<Vec<(String, String)>, StoreError>> {
        self.asked(move |store| store.untold(limit))
    }

    fn unclaimed(&self, limit: usize) -> Boxed<'_, Result<Vec<Posted>, StoreError>> {
        self.asked(move |store| store.unclaimed(limit))
    }

    fn dead_events<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadEvent>, StoreError>> {
        self.asked(move |store| store.dead_events(filter))
    }

    fn dead_events_count(&self) -> Boxed<'_, Result<u64, StoreError>> {
        self.asked(move |store| store.dead_events_count())
    }

    fn runs_with<'a>(&'a self, text: &'a str, among: usize) -> Boxed<'a, Result<Vec<RunRow>, StoreError>> {
        self.asked(move |store| store.runs_with(text, among))
    }

    fn runs<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<RunRow>, StoreError>> {
        self.asked(move |store| store.runs(filter))
    }

    fn over<'a>(
        &'a self,
        pipeline: Option<&'a str>,
        before: Timestamp,
        part: (usize, usize),
    ) -> Boxed<'a, Result<Vec<RunId>, StoreError>> {
        self.asked(move |store| store.over(pipeline, before, part))
    }

    fn settled(&self, before: Timestamp, limit: usize) -> Boxed<'_, Result<Vec<(String, String)>, StoreError>> {
        self.asked(move |store| store.settled(before, limit))
    }

    fn counts(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, StoreError>> {
        self.asked(move |store| store.counts())
    }

    fn dead_letters<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadLetter>, StoreError>> {
        self.asked(move |store| store.dead_letters(filter))
    }
}
