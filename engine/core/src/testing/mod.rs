//! Tests of pipelines as they are written, what they expect, and what they cover: pure, nothing runs here.
//!
//! A test has an event, answers of its targets, and what is to come of it. The service runs it on the engine
//! itself; [`judge`] compares what was observed with what was expected, and [`Coverage`] says what was never run.

mod check;
mod coverage;
mod expect;
mod field;
mod judge;
mod mock;
mod observe;
mod read;
mod state;
mod unused;

use std::{sync::Arc, time::Duration};

use ferry_contract::report::{At, Report, Source, Spanned};
use jiff::Timestamp;
use serde_json::Value;

pub(crate) use check::pipeline_beside;
pub use check::{Samples, check};
pub use coverage::{Coverage, Missed, Part};
pub use expect::{CallExpected, DeadLetterExpected, EmittedExpected, Expect, StepExpected, StepStatus, Takes};
pub use field::Field;
pub use judge::{Mismatch, judge};
pub use mock::{Answer, Gives, Mock};
pub use observe::{Made, Observation, Observed};
pub use read::read;
pub use state::Pairs;

use crate::run::Decision;

/// What the name of a file of tests ends with.
pub const SUFFIXES: [&str; 2] = [".test.yaml", ".test.yml"];

/// The tests of one pipeline.
#[derive(Debug)]
pub struct Suite {
    /// The file.
    pub source: Arc<Source>,
    /// The pipeline's name, where the file says it; else it is the one in the file beside it.
    pub named: Option<Spanned<String>>,
    /// The name of the pipeline, once it was found.
    pub pipeline: String,
    /// Its tests, each case of a table for itself.
    pub tests: Vec<Test>,
}

/// A file of tests that was checked.
#[derive(Debug)]
pub struct CheckedSuite {
    /// What is wrong with it.
    pub report: Report,
    /// The name of its pipeline, where that is there.
    pub pipeline: Option<String>,
    /// Its tests, where nothing is wrong with it.
    pub suite: Option<Suite>,
}

/// One test, or one case of a table.
#[derive(Debug)]
pub struct Test {
    /// Its name; that of a case stands behind that of its table, after `›`.
    pub name: Spanned<String>,
    /// The number of the entry of the file that it comes from: cases of one table share it.
    pub entry: usize,
    /// What begins the run.
    pub event: Event,
    /// The business key of a run that a person would begin.
    pub key: String,
    /// When it begins.
    pub now: Timestamp,
    /// How long it lasts, where the run does not end before.
    pub lasts: Option<Duration>,
    /// What the store knows before it.
    pub state: Vec<Pairs>,
    /// What its targets answer.
    pub mocks: Vec<Mock>,
    /// What persons and others do meanwhile.
    pub acts: Vec<Act>,
    /// What is to come of it.
    pub expect: Expect,
}

/// What begins a run.
#[derive(Clone, Debug)]
pub struct Event {
    /// The sample that it is taken from, beside the file of the test.
    pub file: Option<Spanned<String>>,
    /// The event; of a sample, the fields that differ. The sample is read when the test is checked.
    pub value: Value,
}

/// What somebody does while a run waits.
#[derive(Debug)]
pub struct Act {
    /// Where it is written.
    pub at: At,
    /// How long after the run could take it.
    pub after: Duration,
    /// What it is.
    pub what: Deed,
}

/// What somebody does.
#[derive(Debug)]
pub enum Deed {
    /// A person says yes or no.
    Answer {
        /// The step that asks.
        step: Spanned<String>,
        /// Who.
        by: String,
        /// Whether it is yes.
        yes: bool,
        /// Why.
        reason: String,
    },
    /// A person found out what became of a parked call.
    Decide {
        /// The step.
        step: Spanned<String>,
        /// Who.
        by: String,
        /// What it was.
        decision: Decision,
    },
    /// An event comes that a step may wait for.
    Post {
        /// Its name.
        event: Spanned<String>,
        /// Its key.
        key: String,
        /// Its content.
        data: Value,
    },
}
