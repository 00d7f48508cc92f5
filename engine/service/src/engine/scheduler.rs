//! Takes due runs out of the store: the store is the queue, and memory holds only what is active.

use std::{sync::Arc, time::Duration};

use ferry_core::run::Run;

use super::{Engine, journal::Driven, locked};
use crate::{
    limits::{LOOK_EVERY, RUNS_ACTIVE_MAX},
    store::{RunId, StoreError},
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
        if let Err(error) = self.carry_on(&id).await {
            tracing::error!(run = %id, %error, "the run is left as it is in the store");
            // Its due time still stands, so it is tried again; not at once.
            self.clock.sleep(LOOK_EVERY).await;
        }
        locked(&self.active).remove(&id);
        self.wake.notify_one();
    }

    async fn carry_on(self: &Arc<Self>, id: &RunId) -> Result<(), StoreError> {
        let Some(stored) = self.store.run(id).await? else { return Ok(()) };
        let version = ferry_contract::key::Digest::named(&stored.row.version);
        let Some((project, plan)) = self.plan(&version).await? else {
            return Err(StoreError::Failed(format!(
                "the version {} of {} cannot be loaded",
                version.short(),
                stored.row.pipeline
            )));
        };
        let mut run = Run::new(plan, stored.row.event_key.clone(), self.guards);
        for (at, entry) in &stored.journal {
            run.apply(*at, entry);
        }
        let Some(project) = self.projects.get(&project) else {
            return Err(StoreError::Failed(format!("the project `{project}` is not loaded")));
        };
        self.drive(project, Arc::new(Driven::new(id.clone(), run)), stored.row.due_at).await
    }
}
