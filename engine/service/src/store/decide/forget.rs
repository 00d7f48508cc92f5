//! What is forgotten by age: the stories of runs that are over, and what settled events said. Their names stay.

use ferry_core::run::{Parent, State};
use jiff::Timestamp;

use super::{Decision, failed};
use crate::store::{
    RunId, StoreError,
    rows::{InboxRecord, RunRecord, Wanted},
};

impl Decision<'_> {
    /// Forgets a run that was over before then; what has changed since it was proposed is kept. The row of its event
    /// stays, so that it never begins again, and so do the names of its calls.
    pub(super) fn forget(&mut self, run: &RunId, before: Timestamp) -> Result<(), StoreError> {
        let Some(record) = self.draft.run(run) else { return Ok(()) };
        if !is_over(record) || record.owner.is_some() || record.updated_ms >= before.as_millisecond() {
            return Ok(());
        }
        // A step that is replayed takes the output of the run that it began.
        if let Some(parent) = &record.parent {
            let parent: Parent = serde_json::from_str(parent).map_err(failed)?;
            if parent.waits && self.draft.run(&RunId::named(parent.run)).is_some_and(|parent| !is_over(parent)) {
                return Ok(());
            }
        }
        if let Some(inbox) = self.draft.inbox(run).filter(|inbox| inbox.newer.is_some()).cloned() {
            self.draft.writes.inbox.insert(run.clone(), InboxRecord { newer: None, ..inbox });
        }
        self.draft.writes.forgotten.insert(run.clone());
        self.committed.forgotten += 1;
        Ok(())
    }

    /// Forgets what an event said that nobody waits for any more; that it came is known for ever.
    pub(super) fn forget_event(&mut self, (event, key): (&str, &str), before: Timestamp) {
        let name = (event.to_owned(), key.to_owned());
        let Some(post) = self.draft.post(&name) else { return };
        let is_open = post.unclaimed_ms.is_some() || post.dead.is_some();
        if is_open || post.at_ms >= before.as_millisecond() {
            return;
        }
        let found = post.values.iter().map(|(path, value)| {
            let wanted = Wanted { event: event.to_owned(), path: path.clone(), value: value.clone() };
            (wanted, key.to_owned())
        });
        let found: Vec<_> = found.collect();
        self.draft.writes.found_no_more.extend(found);
        self.draft.writes.said_no_more.insert(name);
        self.committed.forgotten += 1;
    }
}

fn is_over(record: &RunRecord) -> bool {
    record.is(State::Finished) || record.is(State::Cancelled)
}
