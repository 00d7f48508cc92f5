//! One execution of a plan, as a fold over its journal.
//!
//! An entry says what happened and is journaled; a command says what to do next and is not.
//! `apply` reads no clock and does no I/O, so a run replays the same from its journal.

mod apply;
mod commands;
mod document;
mod entry;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ferry_contract::{
    failure::Failure,
    key::{CallKey, Digest},
};
use jiff::Timestamp;
use serde_json::Value;

pub use document::Document;
pub use entry::Entry;

use crate::{
    once::{Guards, Memory},
    plan::{Plan, StepIndex},
};

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    plan: Arc<Plan>,
    guards: Guards,
    event_key: String,
    event: Value,
    steps: Vec<StepRun>,
    calls: BTreeMap<CallKey, Memory>,
    end: Option<End>,
    /// The number of entries so far: the next one's sequence number.
    length: u64,
}

#[derive(Clone, Debug)]
struct StepRun {
    status: Status,
    output: Option<Value>,
    failure: Option<Failure>,
    /// The key of the call in progress, and when its first attempt was made.
    call: Option<(CallKey, Timestamp)>,
    /// Whether the last call was the probe of an open circuit.
    is_probe: bool,
    look_ups: u32,
}

/// Where a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// It belongs to an arm that was not taken.
    Dormant,
    /// It waits for other steps.
    Blocked,
    /// It can start.
    Ready,
    /// Its call was sent, or is about to be.
    Called {
        /// From 1.
        attempt: u32,
    },
    /// Nothing was done; the same call goes again.
    Retrying {
        /// The number of the next attempt.
        attempt: u32,
        /// Not before.
        at: Timestamp,
    },
    /// Its call may have arrived; a look-up tells.
    Unknown {
        /// The number of the attempt whose outcome is unknown.
        attempt: u32,
        /// Not before.
        at: Timestamp,
    },
    /// It is about to be parked.
    Parking {
        /// What a person must check.
        reason: String,
    },
    /// A person decides.
    Parked {
        /// What a person must check.
        reason: String,
    },
    /// It is about to be held by an arm.
    Holding {
        /// The arm's number.
        arm: usize,
    },
    /// It tries again when a condition holds.
    Held {
        /// The arm's number.
        arm: usize,
        /// Since when.
        since: Timestamp,
        /// What it waits for.
        what: Value,
    },
    /// It polls until a condition holds.
    Waiting {
        /// Since when.
        since: Timestamp,
    },
    /// It failed, and an arm's steps are at work.
    Recovering {
        /// The arm's number.
        arm: usize,
    },
    /// It has its output.
    Done,
    /// It was not to run.
    Skipped,
    /// It failed, and nothing mends it.
    Failed,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Evaluate the step's condition, then the step; a call is sent at once.
    Start {
        /// The step.
        step: StepIndex,
    },
    /// Send the step's call again.
    Call {
        /// The step.
        step: StepIndex,
        /// Not before.
        at: Timestamp,
    },
    /// Look whether the step's call arrived.
    LookUp {
        /// The step.
        step: StepIndex,
        /// Not before.
        at: Timestamp,
    },
    /// Evaluate what an arm holds for, and journal that the step is held.
    Hold {
        /// The step.
        step: StepIndex,
        /// The arm's number.
        arm: usize,
    },
    /// Ask a question at `since` and then every so often, until its condition holds.
    Probe {
        /// The step.
        step: StepIndex,
        /// The arm that holds it; nothing for a wait.
        arm: Option<usize>,
        /// The first time.
        since: Timestamp,
        /// How often.
        every: Duration,
        /// When the step fails instead.
        deadline: Option<Timestamp>,
    },
    /// Journal this.
    Journal(Entry),
}

/// How a run is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// Something is to be done, now or at a time.
    Running,
    /// A step polls.
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
        let steps = plan.steps.iter().map(|_| StepRun::blocked()).collect();
        Self {
            plan,
            guards,
            event_key: event_key.into(),
            event: Value::Null,
            steps,
            calls: BTreeMap::new(),
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

    /// The number of entries so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where a step is.
    pub fn status(&self, step: StepIndex) -> &Status {
        &self.steps[step].status
    }

    /// A step's output, once it is done.
    pub fn output(&self, step: StepIndex) -> Option<&Value> {
        self.steps[step].output.as_ref()
    }

    /// A step's last failure.
    pub fn failure(&self, step: StepIndex) -> Option<&Failure> {
        self.steps[step].failure.as_ref()
    }

    /// What the run remembers of a call.
    pub fn memory(&self, key: &CallKey) -> Option<&Memory> {
        self.calls.get(key)
    }

    /// Where the connection led when a step's write was sent last.
    pub fn call_target(&self, step: StepIndex) -> Option<&Digest> {
        let (key, _) = self.steps[step].call.as_ref()?;
        self.calls.get(key).map(|memory| &memory.target)
    }

    /// The number of the attempt that a call of this step makes now.
    pub fn attempt(&self, step: StepIndex) -> u32 {
        if let Status::Retrying { attempt, .. } = self.steps[step].status { attempt } else { 1 }
    }

    /// Steps whose call was journaled without an answer: what a crash leaves behind.
    pub fn interrupted(&self) -> Vec<StepIndex> {
        let called = |step: &StepIndex| matches!(self.steps[*step].status, Status::Called { .. });
        (0..self.steps.len()).filter(called).collect()
    }

    /// How the run is.
    pub fn state(&self) -> State {
        if let Some(end) = &self.end {
            return end.state;
        }
        let states = self.steps.iter().filter_map(|step| match step.status {
            Status::Dormant
            | Status::Blocked
            | Status::Recovering { .. }
            | Status::Done
            | Status::Skipped
            | Status::Failed => None,
            Status::Ready
            | Status::Called { .. }
            | Status::Retrying { .. }
            | Status::Unknown { .. }
            | Status::Parking { .. }
            | Status::Holding { .. } => Some(State::Running),
            Status::Waiting { .. } => Some(State::Waiting),
            Status::Held { .. } => Some(State::Held),
            Status::Parked { .. } => Some(State::Parked),
        });
        states.min().unwrap_or(State::Running)
    }
}

impl StepRun {
    fn blocked() -> Self {
        Self { status: Status::Blocked, output: None, failure: None, call: None, is_probe: false, look_ups: 0 }
    }
}
