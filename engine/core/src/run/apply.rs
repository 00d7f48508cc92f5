//! The fold: one entry more.

use ferry_contract::{
    catalog::Effect,
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{Command, End, Entry, Run, State, Status, StepRun};
use crate::{
    language::Then,
    limits::LOOK_UPS_MAX,
    once::{self, After, Attempt, Found, Memory, Outcome},
    plan::{Reaction, StepIndex, Work},
};

impl Run {
    /// Takes what happened at a time, and says what is to be done from there on.
    ///
    /// The commands are all that are open, those of earlier entries included, so that a run that was
    /// loaded from its journal goes on as if it had never stopped.
    pub fn apply(&mut self, at: Timestamp, entry: &Entry) -> Vec<Command> {
        self.length += 1;
        let step = entry.step().and_then(|id| self.plan.index.get(id).copied());
        match (entry, step) {
            (Entry::Started { event }, _) => self.begin(event.clone()),
            (Entry::Resumed { event, .. }, _) => self.begin(event.clone().unwrap_or_else(|| self.event.clone())),
            (Entry::Finished, _) => self.end = Some(End { state: State::Finished }),
            (Entry::Cancelled { .. }, _) => self.end = Some(End { state: State::Cancelled }),
            (Entry::DeadLettered { .. }, _) => self.end = Some(End { state: State::DeadLettered }),
            (_, Some(step)) => self.apply_to_step(at, step, entry),
            // A journal names only steps of its own version.
            (_, None) => {}
        }
        self.advance();
        self.commands(at)
    }

    /// All steps anew; calls that were made are remembered.
    fn begin(&mut self, event: Value) {
        self.event = event;
        self.end = None;
        self.steps = self.plan.steps.iter().map(|_| StepRun::blocked()).collect();
        for (index, step) in self.plan.steps.iter().enumerate() {
            if step.home.is_some() {
                self.steps[index].status = Status::Dormant;
            }
        }
    }

    fn apply_to_step(&mut self, at: Timestamp, step: StepIndex, entry: &Entry) {
        match entry {
            Entry::Evaluated { output, .. } | Entry::Arrived { output, .. } => self.done(step, output),
            Entry::Answered { output, .. } => {
                self.remember(step, Outcome::Done(output.clone()));
                self.done(step, output);
            }
            Entry::Skipped { .. } => self.steps[step].status = Status::Skipped,
            Entry::Called { attempt, key, digest, target, .. } => {
                self.called(at, step, *attempt, key, (digest, target));
            }
            Entry::Failed { failure, .. } => self.failed(at, step, failure),
            Entry::LookedUp { found, output, .. } => self.looked_up(at, step, found, output),
            Entry::Held { what, .. } => {
                if let Status::Holding { arm } = self.steps[step].status {
                    self.steps[step].status = Status::Held { arm, since: at, what: what.clone() };
                }
            }
            Entry::Released { .. } => self.steps[step].status = Status::Ready,
            Entry::Waiting { .. } => self.steps[step].status = Status::Waiting { since: at },
            Entry::Parked { reason, .. } => self.steps[step].status = Status::Parked { reason: reason.clone() },
            Entry::Started { .. }
            | Entry::Resumed { .. }
            | Entry::DeadLettered { .. }
            | Entry::Cancelled { .. }
            | Entry::Finished => {}
        }
    }

    fn done(&mut self, step: StepIndex, output: &Value) {
        self.steps[step].status = Status::Done;
        self.steps[step].output = Some(output.clone());
        self.steps[step].failure = None;
    }

    fn called(&mut self, at: Timestamp, step: StepIndex, attempt: u32, key: &CallKey, sent: (&Digest, &Digest)) {
        let (digest, target) = sent;
        self.steps[step].look_ups = 0;
        let before = self.calls.get(key);
        let first_at = before.map_or(at, |memory| memory.first_at);
        let was_unknown = before.is_some_and(|memory| matches!(memory.outcome, Outcome::Unknown { .. }));
        self.steps[step].call = Some((key.clone(), first_at));
        self.steps[step].status = Status::Called { attempt };
        if self.effect(step).is_some_and(Effect::is_write) {
            self.calls.insert(
                key.clone(),
                Memory {
                    digest: digest.clone(),
                    target: target.clone(),
                    first_at,
                    was_unknown,
                    outcome: Outcome::Unknown { since: at },
                },
            );
        }
    }

    fn remember(&mut self, step: StepIndex, outcome: Outcome) {
        let key = self.steps[step].call.as_ref().map(|(key, _)| key);
        if let Some(memory) = key.and_then(|key| self.calls.get_mut(key)) {
            memory.outcome = outcome;
        }
    }

    fn failed(&mut self, at: Timestamp, step: StepIndex, failure: &Failure) {
        self.steps[step].failure = Some(failure.clone());
        let after = self.after_failure(at, step, failure);
        let is_unknown = matches!(failure.class, ErrorClass::Unknown | ErrorClass::Conflict);
        let key = self.steps[step].call.as_ref().map(|(key, _)| key);
        let was_unknown = key.and_then(|key| self.calls.get(key)).is_some_and(|memory| memory.was_unknown);
        let outcome =
            if is_unknown || was_unknown { Outcome::Unknown { since: at } } else { Outcome::NotDone { since: at } };
        let attempt = if let Status::Called { attempt }
        | Status::Retrying { attempt, .. }
        | Status::Unknown { attempt, .. } = self.steps[step].status
        {
            attempt
        } else {
            1
        };
        if matches!(self.steps[step].status, Status::Called { .. }) {
            self.remember(step, outcome);
        }
        match after {
            After::Retry { at } => self.steps[step].status = Status::Retrying { attempt: attempt + 1, at },
            After::LookUp { at } => self.steps[step].status = Status::Unknown { attempt, at },
            After::Park { reason } => self.steps[step].status = Status::Parking { reason },
            After::Fail => self.take_arm(step, failure.class),
        }
    }

    /// A failure that was not a call's is final: it came before anything was sent.
    fn after_failure(&self, at: Timestamp, step: StepIndex, failure: &Failure) -> After {
        let Status::Called { attempt } = self.steps[step].status else {
            return self.after_unsent(at, step, failure);
        };
        let (Some(effect), Some((key, first_at))) = (self.effect(step), &self.steps[step].call) else {
            return After::Fail;
        };
        let attempt = Attempt { effect, number: attempt, first_at: *first_at, ended_at: at, seed: key.as_str() };
        once::after_failure(self.guards, attempt, failure)
    }

    /// A call that was refused before it was sent, by a preflight or for want of a token.
    fn after_unsent(&self, at: Timestamp, step: StepIndex, failure: &Failure) -> After {
        match (&self.plan.steps[step].work, failure.class) {
            (Work::Call(call), ErrorClass::Throttled | ErrorClass::Unavailable) => {
                let number = self.attempt(step);
                let attempt =
                    Attempt { effect: &call.effect, number, first_at: at, ended_at: at, seed: &self.event_key };
                once::after_failure(self.guards, attempt, failure)
            }
            _ => After::Fail,
        }
    }

    fn looked_up(&mut self, at: Timestamp, step: StepIndex, found: &Found, output: &Value) {
        let Status::Unknown { attempt, .. } = self.steps[step].status else { return };
        match found {
            Found::Agrees => {
                self.remember(step, Outcome::Done(output.clone()));
                self.done(step, output);
            }
            // It refused the call because it has it already, and now it does not show it.
            Found::Absent if self.was_conflict(step) => {
                let reason = "the target says that it has this already, and does not show it; look there";
                self.steps[step].status = Status::Parking { reason: reason.to_owned() };
            }
            Found::Absent => {
                self.remember(step, Outcome::NotDone { since: at });
                self.steps[step].status = Status::Retrying { attempt: attempt + 1, at };
            }
            Found::Differs(difference) => {
                let reason = format!("the target has something else under this name: {difference}");
                self.steps[step].status = Status::Parking { reason };
            }
            Found::NotSeen => {
                let reason = "the target does not show it, which proves nothing; look there whether it has been done";
                self.steps[step].status = Status::Parking { reason: reason.to_owned() };
            }
            Found::Failed(failure) => self.look_up_failed(at, step, attempt, failure),
        }
    }

    fn was_conflict(&self, step: StepIndex) -> bool {
        self.steps[step].failure.as_ref().is_some_and(|failure| failure.class == ErrorClass::Conflict)
    }

    fn look_up_failed(&mut self, at: Timestamp, step: StepIndex, attempt: u32, failure: &Failure) {
        self.steps[step].look_ups += 1;
        let look_ups = self.steps[step].look_ups;
        self.steps[step].status = if look_ups >= LOOK_UPS_MAX {
            Status::Parking { reason: format!("{look_ups} look-ups gave no answer: {failure}") }
        } else {
            let wait = once::backoff(look_ups, &self.event_key);
            Status::Unknown { attempt, at: at + jiff::SignedDuration::try_from(wait).unwrap_or_default() }
        };
    }

    fn take_arm(&mut self, step: StepIndex, class: ErrorClass) {
        let plan = std::sync::Arc::clone(&self.plan);
        let arm = plan.steps[step].arm(class);
        let reaction = arm.map(|arm| (arm, &plan.steps[step].arms[arm].reaction));
        self.steps[step].status = match reaction {
            None => Status::Failed,
            Some((arm, Reaction::Hold { .. })) => Status::Holding { arm },
            Some((arm, Reaction::Do { steps, .. })) => {
                for step in steps {
                    self.steps[*step].status = Status::Blocked;
                }
                Status::Recovering { arm }
            }
        };
    }

    /// Moves every step on that another one let go.
    fn advance(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for step in 0..self.steps.len() {
                let next = if let Status::Recovering { arm } = self.steps[step].status {
                    self.recovered(step, arm)
                } else {
                    let is_blocked = self.steps[step].status == Status::Blocked;
                    (is_blocked && !self.is_failing(step) && self.needs_are_met(step)).then_some(Status::Ready)
                };
                if let Some(next) = next {
                    self.steps[step].status = next;
                    changed = true;
                }
            }
        }
    }

    fn needs_are_met(&self, step: StepIndex) -> bool {
        self.plan.steps[step]
            .needs
            .iter()
            .all(|need| matches!(self.steps[*need].status, Status::Done | Status::Skipped))
    }

    /// Whether no step may start any more; an arm's steps start while their home step recovers.
    fn is_failing(&self, step: StepIndex) -> bool {
        match self.plan.steps[step].home {
            Some(home) => self
                .plan
                .steps
                .iter()
                .zip(&self.steps)
                .any(|(plan, step)| plan.home == Some(home) && step.status == Status::Failed),
            None => self.steps.iter().any(|step| step.status == Status::Failed),
        }
    }

    fn recovered(&self, step: StepIndex, arm: usize) -> Option<Status> {
        let Reaction::Do { steps, then } = &self.plan.steps[step].arms[arm].reaction else { return None };
        if steps.iter().any(|step| self.steps[*step].status == Status::Failed) {
            return Some(Status::Failed);
        }
        let ended = steps.iter().all(|step| matches!(self.steps[*step].status, Status::Done | Status::Skipped));
        ended.then_some(match then {
            Then::Continue => Status::Skipped,
            Then::DeadLetter => Status::Failed,
        })
    }

    fn effect(&self, step: StepIndex) -> Option<&Effect> {
        match &self.plan.steps[step].work {
            Work::Call(call) => Some(&call.effect),
            Work::Map(_) | Work::Script(_) | Work::Check(_) | Work::Wait { .. } => None,
        }
    }
}
