//! What was observed of a test: its runs, and the calls that its targets got.

use std::collections::BTreeMap;

use ferry_contract::failure::{ErrorClass, Failure};
use jiff::Timestamp;
use serde_json::Value;

use super::StepStatus;
use crate::run::{Entry, Run, State, Status};

/// What was observed of a test.
#[derive(Debug)]
pub struct Observed {
    /// The run under test first, then those that it has begun.
    pub runs: Vec<Observation>,
    /// The calls, in order.
    pub calls: Vec<Made>,
    /// The pairs of cross-references that are there in the end, by table and key.
    pub pairs: BTreeMap<(String, String), String>,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

/// One run, and how it came there.
#[derive(Debug)]
pub struct Observation {
    /// The run.
    pub run: Run,
    /// Its journal.
    pub journal: Vec<(Timestamp, Entry)>,
}

/// One call that a target got.
#[derive(Clone, Debug)]
pub struct Made {
    /// When.
    pub at: Timestamp,
    /// `connection.action`.
    pub action: String,
    /// Its input.
    pub input: Value,
    /// What it got.
    pub failed: Option<ErrorClass>,
}

impl Observation {
    /// As what dead letter it ended.
    pub fn dead_letter(&self) -> Option<(&str, &Failure)> {
        self.journal.iter().rev().find_map(|(_, entry)| match entry {
            Entry::DeadLettered { step, failure } => Some((step.as_str(), failure)),
            _ => None,
        })
    }

    /// What it gave to the step that began it.
    pub(super) fn output(&self) -> Value {
        let output = self.journal.iter().rev().find_map(|(_, entry)| match entry {
            Entry::Finished { output } => Some(output.clone()),
            _ => None,
        });
        output.unwrap_or(Value::Null)
    }

    /// Where a step is; nothing where there is none of that name.
    pub(super) fn status(&self, id: &str) -> Option<StepStatus> {
        let unit = self.run.unit_named(id)?;
        Some(match self.run.status(unit) {
            Status::Done => StepStatus::Done,
            Status::Skipped => StepStatus::Skipped,
            Status::Failed => StepStatus::Failed,
            Status::Held { .. } | Status::Holding { .. } => StepStatus::Held,
            Status::Waiting { .. } => StepStatus::Waiting,
            Status::Parked { .. } | Status::Parking { .. } => StepStatus::Parked,
            Status::Dormant
            | Status::Blocked
            | Status::Ready
            | Status::Spread
            | Status::Called { .. }
            | Status::Retrying { .. }
            | Status::Unknown { .. }
            | Status::Doubted { .. }
            | Status::Recovering { .. } => StepStatus::NotReached,
        })
    }

    /// What a step gave.
    pub(super) fn output_of(&self, id: &str) -> Value {
        let unit = self.run.unit_named(id);
        unit.and_then(|unit| self.run.output(unit)).cloned().unwrap_or(Value::Null)
    }

    /// What a step is held for.
    pub(super) fn held_for(&self, id: &str) -> Value {
        let held = |(_, entry): &(Timestamp, Entry)| match entry {
            Entry::Held { step, what } if step == id => Some(what.clone()),
            _ => None,
        };
        self.journal.iter().rev().find_map(held).unwrap_or(Value::Null)
    }

    /// How a step failed last, as its arms see it.
    pub(super) fn error_of(&self, id: &str) -> Value {
        let failed = |(_, entry): &(Timestamp, Entry)| match entry {
            Entry::Failed { step, failure } if step == id => Some(failure.as_value()),
            _ => None,
        };
        self.journal.iter().rev().find_map(failed).unwrap_or(Value::Null)
    }

    /// How often a step's call was sent.
    pub(super) fn attempts(&self, id: &str) -> usize {
        self.journal.iter().filter(|(_, entry)| matches!(entry, Entry::Called { step, .. } if step == id)).count()
    }

    /// What it told other pipelines: name, key and content.
    pub(super) fn emitted(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.journal.iter().filter_map(|(_, entry)| match entry {
            Entry::Emitted { event, key, data, .. } => Some((event.as_str(), key.as_str(), data)),
            _ => None,
        })
    }

    /// How it is, with the reason where it did not end well.
    pub(super) fn described(&self) -> String {
        let name = super::expect::outcome_name(self.run.state());
        let parked = self.run.units().find_map(|unit| match self.run.status(unit) {
            Status::Parked { reason, .. } => Some((self.run.unit_id(unit), reason.clone())),
            _ => None,
        });
        match (self.run.state(), self.dead_letter(), parked) {
            (State::DeadLettered, Some((step, failure)), _) => format!("{name} at `{step}`: {failure}"),
            (State::Parked, _, Some((step, reason))) => format!("{name} at `{step}`: {reason}"),
            _ => name.to_owned(),
        }
    }
}
