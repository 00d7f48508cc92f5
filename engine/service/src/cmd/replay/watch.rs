//! Whether a bulk goes on: no more are under way at a time than may still fail.

use ferry_contract::port::Clock;

use super::tell;
use crate::{
    limits::REPLAY_LOOK_EVERY,
    store::{RunId, Store, StoreError},
};

/// What became of the replayed runs.
pub(super) struct Watch {
    most: usize,
    /// Those that have not ended, and do not wait for anything but their turn.
    under_way: Vec<RunId>,
    failed: usize,
    has_told: bool,
}

impl Watch {
    /// A bulk that stops when so many have failed.
    pub(super) fn new(most: usize) -> Self {
        Self { most, under_way: Vec::new(), failed: 0, has_told: false }
    }

    /// One more was replayed.
    pub(super) fn add(&mut self, run: RunId) {
        self.under_way.push(run);
    }

    /// Waits until one more may be replayed; no where too many have failed.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn has_room(&mut self, store: &dyn Store, clock: &dyn Clock) -> Result<bool, StoreError> {
        loop {
            self.look(store).await?;
            if self.failed >= self.most {
                return Ok(false);
            }
            if self.failed + self.under_way.len() < self.most {
                return Ok(true);
            }
            self.say_once(store).await?;
            clock.sleep(REPLAY_LOOK_EVERY).await;
        }
    }

    /// A run that waits for a time or a person, is held or parked, has not failed: the bulk goes on without it.
    async fn look(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for run in std::mem::take(&mut self.under_way) {
            let stored = store.run(&run).await?;
            match stored.as_ref().map(|stored| stored.row.state.as_str()) {
                Some("dead_lettered") => self.failed += 1,
                Some("running") => self.under_way.push(run),
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// Without an engine, this would wait for ever, and nobody would know why.
    async fn say_once(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let is_driven = store.members().await?.iter().any(|member| member.left_ms > 0);
        if !is_driven && !self.has_told {
            self.has_told = true;
            tell("waiting for what is replayed to end before more is, and no engine is running: start `ferry serve`");
        }
        Ok(())
    }
}
