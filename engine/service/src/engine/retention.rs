//! What is too old to be kept: whichever engine on the store looks first forgets it.
//!
//! The store proposes what is over, and decides with the rows locked. Only names stay: that an event came and a call was
//! made, so that neither happens again.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Engine;
use crate::{
    limits::{FORGOTTEN_AT_ONCE_MAX, RETENTION_LOOK_EVERY},
    store::{Act, Change, StoreError},
};

impl Engine {
    /// Forgets what is too old, and says how long to rest.
    pub(super) async fn forget_old(self: Arc<Self>) -> Result<Duration, StoreError> {
        let (loaded, now) = (self.loaded(), self.now());
        let mut longest = Some(Duration::ZERO);
        for project in loaded.projects() {
            let runs = project.retention.runs;
            longest = longest.zip(runs).map(|(longest, runs)| longest.max(runs));
            let Some(before) = runs.and_then(|runs| ago(now, runs)) else { continue };
            for (plan, _) in &project.plans {
                self.forget_runs(Some(&plan.pipeline), before).await?;
            }
        }
        // An event has no project, and a pipeline that is gone has none any more: they are kept as long as the longest
        // of all keeps its runs.
        if let Some(before) = longest.filter(|longest| !longest.is_zero()).and_then(|longest| ago(now, longest)) {
            self.forget_runs(None, before).await?;
            self.forget_events(before).await?;
        }
        Ok(RETENTION_LOOK_EVERY)
    }

    /// Of one pipeline, or of all.
    async fn forget_runs(&self, pipeline: Option<&str>, before: Timestamp) -> Result<(), StoreError> {
        let (mut kept, mut forgotten) = (0, 0);
        while !self.stop.is_cancelled() {
            let over = self.store.over(pipeline, before, (kept, FORGOTTEN_AT_ONCE_MAX)).await?;
            if over.is_empty() {
                break;
            }
            let count = over.len();
            let changes = over.into_iter().map(|run| Change::Forget { run, before }).collect();
            let done = self.store.commit(changes).await?.forgotten;
            (kept, forgotten) = (kept + count - done, forgotten + done);
        }
        self.audit_forgotten(pipeline.unwrap_or("all pipelines"), "runs", (forgotten, before)).await
    }

    async fn forget_events(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut forgotten = 0;
        while !self.stop.is_cancelled() {
            let settled = self.store.settled(before, FORGOTTEN_AT_ONCE_MAX).await?;
            if settled.is_empty() {
                break;
            }
            let forget = |(event, key)| Change::ForgetEvent { event, key, before };
            let done = self.store.commit(settled.into_iter().map(forget).collect()).await?.forgotten;
            // Another engine was there first, or somebody waits for them by now.
            if done == 0 {
                break;
            }
            forgotten += done;
        }
        self.audit_forgotten("events", "events", (forgotten, before)).await
    }

    async fn audit_forgotten(
        &self,
        subject: &str,
        what: &str,
        (count, before): (usize, Timestamp),
    ) -> Result<(), StoreError> {
        if count == 0 {
            return Ok(());
        }
        tracing::info!(subject, what, count, %before, "forgotten, as `retention` says");
        let act = Act {
            by: "ferry".to_owned(),
            act: "forget".to_owned(),
            subject: subject.to_owned(),
            reason: format!("`retention`: what was over before {before} is not kept"),
            detail: json!({ what: count }),
            at: self.now(),
        };
        self.store.commit(vec![Change::Audit(act)]).await.map(|_| ())
    }
}

/// Nothing where there was no time then.
fn ago(now: Timestamp, age: Duration) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::try_from(age).ok()?).ok()
}
