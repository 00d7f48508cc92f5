//! What an earlier life of a run has settled: a write that stands, and the arm that was taken in the place of a step.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{failure::Failure, key::CallKey};
use serde_json::Value;

use super::{Entry, On, Run, Status, UnitIndex, Wanted};
use crate::{
    language::Then,
    once::{Guard, Memory, Outcome},
    plan::{Arm, Call, Reaction, StepIndex, Wait, Work},
};

/// What earlier lives of a run have left beside their calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    /// How units failed last, by name.
    failures: BTreeMap<String, Failure>,
    /// Units of arms that have begun another run, emitted an event, or had the answer that they waited for.
    acted: BTreeSet<String>,
    /// The events that units waited for, which have come: others may have claimed them.
    came: BTreeMap<String, (Wanted, Value)>,
}

impl Run {
    /// The write of a unit that was done or may have been, in whatever life of the run: the one that is most in doubt.
    pub(super) fn standing(&self, unit: UnitIndex) -> Option<(&CallKey, &Memory)> {
        let own =
            self.call_key(unit).and_then(|key| self.calls.get_key_value(key)).filter(|(_, memory)| memory.stands());
        let made = self.step(unit).calls().flat_map(|call| self.made(unit, call));
        let all = made.chain(own).filter(|_| self.guards.has(Guard::Place));
        all.max_by_key(|(_, memory)| matches!(memory.outcome, Outcome::Unknown { .. }))
    }

    /// Whether the step's own write was done, or may have been.
    pub(super) fn stands(&self, unit: UnitIndex) -> bool {
        let own = self.step(unit).work.call();
        own.is_some_and(|call| self.has_made(unit, call)) && self.guards.has(Guard::Place)
    }

    /// Whether a unit has made this write, and it stands.
    fn has_made(&self, unit: UnitIndex, call: &Call) -> bool {
        self.made(unit, call).next().is_some()
    }

    /// What a unit has made of this write, in whatever generation and with whatever content, and stands.
    fn made<'a>(&'a self, unit: UnitIndex, call: &Call) -> impl Iterator<Item = (&'a CallKey, &'a Memory)> + use<'a> {
        let of_action = format!("{}/{}/", call.connection, call.action);
        let is_write = call.effect.is_write();
        self.written(self.unit_id(unit)).filter(move |(key, _)| is_write && key.as_str().starts_with(&of_action))
    }

    /// All writes of a unit that stand.
    fn written(&self, unit_id: String) -> impl Iterator<Item = (&CallKey, &Memory)> {
        let keys = self.calls_of.get(&unit_id).into_iter().flatten();
        let calls = keys.filter_map(|key| self.calls.get_key_value(key));
        calls.filter(move |(_, memory)| memory.step == unit_id && memory.stands())
    }

    /// The arm whose write was done, or may have been, in an earlier life of this run: it is that
    /// one again, and never the step's own beside it.
    pub(super) fn settled_fallback(&self, unit: UnitIndex) -> Option<usize> {
        let made = |arm: &Arm| matches!(&arm.reaction, Reaction::Fallback(call) if self.has_made(unit, call));
        self.step(unit).arms.iter().position(made)
    }

    /// Where a unit begins: at its own work, or at the arm by which an earlier life of the run has gone on without it.
    pub(super) fn enter(&mut self, unit: UnitIndex) -> Status {
        let plan = std::sync::Arc::clone(&self.plan);
        let arms = &plan.steps[self.units[unit].step].arms;
        let settled = arms.iter().enumerate().find_map(|(index, arm)| match &arm.reaction {
            Reaction::Do { steps, then: Then::Continue } if self.has_settled(unit, steps) => Some((index, steps)),
            Reaction::Do { .. } | Reaction::Hold { .. } | Reaction::Fallback(_) => None,
        });
        match settled {
            Some((arm, steps)) if self.standing(unit).is_none() => {
                self.units[unit].failure = self.settled.failures.get(&self.unit_id(unit)).cloned();
                self.recovering(unit, arm, steps)
            }
            Some(_) | None => Status::Ready,
        }
    }

    /// Whether a step of an arm has acted, and that stands.
    fn has_settled(&self, unit: UnitIndex, steps: &[StepIndex]) -> bool {
        let acted = |step: &StepIndex| {
            let own = self.seen_from(unit, *step);
            let (id, arms) = (self.unit_id(own), &self.plan.steps[*step].arms);
            let deeper = |arm: &Arm| match &arm.reaction {
                Reaction::Do { steps, then: Then::Continue } => self.has_settled(own, steps),
                Reaction::Do { .. } | Reaction::Hold { .. } | Reaction::Fallback(_) => false,
            };
            self.settled.acted.contains(&id) || self.written(id).next().is_some() || arms.iter().any(deeper)
        };
        self.guards.has(Guard::Place) && steps.iter().any(acted)
    }

    /// What came to a unit that waited for this event in an earlier life of the run.
    pub fn came(&self, unit: UnitIndex, wanted: &Wanted) -> Option<&Value> {
        self.settled.came.get(&self.unit_id(unit)).filter(|(known, _)| known == wanted).map(|(_, event)| event)
    }

    /// Keeps how units have failed, for the next life of the run.
    pub(super) fn keep_failures(&mut self) {
        for unit in self.units() {
            if let Some(failure) = self.units[unit].failure.clone() {
                self.settled.failures.insert(self.unit_id(unit), failure);
            }
        }
    }

    /// A step of an arm that has acted, other than by a call, has acted in every later life of the run.
    pub(super) fn note_act(&mut self, unit: UnitIndex, entry: &Entry) {
        if let (Entry::Arrived { output, .. }, Status::Waiting { on: On::Event(wanted), .. }) =
            (entry, &self.units[unit].status)
        {
            let came = (wanted.clone(), output.clone());
            self.settled.came.insert(self.unit_id(unit), came);
        }
        let has_acted = match entry {
            Entry::Emitted { .. } | Entry::Approved { .. } | Entry::Waiting { on: On::Run { .. }, .. } => true,
            // That an event came, or an answer, may be why the step is done without; that time has passed is not.
            Entry::Arrived { .. } => !matches!(self.step(unit).work, Work::Wait(Wait::For(_))),
            _ => false,
        };
        if has_acted && self.step(unit).home.is_some() {
            self.settled.acted.insert(self.unit_id(unit));
        }
    }
}
