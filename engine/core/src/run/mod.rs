//! One execution of a plan, as a fold over its journal.
//!
//! An entry says what happened and is journaled; a command says what to do next and is not.
//! `apply` reads no clock and does no I/O, so a run replays the same from its journal.
//!
//! A unit is a step, or a step for one item of a list; each has a status of its own.

mod apply;
mod commands;
mod document;
mod each;
mod entry;
mod failing;
mod hold;
mod letter;
mod settled;
mod unit;
mod xref;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ferry_contract::{
    failure::Failure,
    key::{CallKey, Digest},
};
use jiff::Timestamp;
use serde_json::Value;

pub use document::Document;
pub use entry::{Entry, From, Item, On, Parent, Wanted};
pub use hold::{Reservation, queue};
pub use letter::{Decision, Letter, Receipt};
pub use unit::{Status, UnitIndex};
pub use xref::{Pair, Reader};

use crate::{
    once::{Guards, Memory, Outcome},
    plan::{Call, Plan, Reaction, Step, StepIndex},
};
use settled::Settled;
use unit::Unit;

/// What stands for a step in the dead letter of an event that cannot be run.
pub const TRIGGER: &str = "trigger";

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    plan: Arc<Plan>,
    guards: Guards,
    event_key: String,
    event: Value,
    parent: Option<Parent>,
    /// Why the event cannot be run as it is.
    refused: Option<Failure>,
    /// The steps of the plan, then those of items.
    units: Vec<Unit>,
    /// The units of items, by name.
    names: BTreeMap<String, UnitIndex>,
    calls: BTreeMap<CallKey, Memory>,
    /// The calls of each unit, by its name.
    calls_of: BTreeMap<String, Vec<CallKey>>,
    settled: Settled,
    /// When it began, or began again.
    began: Option<Timestamp>,
    /// Whether it was begun again.
    is_replayed: bool,
    end: Option<End>,
    /// The number of entries so far: the next one's sequence number.
    length: u64,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Evaluate the step's condition, then the step; a call is sent at once.
    Start {
        /// The unit.
        unit: UnitIndex,
    },
    /// Send the step's call again.
    Call {
        /// The unit.
        unit: UnitIndex,
        /// Not before.
        at: Timestamp,
    },
    /// Look whether the step's call arrived.
    LookUp {
        /// The unit.
        unit: UnitIndex,
        /// Not before.
        at: Timestamp,
    },
    /// Evaluate what an arm holds for, and journal that the step is held.
    Hold {
        /// The unit.
        unit: UnitIndex,
        /// The arm's number.
        arm: usize,
    },
    /// Ask a question at `since` and then every so often, until its condition holds.
    Probe {
        /// The unit.
        unit: UnitIndex,
        /// The arm that holds it; nothing for a wait.
        arm: Option<usize>,
        /// The first time.
        since: Timestamp,
        /// How often.
        every: Duration,
        /// When it has waited long enough, and what is journaled then.
        late: Option<(Timestamp, Box<Entry>)>,
    },
    /// Journal this when its time comes.
    Timer {
        /// The unit.
        unit: UnitIndex,
        /// When.
        at: Timestamp,
        /// What.
        entry: Box<Entry>,
    },
    /// Journal this.
    Journal(Entry),
    /// Evaluate the run's output, and journal that it has finished.
    Finish,
}

/// How a run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Something is to be done, now or at a time.
    Running,
    /// A step waits.
    Waiting,
    /// A step is held by an arm.
    Held,
    /// A person decides.
    Parked,
    /// It has done all it was to do.
    Finished,
    /// It failed, and is kept for a person.
    DeadLettered,
    /// A person ended it.
    Cancelled,
}

#[derive(Clone, Debug)]
struct End {
    state: State,
}

impl State {
    /// All states with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("running", Self::Running),
        ("waiting", Self::Waiting),
        ("held", Self::Held),
        ("parked", Self::Parked),
        ("finished", Self::Finished),
        ("dead_lettered", Self::DeadLettered),
        ("cancelled", Self::Cancelled),
    ];

    /// The name in the store and in outputs.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, state)| *state == self).map_or("", |(name, _)| name)
    }

    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, state)| *state)
    }

    /// Whether nothing happens by itself any more.
    pub fn is_ended(self) -> bool {
        match self {
            Self::Finished | Self::DeadLettered | Self::Cancelled => true,
            Self::Running | Self::Waiting | Self::Held | Self::Parked => false,
        }
    }
}

impl Run {
    /// A run without entries.
    pub fn new(plan: Arc<Plan>, event_key: impl Into<String>, guards: Guards) -> Self {
        let units = (0..plan.steps.len()).map(|step| Unit::new(step, None, Status::Blocked)).collect();
        Self {
            plan,
            guards,
            event_key: event_key.into(),
            event: Value::Null,
            parent: None,
            refused: None,
            units,
            names: BTreeMap::new(),
            calls: BTreeMap::new(),
            calls_of: BTreeMap::new(),
            settled: Settled::default(),
            began: None,
            is_replayed: false,
            end: None,
            length: 0,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The guards in force.
    pub fn guards(&self) -> Guards {
        self.guards
    }

    /// The event's business key.
    pub fn event_key(&self) -> &str {
        &self.event_key
    }

    /// The event.
    pub fn event(&self) -> &Value {
        &self.event
    }

    /// Why the event cannot be run as it is; nothing where it can.
    pub fn refused(&self) -> Option<&Failure> {
        self.refused.as_ref()
    }

    /// The step that began this run.
    pub fn parent(&self) -> Option<&Parent> {
        self.parent.as_ref()
    }

    /// The number of entries so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The units, in order.
    pub fn units(&self) -> std::ops::Range<UnitIndex> {
        0..self.units.len()
    }

    /// The step of a unit.
    pub fn step(&self, unit: UnitIndex) -> &Step {
        &self.plan.steps[self.units[unit].step]
    }

    /// The number of a unit's step.
    pub fn step_index(&self, unit: UnitIndex) -> StepIndex {
        self.units[unit].step
    }

    /// The name of a unit: its step's, or `step[key]`.
    pub fn unit_id(&self, unit: UnitIndex) -> String {
        let Unit { step, item, .. } = &self.units[unit];
        let id = &self.plan.steps[*step].id;
        item.as_ref().map_or_else(|| id.clone(), |item| each::item_id(id, &item.key))
    }

    /// The unit of that name.
    pub fn unit_named(&self, id: &str) -> Option<UnitIndex> {
        self.plan.index.get(id).or_else(|| self.names.get(id)).copied()
    }

    /// Whether a unit is a step that is done for each item, and not for one of them.
    pub fn spreads(&self, unit: UnitIndex) -> bool {
        self.units[unit].item.is_none() && self.step(unit).each.is_some()
    }

    /// Whether a unit stands for one item.
    pub fn is_item(&self, unit: UnitIndex) -> bool {
        self.units[unit].item.is_some()
    }

    /// The call that a unit makes: its step's own, or the one that takes its place.
    pub fn call(&self, unit: UnitIndex) -> Option<&Call> {
        let step = self.step(unit);
        match self.units[unit].fallback.or_else(|| self.settled_fallback(unit)) {
            Some(arm) => match &step.arms.get(arm)?.reaction {
                Reaction::Fallback(call) => Some(call),
                Reaction::Hold { .. } | Reaction::Do { .. } => None,
            },
            None => step.work.call(),
        }
    }

    /// Where a unit is.
    pub fn status(&self, unit: UnitIndex) -> &Status {
        &self.units[unit].status
    }

    /// A unit's output, once it is done.
    pub fn output(&self, unit: UnitIndex) -> Option<&Value> {
        self.units[unit].output.as_ref()
    }

    /// A unit's last failure.
    pub fn failure(&self, unit: UnitIndex) -> Option<&Failure> {
        self.units[unit].failure.as_ref()
    }

    /// What the run remembers of a call.
    pub fn memory(&self, key: &CallKey) -> Option<&Memory> {
        self.calls.get(key)
    }

    /// All calls that the run remembers.
    pub fn memories(&self) -> &BTreeMap<CallKey, Memory> {
        &self.calls
    }

    /// Whether a person has begun it again, and no corrected event since.
    pub fn is_replayed(&self) -> bool {
        self.is_replayed
    }

    /// The key of the call in progress.
    pub fn call_key(&self, unit: UnitIndex) -> Option<&CallKey> {
        self.units[unit].call.as_ref().map(|(key, _)| key)
    }

    /// Where the connection led when a unit's write was sent last.
    pub fn call_target(&self, unit: UnitIndex) -> Option<&Digest> {
        self.calls.get(self.call_key(unit)?).map(|memory| &memory.target)
    }

    /// The number of the attempt that a call of this unit makes now.
    pub fn attempt(&self, unit: UnitIndex) -> u32 {
        if let Status::Retrying { attempt, .. } = self.units[unit].status { attempt } else { 1 }
    }

    /// Units whose call was journaled without an answer: what a crash leaves behind.
    pub fn interrupted(&self) -> Vec<UnitIndex> {
        let called = |unit: &UnitIndex| matches!(self.units[*unit].status, Status::Called { .. });
        self.units().filter(called).collect()
    }

    /// Whether a call of a unit may have arrived without our knowing. One that goes again by its key may, too: the
    /// repeat tells.
    pub fn is_in_doubt(&self, unit: UnitIndex) -> bool {
        let is_unknown = |memory: &Memory| matches!(memory.outcome, Outcome::Unknown { .. });
        let repeats = matches!(self.units[unit].status, Status::Retrying { .. });
        let memory = self.call_key(unit).and_then(|key| self.calls.get(key));
        self.units[unit].is_in_doubt() || (repeats && memory.is_some_and(is_unknown))
    }

    /// Whether it is at work, and so has the place that its pipeline's `concurrency` gives.
    pub fn is_active(&self) -> bool {
        let is_broken = self.is_broken();
        self.end.is_none() && self.units.iter().any(|unit| unit.is_active() && !self.never_starts(unit, is_broken))
    }

    /// How the run is. What is at work comes first; then what a person must decide, whatever else is waited for.
    pub fn state(&self) -> State {
        if let Some(end) = &self.end {
            return end.state;
        }
        let is_broken = self.is_broken();
        let open = self.units.iter().filter(|unit| !self.never_starts(unit, is_broken));
        let states: Vec<State> = open.filter_map(|unit| unit.status.state()).collect();
        let first = [State::Running, State::Parked, State::Waiting, State::Held];
        first.into_iter().find(|state| states.contains(state)).unwrap_or(State::Running)
    }

    /// Whether a unit was ready when another step failed, and so does not start any more.
    fn never_starts(&self, unit: &Unit, is_broken: bool) -> bool {
        is_broken && unit.status == Status::Ready && self.plan.steps[unit.step].home.is_none()
    }

    /// The unit that another step means from here: the one of the same item where there is one.
    fn seen_from(&self, unit: UnitIndex, step: StepIndex) -> UnitIndex {
        let item = self.units[unit].item.as_ref();
        let own = item.and_then(|item| self.names.get(&each::item_id(&self.plan.steps[step].id, &item.key)));
        own.copied().unwrap_or(step)
    }
}
