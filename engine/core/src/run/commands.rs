//! What is to be done next: a pure function of where the units are.

use std::collections::HashMap;

use ferry_contract::failure::{ErrorClass, Failure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{Command, Entry, On, Run, Status, TRIGGER, UnitIndex};
use crate::{
    language::Then,
    once::Guard,
    plan::{Reaction, StepIndex, Timeout, Wait, Work},
};

impl Run {
    /// All open commands, as [`Run::apply`] gave them.
    pub fn commands(&self, now: Timestamp) -> Vec<Command> {
        if self.end.is_some() {
            return Vec::new();
        }
        if let Some(failure) = &self.refused {
            return vec![Command::Journal(Entry::DeadLettered { step: TRIGGER.to_owned(), failure: failure.clone() })];
        }
        let mut places = self.places();
        let open: Vec<Command> = self.units().filter_map(|unit| self.command(unit, now, &mut places)).collect();
        // A question or a timer that is still open does not keep a failed run from its end.
        let settled = open.iter().all(|command| matches!(command, Command::Probe { .. } | Command::Timer { .. }));
        let in_doubt = self.units.iter().any(super::Unit::is_in_doubt);
        if self.is_broken() && settled && !in_doubt {
            return self.dead_letter().into_iter().collect();
        }
        if self.is_complete() {
            return vec![Command::Finish];
        }
        open
    }

    fn command(&self, unit: UnitIndex, now: Timestamp, places: &mut HashMap<StepIndex, usize>) -> Option<Command> {
        match &self.units[unit].status {
            Status::Ready if self.starts(unit, places) => Some(self.start(unit, now)),
            Status::Retrying { at, .. } => Some(self.resend(unit, (*at).max(now), now)),
            Status::Unknown { at, .. } | Status::Doubted { at } => Some(Command::LookUp { unit, at: (*at).max(now) }),
            Status::Parking { reason } => {
                Some(Command::Journal(Entry::Parked { step: self.unit_id(unit), reason: reason.clone() }))
            }
            Status::Holding { arm } => Some(Command::Hold { unit, arm: *arm }),
            Status::Held { arm, since, .. } => self.hold_probe(unit, *arm, *since),
            Status::Waiting { since, on } => self.wait(unit, (*since, now), on),
            Status::Ready
            | Status::Dormant
            | Status::Blocked
            | Status::Spread
            | Status::Called { .. }
            | Status::Parked { .. }
            | Status::Recovering { .. }
            | Status::Done
            | Status::Skipped
            | Status::Failed => None,
        }
    }

    /// A step that was ready when another one failed does not start; nor does an item beyond the limit.
    fn starts(&self, unit: UnitIndex, places: &mut HashMap<StepIndex, usize>) -> bool {
        if self.step(unit).home.is_none() && self.is_broken() {
            return false;
        }
        if self.units[unit].item.is_none() {
            return true;
        }
        // A step of an item's arm has no limit of its own.
        let Some(left) = places.get_mut(&self.units[unit].step) else { return true };
        let is_free = *left > 0;
        *left = left.saturating_sub(1);
        is_free
    }

    fn start(&self, unit: UnitIndex, now: Timestamp) -> Command {
        match self.deadline(unit) {
            Some((at, message)) if at <= now => Command::Journal(self.overdue(unit, message)),
            Some(_) | None => Command::Start { unit },
        }
    }

    /// A call that a closed gate kept back for too long does not go any more.
    fn resend(&self, unit: UnitIndex, at: Timestamp, now: Timestamp) -> Command {
        match self.deadline(unit) {
            Some((deadline, message)) if deadline <= now => Command::Journal(self.overdue(unit, message)),
            Some(_) | None => Command::Call { unit, at },
        }
    }

    fn overdue(&self, unit: UnitIndex, message: String) -> Entry {
        Entry::Failed { step: self.unit_id(unit), failure: Failure::new(ErrorClass::Unavailable, message) }
    }

    fn hold_probe(&self, unit: UnitIndex, arm: usize, since: Timestamp) -> Option<Command> {
        let Reaction::Hold { probe, .. } = &self.step(unit).arms[arm].reaction else { return None };
        let first = since + signed(probe.every);
        let late = self.deadline(unit).map(|(at, message)| (at, Box::new(self.overdue(unit, message))));
        Some(Command::Probe { unit, arm: Some(arm), since: first, every: probe.every, late })
    }

    fn wait(&self, unit: UnitIndex, (since, now): (Timestamp, Timestamp), on: &On) -> Option<Command> {
        match (on, &self.step(unit).work) {
            // It may have been sent, so no time-out lets another way be taken in its place. It begins nothing more where
            // another step has failed.
            (On::Trust, _) => (!self.is_broken()).then_some(Command::Call { unit, at: now }),
            (On::Answer { .. }, Work::Wait(Wait::Poll { probe, .. })) => {
                let late = self.late(unit).map(|(at, entry)| (at, Box::new(entry)));
                Some(Command::Probe { unit, arm: None, since, every: probe.every, late })
            }
            _ => self.late(unit).map(|(at, entry)| Command::Timer { unit, at, entry: Box::new(entry) }),
        }
    }

    /// When a waiting unit has waited long enough, and what then happened.
    pub(super) fn late(&self, unit: UnitIndex) -> Option<(Timestamp, Entry)> {
        let Status::Waiting { since, on } = &self.units[unit].status else { return None };
        // That run would go on, and pay, beside what is done in its place: it has time-outs of its own.
        if matches!(on, On::Run { .. }) && self.guards.has(Guard::Place) {
            return None;
        }
        let own = match &self.step(unit).work {
            Work::Wait(Wait::For(time)) => Some((*since + signed(*time), self.arrived(unit))),
            Work::Wait(Wait::Poll { timeout, .. } | Wait::Event { timeout, .. }) => {
                Some(self.in_vain(unit, *since, *timeout))
            }
            Work::Approve(approve) => {
                let message = "nobody who may approve it has answered in time";
                let failure = Failure::new(ErrorClass::Declined, message);
                Some((*since + signed(approve.expires), Entry::Failed { step: self.unit_id(unit), failure }))
            }
            Work::Call(_)
            | Work::Map(_)
            | Work::Script(_)
            | Work::Check(_)
            | Work::Pipeline { .. }
            | Work::Alert { .. }
            | Work::Emit { .. }
            | Work::Link { .. }
            | Work::Reconcile(_) => None,
        };
        let deadline = self.deadline(unit).map(|(at, message)| (at, self.overdue(unit, message)));
        own.into_iter().chain(deadline).min_by_key(|(at, _)| *at)
    }

    fn arrived(&self, unit: UnitIndex) -> Entry {
        Entry::Arrived { step: self.unit_id(unit), output: Value::Object(Map::new()) }
    }

    fn in_vain(&self, unit: UnitIndex, since: Timestamp, timeout: Timeout) -> (Timestamp, Entry) {
        let at = since + signed(timeout.after);
        let entry = match timeout.then {
            Then::Continue => Entry::Skipped { step: self.unit_id(unit) },
            Then::DeadLetter => self.overdue(unit, format!("what it waited for did not come until {at}")),
        };
        (at, entry)
    }

    fn is_complete(&self) -> bool {
        let steps = self.units.iter().take(self.plan.steps.len());
        steps.into_iter().all(|unit| unit.is_done() || unit.status == Status::Dormant)
    }

    fn dead_letter(&self) -> Option<Command> {
        let steps = 0..self.plan.steps.len();
        let broken = |unit: &UnitIndex| self.units[*unit].status == Status::Failed && self.step(*unit).home.is_none();
        let unit = steps.clone().find(broken)?;
        let unexplained = || Failure::new(ErrorClass::Bug, "the step failed without a reason");
        let mut failure = self.units[unit].failure.clone().unwrap_or_else(unexplained);
        let own_arm = |index: &UnitIndex| self.step(*index).home.is_some_and(|(home, _)| home == unit);
        let failed = steps.filter(own_arm).find(|index| self.units[*index].status == Status::Failed);
        if let Some((index, second)) = failed.and_then(|index| Some((index, self.units[index].failure.as_ref()?))) {
            failure.message = format!("{} (and then `{}` failed: {second})", failure.message, self.step(index).id);
        }
        Some(Command::Journal(Entry::DeadLettered { step: self.step(unit).id.clone(), failure }))
    }
}

fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
