//! The fold: one entry more.

use ferry_contract::{
    catalog::Effect,
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Command, Decision, End, Entry, From, Run, State, Status, Unit, UnitIndex};
use crate::{
    language::Then,
    once::{Memory, Outcome},
    plan::{Reaction, StepIndex},
};

impl Run {
    /// Takes what happened at a time, and says what is to be done from there on.
    ///
    /// The commands are all that are open, those of earlier entries included, so that a run that was
    /// loaded from its journal goes on as if it had never stopped.
    pub fn apply(&mut self, at: Timestamp, entry: &Entry) -> Vec<Command> {
        self.take(at, entry);
        self.commands(at)
    }

    /// Takes what happened at a time.
    pub fn take(&mut self, at: Timestamp, entry: &Entry) {
        self.length += 1;
        let unit = entry.step().and_then(|id| self.unit_named(id));
        match (entry, unit) {
            (Entry::Started { event, parent, refused }, _) => {
                self.parent.clone_from(parent);
                self.refused.clone_from(refused);
                self.event = event.clone();
                self.begin(at, &From::Start);
            }
            (Entry::Resumed { event, from, by_person, .. }, _) => {
                if let Some(event) = event {
                    self.event = event.clone();
                    self.refused = None;
                }
                self.is_replayed = *by_person;
                self.begin(at, from);
            }
            (Entry::Finished { .. }, _) => self.end = Some(End { state: State::Finished }),
            (Entry::Cancelled { .. }, _) => self.end = Some(End { state: State::Cancelled }),
            (Entry::DeadLettered { .. }, _) => self.end = Some(End { state: State::DeadLettered }),
            (_, Some(unit)) => self.apply_to_unit(at, unit, entry),
            // A journal names only steps of its own version; those of an earlier one matter for its calls alone.
            (_, None) => {}
        }
        self.advance(at);
    }

    /// Steps anew; calls that were made are remembered.
    fn begin(&mut self, at: Timestamp, from: &From) {
        self.keep_failures();
        self.began = Some(at);
        self.end = None;
        let again = self.again(from);
        self.units.truncate(self.plan.steps.len());
        self.names.clear();
        for (index, step) in self.plan.steps.iter().enumerate() {
            if again[index] {
                let status = if step.home.is_some() { Status::Dormant } else { Status::Blocked };
                self.units[index] = Unit::new(index, None, status);
            }
        }
    }

    /// Which steps start anew. What belongs to a step that does, or comes after it, does too.
    fn again(&self, from: &From) -> Vec<bool> {
        let steps = &self.plan.steps;
        let mut again: Vec<bool> = match from {
            From::Start => vec![true; steps.len()],
            From::Failed => (0..steps.len()).map(|step| !self.units[step].is_done()).collect(),
            From::Step(id) => steps.iter().map(|step| step.id == *id).collect(),
        };
        let mut changed = true;
        while changed {
            changed = false;
            for (index, step) in steps.iter().enumerate() {
                let follows =
                    step.needs.iter().any(|need| again[*need]) || step.home.is_some_and(|(home, _)| again[home]);
                // What had not ended cannot stay where it was either.
                if !again[index] && (follows || !(self.units[index].is_done() || step.home.is_some())) {
                    again[index] = true;
                    changed = true;
                }
            }
        }
        again
    }

    fn apply_to_unit(&mut self, at: Timestamp, unit: UnitIndex, entry: &Entry) {
        self.note_act(unit, entry);
        match entry {
            Entry::Evaluated { output, .. } | Entry::Arrived { output, .. } | Entry::Emitted { data: output, .. } => {
                self.done(unit, output);
            }
            Entry::Referenced { pairs, .. } => self.read(unit, pairs),
            Entry::Linked { key, to, .. } => self.done(unit, &json!({ "key": key, "to": to })),
            Entry::Spread { items, .. } => self.spread(at, self.units[unit].step, items),
            Entry::Answered { output, .. } => {
                self.remember(unit, Outcome::Done(output.clone()));
                self.done(unit, output);
            }
            Entry::Skipped { .. } => self.units[unit].status = Status::Skipped,
            Entry::Called { attempt, key, digest, target, is_probe, .. } => {
                self.called(at, unit, *attempt, key, (digest, target));
                self.units[unit].is_probe = *is_probe;
            }
            Entry::Failed { failure, .. } => self.failed(at, unit, failure),
            Entry::Doubted { key, .. } => {
                let first_at = self.calls.get(key).map_or(at, |memory| memory.first_at);
                self.units[unit].call = Some((key.clone(), first_at));
                self.units[unit].status = Status::Doubted { at };
            }
            Entry::LookedUp { found, output, .. } => self.looked_up(at, unit, found, output),
            Entry::Held { what, .. } => self.held(at, unit, what),
            Entry::Released { .. } => {
                self.units[unit].status = Status::Ready;
                self.units[unit].hold.iter_mut().for_each(|hold| hold.is_released = true);
            }
            Entry::Waiting { on, .. } => self.units[unit].status = Status::Waiting { since: at, on: on.clone() },
            Entry::Approved { by, reason, .. } => self.done(unit, &json!({ "by": by, "reason": reason })),
            Entry::Parked { reason, .. } => self.units[unit].status = Status::Parked { at, reason: reason.clone() },
            Entry::Decided { decision, .. } => self.decide(at, unit, decision),
            Entry::Started { .. }
            | Entry::Resumed { .. }
            | Entry::DeadLettered { .. }
            | Entry::Cancelled { .. }
            | Entry::Finished { .. } => {}
        }
    }

    pub(super) fn done(&mut self, unit: UnitIndex, output: &Value) {
        self.units[unit].status = Status::Done;
        self.units[unit].output = Some(output.clone());
        self.units[unit].failure = None;
    }

    fn called(&mut self, at: Timestamp, unit: UnitIndex, attempt: u32, key: &CallKey, sent: (&Digest, &Digest)) {
        let (digest, target) = sent;
        self.units[unit].look_ups = 0;
        let before = self.calls.get(key);
        let first_at = before.map_or(at, |memory| memory.first_at);
        let was_unknown = before.is_some_and(|memory| matches!(memory.outcome, Outcome::Unknown { .. }));
        let was_done = before.and_then(|memory| match &memory.outcome {
            Outcome::Done(output) => Some(output.clone()),
            Outcome::Unknown { .. } | Outcome::NotDone { .. } | Outcome::Void => memory.was_done.clone(),
        });
        self.units[unit].call = Some((key.clone(), first_at));
        self.units[unit].status = Status::Called { attempt };
        if self.call(unit).is_some_and(|call| Effect::is_write(&call.effect)) {
            let (digest, target, outcome) = (digest.clone(), target.clone(), Outcome::Unknown { since: at });
            let step = self.unit_id(unit);
            if before.is_none_or(|memory| memory.step != step) {
                self.calls_of.entry(step.clone()).or_default().push(key.clone());
            }
            let memory = Memory { step, digest, target, first_at, was_unknown, was_done, outcome };
            self.calls.insert(key.clone(), memory);
        }
    }

    pub(super) fn remember(&mut self, unit: UnitIndex, outcome: Outcome) {
        let key = self.units[unit].call.as_ref().map(|(key, _)| key);
        if let Some(memory) = key.and_then(|key| self.calls.get_mut(key)) {
            memory.outcome = outcome;
        }
    }

    /// What a person found out counts as what the target would have said.
    fn decide(&mut self, at: Timestamp, unit: UnitIndex, decision: &Decision) {
        match decision {
            Decision::Done(output) => {
                self.remember(unit, Outcome::Done(output.clone()));
                self.done(unit, output);
            }
            Decision::NotDone => {
                self.remember(unit, Outcome::NotDone { since: at });
                self.units[unit].status = Status::Retrying { attempt: 1, at };
            }
            Decision::GiveUp => {
                self.units[unit].status = Status::Failed;
                self.given_up(unit);
            }
        }
    }

    /// What failed last is not what is known of the call: it may have been done.
    fn given_up(&mut self, unit: UnitIndex) {
        let Some(failure) = self.units[unit].failure.take() else { return };
        let message = match failure.class {
            ErrorClass::Unknown => failure.message.clone(),
            class => format!("nobody knows whether it has been done; at last it was {class}: {}", failure.message),
        };
        self.units[unit].failure = Some(Failure { class: ErrorClass::Unknown, message, ..failure });
    }

    /// Moves every unit on that another one let go.
    fn advance(&mut self, at: Timestamp) {
        let mut changed = true;
        while changed {
            changed = false;
            for unit in self.units() {
                let next = match self.units[unit].status {
                    Status::Recovering { arm } => self.recovered(unit, arm),
                    Status::Blocked if !self.is_failing(unit) && self.needs_are_met(unit) => {
                        self.units[unit].began.get_or_insert(at);
                        Some(self.enter(unit))
                    }
                    Status::Spread => self.gather(unit),
                    _ => None,
                };
                if let Some(next) = next {
                    self.units[unit].status = next;
                    changed = true;
                }
            }
        }
    }

    /// Takes together what the items of a step have come to.
    fn gather(&mut self, step: StepIndex) -> Option<Status> {
        match self.gathered(step)? {
            Ok(output) => {
                self.units[step].output = Some(output);
                Some(Status::Done)
            }
            Err(failure) => {
                self.units[step].failure = Some(failure);
                Some(Status::Failed)
            }
        }
    }

    fn needs_are_met(&self, unit: UnitIndex) -> bool {
        self.step(unit).needs.iter().all(|need| self.units[self.seen_from(unit, *need)].is_done())
    }

    /// Whether no step may start any more; an arm's steps start while their home step recovers.
    fn is_failing(&self, unit: UnitIndex) -> bool {
        let item = &self.units[unit].item;
        match self.step(unit).home {
            Some(home) => self.units.iter().any(|other| {
                let same = other.item.as_ref().map(|item| &item.key) == item.as_ref().map(|item| &item.key);
                same && self.plan.steps[other.step].home == Some(home) && other.status == Status::Failed
            }),
            None => self.is_broken(),
        }
    }

    /// Whether a step of the pipeline itself has failed for good.
    pub(super) fn is_broken(&self) -> bool {
        let steps = self.units.iter().take(self.plan.steps.len()).zip(&self.plan.steps);
        steps.into_iter().any(|(unit, step)| unit.status == Status::Failed && step.home.is_none())
    }

    fn recovered(&self, unit: UnitIndex, arm: usize) -> Option<Status> {
        let Reaction::Do { steps, then } = &self.step(unit).arms[arm].reaction else { return None };
        let mut units = steps.iter().map(|step| &self.units[self.seen_from(unit, *step)]);
        if units.clone().any(|unit| unit.status == Status::Failed) {
            return Some(Status::Failed);
        }
        units.all(Unit::is_done).then_some(match then {
            Then::Continue => Status::Skipped,
            Then::DeadLetter => Status::Failed,
        })
    }
}
