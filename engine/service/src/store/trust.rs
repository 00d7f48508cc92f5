//! Whether a store may be believed that a call which it does not know was never made.
//!
//! A store that was made new or restored knows less than its service has sent. Then the first send of a call
//! is not the first for sure: it is looked up before, or waits until a person says go. What was said of a
//! store, and by whom, is journaled in it; the last of it counts.

use jiff::Timestamp;

/// What is known of a store's memory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trust {
    /// Nothing was said of it: it is new, or is taken for another one.
    New,
    /// All that its service has sent is in it.
    Trusted,
    /// It may be older than what its service has sent.
    Doubted {
        /// Since when; what was found out after that counts.
        since: Timestamp,
        /// Why.
        why: String,
    },
}

impl Trust {
    /// Since when the store remembers all; nothing where it is trusted.
    pub fn doubted_since(&self) -> Option<Timestamp> {
        match self {
            Self::Trusted => None,
            // A new store has nothing from before its beginning.
            Self::New => Some(Timestamp::MIN),
            Self::Doubted { since, .. } => Some(*since),
        }
    }

    /// The name of a verdict in the store.
    pub(super) fn verdict(is_trusted: bool) -> &'static str {
        if is_trusted { "trusted" } else { "doubted" }
    }

    /// The last verdict of a store.
    pub(super) fn stored(last: Option<(String, String, i64)>) -> Self {
        match last {
            None => Self::New,
            Some((verdict, _, _)) if verdict == Self::verdict(true) => Self::Trusted,
            Some((_, why, at_ms)) => {
                Self::Doubted { since: Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX), why }
            }
        }
    }
}
