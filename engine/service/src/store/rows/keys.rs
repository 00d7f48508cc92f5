//! Which rows a batch touches, so that they are fetched, and locked, before anything is decided.

use std::collections::{BTreeMap, BTreeSet};

use ferry_core::run::{self, Entry, On};
use serde_json::Value;

use super::{Paths, PostKey, Rows, Wanted, values};
use crate::store::{Change, EngineId, ItemName, PairName, RunId};

/// The names of rows that a batch touches, each in the order in which they are locked.
#[derive(Debug, Default)]
pub(in crate::store) struct Keys {
    /// Rows of `runs` that may change, and of `inbox` beside them.
    pub(in crate::store) runs: BTreeSet<RunId>,
    /// Runs whose journals grow: their rows are only looked at, unless they are in `runs` too.
    pub(in crate::store) journals: BTreeSet<RunId>,
    pub(in crate::store) calls: BTreeSet<String>,
    /// Dead letters whose step must be known.
    pub(in crate::store) letters: BTreeSet<RunId>,
    pub(in crate::store) engines: BTreeSet<EngineId>,
    pub(in crate::store) shared: BTreeSet<String>,
    pub(in crate::store) pairs: BTreeSet<PairName>,
    pub(in crate::store) items: BTreeSet<ItemName>,
    /// Events that steps begin to wait for, each with their runs.
    pub(in crate::store) wanted: BTreeMap<Wanted, BTreeSet<RunId>>,
    /// Events that are posted, with their content.
    pub(in crate::store) posts: BTreeMap<PostKey, Value>,
    /// Events that are there, and are looked at again: nobody may have claimed them in time, or they may be too old.
    pub(in crate::store) looked_at: BTreeSet<PostKey>,
    /// Those of `looked_at` of which not all who wait for them are told.
    pub(in crate::store) untold: BTreeSet<PostKey>,
    /// Runs that end, whose parents are told, and runs that are forgotten, if their parents are over.
    pub(in crate::store) kin: BTreeSet<RunId>,
}

impl Keys {
    /// What a group needs.
    pub(in crate::store) fn add(&mut self, group: &[Change]) {
        for change in group {
            match change {
                Change::Receive(arrival) | Change::Begin(arrival) => {
                    let run = RunId::of(&arrival.pipeline, &arrival.event_key);
                    self.journals.insert(run.clone());
                    self.runs.insert(run);
                    self.engines.extend(arrival.owner.clone());
                }
                Change::Append { run, entry, .. } => {
                    self.journals.insert(run.clone());
                    self.of_entry(run, entry);
                }
                Change::Post { event, key, data, .. } => {
                    self.posts.insert((event.clone(), key.clone()), data.clone());
                }
                Change::Tell { event, key, .. } => {
                    let name = (event.clone(), key.clone());
                    self.untold.insert(name.clone());
                    self.looked_at.insert(name);
                }
                Change::GiveUp { event, key, .. } | Change::ForgetEvent { event, key, .. } => {
                    self.looked_at.insert((event.clone(), key.clone()));
                }
                Change::Project { run, .. } => {
                    self.journals.insert(run.clone());
                    self.runs.insert(run.clone());
                }
                Change::DeadLetter { run, .. }
                | Change::Send { run, .. }
                | Change::Read { run, .. }
                | Change::Defer { run, .. } => {
                    self.runs.insert(run.clone());
                }
                Change::Reserve { run, .. } => {
                    self.journals.insert(run.clone());
                }
                Change::Claim { key, .. } => {
                    self.calls.insert(key.as_str().to_owned());
                }
                Change::Resume { run, .. } => {
                    self.journals.insert(run.clone());
                    self.runs.insert(run.clone());
                    self.letters.insert(run.clone());
                }
                Change::Forget { run, .. } => {
                    self.runs.insert(run.clone());
                    self.kin.insert(run.clone());
                }
                Change::Pair(name, pairing) => {
                    self.journals.extend(pairing.run.iter().map(|(run, _)| run.clone()));
                    self.pairs.insert(name.clone());
                }
                Change::Item(name, itemizing) => {
                    self.journals.extend(itemizing.run.iter().map(|(run, _)| run.clone()));
                    self.items.insert(name.clone());
                }
                Change::Share { name, .. } => {
                    self.shared.insert(name.clone());
                }
                Change::Cursor { .. }
                | Change::Version { .. }
                | Change::Watch { .. }
                | Change::Audit(_)
                | Change::Judge { .. } => {}
            }
        }
    }

    fn of_entry(&mut self, run: &RunId, entry: &Entry) {
        match entry {
            Entry::Waiting { on: On::Event(wanted) | On::Answer { wake: Some(wanted) }, .. } => {
                // One that came before is a letter to the run itself.
                self.runs.insert(run.clone());
                self.wanted.entry(wanted.into()).or_default().insert(run.clone());
            }
            Entry::Emitted { event, key, data, .. } => {
                self.posts.insert((event.clone(), key.clone()), data.clone());
            }
            Entry::Finished { .. } | Entry::DeadLettered { .. } | Entry::Cancelled { .. } => {
                self.kin.insert(run.clone());
            }
            _ => {}
        }
    }

    /// Runs whose rows are only looked at.
    pub(in crate::store) fn only_read(&self) -> impl Iterator<Item = &RunId> {
        self.journals.difference(&self.runs)
    }

    /// Runs that are told of what happens here, or are asked, and are not among those that are fetched already to be changed.
    pub(in crate::store) fn told(&self, rows: &Rows) -> BTreeSet<RunId> {
        let parent = |run: &RunId| {
            let parent = rows.runs.get(run)?.parent.as_ref()?;
            serde_json::from_str::<run::Parent>(parent).ok().map(|parent| RunId::named(parent.run))
        };
        let parents = self.kin.iter().filter_map(parent);
        let waiting = rows.waits.iter().map(|wait| wait.run.clone());
        parents.chain(waiting).filter(|run| !self.runs.contains(run)).collect()
    }

    /// Where those are looked for who wait for an event, and are not told of it yet.
    pub(in crate::store) fn untold_values(&self, rows: &Rows) -> BTreeSet<Wanted> {
        let posts = self.untold.iter().filter_map(|name| Some((name, rows.posts.get(name)?)));
        posts.flat_map(|((event, _), post)| post.wanted(event)).collect()
    }

    /// Where the posted events are looked for, given the paths that are watched.
    pub(in crate::store) fn values(&self, paths: &Paths) -> BTreeSet<Wanted> {
        let posts = self.posts.iter().map(|((event, _), data)| values(event, data, paths));
        posts.flatten().collect()
    }
}
