//! Units: the steps of a run, and its steps for one item each.

use std::sync::Arc;

use ferry_contract::{failure::Failure, key::CallKey};
use jiff::Timestamp;
use serde_json::Value;

use super::{Item, On, State, xref::Pairs};
use crate::plan::StepIndex;

/// The number of a unit in its run. The steps of the plan come first, with their own numbers.
pub type UnitIndex = usize;

/// A step, or a step for one item.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) step: StepIndex,
    pub(super) item: Option<Arc<Item>>,
    pub(super) status: Status,
    pub(super) output: Option<Value>,
    pub(super) failure: Option<Failure>,
    /// The key of the call in progress, and when its first attempt was made.
    pub(super) call: Option<(CallKey, Timestamp)>,
    /// Whether the last call was the probe of an open circuit.
    pub(super) is_probe: bool,
    pub(super) look_ups: u32,
    /// When it could start for the first time.
    pub(super) began: Option<Timestamp>,
    /// The arm whose call takes the place of the step's own.
    pub(super) fallback: Option<usize>,
    /// Its place among those that are held, from when it was held first.
    pub(super) hold: Option<Hold>,
    /// What it has read of cross-references.
    pub(super) pairs: Pairs,
}

/// What a unit holds for, from when it was held first until its call is settled.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) arm: usize,
    /// Whose call was held: the step's own, or the one of this arm in its place.
    pub(super) fallback: Option<usize>,
    pub(super) since: Timestamp,
    pub(super) what: Value,
    pub(super) is_released: bool,
}

/// Where a unit is.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// It belongs to an arm that was not taken.
    Dormant,
    /// It waits for other steps.
    Blocked,
    /// It can start.
    Ready,
    /// Its items are at work.
    Spread,
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
    /// Its call was done; a look-up tells whether the target has cancelled it since.
    Doubted {
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
        /// Since when.
        at: Timestamp,
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
    /// It waits.
    Waiting {
        /// Since when.
        since: Timestamp,
        /// For what.
        on: On,
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

impl Status {
    /// What a unit there makes of its run; nothing where it is over, or others are at work for it.
    pub fn state(&self) -> Option<State> {
        match self {
            Self::Dormant
            | Self::Blocked
            | Self::Spread
            | Self::Recovering { .. }
            | Self::Done
            | Self::Skipped
            | Self::Failed => None,
            Self::Ready
            | Self::Called { .. }
            | Self::Retrying { .. }
            | Self::Unknown { .. }
            | Self::Doubted { .. }
            | Self::Parking { .. }
            | Self::Holding { .. } => Some(State::Running),
            Self::Waiting { .. } => Some(State::Waiting),
            Self::Held { .. } => Some(State::Held),
            Self::Parked { .. } => Some(State::Parked),
        }
    }
}

impl Unit {
    pub(super) fn new(step: StepIndex, item: Option<Arc<Item>>, status: Status) -> Self {
        Self {
            step,
            item,
            status,
            output: None,
            failure: None,
            call: None,
            is_probe: false,
            look_ups: 0,
            began: None,
            fallback: None,
            hold: None,
            pairs: Pairs::new(),
        }
    }

    /// Whether it will not change any more by itself.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.status, Status::Done | Status::Skipped | Status::Failed)
    }

    /// Whether it has ended well.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.status, Status::Done | Status::Skipped)
    }

    /// Whether a call of it may have arrived without our knowing.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(
            self.status,
            Status::Called { .. } | Status::Unknown { .. } | Status::Parking { .. } | Status::Parked { .. }
        )
    }

    /// Whether it is at work, and not waiting for something outside.
    pub(super) fn is_active(&self) -> bool {
        self.status.state() == Some(State::Running)
    }
}
