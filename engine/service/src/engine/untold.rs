//! Events for which more steps wait than one transaction tells: the others are told in the next ones.
//!
//! Which events these are is in the store, so that any engine goes on where another one was killed.

use std::sync::Arc;

use super::Engine;
use crate::{
    limits::UNTOLD_EVENTS_MAX,
    store::{Change, StoreError},
};

impl Engine {
    /// Tells whoever is left, until the engine stops.
    pub(super) async fn tell_for_ever(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            match self.tell_more().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "not all who wait for an event are told; it is tried again"),
            }
            tokio::select! {
                biased;
                () = self.clock.sleep(self.member.look_every()) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// So many as one transaction tells, of each event; whether there were any.
    async fn tell_more(&self) -> Result<bool, StoreError> {
        // Before its first sign of life, an engine does not know the store's time.
        if self.member.alive().is_none() {
            return Ok(false);
        }
        let (at, untold) = (self.now(), self.store.untold(UNTOLD_EVENTS_MAX).await?);
        let is_any = !untold.is_empty();
        let mut failed = None;
        for (event, key) in untold {
            // One that cannot be told does not keep the others waiting.
            let told = self.store.commit(vec![Change::Tell { event, key, at }]).await;
            failed = told.err().or(failed);
        }
        failed.map_or(Ok(is_any), Err)
    }
}
