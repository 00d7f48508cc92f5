//! What happened in a run, as it is journaled.

use ferry_contract::{
    failure::Failure,
    key::{CallKey, Digest},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{letter::Decision, xref::Pair};
use crate::once::Found;

/// One thing that happened. Steps are named, so that a journal can be read.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The run began with this event.
    Started {
        /// The event.
        event: Value,
        /// The step that it was begun by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Parent>,
        /// Why it cannot be run as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<Failure>,
    },
    /// The step is done for each of these items from now on.
    Spread {
        /// The step.
        step: String,
        /// The items, in order.
        items: Vec<Item>,
    },
    /// A map, a script or a check gave this.
    Evaluated {
        /// The step.
        step: String,
        /// Its output.
        output: Value,
    },
    /// The step told other pipelines.
    Emitted {
        /// The step.
        step: String,
        /// The event's name.
        event: String,
        /// Its business key.
        key: String,
        /// Its content.
        data: Value,
    },
    /// The step has read these pairs of cross-references, which its values see from then on.
    Referenced {
        /// The step.
        step: String,
        /// The pairs, also those that there are not.
        pairs: Vec<Pair>,
    },
    /// The step recorded a pair of a cross-reference.
    Linked {
        /// The step.
        step: String,
        /// The cross-reference.
        table: String,
        /// What one system calls the record.
        key: String,
        /// What the other one calls it.
        to: String,
        /// What it was called there before, where that is another name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<String>,
    },
    /// The step's condition did not hold, or it goes on without what it waited for.
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
    /// The call was done once, and the target is asked whether that still stands.
    Doubted {
        /// The step.
        step: String,
        /// The call's name.
        key: CallKey,
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
    /// The step waits from now on.
    Waiting {
        /// The step.
        step: String,
        /// For what.
        on: On,
    },
    /// What it waited for is there.
    Arrived {
        /// The step.
        step: String,
        /// What came.
        output: Value,
    },
    /// A person said yes.
    Approved {
        /// The step.
        step: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// A person must decide.
    Parked {
        /// The step.
        step: String,
        /// What to check, and why.
        reason: String,
    },
    /// A person found out what had become of the step's call.
    Decided {
        /// The step.
        step: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// What it was.
        decision: Decision,
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
        /// Where it starts.
        #[serde(default)]
        from: From,
        /// Whether a person wanted it, and no machine: only then may be paid again what the target has cancelled.
        #[serde(default)]
        by_person: bool,
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
    Finished {
        /// What it gives to the step that began it.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        output: Value,
    },
}

/// One item of a list, with the name by which it is known for ever.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Item {
    /// Its name.
    pub key: String,
    /// The item.
    pub value: Value,
}

/// The step that began a run, by calling its pipeline or by an event that it emitted.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Parent {
    /// Its run.
    pub run: String,
    /// The step.
    pub step: String,
    /// How many runs stand above this one.
    pub depth: u32,
    /// Whether the step waits for this run's end.
    pub waits: bool,
}

/// What a step waits for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// A time.
    Time,
    /// The answer to a question; and perhaps an event that makes it ask at once.
    Answer {
        /// The event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wake: Option<Wanted>,
    },
    /// An event.
    Event(Wanted),
    /// A person.
    Approval {
        /// Who may.
        by: Vec<String>,
        /// Who may not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maker: Option<String>,
        /// What the person sees.
        show: Value,
    },
    /// The end of another run.
    Run {
        /// The run.
        run: String,
        /// How many entries it had before: it ends after these.
        #[serde(default)]
        seen: u64,
    },
    /// Somebody who says that the store remembers all that was sent: nothing else can tell whether this was.
    Trust,
}

/// An event by its name and a value in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Wanted {
    /// The event's name.
    pub event: String,
    /// Where the value is.
    pub path: String,
    /// The value.
    pub value: String,
}

/// Where a run starts again.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// With its first step.
    #[default]
    Start,
    /// With the steps that are not done.
    Failed,
    /// With this step, and what comes after it.
    Step(String),
}

impl Entry {
    /// The step that it is about.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Evaluated { step, .. }
            | Self::Spread { step, .. }
            | Self::Emitted { step, .. }
            | Self::Referenced { step, .. }
            | Self::Linked { step, .. }
            | Self::Doubted { step, .. }
            | Self::Approved { step, .. }
            | Self::Decided { step, .. }
            | Self::Skipped { step }
            | Self::Called { step, .. }
            | Self::Answered { step, .. }
            | Self::Failed { step, .. }
            | Self::LookedUp { step, .. }
            | Self::Held { step, .. }
            | Self::Released { step }
            | Self::Waiting { step, .. }
            | Self::Arrived { step, .. }
            | Self::Parked { step, .. }
            | Self::DeadLettered { step, .. } => Some(step),
            Self::Started { .. } | Self::Resumed { .. } | Self::Cancelled { .. } | Self::Finished { .. } => None,
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
            Self::Finished { .. } => "finished",
            Self::Spread { .. } => "spread",
            Self::Emitted { .. } => "emitted",
            Self::Referenced { .. } => "referenced",
            Self::Linked { .. } => "linked",
            Self::Doubted { .. } => "doubted",
            Self::Approved { .. } => "approved",
            Self::Decided { .. } => "decided",
        }
    }
}
