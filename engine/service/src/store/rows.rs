//! Rows as every store keeps them: which ones a group touches, those that are there, and those to write.

mod item;
mod keys;
mod mail;

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::failure::ErrorClass;
use ferry_core::{
    plan::Use,
    run::{Reservation, State},
};

use super::{EngineId, Fence, ItemName, PairName, RunId, lease::Alive};
use crate::limits::TOLD_AT_ONCE_MAX;
pub(super) use item::{Finding, ItemRecord, found_by};
pub(super) use keys::Keys;
pub(super) use mail::{Death, MailRecord, Paths, PostKey, PostRecord, WAKES, WaitRecord, Wanted, values};

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
    pub(super) fence: Fence,
    pub(super) owner: Option<EngineId>,
    /// How many letters were sent to it so far.
    pub(super) mail: i64,
    /// The step that began it, as JSON.
    pub(super) parent: Option<String>,
    /// What it has in common with the runs that go before it, and how many of them go at once.
    pub(super) lane: Option<String>,
    pub(super) lane_limit: i64,
    /// Its place in the order in which events arrived.
    pub(super) place: i64,
    /// Whether it has one of these places.
    pub(super) is_active: bool,
}

/// The end of a journal. It is read from the journal itself, so that an entry changes no row of `runs`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    /// The number of the next entry.
    pub(super) length: i64,
    /// When the last entry was.
    pub(super) at_ms: i64,
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

/// What a pair of a cross-reference says, and since when.
#[derive(Clone, Debug)]
pub(super) struct PairRecord {
    pub(super) to: String,
    pub(super) by: String,
    pub(super) at_ms: i64,
}

/// What somebody said of the store.
#[derive(Clone, Debug)]
pub(super) struct VerdictRecord {
    pub(super) verdict: &'static str,
    pub(super) by: String,
    pub(super) reason: String,
    pub(super) at_ms: i64,
}

/// The rows that were there when the batch began.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) runs: BTreeMap<RunId, RunRecord>,
    /// Of journals that have entries.
    pub(super) tails: BTreeMap<RunId, Tail>,
    pub(super) inbox: BTreeMap<RunId, InboxRecord>,
    pub(super) calls: BTreeMap<String, CallRecord>,
    /// The steps of dead letters.
    pub(super) letters: BTreeMap<RunId, String>,
    /// Those of the named engines that are alive.
    pub(super) engines: Alive,
    /// The versions of shared rows.
    pub(super) shared: BTreeMap<String, u64>,
    /// What pairs of cross-references say.
    pub(super) pairs: BTreeMap<PairName, String>,
    pub(super) items: BTreeMap<ItemName, ItemRecord>,
    /// The number of the last change of an item; known where items may change.
    pub(super) items_last: i64,
    /// Posted events that nobody has claimed, or that the run itself has, by what waits for them.
    pub(super) found: BTreeMap<Wanted, Vec<(PostKey, PostRecord)>>,
    /// Posted events by name.
    pub(super) posts: BTreeMap<PostKey, PostRecord>,
    pub(super) paths: Paths,
    /// The steps that wait for what is posted.
    pub(super) waits: BTreeSet<WaitRecord>,
}

/// The rows to write, the last state of each.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) runs: BTreeMap<RunId, RunRecord>,
    /// What the journals end with from now on; not a row of its own.
    pub(super) tails: BTreeMap<RunId, Tail>,
    pub(super) inbox: BTreeMap<RunId, InboxRecord>,
    /// Only new ones, in order.
    pub(super) journal: Vec<JournalRecord>,
    /// Only new ones.
    pub(super) calls: BTreeMap<String, CallRecord>,
    /// Nothing where the letter goes.
    pub(super) letters: BTreeMap<RunId, Option<LetterRecord>>,
    pub(super) cursors: BTreeMap<String, String>,
    pub(super) versions: BTreeMap<String, String>,
    /// Shared rows, each with its next version.
    pub(super) shared: BTreeMap<String, (u64, String)>,
    /// Pairs of cross-references; nothing where there is to be none.
    pub(super) pairs: BTreeMap<PairName, Option<PairRecord>>,
    pub(super) items: BTreeMap<ItemName, ItemRecord>,
    /// Nothing where no item changes.
    pub(super) items_last: Option<i64>,
    /// Names by which items are found from now on, or no more.
    pub(super) findings: BTreeMap<Finding, bool>,
    /// Only new ones.
    pub(super) mail: Vec<MailRecord>,
    /// Letters that are done with.
    pub(super) read: BTreeSet<(RunId, i64)>,
    /// Runs whose letters before a number are read by nobody any more.
    pub(super) dropped: BTreeMap<RunId, i64>,
    /// Nothing where the wait is over.
    pub(super) waits: BTreeMap<(RunId, String), Option<WaitRecord>>,
    /// Runs none of whose steps waits any more; what is in `waits` comes after.
    pub(super) wait_no_more: BTreeSet<RunId>,
    pub(super) posts: BTreeMap<PostKey, PostRecord>,
    /// Events of which not all who wait for them are told; false where all are from now on.
    pub(super) untold: BTreeMap<PostKey, bool>,
    /// Where posted events are found.
    pub(super) values: BTreeSet<(Wanted, String)>,
    /// Paths that are watched, by event and path.
    pub(super) paths: BTreeMap<(String, String), Use>,
    /// All that these runs reserve.
    pub(super) reservations: BTreeMap<RunId, Vec<Reservation>>,
    pub(super) acts: Vec<String>,
    /// Only new ones, in order.
    pub(super) verdicts: Vec<VerdictRecord>,
    /// Runs whose rows, journals and letters go.
    pub(super) forgotten: BTreeSet<RunId>,
    /// Events whose content goes, and where they are not found any more.
    pub(super) said_no_more: BTreeSet<PostKey>,
    pub(super) found_no_more: BTreeSet<(Wanted, String)>,
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
        self.writes.tails.extend(writes.tails);
        self.writes.inbox.extend(writes.inbox);
        self.writes.journal.extend(writes.journal);
        self.writes.calls.extend(writes.calls);
        self.writes.letters.extend(writes.letters);
        self.writes.cursors.extend(writes.cursors);
        self.writes.versions.extend(writes.versions);
        self.writes.shared.extend(writes.shared);
        self.writes.pairs.extend(writes.pairs);
        self.writes.items.extend(writes.items);
        self.writes.items_last = writes.items_last.or(self.writes.items_last);
        self.writes.findings.extend(writes.findings);
        self.writes.mail.extend(writes.mail);
        self.writes.read.extend(writes.read);
        self.writes.dropped.extend(writes.dropped);
        // What a group before began to wait for is over, too.
        self.writes.waits.retain(|(run, _), _| !writes.wait_no_more.contains(run));
        self.writes.wait_no_more.extend(writes.wait_no_more);
        self.writes.waits.extend(writes.waits);
        self.writes.posts.extend(writes.posts);
        self.writes.untold.extend(writes.untold);
        self.writes.values.extend(writes.values);
        self.writes.paths.extend(writes.paths);
        self.writes.reservations.extend(writes.reservations);
        self.writes.acts.extend(writes.acts);
        self.writes.verdicts.extend(writes.verdicts);
        self.writes.forgotten.extend(writes.forgotten);
        self.writes.said_no_more.extend(writes.said_no_more);
        self.writes.found_no_more.extend(writes.found_no_more);
    }

    /// What was there, and what is to be written: a row that was not there is new.
    pub(super) fn into_parts(self) -> (Rows, Writes) {
        (self.rows, self.writes)
    }
}

impl Draft<'_> {
    pub(super) fn run(&self, run: &RunId) -> Option<&RunRecord> {
        if self.writes.forgotten.contains(run) || self.view.writes.forgotten.contains(run) {
            return None;
        }
        let written = self.writes.runs.get(run).or_else(|| self.view.writes.runs.get(run));
        written.or_else(|| self.view.rows.runs.get(run))
    }

    /// What a run's journal ends with; nothing where it is empty.
    pub(super) fn tail(&self, run: &RunId) -> Tail {
        let written = self.writes.tails.get(run).or_else(|| self.view.writes.tails.get(run));
        written.or_else(|| self.view.rows.tails.get(run)).copied().unwrap_or_default()
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

    pub(super) fn post(&self, key: &PostKey) -> Option<&PostRecord> {
        let written = self.writes.posts.get(key).or_else(|| self.view.writes.posts.get(key));
        let found = || self.view.rows.found.values().flatten().find(|(name, _)| name == key).map(|(_, post)| post);
        written.or_else(|| self.view.rows.posts.get(key)).or_else(found)
    }

    /// Posted events that a run may claim, the earliest first.
    pub(super) fn posts_for(&self, run: &RunId, wanted: &Wanted) -> Vec<PostKey> {
        let read = self.view.rows.found.get(wanted).into_iter().flatten().map(|(key, _)| key.clone());
        let written = self.view.writes.values.iter().chain(&self.writes.values);
        let written =
            written.filter(|(value, _)| value == wanted).map(|(value, key)| (value.event.clone(), key.clone()));
        let mut keys: Vec<PostKey> = read.chain(written).collect();
        keys.retain(|key| {
            self.post(key).is_some_and(|post| post.claimed_by.as_ref().is_none_or(|claimed_by| claimed_by == run))
        });
        keys.sort_by_key(|key| self.post(key).map(|post| post.at_ms));
        keys.dedup();
        keys
    }

    /// The paths at which events of a name are looked at.
    pub(super) fn paths(&self) -> &Paths {
        &self.view.rows.paths
    }

    /// What a path is watched for by this batch.
    pub(super) fn watched(&self, name: &(String, String)) -> Option<Use> {
        self.writes.paths.get(name).or_else(|| self.view.writes.paths.get(name)).copied()
    }

    /// The steps that wait for a value: those that were there, and those that groups before and this one have written.
    pub(super) fn waits_for(&self, wanted: &Wanted) -> Vec<WaitRecord> {
        let (before, own) = (&self.view.writes, &self.writes);
        let is_over = |writes: &Writes, name: &(RunId, String)| {
            writes.waits.contains_key(name) || writes.wait_no_more.contains(&name.0)
        };
        let read = self.view.rows.waits.iter().filter(|wait| {
            let name = (wait.run.clone(), wait.step.clone());
            !is_over(before, &name) && !is_over(own, &name)
        });
        let before = before.waits.iter().filter(|(name, _)| !is_over(own, name));
        let written = before.filter_map(|(_, wait)| wait.as_ref()).chain(own.waits.values().flatten());
        let found: BTreeSet<&WaitRecord> = read.chain(written).filter(|wait| wait.wanted == *wanted).collect();
        found.into_iter().cloned().collect()
    }

    /// Whether more wait for a value than were read.
    pub(super) fn more_wait_for(&self, wanted: &Wanted) -> bool {
        self.view.rows.waits.iter().filter(|wait| wait.wanted == *wanted).count() > TOLD_AT_ONCE_MAX
    }

    /// The version of a shared row; 0 where there is none.
    pub(super) fn shared(&self, name: &str) -> u64 {
        let written = self.writes.shared.get(name).or_else(|| self.view.writes.shared.get(name));
        let read = || self.view.rows.shared.get(name).copied();
        written.map(|(version, _)| *version).or_else(read).unwrap_or(0)
    }

    /// What a pair of a cross-reference says.
    pub(super) fn pair(&self, name: &PairName) -> Option<&str> {
        match self.writes.pairs.get(name).or_else(|| self.view.writes.pairs.get(name)) {
            Some(written) => written.as_ref().map(|record| record.to.as_str()),
            None => self.view.rows.pairs.get(name).map(String::as_str),
        }
    }

    pub(super) fn item(&self, name: &ItemName) -> Option<&ItemRecord> {
        let written = self.writes.items.get(name).or_else(|| self.view.writes.items.get(name));
        written.or_else(|| self.view.rows.items.get(name))
    }

    /// The number of the last change of an item.
    pub(super) fn items_last(&self) -> i64 {
        self.writes.items_last.or(self.view.writes.items_last).unwrap_or(self.view.rows.items_last)
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

/// Who can usually mend a dead letter of a class.
pub(super) fn mended_by(class: &str) -> String {
    ErrorClass::from_name(class).map_or("an operator", ErrorClass::mended_by).to_owned()
}
