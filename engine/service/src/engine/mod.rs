//! The engine: runs from the store, driven until they end or wait, with bounded memory.
//!
//! `trigger` puts events into the store, `scheduler` takes due runs out of it, `drive` is the one
//! loop that performs a run's commands, `evaluate` makes its values, and `dispatch` sends its calls.

mod alert;
mod answer;
mod arriving;
mod backfill;
mod begin;
mod bound;
mod calling;
mod dispatch;
mod drive;
mod evaluate;
mod fate;
mod folder;
mod foresee;
mod gate;
mod intent;
mod journal;
mod lane;
mod loaded;
mod looks;
mod member;
mod preview;
mod question;
mod queue;
mod reconcile;
mod reconciled;
mod recover;
mod renamed;
mod retention;
mod schedule;
mod scheduler;
mod taken;
mod time;
mod trigger;
mod turn;
mod unclaimed;
mod untold;
mod version;
mod xref;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use ferry_contract::{port::Clock, script::Rules};
use ferry_core::once::{Guard, Guards};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use answer::Delivery;
pub use arriving::{Arriving, Known};
pub use fate::{Fate, Foreseen};
pub use foresee::{done, foresee};
pub use gate::{BudgetStatus, CircuitStatus, ConnectionStatus};
pub use loaded::{Believed, Hook, LoadedProject};
pub use member::Terms;
pub use preview::{Previewed, StepAhead, WriteAhead};
pub use renamed::renamed;
pub use time::Time;
pub use trigger::PollReport;

use crate::{
    consents::StoreConsents,
    store::{Fence, RunId, Store},
};
use answer::Answers;
use dispatch::Dispatcher;
use gate::Gates;
use loaded::Loaded;
use member::Member;
use schedule::Awake;
use time::EngineClock;

/// What an engine needs of the world.
pub struct Setup {
    /// What must not be forgotten.
    pub store: Arc<dyn Store>,
    /// The machine's time, or a sandbox's.
    pub clock: Arc<dyn Clock>,
    /// Whether it goes by that.
    pub time: Time,
    /// How it shares the store with other engines.
    pub terms: Terms,
    /// The Rhai engine of pipelines.
    pub rules: Arc<Rules>,
    /// The projects.
    pub projects: Vec<LoadedProject>,
    /// All guards, except in tests.
    pub guards: Guards,
}

/// One engine on one store.
pub struct Engine {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// The same, which learns.
    time: Arc<EngineClock>,
    rules: Arc<Rules>,
    loaded: RwLock<Arc<Loaded>>,
    guards: Guards,
    dispatcher: Dispatcher,
    answers: Answers,
    gates: Gates,
    member: Arc<Member>,
    /// Held while entries are applied and queued, so that their order on disk is that in memory.
    order: Mutex<()>,
    /// Runs in memory, each under the fence by which it was leased.
    active: Mutex<HashSet<(RunId, Fence)>>,
    wake: Notify,
    awake: Awake,
    /// The polls of the projects that are loaded now.
    polls: Mutex<CancellationToken>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Engine {
    /// Prepares an engine; nothing runs before [`Engine::serve`].
    pub fn new(setup: Setup) -> Arc<Self> {
        // A mutant goes by its machine's clock.
        let time = if setup.guards.has(Guard::Clock) { setup.time } else { Time::Clock };
        let time = Arc::new(EngineClock::new(time, setup.clock, &setup.terms));
        let clock: Arc<dyn Clock> = Arc::clone(&time) as Arc<dyn Clock>;
        let consents = StoreConsents::new(&setup.store);
        let connections = setup.projects.iter().flat_map(|project| project.connections.values());
        connections.clone().for_each(|connection| connection.keep_consents_in(consents.clone()));
        let gates = Gates::new(&setup.store, &clock, connections);
        let stop = CancellationToken::new();
        Arc::new(Self {
            store: setup.store,
            clock,
            time,
            rules: setup.rules,
            loaded: RwLock::new(Arc::new(Loaded::new(setup.projects))),
            guards: setup.guards,
            dispatcher: Dispatcher::default(),
            answers: Answers::default(),
            gates,
            member: Arc::new(Member::new(setup.terms)),
            order: Mutex::new(()),
            active: Mutex::new(HashSet::new()),
            wake: Notify::new(),
            awake: Awake::default(),
            polls: Mutex::new(stop.child_token()),
            stop,
            tasks: TaskTracker::new(),
        })
    }

    /// Runs everything until [`Engine::stop`].
    pub async fn serve(self: &Arc<Self>) {
        self.start_polls();
        self.tasks.spawn(Arc::clone(self).look_for_ever("what is too old is still kept", Self::forget_old));
        self.work().await;
    }

    /// Drives due runs until [`Engine::stop`], without polling for new events.
    pub async fn work(self: &Arc<Self>) {
        if let Err(error) = self.save_versions().await {
            tracing::error!(%error, "the versions could not be stored");
            self.stop();
        }
        self.tasks.spawn(Arc::clone(self).schedule());
        let own = || Arc::clone(self);
        self.tasks.spawn(own().look_for_ever("whether events were claimed is not known", Self::give_up_due));
        self.tasks.spawn(own().look_for_ever("not all who wait for an event are told", Self::tell_more));
        let work = async {
            self.stop.cancelled().await;
            self.tasks.close();
            self.tasks.wait().await;
        };
        // What is under way when it stops is still journaled, so it lives until the last task has ended.
        tokio::select! {
            biased;
            () = work => {}
            () = self.live() => {}
        }
        self.leave().await;
    }

    /// Stops taking up work; calls that are under way are finished and journaled.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Looks for due runs now: somebody in this process has made one due.
    pub fn look(&self) {
        self.wake.notify_one();
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// How the connections are.
    pub async fn connections(&self) -> Vec<ConnectionStatus> {
        self.gates.status().await
    }

    /// Now, as it is stored: in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// A lock whose holder never panics halfway through a change.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
