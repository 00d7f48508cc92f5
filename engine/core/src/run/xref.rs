//! What a run has read of cross-references.
//!
//! Evaluation is pure: it sees the pairs that its unit has read, and notes those that it wants and has not. Whoever
//! evaluates reads them, journals [`Entry::Referenced`](super::Entry::Referenced), and evaluates again, so that a replay
//! of the journal sees the same, whatever the cross-reference says by then.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use ferry_contract::{
    expression::EvalError,
    failure::{ErrorClass, Failure},
    pairs,
};
use serde::{Deserialize, Serialize};

use super::{Run, UnitIndex};

/// What a unit has read: by table and key what the other system says, or that there is no such pair.
pub(super) type Pairs = BTreeMap<(String, String), Option<String>>;

/// One pair of a cross-reference, as it was read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Pair {
    /// The cross-reference.
    pub table: String,
    /// What one system calls the record.
    pub key: String,
    /// What the other one calls it; nothing where there is no pair.
    pub to: Option<String>,
}

/// What an evaluation of a unit sees of cross-references, and what it wants to.
#[derive(Debug)]
pub struct Reader<'a> {
    known: &'a Pairs,
    wanted: RefCell<BTreeSet<(String, String)>>,
    refused: RefCell<BTreeSet<String>>,
}

impl Run {
    /// What a unit has read of cross-references so far.
    pub fn reader(&self, unit: UnitIndex) -> Reader<'_> {
        Reader { known: &self.units[unit].pairs, wanted: RefCell::default(), refused: RefCell::default() }
    }

    pub(super) fn read(&mut self, unit: UnitIndex, pairs: &[Pair]) {
        let read = pairs.iter().map(|pair| ((pair.table.clone(), pair.key.clone()), pair.to.clone()));
        self.units[unit].pairs.extend(read);
    }
}

impl Reader<'_> {
    /// The pairs, by table and key, that the evaluation wanted and that were not read.
    pub fn wanted(&self) -> Vec<(String, String)> {
        self.wanted.borrow().iter().cloned().collect()
    }

    /// The number of pairs that were read, and of those that are wanted.
    pub fn count(&self) -> usize {
        self.known.len() + self.wanted.borrow().len()
    }

    /// The failure with the class of what is missing, where a pair is: other words only ever stand before the reason.
    #[must_use]
    pub fn classed(&self, failure: Failure) -> Failure {
        let refused = self.refused.borrow();
        let is_absent = refused.iter().any(|message| failure.message.ends_with(message));
        if is_absent { Failure { class: ErrorClass::NotFound, ..failure } } else { failure }
    }
}

impl pairs::Pairs for Reader<'_> {
    fn other(&self, table: &str, key: &str) -> Result<Option<String>, EvalError> {
        let name = (table.to_owned(), key.to_owned());
        if let Some(other) = self.known.get(&name) {
            return Ok(other.clone());
        }
        self.wanted.borrow_mut().insert(name);
        Err(EvalError(format!("`{key}` of `{table}` was not read yet")))
    }

    fn refuses(&self, message: &str) {
        self.refused.borrow_mut().insert(message.to_owned());
    }
}
