//! Runs that begin again: by a person, by the step that began them, or because their record was corrected.

use ferry_core::run::{Entry, From, State, TRIGGER};
use jiff::Timestamp;
use serde_json::Value;

use super::{Decision, failed};
use crate::store::{Arrival, Hold, RunId, StoreError, change, printable, rows::InboxRecord};

/// Why a run is reopened by a corrected event.
const CORRECTED: &str = "the record was corrected at its source";

/// Who starts a run again, and why.
struct Again<'a> {
    by: &'a str,
    reason: &'a str,
    event: Option<Value>,
    at: Timestamp,
    from: From,
    by_person: bool,
}

impl Decision<'_> {
    /// A corrected event reopens its run where that ended as a dead letter; while the run is open, it is
    /// kept for that case.
    pub(super) fn revise(&mut self, arrival: &Arrival, run: &RunId) -> Result<(), StoreError> {
        let record = self.draft.run(run);
        let reopens = record.is_some_and(|record| record.is(State::DeadLettered)) && arrival.refused.is_none();
        // Of a run that is forgotten, nothing is kept for later.
        let newer = record.filter(|_| !reopens).map(|_| arrival.event.to_string());
        let received_ms = arrival.at.as_millisecond();
        let inbox = InboxRecord { revision: printable(&arrival.revision), received_ms, newer };
        self.draft.writes.inbox.insert(run.clone(), inbox);
        if !reopens {
            self.committed.known += 1;
            return Ok(());
        }
        self.committed.reopened += 1;
        self.resume(run, corrected(arrival.event.clone(), arrival.at))
    }

    pub(super) fn resume_by_hand(
        &mut self,
        run: &RunId,
        (by, reason, at): (&str, &str, Timestamp),
        how: &change::Again,
    ) -> Result<(), StoreError> {
        let Some(record) = self.draft.run(run) else {
            return Err(StoreError::NotEnded(format!("there is no run {run}")));
        };
        if !record.is(State::DeadLettered) {
            let state = &record.state;
            return Err(StoreError::NotEnded(format!("{run} is {state}, and only a dead letter can be replayed")));
        }
        if self.draft.letter_step(run) == Some(TRIGGER) && how.event.is_none() {
            return Err(StoreError::NotEnded(format!(
                "the event of {run} cannot be run as it is; correct it at its source"
            )));
        }
        if let Some(version) = &how.version {
            version.as_str().clone_into(&mut self.changed(run)?.version);
        }
        let (event, from, by_person) = (how.event.clone(), how.from.clone(), how.by_person);
        self.resume(run, Again { by, reason, event, at, from, by_person })
    }

    fn resume(&mut self, run: &RunId, again: Again<'_>) -> Result<(), StoreError> {
        // Whoever resumes it may have another clock; a journal does not go back.
        let at = again.at.max(self.last(run)?);
        let Again { by, reason, event, from, by_person, .. } = again;
        let entry = Entry::Resumed { by: by.to_owned(), reason: reason.to_owned(), event, from, by_person };
        self.push(run, at, &entry)?;
        self.draft.writes.letters.insert(run.clone(), None);
        self.project(run, State::Running, Some(at), "replayed", Hold::Release)
    }

    /// A corrected event that came while the run was open reopens it once it has ended as a dead letter.
    pub(super) fn reopen_if_corrected(&mut self, run: &RunId) -> Result<(), StoreError> {
        let Some(inbox) = self.draft.inbox(run).filter(|inbox| inbox.newer.is_some()).cloned() else { return Ok(()) };
        let Some(event) = &inbox.newer else { return Ok(()) };
        let event = serde_json::from_str(event).map_err(failed)?;
        let at = Timestamp::from_millisecond(inbox.received_ms).map_err(failed)?;
        self.draft.writes.inbox.insert(run.clone(), InboxRecord { newer: None, ..inbox });
        self.resume(run, corrected(event, at))
    }
}

fn corrected<'a>(event: Value, at: Timestamp) -> Again<'a> {
    Again { by: TRIGGER, reason: CORRECTED, event: Some(event), at, from: From::Start, by_person: false }
}
