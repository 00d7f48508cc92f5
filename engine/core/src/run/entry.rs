//! What happened in a run, as it is journaled.

use ferry_contract::{
    failure::Failure,
    key::{CallKey, Digest},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::once::Found;

/// One thing that happened. Steps are named, so that a journal can be read.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The run began with this event.
    Started {
        /// The event.
        event: Value,
    },
    /// A map, a script or a check gave this.
    Evaluated {
        /// The step.
        step: String,
        /// Its output.
        output: Value,
    },
    /// The step's condition did not hold.
    Skipped {
        /// The step.
        step: String,
    },
    /// The step's call is about to be sent.
    Called {
        /// The step.
        step: String,
        /// From 1.
        attempt: u32,
        /// The call's name.
        key: CallKey,
        /// The digest of its input.
        digest: Digest,
        /// The digest of where the connection leads.
        target: Digest,
        /// Whether it is the probe of an open circuit, which uses up no attempt.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_probe: bool,
    },
    /// The call was done.
    Answered {
        /// The step.
        step: String,
        /// Its output.
        output: Value,
    },
    /// The step, or its call, failed.
    Failed {
        /// The step.
        step: String,
        /// Why.
        failure: Failure,
    },
    /// A look-up showed whether the call arrived.
    LookedUp {
        /// The step.
        step: String,
        /// What it showed.
        found: Found,
        /// The step's output, where the call arrived.
        output: Value,
    },
    /// The step tries again when a condition holds.
    Held {
        /// The step.
        step: String,
        /// What it waits for.
        what: Value,
    },
    /// The condition of the hold holds.
    Released {
        /// The step.
        step: String,
    },
    /// The step polls from now on.
    Waiting {
        /// The step.
        step: String,
    },
    /// The poll's condition holds.
    Arrived {
        /// The step.
        step: String,
        /// The poll's answer.
        output: Value,
    },
    /// A person must decide.
    Parked {
        /// The step.
        step: String,
        /// What to check, and why.
        reason: String,
    },
    /// An ended run starts again; what was written stays written.
    Resumed {
        /// Who, or what.
        by: String,
        /// Why.
        reason: String,
        /// A corrected event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<Value>,
    },
    /// The run failed, and is kept for a person.
    DeadLettered {
        /// The step that failed.
        step: String,
        /// Why.
        failure: Failure,
    },
    /// A person ended the run.
    Cancelled {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The run has done all it was to do.
    Finished,
}

impl Entry {
    /// The step that it is about.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Evaluated { step, .. }
            | Self::Skipped { step }
            | Self::Called { step, .. }
            | Self::Answered { step, .. }
            | Self::Failed { step, .. }
            | Self::LookedUp { step, .. }
            | Self::Held { step, .. }
            | Self::Released { step }
            | Self::Waiting { step }
            | Self::Arrived { step, .. }
            | Self::Parked { step, .. }
            | Self::DeadLettered { step, .. } => Some(step),
            Self::Started { .. } | Self::Resumed { .. } | Self::Cancelled { .. } | Self::Finished => None,
        }
    }

    /// The entry's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Evaluated { .. } => "evaluated",
            Self::Skipped { .. } => "skipped",
            Self::Called { .. } => "called",
            Self::Answered { .. } => "answered",
            Self::Failed { .. } => "failed",
            Self::LookedUp { .. } => "looked_up",
            Self::Held { .. } => "held",
            Self::Released { .. } => "released",
            Self::Waiting { .. } => "waiting",
            Self::Arrived { .. } => "arrived",
            Self::Parked { .. } => "parked",
            Self::Resumed { .. } => "resumed",
            Self::DeadLettered { .. } => "dead_lettered",
            Self::Cancelled { .. } => "cancelled",
            Self::Finished => "finished",
        }
    }
}
