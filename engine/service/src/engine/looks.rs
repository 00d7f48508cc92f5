//! What an engine looks for again and again beside its runs.

use std::{sync::Arc, time::Duration};

use super::Engine;
use crate::store::StoreError;

impl Engine {
    /// Looks until the engine stops: each look says how long to rest, and `doubt` what is not known where one fails.
    pub(super) async fn look_for_ever<L>(self: Arc<Self>, doubt: &str, look: impl Fn(Arc<Self>) -> L)
    where
        L: Future<Output = Result<Duration, StoreError>>,
    {
        while !self.stop.is_cancelled() {
            // Before its first sign of life, an engine does not know the store's time.
            let rest = match self.member.alive() {
                None => self.member.look_every(),
                Some(_) => look(Arc::clone(&self)).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "{doubt}; it is tried again");
                    self.member.look_every()
                }),
            };
            tokio::select! {
                biased;
                () = self.clock.sleep(rest) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}
