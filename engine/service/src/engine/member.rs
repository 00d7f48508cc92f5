//! The engine's life as the store knows it: until when it may write, and what follows when it was late.
//!
//! The end is counted from before a sign of life was sent, on a clock that runs during suspension, so the
//! engine stops writing before the store lets anyone else begin. An engine that was taken out gives up all
//! its runs and goes on under another name.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry_contract::port::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{Engine, locked};
use crate::{
    limits::SIGNS_PER_LEASE,
    store::{EngineId, StoreError, Trust},
};

/// On what terms an engine drives runs.
pub struct Terms {
    /// A name that no other process has; each life of the engine adds its number.
    pub process: String,
    /// How long it lives without a sign of life.
    pub lease: Duration,
    /// How often it looks at least for runs that others have made due.
    pub look_every: Duration,
    /// A clock that runs during suspension, and that nobody sets.
    pub clock: Arc<dyn Clock>,
}

/// The engine's place among those on its store.
pub(super) struct Member {
    terms: Terms,
    life: Mutex<Life>,
    /// Somebody was refused: look at once whether the engine was taken out.
    doubt: Notify,
}

#[derive(Default)]
struct Life {
    /// How many there were.
    number: u64,
    engine: Option<EngineId>,
    until: Timestamp,
    /// How often the right to write began anew: what was decided in an earlier spell is not sent in this one.
    spell: u64,
    /// Nothing is known of the store before the first life.
    trust: Option<Trust>,
}

impl Member {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, life: Mutex::default(), doubt: Notify::new() }
    }

    pub(super) fn look_every(&self) -> Duration {
        self.terms.look_every
    }

    /// The engine, while it may write.
    pub(super) fn alive(&self) -> Option<EngineId> {
        let now = self.terms.clock.now();
        let life = locked(&self.life);
        life.engine.clone().filter(|_| now < life.until)
    }

    /// Whether runs that were leased by this engine may still be written, and sent for.
    pub(super) fn may_write(&self, engine: &EngineId) -> bool {
        self.alive().as_ref() == Some(engine)
    }

    /// The spell in which the engine may write now.
    pub(super) fn spell(&self) -> u64 {
        locked(&self.life).spell
    }

    /// Whether this engine was taken out, for all that is known here.
    pub(super) fn is_over(&self, engine: &EngineId) -> bool {
        locked(&self.life).engine.as_ref() != Some(engine)
    }

    /// Since when the store remembers all that was sent; nothing where it always did.
    pub(super) fn doubted_since(&self) -> Option<Timestamp> {
        locked(&self.life).trust.as_ref().map_or(Some(Timestamp::MAX), Trust::doubted_since)
    }

    /// A write was refused.
    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    fn begin(&self) -> EngineId {
        let mut life = locked(&self.life);
        life.number += 1;
        life.engine = None;
        EngineId::named(format!("{}-{}", self.terms.process, life.number))
    }

    fn lives(&self, engine: &EngineId, asked_at: Timestamp) {
        let mut life = locked(&self.life);
        if asked_at >= life.until || life.engine.as_ref() != Some(engine) {
            life.spell += 1;
        }
        life.until = asked_at + SignedDuration::try_from(self.terms.lease).unwrap_or_default();
        life.engine = Some(engine.clone());
    }

    fn end(&self) -> Option<EngineId> {
        locked(&self.life).engine.take()
    }
}

impl Engine {
    /// Keeps the engine alive on its store.
    pub(super) async fn live(self: &Arc<Self>) {
        let member = &self.member;
        let every = member.terms.lease / SIGNS_PER_LEASE;
        loop {
            if let Err(error) = self.sign_of_life().await {
                tracing::warn!(%error, "the store takes no sign of life; it is tried again");
            }
            tokio::select! {
                biased;
                () = member.doubt.notified() => {}
                () = member.terms.clock.sleep(every) => {}
            }
        }
    }

    async fn sign_of_life(self: &Arc<Self>) -> Result<(), StoreError> {
        let member = &self.member;
        let engine = locked(&member.life).engine.clone();
        let Some(engine) = engine else { return self.join().await };
        self.learn_the_trust().await?;
        let asked_at = member.terms.clock.now();
        self.learn_the_time().await?;
        match self.store.renew(&engine, member.terms.lease).await {
            Ok(()) => member.lives(&engine, asked_at),
            Err(StoreError::Fenced(_)) => {
                tracing::warn!(%engine, "the engine was too late with a sign of life: others take its runs up");
                return self.join().await;
            }
            Err(error) => return Err(error),
        }
        self.take_up_forgotten(&engine).await
    }

    /// Runs that the store has given to this engine in an answer that never came: nobody else would drive
    /// them while it lives.
    async fn take_up_forgotten(self: &Arc<Self>, engine: &EngineId) -> Result<(), StoreError> {
        for leased in self.store.owned(engine).await? {
            if !self.stop.is_cancelled() {
                self.take_up(engine, leased);
            }
        }
        Ok(())
    }

    async fn learn_the_trust(&self) -> Result<(), StoreError> {
        let trust = self.store.trust().await?;
        locked(&self.member.life).trust = Some(trust);
        Ok(())
    }

    /// Where the answer came after the lease's end, the engine may not write by it.
    async fn learn_the_time(&self) -> Result<(), StoreError> {
        // Before the first sign of life, only the machine says what time it is.
        let known = if self.member.spell() == 0 { Timestamp::UNIX_EPOCH } else { self.now() };
        self.time.learn(self.store.time(known).await?);
        Ok(())
    }

    /// Begins a life: whatever an earlier one had is given up.
    async fn join(&self) -> Result<(), StoreError> {
        let engine = self.member.begin();
        let asked_at = self.member.terms.clock.now();
        self.learn_the_time().await?;
        self.store.join(&engine, self.member.terms.lease).await?;
        // What took the engine out may be what the store is doubted for.
        self.learn_the_trust().await?;
        self.member.lives(&engine, asked_at);
        self.wake.notify_one();
        Ok(())
    }

    /// Ends it, so that nobody waits for the lease's end.
    pub(super) async fn leave(&self) {
        let Some(engine) = self.member.end() else { return };
        if let Err(error) = self.store.leave(&engine).await {
            tracing::warn!(%engine, %error, "its runs are taken up when its lease has ended");
        }
    }
}
