//! A job of an action in a `connector.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{
    arm::Class,
    rules::needs,
    written::{Condition, Duration, JsonPath, Made, Text},
};

/// Work that the system does by itself: several actions of this connector, called one after the other.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Job {
    /// A table that is too large for one job goes in several, each with its head: the steps are gone through for each, and read
    /// it as `part`; `result` reads what they gave as `parts`.
    pub parts: Option<Parts>,
    /// In their order; each reads `input`, `connection`, and what those before it gave by their `id`.
    pub steps: Vec<JobStep>,
}

/// A table that goes in parts.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Parts {
    /// The input that names it: CSV.
    pub file: JsonPath,
    /// The most that one part has, with its head.
    pub max_bytes: u64,
}

/// One action of a job.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = needs("every", "until"))]
pub struct JobStep {
    /// The name of its output.
    #[schemars(extend("examples" = ["made", "done"]))]
    pub id: Text,
    /// A table: the action is called for each of its rows, which `with` reads as `row`.
    pub rows: Option<Rows>,
    /// The action of this connector.
    pub action: Text,
    /// Its input; what is null is left out.
    pub with: Option<BTreeMap<String, Made>>,
    /// Whether it is called at all.
    pub when: Option<Condition>,
    /// Whether the system acts from here on; a job that writes has such a step.
    pub takes_effect: Option<bool>,
    /// It is called again until this holds.
    pub until: Option<Condition>,
    /// How long to wait before it is called again; 5 seconds without it.
    pub every: Option<Duration>,
    /// What must hold of what it gave, in order.
    pub rules: Option<Vec<JobRule>>,
}

/// A table whose rows are calls; as many of them travel in one request as the action's `bundle` says. What the step gives is
/// `records`, `failed` and `failed_file`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = needs("failed_column", "failed_file"))]
pub struct Rows {
    /// It, as a path in the project's files: CSV with a head; where it goes in parts, the part of it.
    pub file: Made,
    /// The text of a cell that is null; an empty one is left out.
    pub null: Option<Text>,
    /// Where the rows go that were refused.
    pub failed_file: Option<Made>,
    /// The name of their first column, which says why; `error` without it.
    pub failed_column: Option<Text>,
}

/// What must hold of what a step gave.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct JobRule {
    /// The condition in Rhai on the names of the steps so far.
    pub passes: Condition,
    /// The class of a job that does not pass.
    pub class: Class,
    /// Why, in words.
    pub message: Made,
}
