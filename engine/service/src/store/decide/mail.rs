//! What an entry means for others: letters, waits, and events that somebody waits for.

use ferry_core::run::{Entry, Letter, On, Parent};
use jiff::Timestamp;
use serde_json::Value;

use super::{Decision, failed, json};
use crate::store::{
    RunId, StoreError, printable,
    rows::{MailRecord, PostRecord, WaitRecord, Wanted, values},
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
            Entry::Emitted { event, key, data, .. } => self.post((event, key), data, at),
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
        let letter = Letter::Returned { step: parent.step, outcome };
        match self.send(&RunId::named(parent.run), &letter, at) {
            // The parent's row may have gone with its retention; nobody waits then.
            Err(StoreError::NotEnded(_)) => Ok(()),
            other => other,
        }
    }

    fn wait(&mut self, run: &RunId, step: &str, on: &On, at: Timestamp) -> Result<(), StoreError> {
        let (wanted, detail) = match on {
            On::Event(wanted) | On::Answer { wake: Some(wanted) } => (Wanted::from(wanted), String::new()),
            On::Approval { .. } => {
                let wanted = Wanted { event: APPROVAL.to_owned(), path: String::new(), value: String::new() };
                (wanted, json(on)?)
            }
            On::Time | On::Answer { wake: None } | On::Run { .. } => return Ok(()),
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
            self.draft.writes.posts.insert(key, PostRecord { claimed_by: Some(run.clone()), ..post });
        }
        Ok(())
    }

    /// An event is told to all who wait for it, and kept for those who will.
    pub(super) fn post(&mut self, (event, key): (&str, &str), data: &Value, at: Timestamp) -> Result<(), StoreError> {
        let name = (event.to_owned(), key.to_owned());
        if self.draft.post(&name).is_some() {
            return Ok(());
        }
        let values = values(event, data, self.draft.paths());
        let mut claimed_by = None;
        for wanted in &values {
            for wait in self.draft.waits_for(wanted) {
                let letter = Letter::Event { step: wait.step, data: data.clone() };
                self.send(&wait.run, &letter, at)?;
                claimed_by = Some(wait.run);
            }
        }
        let record = PostRecord { at_ms: at.as_millisecond(), data: data.to_string(), claimed_by };
        self.draft.writes.posts.insert(name, record);
        self.draft.writes.values.extend(values.into_iter().map(|wanted| (wanted, key.to_owned())));
        Ok(())
    }
}
