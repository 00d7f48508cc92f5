//! Who drives a run, until when, and the number that keeps everyone else from writing to it.
//!
//! An engine has a lease on its own life, not one on each run: it prolongs a single row. Where that row has
//! ended, whoever sees it first takes the engine out for ever and raises the fence of each of its runs, so
//! that nothing which the engine still has in memory can be written.

use std::{collections::HashSet, fmt};

use jiff::Timestamp;

use super::RunId;

/// The name of one life of an engine; never used again.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EngineId(String);

impl EngineId {
    /// An engine with that name.
    pub fn named(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How often a run was leased or taken from its owner: only who knows the last number may write to it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fence(i64);

impl Fence {
    /// A fence as it is stored.
    pub fn stored(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn number(self) -> i64 {
        self.0
    }

    /// The next one, which shuts out whoever has this one.
    #[must_use]
    pub fn raised(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A run that an engine may drive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leased {
    /// The run.
    pub run: RunId,
    /// What each change to it must carry.
    pub fence: Fence,
    /// When it was due.
    pub due_at: Timestamp,
}

/// What an engine takes up, and when to look again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Taken {
    /// The runs, those that were due first.
    pub runs: Vec<Leased>,
    /// When the next run that nobody drives is due.
    pub next: Option<Timestamp>,
}

/// An engine that has a store open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// The engine.
    pub engine: EngineId,
    /// How many runs it drives.
    pub runs: u64,
    /// How long its lease lasts from now, by the store's clock; negative where it has ended.
    pub left_ms: i64,
}

/// The engines among these that are still alive.
pub(super) type Alive = HashSet<EngineId>;
