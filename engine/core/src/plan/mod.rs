//! A checked pipeline: only [`crate::lint`] makes one, so what runs was checked.

mod compile;
mod graph;

use std::{collections::BTreeMap, time::Duration};

use ferry_contract::{
    catalog::{Backoff, Effect},
    expression::Expression,
    failure::ErrorClass,
    key::Digest,
    path::Path,
    script::Script,
};
use serde_json::Value;

pub(crate) use compile::{Roots, compile, repeated_class};

use crate::{eval::check::Rule, language::Then};

/// The number of a step in its plan.
pub type StepIndex = usize;

/// A pipeline that can run.
#[derive(Debug)]
pub struct Plan {
    /// The pipeline's name.
    pub pipeline: String,
    /// The digest of everything that its runs depend on.
    pub version: Digest,
    /// What starts its runs.
    pub trigger: Trigger,
    /// Its steps, those of arms included.
    pub steps: Vec<Step>,
    /// The number of each step.
    pub index: BTreeMap<String, StepIndex>,
    /// `$.vars`.
    pub vars: Value,
    /// The alert channel of its dead letters.
    pub alert: Option<String>,
}

/// What starts runs.
#[derive(Debug)]
pub struct Trigger {
    /// The connection's name.
    pub connection: String,
    /// The action's name.
    pub action: String,
    /// The action's input.
    pub with: Expression,
    /// How often.
    pub every: Duration,
    /// The growing field, in the event.
    pub cursor_field: Path,
    /// What orders events with the same value.
    pub cursor_tie_break: Path,
    /// How far before the last value each poll begins.
    pub lookback: Duration,
    /// The business key, in the event.
    pub key: Path,
    /// What tells two versions of an event apart, in the event.
    pub revision: Option<Path>,
}

/// One step.
#[derive(Debug)]
pub struct Step {
    /// Its name.
    pub id: String,
    /// All steps that come first.
    pub needs: Vec<StepIndex>,
    /// Whether it runs at all.
    pub when: Option<Script>,
    /// What it does.
    pub work: Work,
    /// What happens when it fails; the first arm with the class.
    pub arms: Vec<Arm>,
    /// The step and the arm that it belongs to; nothing for the pipeline's own steps.
    pub home: Option<(StepIndex, usize)>,
}

/// What a step does.
#[derive(Debug)]
pub enum Work {
    /// Calls an action.
    Call(Call),
    /// Makes a value.
    Map(Expression),
    /// Runs Rhai.
    Script(Script),
    /// Refuses data.
    Check(Vec<Rule>),
    /// Polls until a condition holds.
    Wait {
        /// What is asked.
        probe: Probe,
        /// When the step fails.
        timeout: Duration,
    },
}

/// A call of an action.
#[derive(Debug)]
pub struct Call {
    /// The connection's name.
    pub connection: String,
    /// The action's name.
    pub action: String,
    /// What it does to the target.
    pub effect: Effect,
    /// How often, and after what waits, it is sent again.
    pub backoff: Backoff,
    /// Its input.
    pub with: Expression,
}

/// A question that is repeated.
#[derive(Debug)]
pub struct Probe {
    /// The read.
    pub call: Call,
    /// How often.
    pub every: Duration,
    /// The condition on `result`, and for a hold on `reserved`.
    pub until: Script,
}

/// What happens on some classes of failure.
#[derive(Debug)]
pub struct Arm {
    /// The classes.
    pub classes: Vec<ErrorClass>,
    /// What happens.
    pub reaction: Reaction,
}

/// What an arm does.
#[derive(Debug)]
pub enum Reaction {
    /// Waits until a condition holds, then tries again.
    Hold {
        /// What the run waits for.
        what: Expression,
        /// The question.
        probe: Box<Probe>,
        /// The alert channel that is told.
        alert: Option<String>,
    },
    /// Does steps, then ends in a way.
    Do {
        /// The steps.
        steps: Vec<StepIndex>,
        /// How it ends.
        then: Then,
    },
}

impl Step {
    /// The arm for a class.
    pub fn arm(&self, class: ErrorClass) -> Option<usize> {
        self.arms.iter().position(|arm| arm.classes.contains(&class))
    }
}
