//! Failures: what follows from one, and what a look-up makes of an unknown outcome.

use ferry_contract::{
    catalog::Backoff,
    failure::{ErrorClass, Failure},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Run, Status, UnitIndex};
use crate::{
    limits::LOOK_UPS_MAX,
    once::{self, After, Attempt, Found, Guard, Outcome},
    plan::{Reaction, StepIndex},
};

impl Run {
    pub(super) fn failed(&mut self, at: Timestamp, unit: UnitIndex, failure: &Failure) {
        self.units[unit].failure = Some(failure.clone());
        // Of what was never sent nothing has to stay as it was: what was missing may be there by the next attempt.
        if self.units[unit].call.is_none() {
            self.units[unit].pairs.clear();
        }
        let after = self.after_failure(at, unit, failure);
        let is_unknown = matches!(failure.class, ErrorClass::Unknown | ErrorClass::Conflict);
        let attempt = match self.units[unit].status {
            Status::Called { attempt } | Status::Retrying { attempt, .. } | Status::Unknown { attempt, .. } => attempt,
            _ => 1,
        };
        let was_sent = matches!(self.units[unit].status, Status::Called { .. });
        if was_sent {
            // That this attempt did nothing says nothing of one before it that may have arrived.
            let outcome = match self.was_done(unit) {
                _ if is_unknown || self.was_unknown(unit) => Outcome::Unknown { since: at },
                Some(output) => Outcome::Done(output),
                None => Outcome::NotDone { since: at },
            };
            self.remember(unit, outcome);
        }
        match after {
            After::Retry { at } if self.is_late(unit, at) => self.react(unit, failure.class, was_sent),
            After::Retry { at } => {
                let is_free = was_sent && (self.units[unit].is_probe || failure.is_untried);
                let attempt = attempt + u32::from(!is_free);
                self.units[unit].status = Status::Retrying { attempt, at };
            }
            After::LookUp { at } => self.units[unit].status = Status::Unknown { attempt, at },
            After::Park { reason } => self.units[unit].status = Status::Parking { reason },
            After::Fail => self.react(unit, failure.class, was_sent),
        }
    }

    /// What the pipeline says of a failure, unless a write of the step may have arrived, in this life of the run or in
    /// an earlier one: then nothing else may be done in its place, and a person decides. Nor is anything done in the
    /// place of one that was done. That the target has it already is known, and may be told; a refusal before anything was
    /// sent says nothing of an attempt that may have arrived.
    fn react(&mut self, unit: UnitIndex, class: ErrorClass, was_sent: bool) {
        let is_conflict = class == ErrorClass::Conflict;
        let is_known = is_conflict && !self.was_unknown(unit);
        let arm = self.step(unit).arm(class).map(|arm| &self.step(unit).arms[arm].reaction);
        let does_else = matches!(arm, Some(Reaction::Do { .. } | Reaction::Fallback(_)));
        match self.standing(unit).map(|(key, memory)| (key.clone(), memory.first_at, memory.outcome.clone())) {
            // It was refused before it was sent, because it may have been done with another content.
            Some((_, _, Outcome::Unknown { .. })) if is_conflict && !was_sent && self.units[unit].call.is_none() => {
                self.units[unit].status = Status::Failed;
            }
            Some((key, first_at, Outcome::Unknown { .. })) if !(is_known && was_sent) => {
                self.units[unit].call = Some((key, first_at));
                self.park(unit, "an attempt may have arrived; look there whether it has been done");
            }
            Some((key, first_at, Outcome::Done(_))) if does_else && !is_known => {
                self.units[unit].call = Some((key, first_at));
                self.park(unit, "it was done before, so that nothing takes its place; look there");
            }
            Some(_) | None => self.take_arm(unit, class),
        }
    }

    /// Whether what comes at a time would come too late.
    fn is_late(&self, unit: UnitIndex, at: Timestamp) -> bool {
        self.deadline(unit).is_some_and(|(deadline, _)| deadline < at)
    }

    /// Whether an attempt before the last one may have arrived.
    fn was_unknown(&self, unit: UnitIndex) -> bool {
        let memory = self.units[unit].call.as_ref().and_then(|(key, _)| self.calls.get(key));
        memory.is_some_and(|memory| memory.was_unknown)
    }

    /// What an attempt before the last one gave that has arrived.
    fn was_done(&self, unit: UnitIndex) -> Option<Value> {
        let memory = self.units[unit].call.as_ref().and_then(|(key, _)| self.calls.get(key));
        memory.filter(|_| self.guards.has(Guard::Place)).and_then(|memory| memory.was_done.clone())
    }

    /// Only a call is tried again. One that was refused before it was sent, by a preflight or for
    /// want of a token, is as if the target had refused it.
    fn after_failure(&self, at: Timestamp, unit: UnitIndex, failure: &Failure) -> After {
        let Some(call) = self.call(unit) else { return After::Fail };
        let arm = self.step(unit).arm(failure.class);
        let retry = arm.and_then(|arm| self.step(unit).arms[arm].retry.as_ref());
        let (number, first_at, seed) = match (&self.units[unit].status, &self.units[unit].call) {
            (Status::Called { attempt }, Some((key, first_at))) => (*attempt, *first_at, key.as_str()),
            _ => (self.attempt(unit), at, self.event_key.as_str()),
        };
        let is_sent = matches!(self.units[unit].status, Status::Called { .. });
        let may_pass = match failure.class {
            ErrorClass::Throttled | ErrorClass::Unavailable => true,
            ErrorClass::Unknown | ErrorClass::Conflict => false,
            _ => retry.is_some(),
        };
        if !is_sent && !may_pass {
            return After::Fail;
        }
        let began = self.units[unit].began.unwrap_or(first_at);
        let attempt = Attempt {
            effect: &call.effect,
            number,
            first_at,
            ended_at: at,
            began,
            is_free: is_sent && (self.units[unit].is_probe || failure.is_untried),
            backoff: retry.unwrap_or(&call.backoff),
            is_asked: retry.is_some(),
            seed,
        };
        once::after_failure(self.guards, attempt, failure)
    }

    pub(super) fn looked_up(&mut self, at: Timestamp, unit: UnitIndex, found: &Found, output: &Value) {
        let attempt = match self.units[unit].status {
            Status::Unknown { attempt, .. } => attempt,
            Status::Doubted { .. } => return self.confirmed(at, unit, found),
            _ => return,
        };
        match found {
            // Only a person, who begins the run again, pays again what the target has cancelled.
            Found::Void(_) if self.is_replayed => self.void(at, unit),
            Found::Agrees | Found::Void(_) => {
                self.remember(unit, Outcome::Done(output.clone()));
                self.done(unit, output);
            }
            // It refused the call because it has it already, and now it does not show it.
            Found::Absent if self.was_conflict(unit) => {
                self.park(unit, "the target says that it has this already, and does not show it; look there");
            }
            Found::Absent => self.absent(at, unit, attempt),
            Found::Differs(difference) => {
                self.park(unit, &format!("the target has something else under this name: {difference}"));
            }
            Found::NotSeen => {
                self.park(
                    unit,
                    "the target does not show it, which proves nothing; look there whether it has been done",
                );
            }
            Found::Failed(failure) => match self.next_look_up(at, unit, failure) {
                Some(at) => self.units[unit].status = Status::Unknown { attempt, at },
                None => self.park_unanswered(unit, failure),
            },
        }
    }

    /// It did not arrive, which is proven: it goes again, as often and as long as it may.
    fn absent(&mut self, at: Timestamp, unit: UnitIndex, attempt: u32) {
        self.remember(unit, Outcome::NotDone { since: at });
        let retry =
            self.step(unit).arm(ErrorClass::Unavailable).and_then(|arm| self.step(unit).arms[arm].retry.as_ref());
        let Some(backoff) = retry.or_else(|| self.call(unit).map(|call| &call.backoff)) else { return };
        let is_used_up = attempt >= backoff.attempts_max && !self.units[unit].is_probe;
        let began = self.units[unit].began.unwrap_or(at);
        let within = backoff.within.and_then(|within| SignedDuration::try_from(within).ok());
        if !is_used_up && within.is_none_or(|within| at <= began + within) && !self.is_late(unit, at) {
            let attempt = attempt + u32::from(!self.units[unit].is_probe);
            self.units[unit].status = Status::Retrying { attempt, at };
            return;
        }
        let message = format!("none of {attempt} attempts has arrived: the target does not have it");
        self.units[unit].failure = Some(Failure::new(ErrorClass::Unavailable, message));
        self.take_arm(unit, ErrorClass::Unavailable);
    }

    /// A call that was done: it stands, or the target says that it is cancelled, and only then may
    /// another generation of it be sent.
    fn confirmed(&mut self, at: Timestamp, unit: UnitIndex, found: &Found) {
        match found {
            Found::Agrees => {
                let memory = self.units[unit].call.as_ref().and_then(|(key, _)| self.calls.get(key));
                let Some(Outcome::Done(output)) = memory.map(|memory| memory.outcome.clone()) else { return };
                self.done(unit, &output);
            }
            Found::Void(_) => self.void(at, unit),
            Found::Absent | Found::NotSeen => {
                self.park(unit, "it was done, and the target does not show it any more; look there");
            }
            Found::Differs(difference) => self.park(unit, &format!("it was done, and is another there: {difference}")),
            Found::Failed(failure) => match self.next_look_up(at, unit, failure) {
                Some(at) => self.units[unit].status = Status::Doubted { at },
                None => self.park_unanswered(unit, failure),
            },
        }
    }

    fn void(&mut self, at: Timestamp, unit: UnitIndex) {
        self.remember(unit, Outcome::Void);
        self.units[unit].status = Status::Retrying { attempt: 1, at };
    }

    fn park(&mut self, unit: UnitIndex, reason: &str) {
        self.units[unit].status = Status::Parking { reason: reason.to_owned() };
    }

    fn park_unanswered(&mut self, unit: UnitIndex, failure: &Failure) {
        self.park(unit, &format!("{LOOK_UPS_MAX} look-ups gave no answer: {failure}"));
    }

    fn was_conflict(&self, unit: UnitIndex) -> bool {
        self.units[unit].failure.as_ref().is_some_and(|failure| failure.class == ErrorClass::Conflict)
    }

    /// When a look-up that gave no answer is repeated; nothing where it was repeated often enough.
    fn next_look_up(&mut self, at: Timestamp, unit: UnitIndex, failure: &Failure) -> Option<Timestamp> {
        self.units[unit].look_ups += 1;
        let look_ups = self.units[unit].look_ups;
        let asked = SignedDuration::from_millis(i64::try_from(failure.wait_ms.unwrap_or(0)).unwrap_or(0));
        let wait = SignedDuration::try_from(Backoff::default().wait(look_ups, &self.event_key)).unwrap_or_default();
        (look_ups < LOOK_UPS_MAX).then(|| at + wait.max(asked))
    }

    pub(super) fn take_arm(&mut self, unit: UnitIndex, class: ErrorClass) {
        let plan = std::sync::Arc::clone(&self.plan);
        let step = &plan.steps[self.units[unit].step];
        let arm = step.arm(class);
        self.units[unit].status = match arm.map(|arm| (arm, &step.arms[arm].reaction)) {
            None => Status::Failed,
            Some((arm, Reaction::Hold { .. })) => Status::Holding { arm },
            // What took its place has failed too.
            Some((_, Reaction::Fallback(_))) if self.units[unit].fallback.is_some() => Status::Failed,
            // In this life of the run or an earlier one: what a second call would do, the first has done.
            Some((_, Reaction::Fallback(_))) if self.stands(unit) => {
                return self.park(unit, "its own call may have been done, so that nothing takes its place; look there");
            }
            Some((arm, Reaction::Fallback(_))) => {
                self.units[unit].fallback = Some(arm);
                self.units[unit].call = None;
                Status::Ready
            }
            Some((arm, Reaction::Do { steps, .. })) => self.recovering(unit, arm, steps),
        };
    }

    /// The steps of an arm may start.
    pub(super) fn recovering(&mut self, unit: UnitIndex, arm: usize, steps: &[StepIndex]) -> Status {
        for step in steps {
            let own = self.seen_from(unit, *step);
            self.units[own].status = Status::Blocked;
        }
        Status::Recovering { arm }
    }

    /// When a unit must have ended, and what is then said.
    pub(super) fn deadline(&self, unit: UnitIndex) -> Option<(Timestamp, String)> {
        let until = |began: Option<Timestamp>, limit: Option<std::time::Duration>| {
            Some(began? + SignedDuration::try_from(limit?).unwrap_or(SignedDuration::MAX))
        };
        let own = until(self.units[unit].began, self.step(unit).timeout).map(|at| (at, "the step"));
        let whole = until(self.began, self.plan.timeout).map(|at| (at, "the run"));
        let first = own.into_iter().chain(whole).min()?;
        Some((first.0, format!("{} took longer than it may", first.1)))
    }
}
