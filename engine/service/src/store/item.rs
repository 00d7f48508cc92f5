//! Items of reconciliations: what was matched with what, what was left, and what persons said of it.

use ferry_core::recon::Which;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fence, RunId, printable};

/// The name of an item: one for each match and each row that is left, of each book of each project.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ItemName {
    /// The project.
    pub project: String,
    /// The book.
    pub book: String,
    /// Made of the names of its rows, for ever.
    pub key: String,
}

/// What an item is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Rows that belong together.
    Match,
    /// A row that is in no match.
    Exception,
    /// A row that a person has cut into parts.
    Split,
}

/// Where an item is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// A match that a rule is sure of.
    Confirmed,
    /// A match for a person to say.
    Suggested,
    /// A match to which a person has said yes.
    Accepted,
    /// A match to which a person has said no: its rows are never put together again.
    Rejected,
    /// An exception for a person.
    Open,
    /// An exception that a person has written off.
    WrittenOff,
    /// What a later reconciliation has found otherwise.
    Resolved,
    /// A row that is reconciled in its parts.
    Parted,
}

/// What is kept of an item.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Where it is.
    pub state: ItemState,
    /// The rule of a match, or the reason of an exception.
    pub what: String,
    /// The names of its rows of the left.
    pub left: Vec<String>,
    /// The names of its rows of the right.
    pub right: Vec<String>,
    /// What a person and a pipeline see of it: its rows, their amounts, and what tells that they belong together.
    pub data: Value,
    /// The run, or the person, that said so last.
    pub by: String,
    /// Why, where a person did.
    pub reason: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// What an item becomes, if it is still as it was read: compare and set.
#[derive(Clone, Debug)]
pub struct Itemizing {
    /// The number of its last change by what was read; nothing where there was none.
    pub was: Option<u64>,
    /// What it is from now on.
    pub to: Item,
    /// The run and the right to write to it, where a run says so.
    pub run: Option<(RunId, Fence)>,
}

/// An item as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct StoredItem {
    /// The project.
    pub project: String,
    /// The book.
    pub book: String,
    /// Its key.
    pub key: String,
    /// Counts the changes of all items: whoever has seen a number sees what is new by the greater ones.
    pub number: u64,
    /// What is kept of it.
    #[serde(flatten)]
    pub item: Item,
}

/// Which items.
#[derive(Clone, Debug, Default)]
pub struct ItemFilter {
    /// Of this project.
    pub project: String,
    /// Of this book; of all where nothing is said.
    pub book: Option<String>,
    /// Only in one of these states; in any where none is named.
    pub states: Vec<ItemState>,
    /// Only of this rule or reason.
    pub what: Option<String>,
    /// Only the one of this key, or those that have a row of this name.
    pub name: Option<String>,
    /// Only those that changed after this number.
    pub after: u64,
    /// At most that many, in the order of their numbers.
    pub limit: usize,
}

impl ItemName {
    /// The name, as every store can keep it.
    pub fn new(project: &str, book: &str, key: &str) -> Self {
        Self { project: printable(project), book: printable(book), key: printable(key) }
    }
}

impl ItemKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Exception => "exception",
            Self::Split => "split",
        }
    }
}

impl ItemState {
    /// Each with its name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("confirmed", Self::Confirmed),
        ("suggested", Self::Suggested),
        ("accepted", Self::Accepted),
        ("rejected", Self::Rejected),
        ("open", Self::Open),
        ("written_off", Self::WrittenOff),
        ("resolved", Self::Resolved),
        ("parted", Self::Parted),
    ];

    /// Its name, such as `written_off`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, state)| *state == self).map_or("", |(name, _)| name)
    }
}

impl Item {
    /// The names of its rows of a side.
    pub fn rows(&self, which: Which) -> &[String] {
        match which {
            Which::Left => &self.left,
            Which::Right => &self.right,
        }
    }
}
