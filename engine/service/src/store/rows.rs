//! Rows as every store keeps them: which ones a group touches, those that are there, and those to write.

use std::collections::{BTreeMap, BTreeSet};

use ferry_core::run::State;

use super::{Change, EngineId, Fence, RunId, lease::Alive};

/// A run.
#[derive(Clone, Debug)]
pub(super) struct RunRecord {
    pub(super) pipeline: String,
    pub(super) version: String,
    pub(super) event_key: String,
    pub(super) state: String,
    pub(super) note: String,
    pub(super) started_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) due_ms: Option<i64>,
    /// The number of its next entry.
    pub(super) length: i64,
    pub(super) fence: Fence,
    pub(super) owner: Option<EngineId>,
}

/// One row an event for ever: the guard against the same event delivered twice.
#[derive(Clone, Debug)]
pub(super) struct InboxRecord {
    pub(super) revision: String,
    pub(super) received_ms: i64,
    /// A corrected event that the run has not seen.
    pub(super) newer: Option<String>,
}

/// One entry.
#[derive(Clone, Debug)]
pub(super) struct JournalRecord {
    pub(super) run: RunId,
    pub(super) sequence: i64,
    pub(super) at_ms: i64,
    pub(super) entry: String,
}

/// One row a call for ever: the guard against two runs that make the same call.
#[derive(Clone, Debug)]
pub(super) struct CallRecord {
    pub(super) run: RunId,
    pub(super) digest: String,
}

/// A dead letter.
#[derive(Clone, Debug)]
pub(super) struct LetterRecord {
    pub(super) pipeline: String,
    pub(super) event_key: String,
    pub(super) step: String,
    pub(super) class: String,
    pub(super) message: String,
    pub(super) at_ms: i64,
    pub(super) event: String,
}

/// What somebody said of the store.
#[derive(Clone, Debug)]
pub(super) struct VerdictRecord {
    pub(super) verdict: &'static str,
    pub(super) by: String,
    pub(super) reason: String,
    pub(super) at_ms: i64,
}

/// The names of rows that a batch touches, each in the order in which they are locked.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Rows of `runs`, and of `inbox` beside them.
    pub(super) runs: BTreeSet<RunId>,
    pub(super) calls: BTreeSet<String>,
    /// Dead letters whose step must be known.
    pub(super) letters: BTreeSet<RunId>,
    pub(super) engines: BTreeSet<EngineId>,
}

impl Keys {
    /// What a group needs.
    pub(super) fn add(&mut self, group: &[Change]) {
        for change in group {
            match change {
                Change::Receive(arrival) => {
                    self.runs.insert(RunId::of(&arrival.pipeline, &arrival.event_key));
                    self.engines.extend(arrival.owner.clone());
                }
                Change::Append { run, .. }
                | Change::Project { run, .. }
                | Change::DeadLetter { run, .. }
                | Change::Defer { run, .. } => {
                    self.runs.insert(run.clone());
                }
                Change::Claim { key, .. } => {
                    self.calls.insert(key.as_str().to_owned());
                }
                Change::Resume { run, .. } => {
                    self.runs.insert(run.clone());
                    self.letters.insert(run.clone());
                }
                Change::Cursor { .. } | Change::Judge { .. } | Change::Version { .. } => {}
            }
        }
    }
}

/// The rows that were there when the batch began.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) runs: BTreeMap<RunId, RunRecord>,
    pub(super) inbox: BTreeMap<RunId, InboxRecord>,
    pub(super) calls: BTreeMap<String, CallRecord>,
    /// The steps of dead letters.
    pub(super) letters: BTreeMap<RunId, String>,
    /// Those of the named engines that are alive.
    pub(super) engines: Alive,
}

/// The rows to write, the last state of each.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) runs: BTreeMap<RunId, RunRecord>,
    pub(super) inbox: BTreeMap<RunId, InboxRecord>,
    /// Only new ones, in order.
    pub(super) journal: Vec<JournalRecord>,
    /// Only new ones.
    pub(super) calls: BTreeMap<String, CallRecord>,
    /// Nothing where the letter goes.
    pub(super) letters: BTreeMap<RunId, Option<LetterRecord>>,
    pub(super) cursors: BTreeMap<String, String>,
    pub(super) versions: BTreeMap<String, String>,
    /// Only new ones, in order.
    pub(super) verdicts: Vec<VerdictRecord>,
}

/// What the groups of a batch see: the rows that were there, and what the groups before wrote.
#[derive(Debug)]
pub(super) struct View {
    rows: Rows,
    writes: Writes,
}

/// What one group sees and writes, until it is taken whole or refused whole.
pub(super) struct Draft<'v> {
    view: &'v View,
    pub(super) writes: Writes,
}

impl View {
    pub(super) fn new(rows: Rows) -> Self {
        Self { rows, writes: Writes::default() }
    }

    pub(super) fn draft(&self) -> Draft<'_> {
        Draft { view: self, writes: Writes::default() }
    }

    /// Takes what a group wrote.
    pub(super) fn take(&mut self, writes: Writes) {
        self.writes.runs.extend(writes.runs);
        self.writes.inbox.extend(writes.inbox);
        self.writes.journal.extend(writes.journal);
        self.writes.calls.extend(writes.calls);
        self.writes.letters.extend(writes.letters);
        self.writes.cursors.extend(writes.cursors);
        self.writes.versions.extend(writes.versions);
        self.writes.verdicts.extend(writes.verdicts);
    }

    /// What was there, and what is to be written: a row that was not there is new.
    pub(super) fn into_parts(self) -> (Rows, Writes) {
        (self.rows, self.writes)
    }
}

impl Draft<'_> {
    pub(super) fn run(&self, run: &RunId) -> Option<&RunRecord> {
        let written = self.writes.runs.get(run).or_else(|| self.view.writes.runs.get(run));
        written.or_else(|| self.view.rows.runs.get(run))
    }

    pub(super) fn inbox(&self, run: &RunId) -> Option<&InboxRecord> {
        let written = self.writes.inbox.get(run).or_else(|| self.view.writes.inbox.get(run));
        written.or_else(|| self.view.rows.inbox.get(run))
    }

    pub(super) fn call(&self, key: &str) -> Option<&CallRecord> {
        let written = self.writes.calls.get(key).or_else(|| self.view.writes.calls.get(key));
        written.or_else(|| self.view.rows.calls.get(key))
    }

    /// The step at which a dead letter failed.
    pub(super) fn letter_step(&self, run: &RunId) -> Option<&str> {
        let written = self.writes.letters.get(run).or_else(|| self.view.writes.letters.get(run));
        match written {
            Some(letter) => letter.as_ref().map(|letter| letter.step.as_str()),
            None => self.view.rows.letters.get(run).map(String::as_str),
        }
    }

    pub(super) fn is_alive(&self, engine: &EngineId) -> bool {
        self.view.rows.engines.contains(engine)
    }
}

impl RunRecord {
    pub(super) fn is(&self, state: State) -> bool {
        self.state == state.name()
    }
}
