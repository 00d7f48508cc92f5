//! The engine: runs from the store, driven until they end or wait, with bounded memory.
//!
//! `trigger` puts events into the store, `scheduler` takes due runs out of it, `drive` is the one
//! loop that performs a run's commands, `evaluate` makes its values, and `dispatch` sends its calls.

mod dispatch;
mod drive;
mod evaluate;
mod journal;
mod question;
mod scheduler;
mod trigger;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ferry_connectors::connection::Connection;
use ferry_contract::{key::Digest, port::Clock, script::Rules};
use ferry_core::{once::Guards, plan::Plan};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use trigger::PollReport;

use crate::store::{RunId, Store, VersionFiles};
use dispatch::Dispatcher;

/// A project that is loaded: its plans and its open connections.
#[derive(Debug)]
pub struct LoadedProject {
    /// Its name.
    pub name: String,
    /// Its plans, with the files that they were made of.
    pub plans: Vec<(Arc<Plan>, VersionFiles)>,
    /// By name.
    pub connections: BTreeMap<String, Arc<Connection>>,
}

/// Makes a plan again from the files of an earlier version.
pub type Recompile = Box<dyn Fn(&VersionFiles) -> Option<Arc<Plan>> + Send + Sync>;

/// What an engine needs of the world.
pub struct Setup {
    /// What must not be forgotten.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The Rhai engine of pipelines.
    pub rules: Arc<Rules>,
    /// The projects.
    pub projects: Vec<LoadedProject>,
    /// For runs of earlier versions.
    pub recompile: Recompile,
    /// All guards, except in tests.
    pub guards: Guards,
}

/// One engine on one store.
pub struct Engine {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rules: Arc<Rules>,
    projects: BTreeMap<String, LoadedProject>,
    plans: Mutex<BTreeMap<Digest, Arc<Plan>>>,
    recompile: Recompile,
    guards: Guards,
    dispatcher: Dispatcher,
    /// Held while entries are applied and queued, so that their order on disk is that in memory.
    order: Mutex<()>,
    active: Mutex<HashSet<RunId>>,
    wake: Notify,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Engine {
    /// Prepares an engine; nothing runs before [`Engine::serve`].
    pub fn new(setup: Setup) -> Arc<Self> {
        let plans = setup.projects.iter().flat_map(|project| &project.plans);
        let plans = plans.map(|(plan, _)| (plan.version.clone(), Arc::clone(plan))).collect();
        let projects = setup.projects.into_iter().map(|project| (project.name.clone(), project)).collect();
        Arc::new(Self {
            store: setup.store,
            clock: setup.clock,
            rules: setup.rules,
            projects,
            plans: Mutex::new(plans),
            recompile: setup.recompile,
            guards: setup.guards,
            dispatcher: Dispatcher::default(),
            order: Mutex::new(()),
            active: Mutex::new(HashSet::new()),
            wake: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Runs everything until [`Engine::stop`].
    pub async fn serve(self: &Arc<Self>) {
        for project in self.projects.values() {
            for (plan, _) in &project.plans {
                self.tasks.spawn(Arc::clone(self).poll_for_ever(project.name.clone(), Arc::clone(plan)));
            }
        }
        self.work().await;
    }

    /// Drives due runs until [`Engine::stop`], without polling for new events.
    pub async fn work(self: &Arc<Self>) {
        self.save_versions().await;
        self.tasks.spawn(Arc::clone(self).schedule());
        self.stop.cancelled().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Stops taking up work; calls that are under way are finished and journaled.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Now, as it is stored: in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// The project and the plan of a pipeline's current version.
    fn current(&self, pipeline: &str) -> Option<(&LoadedProject, &Arc<Plan>)> {
        self.projects.values().find_map(|project| {
            let plan = project.plans.iter().map(|(plan, _)| plan).find(|plan| plan.pipeline == pipeline)?;
            Some((project, plan))
        })
    }

    async fn save_versions(&self) {
        let plans = self.projects.values().flat_map(|project| &project.plans);
        let group = plans
            .map(|(plan, files)| crate::store::Change::Version { version: plan.version.clone(), files: files.clone() });
        if let Err(error) = self.store.commit(group.collect()).await {
            tracing::error!(%error, "the versions could not be stored");
            self.stop();
        }
    }
}

/// A lock whose holder never panics halfway through a change.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
