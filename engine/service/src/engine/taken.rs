//! Calls that other runs have made, found when their intent was refused.
//!
//! It only spares a group: whoever is refused begins again, and is told here before it gathers. What is forgotten
//! is refused by the store once more.

use std::collections::BTreeMap;

use crate::limits::TAKEN_CALLS_MAX;

/// The runs that have made calls, by the calls' names.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<String, String>);

impl Taken {
    pub(super) fn note(&mut self, key: &str, run: &str) {
        // One more run than can be in memory: those of before have been told, or have begun anew.
        if self.0.len() >= TAKEN_CALLS_MAX {
            self.0.clear();
        }
        self.0.insert(key.to_owned(), run.to_owned());
    }

    /// The run that has made a call. It is told once: the answer is then in a journal.
    pub(super) fn tell(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_calls_are_told_once_and_never_fill_the_memory() {
        let mut taken = Taken::default();
        for number in 0..TAKEN_CALLS_MAX * 3 {
            taken.note(&format!("call-{number}"), "run");
            assert!(taken.0.len() <= TAKEN_CALLS_MAX, "after {number}");
        }
        let last = format!("call-{}", TAKEN_CALLS_MAX * 3 - 1);
        assert_eq!((taken.tell(&last), taken.tell(&last)), (Some("run".to_owned()), None));
    }
}
