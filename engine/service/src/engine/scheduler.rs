//! Leases due runs from the store: the store is the queue, and memory holds only what is active.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ferry_contract::key::Digest;

use ferry_core::{plan::Plan, run::Run};
use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::{
    Engine, LoadedProject,
    journal::{Driven, Shared},
    locked,
};
use crate::{
    limits::{LOOK_EVERY, RETRY_BROKEN_AFTER, RUNS_ACTIVE_MAX, RUNS_ROOM_KEPT},
    store::{Arrival, Change, EngineId, Fence, Leased, RunId, StoreError},
};

impl Engine {
    /// Starts due runs until the engine stops.
    pub(super) async fn schedule(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let wait = match self.start_due().await {
                Ok(wait) => wait,
                Err(StoreError::Fenced(_)) => {
                    self.member.doubt();
                    LOOK_EVERY
                }
                Err(error) => {
                    tracing::error!(%error, "the store cannot be read");
                    LOOK_EVERY
                }
            };
            tokio::select! {
                    biased;
                () = self.wake.notified() => {}
                () = self.store.woken() => {}
                () = self.clock.sleep(wait) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Starts what is due, and says how long to sleep.
    async fn start_due(self: &Arc<Self>) -> Result<Duration, StoreError> {
        let (room, look_every) = (self.room_for_many(), self.member.look_every());
        let Some(engine) = self.member.alive().filter(|_| room > 0) else { return Ok(look_every) };
        let now = self.now();
        let taken = self.store.lease(&engine, now, room).await?;
        for leased in taken.runs {
            self.take_up(&engine, leased);
        }
        let wait = taken.next.map_or(look_every, |at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        Ok(wait.clamp(Duration::from_millis(1), look_every))
    }

    /// How many runs more may be in memory.
    pub(super) fn room(&self) -> usize {
        RUNS_ACTIVE_MAX.saturating_sub(locked(&self.active).len())
    }

    /// How many of those that do not come alone may be: one that does finds room at once.
    pub(super) fn room_for_many(&self) -> usize {
        self.room().saturating_sub(RUNS_ROOM_KEPT)
    }

    /// Drives a run that this engine has leased.
    pub(super) fn take_up(self: &Arc<Self>, engine: &EngineId, leased: Leased) {
        if locked(&self.active).insert((leased.run.clone(), leased.fence)) {
            let (me, engine) = (Arc::clone(self), engine.clone());
            self.tasks.spawn(async move { me.carry(engine, leased, None).await });
        }
    }

    /// Begins the run of an event in memory. Its first commit has the event in it, and is refused whole where the
    /// store knows the event. Gives the run once that is durable; nothing where it is not, as far as is known.
    pub(super) async fn begin_at_once(
        self: &Arc<Self>,
        engine: EngineId,
        plan: &Arc<Plan>,
        arrival: Arrival,
    ) -> Option<Leased> {
        let run = RunId::of(&arrival.pipeline, &arrival.event_key);
        let leased = Leased { run, fence: Fence::default().raised(), due_at: arrival.at };
        let (project, _) = locked(&self.loaded().plans).get(&plan.version).cloned()?;
        if !locked(&self.active).insert((leased.run.clone(), leased.fence)) {
            return None;
        }
        let run = Run::new(Arc::clone(plan), arrival.event_key.clone(), self.guards);
        let (accepted, is_accepted) = oneshot::channel();
        let name = (leased.run.clone(), engine.clone(), leased.fence);
        let begun = (project, Arc::new(Driven::begun(name, run, arrival, accepted)));
        let (me, own) = (Arc::clone(self), leased.clone());
        self.tasks.spawn(async move { me.carry(engine, own, Some(begun)).await });
        is_accepted.await.ok().map(|()| leased)
    }

    /// Drives one run as far as it goes, and lets it out of memory. While the store says neither yes nor no, the
    /// run is still this engine's, so nobody else would take it up.
    async fn carry(self: Arc<Self>, engine: EngineId, leased: Leased, begun: Option<(Arc<LoadedProject>, Shared)>) {
        let _active = Active { engine: &self, leased: &leased };
        if let Some((project, driven)) = begun {
            let error = match self.drive(&project, Arc::clone(&driven), (None, BTreeMap::new())).await {
                Ok(()) => return,
                Err(error) => error,
            };
            // Nothing of it is durable: whoever brought the event hears that, and brings it again.
            if driven.is_new() || self.is_let_go(&engine, &leased, &error).await {
                return;
            }
        }
        while let Err(error) = self.carry_on(&engine, &leased).await {
            if self.is_let_go(&engine, &leased, &error).await {
                break;
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
    }

    async fn is_let_go(&self, engine: &EngineId, leased: &Leased, error: &StoreError) -> bool {
        let Leased { run, fence, .. } = leased;
        if self.member.is_over(engine) {
            tracing::warn!(%run, "the run is given up; whoever has it now goes on");
            return true;
        }
        // Another run has recorded a pair for the same key, or has made the call: this one reads what is there, and
        // decides anew.
        if matches!(error, StoreError::Stale(_) | StoreError::CallTaken { .. }) {
            tracing::debug!(%run, %error, "the run is read again");
            return false;
        }
        tracing::error!(%run, %error, "the run is left as it is in the store, and tried again later");
        let until = self.now() + SignedDuration::try_from(RETRY_BROKEN_AFTER).unwrap_or_default();
        match self.store.commit(vec![Change::Defer { run: run.clone(), fence: *fence, until }]).await {
            Ok(_) => true,
            Err(StoreError::Fenced(_)) => {
                self.member.doubt();
                true
            }
            Err(error) => {
                tracing::error!(%run, %error, "nor can it be put off");
                self.member.is_over(engine)
            }
        }
    }

    async fn carry_on(self: &Arc<Self>, engine: &EngineId, leased: &Leased) -> Result<(), StoreError> {
        let Leased { run: id, fence, due_at } = leased;
        let Some(stored) = self.store.run(id).await? else { return Ok(()) };
        if stored.fence != *fence || stored.owner.as_ref() != Some(engine) {
            // It was let go in a commit whose answer was lost, or another engine has it.
            tracing::debug!(run = %id, "it is not this engine's any more");
            return Ok(());
        }
        let version = Digest::named(&stored.row.version);
        let (project, plan) = self.version(&*self.store, &version).await?;
        let mut run = Run::new(plan, stored.row.event_key.clone(), self.guards);
        for (at, entry) in &stored.journal {
            run.take(*at, entry);
        }
        let driven = Arc::new(Driven::new((id.clone(), engine.clone(), *fence), run, stored.mail));
        self.drive(&project, driven, (Some(*due_at), stored.letters)).await
    }
}

/// Takes a run out of the active ones, however its task ends.
struct Active<'a> {
    engine: &'a Engine,
    leased: &'a Leased,
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        locked(&self.engine.active).remove(&(self.leased.run.clone(), self.leased.fence));
        self.engine.wake.notify_one();
    }
}
