//! Events for which more steps wait than one transaction tells: the others are told in the next ones.
//!
//! Which events these are is in the store, so that any engine goes on where another one was killed.

use std::{sync::Arc, time::Duration};

use super::Engine;
use crate::{
    limits::UNTOLD_EVENTS_MAX,
    store::{Change, StoreError},
};

impl Engine {
    /// Tells those who are left, so many of each event as one change tells, and says how long to rest.
    pub(super) async fn tell_more(self: Arc<Self>) -> Result<Duration, StoreError> {
        let (at, untold) = (self.now(), self.store.untold(UNTOLD_EVENTS_MAX).await?);
        let rest = if untold.is_empty() { self.member.look_every() } else { Duration::ZERO };
        let mut failed = None;
        for (event, key) in untold {
            // One that cannot be told does not keep the others waiting.
            let told = self.store.commit(vec![Change::Tell { event, key, at }]).await;
            failed = told.err().or(failed);
        }
        failed.map_or(Ok(rest), Err)
    }
}
