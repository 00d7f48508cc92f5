//! Cross-references: what two systems call the same record, for ever.

use jiff::Timestamp;
use serde::Serialize;

use super::printable;

/// The name of a pair: one value for each key of each cross-reference of each project.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PairName {
    /// The project whose pipelines share it.
    pub project: String,
    /// The cross-reference.
    pub table: String,
    /// What one system calls the record.
    pub key: String,
}

/// A pair as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct StoredPair {
    /// The cross-reference.
    pub table: String,
    /// What one system calls the record.
    pub key: String,
    /// What the other one calls it.
    pub to: String,
    /// The run, or the person, that recorded it.
    pub by: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

impl PairName {
    /// The name, as every store can keep it.
    pub fn new(project: &str, table: &str, key: &str) -> Self {
        Self { project: printable(project), table: printable(table), key: printable(key) }
    }
}
