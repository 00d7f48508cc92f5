//! Events that nobody claims: each becomes a dead letter once, whichever engine on the store looks first.
//!
//! The store says which ones wait longest, and so when the next one is due: nothing is asked before. An event
//! that comes later is due later. What a look proposes is decided with the rows locked, so two engines that
//! propose the same one make one dead letter, and one of them tells a person.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::Engine;
use crate::{
    limits::{UNCLAIMED_LOOK_EVERY, UNCLAIMED_ROWS_MAX},
    store::{Change, Posted, StoreError},
};

impl Engine {
    /// Makes dead letters of so many as one transaction takes, and says how long to sleep.
    pub(super) async fn give_up_due(self: Arc<Self>) -> Result<Duration, StoreError> {
        let now = self.now();
        let oldest = self.store.unclaimed(UNCLAIMED_ROWS_MAX).await?;
        let due: Vec<&Posted> = oldest.iter().filter(|posted| is_due(posted, now)).collect();
        if !due.is_empty() {
            let given_up = due.iter().map(|posted| {
                let Posted { event, key, .. } = (*posted).clone();
                Change::GiveUp { event, key, at: now }
            });
            let committed = self.store.commit(given_up.collect()).await?;
            committed.given_up.iter().for_each(|posted| self.tell(posted));
        }
        if due.len() == UNCLAIMED_ROWS_MAX {
            return Ok(Duration::ZERO);
        }
        let next = oldest.iter().filter_map(Posted::due_at).find(|at| *at > now);
        let wait = next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        Ok(wait.unwrap_or(UNCLAIMED_LOOK_EVERY).clamp(Duration::from_millis(1), UNCLAIMED_LOOK_EVERY))
    }

    fn tell(&self, posted: &Posted) {
        let pipeline = posted.from.as_ref().map_or("", |from| from.pipeline.as_str());
        let loaded = self.loaded();
        let channel = loaded.plans().find(|(_, plan)| plan.pipeline == pipeline);
        let channel = channel.and_then(|(_, plan)| plan.alert.as_deref()).unwrap_or_default();
        let Posted { id, event, key, .. } = posted;
        let failure = format!("{}: {}", posted.class(), posted.why());
        tracing::error!(%id, event, key, pipeline, failure, channel, "dead letter");
    }
}

fn is_due(posted: &Posted, now: Timestamp) -> bool {
    posted.due_at().is_some_and(|due| due <= now)
}
