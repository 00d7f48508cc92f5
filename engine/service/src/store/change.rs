//! What is written: changes in groups, and what a group did.

use std::collections::BTreeMap;

use ferry_contract::{
    failure::Failure,
    key::{CallKey, Digest},
};
use ferry_core::{
    plan::{Correlation, Promises, Use},
    run::{Entry, From, Letter, Parent, Reservation, State},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EngineId, Fence, ItemName, Itemizing, Leased, PairName, Posted, RunId};

/// One change. All changes of a group are durable together, or none is.
#[derive(Clone, Debug)]
pub enum Change {
    /// An event arrived: a new run, a new revision, or nothing new.
    Receive(Arrival),
    /// An event arrived, and its engine has begun its run in memory: the group goes on with that run's entries,
    /// and is refused with [`StoreError::Fenced`](super::StoreError) where the event is known.
    Begin(Arrival),
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
        /// How many letters its engine has read: a later one makes it due at once.
        mail: i64,
        /// Whether it keeps its place among the runs of one `concurrency` key.
        is_active: bool,
    },
    /// All that a run reserves from now on.
    Reserve {
        /// The run.
        run: RunId,
        /// The right to write to it.
        fence: Fence,
        /// Its units' reservations.
        reservations: Vec<Reservation>,
    },
    /// A letter to a run: it is kept until the run has journaled what came of it.
    Send {
        /// The run.
        run: RunId,
        /// The letter.
        letter: Letter,
        /// When.
        at: Timestamp,
    },
    /// A letter is done with.
    Read {
        /// The run.
        run: RunId,
        /// The right to write to it.
        fence: Fence,
        /// The letter's number.
        number: i64,
    },
    /// An event for whoever waits for it, now or later.
    Post {
        /// Its name.
        event: String,
        /// Its key: the same event again is nothing new.
        key: String,
        /// Its content.
        data: Value,
        /// When.
        at: Timestamp,
    },
    /// Those who wait for a posted event and are not told yet: so many as one transaction tells.
    Tell {
        /// The event's name.
        event: String,
        /// Its key.
        key: String,
        /// When.
        at: Timestamp,
    },
    /// Nobody has claimed an event: where that has been so for
    /// [`UNCLAIMED_AFTER`](crate::limits::UNCLAIMED_AFTER), it is a dead letter from now on.
    GiveUp {
        /// The event's name.
        event: String,
        /// Its key.
        key: String,
        /// When.
        at: Timestamp,
    },
    /// Events of this name are looked at here, so that those which come before a wait are found.
    Watch {
        /// The event's name.
        event: String,
        /// The JSONPath.
        path: String,
        /// What for.
        uses: Use,
    },
    /// What a person did, for the audit.
    Audit(Act),
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
        /// Where it starts, on which version, and with which event.
        how: Again,
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
    /// A pair of a cross-reference, if it is still as it was read: compare and set.
    Pair(PairName, Pairing),
    /// An item of a reconciliation, if it is still as it was read: compare and set.
    Item(ItemName, Itemizing),
    /// A row that processes share, if it is still as it was read: compare and set.
    Share {
        /// Its name.
        name: String,
        /// The version that it was read with; 0 where there was none.
        expected: u64,
        /// What it is from now on, with the next version.
        value: Value,
    },
    /// The story of a run is too old to be kept: where it finished or was cancelled before then, only the names of
    /// its event and its calls stay.
    Forget {
        /// The run.
        run: RunId,
        /// When it must have been over.
        before: Timestamp,
    },
    /// What a settled event said is too old to be kept.
    ForgetEvent {
        /// Its name.
        event: String,
        /// Its key.
        key: String,
        /// When it must have come.
        before: Timestamp,
    },
}

impl Change {
    /// Watches what a plan's step waits for.
    pub fn watch((correlation, uses): (&Correlation, Use)) -> Self {
        Self::Watch { event: correlation.event.clone(), path: correlation.theirs.text().to_owned(), uses }
    }
}

/// What a pair of a cross-reference becomes.
#[derive(Clone, Debug)]
pub struct Pairing {
    /// What the other system calls the record by what was read; nothing where there was no pair.
    pub was: Option<String>,
    /// What it calls it from now on; nothing where there is to be no pair.
    pub to: Option<String>,
    /// The run, or the person, that says so.
    pub by: String,
    /// The run and the right to write to it, where a run says so.
    pub run: Option<(RunId, Fence)>,
    /// When.
    pub at: Timestamp,
}

/// A row that processes share.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// Counts the changes, from 1.
    pub version: u64,
    /// What it is.
    pub value: Value,
}

/// How an ended run starts again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Again {
    /// Where it starts.
    pub from: From,
    /// Another version than the one it ran on.
    pub version: Option<Digest>,
    /// Another event than the one it had.
    pub event: Option<Value>,
    /// Whether a person wants it.
    pub by_person: bool,
    /// How many entries it had when somebody looked at what that would do; any, where nobody has.
    pub seen: Option<u64>,
}

/// What a person did.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct Act {
    /// Who.
    pub by: String,
    /// What, in one word: `replay`, `approve`, `decide` …
    pub act: String,
    /// To what: a run, or a name of many.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// More, such as how many and how much.
    pub detail: Value,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
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
    /// Why it cannot be run; its run then does nothing but end as a dead letter.
    pub refused: Option<Failure>,
    /// When it arrived.
    pub at: Timestamp,
    /// The engine that drives a new run at once; nothing where whoever comes first takes it up.
    pub owner: Option<EngineId>,
    /// The step that begins it.
    pub parent: Option<Parent>,
    /// What it has in common with the runs that go before it, and how many of them go at once.
    pub lane: Option<(String, u32)>,
}

impl Arrival {
    /// The first entry of its run.
    pub fn started(&self) -> Entry {
        let Self { event, parent, refused, .. } = self.clone();
        Entry::Started { event, parent, refused }
    }
}

/// The files that a plan was made of.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct VersionFiles {
    /// The project's name.
    pub project: String,
    /// `ferry.yaml`.
    pub project_text: String,
    /// The pipeline's file name.
    pub pipeline_name: String,
    /// The pipeline.
    pub pipeline_text: String,
    /// Tables by file name; one without an extension is YAML.
    pub tables: BTreeMap<String, String>,
    /// Map files by name.
    #[serde(default)]
    pub maps: BTreeMap<String, String>,
    /// Rhai modules by their path.
    #[serde(default)]
    pub scripts: BTreeMap<String, String>,
    /// The values of the parameters, as texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// The environment, where the project has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What its calls were promised by their targets.
    #[serde(default)]
    pub promises: Promises,
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
    /// Posted events that became dead letters.
    pub given_up: Vec<Posted>,
    /// Runs and events that were forgotten.
    pub forgotten: usize,
}
