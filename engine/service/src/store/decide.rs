//! What a group of changes does, given the rows that it touches: the one brain of all stores.
//!
//! Pure. A store fetches the rows that [`Keys`](super::rows::Keys) names, calls [`decide`] for each group in
//! order, and writes what the view has collected, in one transaction. A group that is refused leaves the
//! view as it was, so it takes no other with it.

mod again;
mod forget;
mod item;
mod mail;
mod pair;

pub(crate) use again::{Reception, corrected};
pub(super) use mail::APPROVAL;

use std::collections::BTreeSet;

use ferry_contract::failure::Failure;
use ferry_core::{
    once::{Guard, Guards},
    run::{Entry, State},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    Arrival, Change, Committed, Fence, Hold, Leased, RunId, StoreError, Trust, printable,
    rows::{CallRecord, Draft, InboxRecord, JournalRecord, LetterRecord, RunRecord, Tail, VerdictRecord, View},
};

/// Applies a group to the view: all of it, or nothing.
///
/// # Errors
/// Why the group is refused.
pub(super) fn decide(view: &mut View, group: &[Change], guards: Guards) -> Result<Committed, StoreError> {
    let taken = mail::taken(group);
    let mut decision = Decision { draft: view.draft(), guards, taken, committed: Committed::default() };
    for change in group {
        decision.apply(change)?;
    }
    let Decision { draft, committed, .. } = decision;
    let writes = draft.writes;
    view.take(writes);
    Ok(committed)
}

struct Decision<'v> {
    draft: Draft<'v>,
    guards: Guards,
    /// Steps whose events begin runs.
    taken: BTreeSet<(RunId, String)>,
    committed: Committed,
}

impl Decision<'_> {
    fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::Receive(arrival) => self.receive(arrival),
            Change::Begin(arrival) => {
                let run = RunId::of(&arrival.pipeline, &arrival.event_key);
                match self.draft.inbox(&run) {
                    None => self.start(arrival, &run),
                    Some(_) => Err(StoreError::Fenced(run.to_string())),
                }
            }
            Change::Append { run, fence, sequence, at, entry } => self.append(run, *fence, *sequence, (*at, entry)),
            Change::Project { run, fence, state, due, note, hold, mail, is_active } => {
                self.owned(run, *fence)?;
                self.changed(run)?.is_active = *is_active;
                let has_mail = self.known(run)?.mail > *mail;
                let now = self.last(run)?;
                let due = if has_mail { Some(due.map_or(now, |due| due.min(now))) } else { *due };
                self.project(run, *state, due, note, *hold)
            }
            Change::Reserve { run, fence, reservations } => {
                self.owned(run, *fence)?;
                self.draft.writes.reservations.insert(run.clone(), reservations.clone());
                Ok(())
            }
            Change::Send { run, letter, at } => self.send(run, letter, *at),
            Change::Read { run, fence, number } => {
                self.owned(run, *fence)?;
                self.draft.writes.read.insert((run.clone(), *number));
                Ok(())
            }
            Change::Post { event, key, data, at } => self.post((event, key), data, None, *at),
            Change::Tell { event, key, at } => self.tell((event, key), *at),
            Change::GiveUp { event, key, at } => self.give_up((event, key), *at),
            Change::Watch { event, path, uses } => self.watch((event, path), *uses),
            Change::Audit(act) => {
                self.draft.writes.acts.push(json(act)?);
                Ok(())
            }
            Change::Claim { key, run, digest } => self.claim(key.as_str(), run, digest.as_str()),
            Change::DeadLetter { run, step, failure, event, at } => self.dead_letter(run, step, failure, event, *at),
            Change::Resume { run, by, reason, at, how } => self.resume_by_hand(run, (by, reason, *at), how),
            Change::Defer { run, fence, until } => self.defer(run, *fence, *until),
            Change::Cursor { trigger, value } => {
                self.draft.writes.cursors.insert(trigger.clone(), value.clone());
                Ok(())
            }
            Change::Judge { is_trusted, by, reason, at } => {
                let (verdict, by, reason) = (Trust::verdict(*is_trusted), printable(by), printable(reason));
                let at_ms = at.as_millisecond();
                self.draft.writes.verdicts.push(VerdictRecord { verdict, by, reason, at_ms });
                Ok(())
            }
            Change::Version { version, files } => {
                self.draft.writes.versions.insert(version.as_str().to_owned(), json(files)?);
                Ok(())
            }
            Change::Pair(name, pairing) => self.pair(name, pairing),
            Change::Item(name, itemizing) => self.item(name, itemizing),
            Change::Share { name, expected, value } => self.share(name, *expected, value),
            Change::Forget { run, before } => self.forget(run, *before),
            Change::ForgetEvent { event, key, before } => {
                self.forget_event((event, key), *before);
                Ok(())
            }
        }
    }

    /// One run for a business key, for ever.
    fn receive(&mut self, arrival: &Arrival) -> Result<(), StoreError> {
        let run = RunId::of(&arrival.pipeline, &arrival.event_key);
        let known = self.draft.inbox(&run);
        if let Some(known) = known.filter(|_| !self.guards.has(Guard::Inbox)) {
            return self.start_another(arrival, &run, known.clone());
        }
        let state = self.draft.run(&run).map(|record| record.state.as_str());
        match Reception::of(arrival, known.map(|known| known.revision.as_str()), state) {
            Reception::Begins => self.start(arrival, &run),
            Reception::Known => {
                self.committed.known += 1;
                Ok(())
            }
            Reception::Kept => self.revise(arrival, &run, false),
            Reception::Reopens => self.revise(arrival, &run, true),
        }
    }

    fn start(&mut self, arrival: &Arrival, run: &RunId) -> Result<(), StoreError> {
        let at_ms = arrival.at.as_millisecond();
        // An engine that was taken out would keep its new runs from everyone else.
        if let Some(owner) = arrival.owner.as_ref().filter(|owner| !self.draft.is_alive(owner)) {
            return Err(StoreError::Fenced(owner.to_string()));
        }
        // A run with a `concurrency` key waits for its place like all others, unless it is none.
        let lane = arrival.lane.as_ref().filter(|_| arrival.refused.is_none());
        let owner = arrival.owner.clone().filter(|_| lane.is_none());
        let fence = if owner.is_some() { Fence::default().raised() } else { Fence::default() };
        self.committed.started += 1;
        if owner.is_some() {
            self.committed.leased.push(Leased { run: run.clone(), fence, due_at: arrival.at });
        }
        let record = RunRecord {
            pipeline: printable(&arrival.pipeline),
            version: arrival.version.as_str().to_owned(),
            event_key: printable(&arrival.event_key),
            state: State::Running.name().to_owned(),
            note: String::new(),
            started_ms: at_ms,
            updated_ms: at_ms,
            due_ms: Some(at_ms),
            fence,
            owner,
            mail: 0,
            parent: arrival.parent.as_ref().map(json).transpose()?,
            lane: lane.map(|(lane, _)| printable(lane)),
            lane_limit: lane.map_or(0, |(_, limit)| i64::from(*limit)),
            // The order of arrival, also of those that arrived together.
            place: (at_ms << 20) | i64::try_from(self.committed.started).unwrap_or(0).min((1 << 20) - 1),
            is_active: false,
        };
        self.draft.writes.runs.insert(run.clone(), record);
        let inbox = InboxRecord { revision: printable(&arrival.revision), received_ms: at_ms, newer: None };
        self.draft.writes.inbox.insert(run.clone(), inbox);
        self.push(run, arrival.at, &arrival.started())
    }

    /// Without the guard: each delivery counts as an event of its own. For tests.
    fn start_another(&mut self, arrival: &Arrival, run: &RunId, known: InboxRecord) -> Result<(), StoreError> {
        let received_ms = known.received_ms + 1;
        let event_key = format!("{}@{received_ms}", arrival.event_key);
        self.draft.writes.inbox.insert(run.clone(), InboxRecord { received_ms, ..known });
        let run = RunId::of(&arrival.pipeline, &event_key);
        self.start(&Arrival { event_key, ..arrival.clone() }, &run)
    }

    /// Only right behind the last entry, neither twice nor with a gap, and only from the run's own engine.
    fn append(
        &mut self,
        run: &RunId,
        fence: Fence,
        sequence: u64,
        (at, entry): (Timestamp, &Entry),
    ) -> Result<(), StoreError> {
        self.owned(run, fence)?;
        let is_next = u64::try_from(self.draft.tail(run).length) == Ok(sequence);
        if !is_next && self.guards.has(Guard::Fence) {
            return Err(StoreError::Fenced(run.to_string()));
        }
        self.push(run, at, entry)
    }

    /// Whether the run is still that of whoever has this fence.
    fn owned(&self, run: &RunId, fence: Fence) -> Result<(), StoreError> {
        let is_owned = self.draft.run(run).is_some_and(|record| record.fence == fence && record.owner.is_some());
        if is_owned || !self.guards.has(Guard::Fence) { Ok(()) } else { Err(StoreError::Fenced(run.to_string())) }
    }

    fn push(&mut self, run: &RunId, at: Timestamp, entry: &Entry) -> Result<(), StoreError> {
        self.follow(run, at, entry)?;
        let entry = json(entry)?;
        let Tail { length: sequence, at_ms: last_ms } = self.draft.tail(run);
        let at_ms = at.as_millisecond();
        self.draft.writes.journal.push(JournalRecord { run: run.clone(), sequence, at_ms, entry });
        self.draft.writes.tails.insert(run.clone(), Tail { length: sequence + 1, at_ms: at_ms.max(last_ms) });
        Ok(())
    }

    /// When the last entry of a run was.
    fn last(&self, run: &RunId) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(self.draft.tail(run).at_ms).map_err(failed)
    }

    fn project(
        &mut self,
        run: &RunId,
        state: State,
        due: Option<Timestamp>,
        note: &str,
        hold: Hold,
    ) -> Result<(), StoreError> {
        let updated_ms = self.draft.tail(run).at_ms;
        let record = self.changed(run)?;
        record.updated_ms = updated_ms;
        state.name().clone_into(&mut record.state);
        record.note = printable(note);
        match hold {
            // It stays due: if its engine dies, whoever takes it up must find it.
            Hold::Keep => record.due_ms = due.map(Timestamp::as_millisecond).or(record.due_ms),
            Hold::Release => {
                record.due_ms = due.map(Timestamp::as_millisecond);
                record.owner = None;
            }
        }
        if state == State::DeadLettered { self.reopen_if_corrected(run) } else { Ok(()) }
    }

    /// One call key belongs to one run, for ever.
    fn claim(&mut self, key: &str, run: &RunId, digest: &str) -> Result<(), StoreError> {
        match self.draft.call(key) {
            None => {
                let record = CallRecord { run: run.clone(), digest: digest.to_owned() };
                self.draft.writes.calls.insert(key.to_owned(), record);
                Ok(())
            }
            Some(record) if record.run == *run || !self.guards.has(Guard::Claim) => Ok(()),
            Some(record) => Err(StoreError::CallTaken { key: key.to_owned(), run: record.run.to_string() }),
        }
    }

    fn dead_letter(
        &mut self,
        run: &RunId,
        step: &str,
        failure: &Failure,
        event: &Value,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let record = self.known(run)?;
        let letter = LetterRecord {
            pipeline: record.pipeline.clone(),
            event_key: record.event_key.clone(),
            step: step.to_owned(),
            class: failure.class.name().to_owned(),
            message: printable(&failure.message),
            at_ms: at.as_millisecond(),
            event: event.to_string(),
        };
        self.draft.writes.letters.insert(run.clone(), Some(letter));
        Ok(())
    }

    fn defer(&mut self, run: &RunId, fence: Fence, until: Timestamp) -> Result<(), StoreError> {
        self.owned(run, fence)?;
        let record = self.changed(run)?;
        record.due_ms = record.due_ms.map(|_| until.as_millisecond());
        record.owner = None;
        Ok(())
    }

    /// Compare and set: the row has the version that was read, or there is none.
    fn share(&mut self, name: &str, expected: u64, value: &Value) -> Result<(), StoreError> {
        if self.draft.shared(name) != expected {
            return Err(StoreError::Stale(name.to_owned()));
        }
        self.draft.writes.shared.insert(name.to_owned(), (expected + 1, value.to_string()));
        Ok(())
    }

    fn known(&self, run: &RunId) -> Result<&RunRecord, StoreError> {
        self.draft.run(run).ok_or_else(|| StoreError::Fenced(run.to_string()))
    }

    /// The row that this group will write. It is among the [`Keys`](super::rows::Keys) that are locked.
    fn changed(&mut self, run: &RunId) -> Result<&mut RunRecord, StoreError> {
        let record = self.known(run)?.clone();
        let row = self.draft.writes.runs.entry(run.clone());
        Ok(row.or_insert(record))
    }
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}
