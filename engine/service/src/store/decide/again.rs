//! Runs that begin again: by a person, by the step that began them, or because their record was corrected.

use ferry_core::run::{Entry, From, State, TRIGGER};
use jiff::Timestamp;
use serde_json::Value;

use super::{Decision, failed};
use crate::store::{Arrival, Hold, RunId, StoreError, change, printable, rows::InboxRecord};

/// What comes of an event that arrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reception {
    /// It is new: its run begins.
    Begins,
    /// It is known as it is.
    Known,
    /// It was corrected, and its run does not begin again: while that is open, the event is kept for the case that
    /// it ends as a dead letter.
    Kept,
    /// It was corrected, and its run, which is a dead letter, begins again.
    Reopens,
}

impl Reception {
    /// What comes of an event by the revision of it that is known, and the state of its run; that is nothing where
    /// the run is forgotten.
    pub(crate) fn of(arrival: &Arrival, known: Option<&str>, state: Option<&str>) -> Self {
        match known {
            None => Self::Begins,
            Some(known) if known == printable(&arrival.revision) => Self::Known,
            Some(_) if state == Some(State::DeadLettered.name()) && arrival.refused.is_none() => Self::Reopens,
            Some(_) => Self::Kept,
        }
    }
}

impl Decision<'_> {
    /// A corrected event reopens its run, or is kept while that is open.
    pub(super) fn revise(&mut self, arrival: &Arrival, run: &RunId, reopens: bool) -> Result<(), StoreError> {
        let record = self.draft.run(run);
        // Of a run that is forgotten, nothing is kept for later; nor is what cannot be run.
        let newer = record.filter(|_| !reopens && arrival.refused.is_none()).map(|_| arrival.event.to_string());
        let received_ms = arrival.at.as_millisecond();
        let inbox = InboxRecord { revision: printable(&arrival.revision), received_ms, newer };
        self.draft.writes.inbox.insert(run.clone(), inbox);
        if !reopens {
            self.committed.known += 1;
            return Ok(());
        }
        self.committed.reopened += 1;
        self.resume(run, arrival.at, &corrected(arrival.event.clone()))
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
        let length = u64::try_from(self.draft.tail(run).length).ok();
        if how.seen.is_some() && how.seen != length {
            return Err(StoreError::NotEnded(format!("{run} has gone on since it was looked at; look again")));
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
        self.resume(run, at, &Entry::Resumed { by: by.to_owned(), reason: reason.to_owned(), event, from, by_person })
    }

    fn resume(&mut self, run: &RunId, at: Timestamp, again: &Entry) -> Result<(), StoreError> {
        // Whoever resumes it may have another clock; a journal does not go back.
        let at = at.max(self.last(run)?);
        self.push(run, at, again)?;
        self.draft.writes.letters.insert(run.clone(), None);
        // What was said to its earlier life says nothing of this one.
        let mail = self.known(run)?.mail;
        self.draft.writes.dropped.insert(run.clone(), mail);
        self.project(run, State::Running, Some(at), "replayed", Hold::Release)
    }

    /// A corrected event that came while the run was open reopens it once it has ended as a dead letter.
    pub(super) fn reopen_if_corrected(&mut self, run: &RunId) -> Result<(), StoreError> {
        let Some(inbox) = self.draft.inbox(run).filter(|inbox| inbox.newer.is_some()).cloned() else { return Ok(()) };
        let Some(event) = &inbox.newer else { return Ok(()) };
        let event = serde_json::from_str(event).map_err(failed)?;
        let at = Timestamp::from_millisecond(inbox.received_ms).map_err(failed)?;
        self.draft.writes.inbox.insert(run.clone(), InboxRecord { newer: None, ..inbox });
        self.resume(run, at, &corrected(event))
    }
}

/// The entry that begins a run again whose event was corrected.
pub(crate) fn corrected(event: Value) -> Entry {
    let (by, reason) = (TRIGGER.to_owned(), "the record was corrected at its source".to_owned());
    Entry::Resumed { by, reason, event: Some(event), from: From::Start, by_person: false }
}
