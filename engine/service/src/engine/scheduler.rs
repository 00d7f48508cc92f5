//! Takes due runs out of the store: the store is the queue, and memory holds only what is active.

use std::{sync::Arc, time::Duration};

use ferry_contract::key::Digest;

use ferry_core::{plan::Plan, run::Run};
use jiff::SignedDuration;

use super::{Engine, journal::Driven, locked};
use crate::{
    limits::{LOOK_EVERY, RETRY_BROKEN_AFTER, RUNS_ACTIVE_MAX},
    store::{Change, RunId, StoreError},
};

impl Engine {
    /// Starts due runs until the engine stops.
    pub(super) async fn schedule(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let wait = match self.start_due().await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, "the store cannot be read");
                    LOOK_EVERY
                }
            };
            tokio::select! {
                    biased;
                () = self.wake.notified() => {}
                () = self.clock.sleep(wait) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Starts what is due, and says how long to sleep.
    async fn start_due(self: &Arc<Self>) -> Result<Duration, StoreError> {
        let active = locked(&self.active).len();
        let now = self.now();
        // Active runs are still in the list, so as many more are asked for.
        let due = self.store.due(RUNS_ACTIVE_MAX + active).await?;
        for (run, at) in due {
            if at > now {
                let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
                return Ok(wait.clamp(Duration::from_millis(1), LOOK_EVERY));
            }
            if locked(&self.active).len() >= RUNS_ACTIVE_MAX {
                return Ok(LOOK_EVERY);
            }
            if locked(&self.active).insert(run.clone()) {
                let engine = Arc::clone(self);
                self.tasks.spawn(async move { engine.carry(run).await });
            }
        }
        Ok(LOOK_EVERY)
    }

    /// Loads one run, drives it as far as it goes, and lets it out of memory.
    async fn carry(self: Arc<Self>, id: RunId) {
        let _active = Active { engine: &self, id: &id };
        if let Err(error) = self.carry_on(&id).await {
            tracing::error!(run = %id, %error, "the run is left as it is in the store, and tried again later");
            let until = self.now() + SignedDuration::try_from(RETRY_BROKEN_AFTER).unwrap_or_default();
            if let Err(error) = self.store.commit(vec![Change::Defer { run: id.clone(), until }]).await {
                tracing::error!(run = %id, %error, "nor can it be put off");
                self.clock.sleep(LOOK_EVERY).await;
            }
        }
    }

    async fn carry_on(self: &Arc<Self>, id: &RunId) -> Result<(), StoreError> {
        let Some(stored) = self.store.run(id).await? else { return Ok(()) };
        let version = Digest::named(&stored.row.version);
        let Some((project, plan)) = self.plan(&version).await? else {
            return Err(StoreError::Failed(format!(
                "the version {} of {} cannot be loaded",
                version.short(),
                stored.row.pipeline
            )));
        };
        let mut run = Run::new(plan, stored.row.event_key.clone(), self.guards);
        for (at, entry) in &stored.journal {
            run.take(*at, entry);
        }
        let loaded = self.loaded();
        let Some(project) = loaded.project(&project) else {
            return Err(StoreError::Failed(format!("the project `{project}` is not loaded")));
        };
        self.drive(project, Arc::new(Driven::new(id.clone(), run)), stored.row.due_at).await
    }

    /// A version's plan and the name of its project.
    async fn plan(&self, version: &Digest) -> Result<Option<(String, Arc<Plan>)>, StoreError> {
        if let Some(known) = locked(&self.plans).get(version).cloned() {
            return Ok(Some(known));
        }
        let Some(files) = self.store.version(version).await? else { return Ok(None) };
        let Some(plan) = (self.recompile)(&files) else { return Ok(None) };
        locked(&self.plans).insert(version.clone(), (files.project.clone(), Arc::clone(&plan)));
        Ok(Some((files.project, plan)))
    }
}

/// Takes a run out of the active ones, however its task ends.
struct Active<'a> {
    engine: &'a Engine,
    id: &'a RunId,
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        locked(&self.engine.active).remove(self.id);
        self.engine.wake.notify_one();
    }
}
