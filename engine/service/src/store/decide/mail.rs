//! What an entry means for others: letters, waits, and events that somebody waits for.

use std::collections::{BTreeMap, BTreeSet};

use ferry_core::{
    plan::Use,
    run::{Entry, Letter, On, Parent},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{Decision, failed, json};
use crate::{
    limits::TOLD_AT_ONCE_MAX,
    store::{
        Change, Emitter, RunId, StoreError, printable,
        rows::{Death, MailRecord, PostKey, PostRecord, WAKES, WaitRecord, Wanted, values},
    },
};

/// The name under which approvals are found.
pub(in crate::store) const APPROVAL: &str = "approval";

impl Decision<'_> {
    /// A letter that makes a run due which nobody drives; whoever drives it finds it when it lets it go.
    pub(super) fn send(&mut self, run: &RunId, letter: &Letter, at: Timestamp) -> Result<(), StoreError> {
        let letter = json(letter)?;
        let at_ms = at.as_millisecond();
        let record = self.changed(run).map_err(|_| StoreError::NotEnded(format!("there is no run {run}")))?;
        let number = record.mail;
        record.mail += 1;
        if record.owner.is_none() {
            record.due_ms = Some(record.due_ms.map_or(at_ms, |due| due.min(at_ms)));
        }
        self.draft.writes.mail.push(MailRecord { run: run.clone(), number, at_ms, letter });
        Ok(())
    }

    /// What follows from an entry of a run, in the same transaction.
    pub(super) fn follow(&mut self, run: &RunId, at: Timestamp, entry: &Entry) -> Result<(), StoreError> {
        match entry {
            Entry::Waiting { step, on } => self.wait(run, step, on, at),
            Entry::Arrived { step, .. }
            | Entry::Approved { step, .. }
            | Entry::Failed { step, .. }
            | Entry::Skipped { step } => {
                self.draft.writes.waits.insert((run.clone(), step.clone()), None);
                Ok(())
            }
            Entry::Emitted { step, event, key, data } => {
                let pipeline = self.known(run)?.pipeline.clone();
                let from = Emitter { run: run.clone(), pipeline, step: step.clone() };
                self.post((event, key), data, Some(from), at)
            }
            Entry::Finished { output } => self.end(run, at, Ok(output.clone())),
            Entry::DeadLettered { failure, .. } => {
                let mut failure = failure.clone();
                failure.message = format!("{run}: {}", failure.message);
                self.end(run, at, Err(failure))
            }
            Entry::Cancelled { by, reason } => {
                let class = ferry_contract::failure::ErrorClass::Declined;
                let message = format!("{run} was cancelled by {by}: {reason}");
                self.end(run, at, Err(ferry_contract::failure::Failure::new(class, message)))
            }
            _ => Ok(()),
        }
    }

    /// Nothing of an ended run waits, and the step that began it goes on.
    fn end(
        &mut self,
        run: &RunId,
        at: Timestamp,
        outcome: Result<Value, ferry_contract::failure::Failure>,
    ) -> Result<(), StoreError> {
        self.draft.writes.waits.retain(|(waiting, _), _| waiting != run);
        self.draft.writes.wait_no_more.insert(run.clone());
        let Some(parent) = &self.known(run)?.parent else { return Ok(()) };
        let parent: Parent = serde_json::from_str(parent).map_err(failed)?;
        if !parent.waits {
            return Ok(());
        }
        let length = u64::try_from(self.draft.tail(run).length).map(|length| length + 1).ok();
        let letter = Letter::Returned { step: parent.step, outcome, length };
        match self.send(&RunId::named(parent.run), &letter, at) {
            // The parent's row may have gone with its retention; nobody waits then.
            Err(StoreError::NotEnded(_)) => Ok(()),
            other => other,
        }
    }

    fn wait(&mut self, run: &RunId, step: &str, on: &On, at: Timestamp) -> Result<(), StoreError> {
        let (wanted, detail) = match on {
            On::Event(wanted) => (Wanted::from(wanted), String::new()),
            On::Answer { wake: Some(wanted) } => (Wanted::from(wanted), WAKES.to_owned()),
            On::Approval { .. } => {
                let wanted = Wanted { event: APPROVAL.to_owned(), path: String::new(), value: String::new() };
                (wanted, json(on)?)
            }
            On::Time | On::Answer { wake: None } | On::Run { .. } | On::Trust => return Ok(()),
        };
        let wanted = Wanted { value: printable(&wanted.value), ..wanted };
        let since_ms = at.as_millisecond();
        let record = WaitRecord { run: run.clone(), step: step.to_owned(), wanted: wanted.clone(), detail, since_ms };
        self.draft.writes.waits.insert((run.clone(), step.to_owned()), Some(record));
        // One that came before the wait is not lost.
        if let Some(key) = self.draft.posts_for(run, &wanted).into_iter().next() {
            let Some(post) = self.draft.post(&key).cloned() else { return Ok(()) };
            let data = serde_json::from_str(&post.data).map_err(failed)?;
            self.send(run, &Letter::Event { step: step.to_owned(), data }, at)?;
            let claimed_by = Some(run.clone());
            let claimed = PostRecord { claimed_by, unclaimed_ms: None, dead: None, ..post };
            self.draft.writes.posts.insert(key, claimed);
        }
        Ok(())
    }

    /// An event is told to all who wait for it, and kept for those who will.
    pub(super) fn post(
        &mut self,
        (event, key): (&str, &str),
        data: &Value,
        from: Option<Emitter>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let name = (event.to_owned(), key.to_owned());
        if self.draft.post(&name).is_some() {
            return Ok(());
        }
        let values = values(event, data, self.draft.paths());
        let claimed_by = self.tell_those_who_wait(&name, &values, data, at)?;
        let at_ms = at.as_millisecond();
        // One that begins a run has found somebody; whoever waits for it finds it all the same.
        let is_taken = from.as_ref().is_some_and(|from| self.taken.contains(&(from.run.clone(), from.step.clone())));
        let unclaimed_ms = Some(at_ms).filter(|_| claimed_by.is_none() && !is_taken);
        let found = values.iter().map(|wanted| (wanted.path.clone(), wanted.value.clone())).collect();
        let record =
            PostRecord { at_ms, data: data.to_string(), from, values: found, claimed_by, unclaimed_ms, dead: None };
        self.draft.writes.posts.insert(name, record);
        self.draft.writes.values.extend(values.into_iter().map(|wanted| (wanted, key.to_owned())));
        Ok(())
    }

    /// Tells those who were not told when the event came, because they were too many.
    pub(super) fn tell(&mut self, (event, key): (&str, &str), at: Timestamp) -> Result<(), StoreError> {
        let name = (event.to_owned(), key.to_owned());
        self.draft.writes.untold.insert(name.clone(), false);
        let Some(post) = self.draft.post(&name).cloned() else { return Ok(()) };
        let values: Vec<Wanted> = post.wanted(event).collect();
        let data = serde_json::from_str(&post.data).map_err(failed)?;
        if let Some(run) = self.tell_those_who_wait(&name, &values, &data, at)? {
            let claimed = PostRecord { claimed_by: Some(run), unclaimed_ms: None, dead: None, ..post };
            self.draft.writes.posts.insert(name, claimed);
        }
        Ok(())
    }

    /// Tells as many as are told at once, and gives one of them. Whoever has been told waits no more, unless the
    /// event only wakes; more than these are not woken, because they ask anyway. Whoever begins to wait while others
    /// are told may be told too, as it would be if it had claimed the event.
    fn tell_those_who_wait(
        &mut self,
        name: &PostKey,
        values: &[Wanted],
        data: &Value,
        at: Timestamp,
    ) -> Result<Option<RunId>, StoreError> {
        let (mut told, mut left, mut is_cut) = (None, TOLD_AT_ONCE_MAX, false);
        for wanted in values {
            let waits = self.draft.waits_for(wanted);
            is_cut |= waits.len() > left || self.draft.more_wait_for(wanted);
            for wait in waits.into_iter().take(left) {
                left -= 1;
                let letter = Letter::Event { step: wait.step.clone(), data: data.clone() };
                self.send(&wait.run, &letter, at)?;
                if wait.detail != WAKES {
                    self.draft.writes.waits.insert((wait.run.clone(), wait.step), None);
                }
                told = Some(wait.run);
            }
        }
        if is_cut {
            self.draft.writes.untold.insert(name.clone(), true);
        }
        Ok(told)
    }

    /// An event that nobody has claimed in time is a dead letter, and is found all the same by whoever waits for
    /// it later. One of a name that only wakes has lost its meaning: who waited has asked anyway.
    pub(super) fn give_up(&mut self, (event, key): (&str, &str), at: Timestamp) -> Result<(), StoreError> {
        let name = (event.to_owned(), key.to_owned());
        let Some(post) = self.draft.post(&name).cloned() else { return Ok(()) };
        let posted = post.posted(&name)?;
        if posted.due_at().is_none_or(|due| at < due) {
            return Ok(());
        }
        let mut uses = self.draft.paths().get(event).into_iter().flat_map(BTreeMap::values).peekable();
        let only_wakes = uses.peek().is_some() && uses.all(|uses| *uses == Use::Wake);
        let dead = Death { at_ms: at.as_millisecond(), class: posted.class().name().to_owned() };
        let settled = PostRecord { unclaimed_ms: None, dead: Some(dead).filter(|_| !only_wakes), ..post };
        if !only_wakes {
            self.committed.given_up.push(settled.posted(&name)?);
        }
        self.draft.writes.posts.insert(name, settled);
        Ok(())
    }

    /// What was needed once is needed for ever: runs of earlier versions wait for it.
    pub(super) fn watch(&mut self, (event, path): (&str, &str), uses: Use) -> Result<(), StoreError> {
        let name = (event.to_owned(), path.to_owned());
        let uses = if self.draft.watched(&name) == Some(Use::Claim) { Use::Claim } else { uses };
        self.draft.writes.paths.insert(name, uses);
        Ok(())
    }
}

/// The steps of a group that emit an event which begins runs.
pub(super) fn taken(group: &[Change]) -> BTreeSet<(RunId, String)> {
    let parents = group.iter().filter_map(|change| match change {
        Change::Receive(arrival) => arrival.parent.as_ref().filter(|parent| !parent.waits),
        _ => None,
    });
    parents.map(|parent| (RunId::named(parent.run.clone()), parent.step.clone())).collect()
}
