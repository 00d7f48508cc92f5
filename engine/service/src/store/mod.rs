//! What must not be forgotten, as a port: inbox, journal, calls, cursors, dead letters, versions.

pub mod sqlite;

use std::{collections::BTreeMap, fmt};

use ferry_contract::{
    failure::Failure,
    key::{CallKey, Digest},
    port::Boxed,
};
use ferry_core::run::{Entry, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of a run: the same for the same pipeline and business key, for ever.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The run of an event.
    pub fn of(pipeline: &str, event_key: &str) -> Self {
        let digest = Digest::of(format!("{pipeline}\n{event_key}"));
        Self(format!("run_{}", &digest.as_str()[..20]))
    }

    /// A run named by a person.
    pub fn named(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One change. All changes of a group are durable together, or none is.
#[derive(Clone, Debug)]
pub enum Change {
    /// An event arrived: a new run, a new revision, or nothing new.
    Receive(Arrival),
    /// One entry more in a run's journal.
    Append {
        /// The run.
        run: RunId,
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
        /// How it is.
        state: State,
        /// When it goes on by itself; nothing where it does not.
        due: Option<Timestamp>,
        /// Where it is, in words.
        note: String,
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
    /// The run could not be driven, and is put off.
    Defer {
        /// The run.
        run: RunId,
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
    /// The files of a version, so that its runs can finish on it.
    Version {
        /// Its name.
        version: Digest,
        /// The files.
        files: VersionFiles,
    },
    /// A row that processes share, if it is still as it was read: compare and set.
    Share {
        /// Its name.
        name: String,
        /// The version that it was read with; 0 where there was none.
        expected: u64,
        /// What it is from now on, with the next version.
        value: Value,
    },
}

/// A row that processes share.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// Counts the changes, from 1.
    pub version: u64,
    /// What it is.
    pub value: Value,
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
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Committed {
    /// Events that began a run.
    pub started: usize,
    /// Corrected events that reopened a run.
    pub reopened: usize,
    /// Events that were there already.
    pub known: usize,
}

/// A run as it is stored.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// The row.
    pub row: RunRow,
    /// Its journal in order.
    pub journal: Vec<(Timestamp, Entry)>,
}

/// A run in a list.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// The pipeline.
    pub pipeline: String,
    /// The version it runs on.
    pub version: String,
    /// The business key.
    pub event_key: String,
    /// How it is.
    pub state: String,
    /// Where it is, in words.
    pub note: String,
    /// When it began.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// When something last happened.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// When it goes on by itself.
    #[schemars(with = "Option<String>")]
    pub due_at: Option<Timestamp>,
}

/// A dead letter.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct DeadLetter {
    /// The run, which is also the dead letter's name.
    pub run: RunId,
    /// The pipeline.
    pub pipeline: String,
    /// The business key.
    pub event_key: String,
    /// The step that failed.
    pub step: String,
    /// The error class.
    pub class: String,
    /// Why.
    pub message: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The original event.
    pub event: Value,
}

/// Which runs or dead letters to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this pipeline.
    pub pipeline: Option<String>,
    /// Only in this state, or of this class.
    pub kind: Option<String>,
    /// At most that many.
    pub limit: usize,
}

/// Why the store did not do something. One variant per reaction.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// Another process uses the store.
    #[error("{0}")]
    InUse(String),
    /// The file cannot be opened, or is of another version.
    #[error("{0}")]
    Open(String),
    /// Another run has made this call.
    #[error("the call `{key}` was made by {run} already")]
    CallTaken {
        /// The call's name.
        key: String,
        /// The other run.
        run: String,
    },
    /// The journal has another entry with this number: someone else drives the run.
    #[error("the journal of {0} has gone on without this engine")]
    Fenced(String),
    /// The run is not one that can start again.
    #[error("{0}")]
    NotEnded(String),
    /// Another process has changed a shared row since it was read: read it again.
    #[error("`{0}` was changed by another process")]
    Stale(String),
    /// The disk or the file failed: nothing of the group is durable.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// The port.
pub trait Store: Send + Sync {
    /// Takes a group in the order of the calls; the future ends when it is durable.
    fn commit(&self, group: Vec<Change>) -> Boxed<'static, Result<Committed, StoreError>>;
    /// A run with its journal.
    fn run<'a>(&'a self, run: &'a RunId) -> Boxed<'a, Result<Option<StoredRun>, StoreError>>;
    /// Open runs by the time at which they go on, earliest first.
    fn due(&self, limit: usize) -> Boxed<'_, Result<Vec<(RunId, Timestamp)>, StoreError>>;
    /// How far a trigger has come.
    fn cursor<'a>(&'a self, trigger: &'a str) -> Boxed<'a, Result<Option<String>, StoreError>>;
    /// The files of a version.
    fn version<'a>(&'a self, version: &'a Digest) -> Boxed<'a, Result<Option<VersionFiles>, StoreError>>;
    /// A row that processes share.
    fn shared<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<Shared>, StoreError>>;
    /// Runs, the latest first.
    fn runs<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<RunRow>, StoreError>>;
    /// The number of runs in each state.
    fn counts(&self) -> Boxed<'_, Result<BTreeMap<String, u64>, StoreError>>;
    /// Dead letters, the latest first.
    fn dead_letters<'a>(&'a self, filter: &'a Filter) -> Boxed<'a, Result<Vec<DeadLetter>, StoreError>>;
}
