//! What a run remembers of its calls, through all its lives.

use ferry_contract::key::Digest;
use jiff::Timestamp;
use serde_json::Value;

/// What a run remembers of a call that it made.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The step that made it, with the item's key where it is done for each.
    pub step: String,
    /// The digest of the input that was sent.
    pub digest: Digest,
    /// Where the connection led when it was sent.
    pub target: Digest,
    /// When it was sent for the first time.
    pub first_at: Timestamp,
    /// Whether an attempt before the last one may have arrived: that the last one did nothing, says nothing of it.
    pub was_unknown: bool,
    /// What an attempt before gave that has arrived, where the same content goes again: that the last one did nothing
    /// makes the first one no less done.
    pub was_done: Option<Value>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It may have arrived.
    Unknown {
        /// When the call ended, or was found interrupted.
        since: Timestamp,
    },
    /// It arrived, with this output.
    Done(Value),
    /// The target did nothing.
    NotDone {
        /// When that was found out.
        since: Timestamp,
    },
    /// It was done, and the target says that it is cancelled: another generation may be sent.
    Void,
}

impl Memory {
    /// Whether the target has done it, or may have, so that nothing else may be done in its place.
    pub fn stands(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_) | Outcome::Unknown { .. })
    }
}
