//! What is written: changes in groups, and what a group did.

use std::collections::BTreeMap;

use ferry_contract::{
    failure::Failure,
    key::{CallKey, Digest},
};
use ferry_core::run::{Entry, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EngineId, Fence, Leased, RunId};

/// One change. All changes of a group are durable together, or none is.
#[derive(Clone, Debug)]
pub enum Change {
    /// An event arrived: a new run, a new revision, or nothing new.
    Receive(Arrival),
    /// One entry more in a run's journal.
    Append {
        /// The run.
        run: RunId,
        /// The right to write to it.
        fence: Fence,
        /// The entry's number; another one there is an error.
        sequence: u64,
        /// When it happened.
        at: Timestamp,
        /// What happened.
        entry: Entry,
    },
    /// Where the run is, for lists and the scheduler.
    Project {
        /// The run.
        run: RunId,
        /// The right to write to it.
        fence: Fence,
        /// How it is.
        state: State,
        /// When it goes on by itself; nothing where it does not.
        due: Option<Timestamp>,
        /// Where it is, in words.
        note: String,
        /// Whether its engine lets it go.
        hold: Hold,
    },
    /// The run is about to make this call, which no other run has made.
    Claim {
        /// The call's name.
        key: CallKey,
        /// The run.
        run: RunId,
        /// The digest of its input.
        digest: Digest,
    },
    /// The run failed, and is kept for a person.
    DeadLetter {
        /// The run.
        run: RunId,
        /// The step.
        step: String,
        /// Why.
        failure: Failure,
        /// The event that the run has now.
        event: Value,
        /// When.
        at: Timestamp,
    },
    /// An ended run starts again.
    Resume {
        /// The run.
        run: RunId,
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The run could not be driven: its engine lets it go until later.
    Defer {
        /// The run.
        run: RunId,
        /// The right to write to it.
        fence: Fence,
        /// Until then.
        until: Timestamp,
    },
    /// How far a trigger has come.
    Cursor {
        /// The trigger's name.
        trigger: String,
        /// The value of the growing field.
        value: String,
    },
    /// Somebody says whether the store may be believed.
    Judge {
        /// Whether it may.
        is_trusted: bool,
        /// Who says so.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The files of a version, so that its runs can finish on it.
    Version {
        /// Its name.
        version: Digest,
        /// The files.
        files: VersionFiles,
    },
}

/// What an engine does with a run after it has said where the run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// It goes on driving it: the run stays due, so that it is taken up if the engine dies.
    Keep,
    /// It lets it go.
    Release,
}

/// An event as it arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The pipeline.
    pub pipeline: String,
    /// The version that a new run takes.
    pub version: Digest,
    /// The business key.
    pub event_key: String,
    /// What tells two versions of the event apart.
    pub revision: String,
    /// The event.
    pub event: Value,
    /// Why it cannot be run; it is then a dead letter from the start.
    pub refused: Option<Failure>,
    /// When it arrived.
    pub at: Timestamp,
    /// The engine that drives a new run at once; nothing where whoever comes first takes it up.
    pub owner: Option<EngineId>,
}

/// The files that a plan was made of.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct VersionFiles {
    /// The project's name.
    pub project: String,
    /// `ferry.yaml`.
    pub project_text: String,
    /// The pipeline's file name.
    pub pipeline_name: String,
    /// The pipeline.
    pub pipeline_text: String,
    /// Tables by name.
    pub tables: BTreeMap<String, String>,
}

/// What a group did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Committed {
    /// Events that began a run.
    pub started: usize,
    /// Those of them that the arrival's engine drives already.
    pub leased: Vec<Leased>,
    /// Corrected events that reopened a run.
    pub reopened: usize,
    /// Events that were there already.
    pub known: usize,
}
