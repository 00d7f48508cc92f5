//! A pipeline as it is written: every value with its place, nothing compiled.

mod read;
mod step;

use std::{sync::Arc, time::Duration};

use ferry_contract::{
    failure::ErrorClass,
    report::{At, Source, Spanned},
    yaml::Node,
};

pub(crate) use read::language_version as read_version;
pub use read::read;

/// One pipeline file.
#[derive(Debug)]
pub struct Pipeline {
    /// The file.
    pub source: Arc<Source>,
    /// Its name.
    pub name: Spanned<String>,
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// The alert channel of the people who own it.
    pub owner: Option<Spanned<String>>,
    /// What starts its runs.
    pub trigger: Trigger,
    /// Its steps, in the order of the file.
    pub steps: Vec<Step>,
    /// The alert channel that is told of dead letters and parked runs.
    pub alert: Option<Spanned<String>>,
}

/// What starts runs.
#[derive(Debug)]
pub struct Trigger {
    /// A polled action.
    pub poll: Poll,
    /// The JSONPath of the event's business key.
    pub key: Node,
    /// The JSONPath of what tells two versions of an event apart.
    pub revision: Option<Node>,
}

/// An action that is asked for new events.
#[derive(Debug)]
pub struct Poll {
    /// `connection.action`.
    pub action: Spanned<String>,
    /// Its input.
    pub with: Option<Node>,
    /// How often.
    pub every: Duration,
    /// How far it has come.
    pub cursor: Cursor,
}

/// The place in a growing field up to which all events are on disk.
#[derive(Debug)]
pub struct Cursor {
    /// The JSONPath of the growing field.
    pub field: Node,
    /// The JSONPath of what orders events with the same value.
    pub tie_break: Node,
    /// How far before the last value each poll begins.
    pub lookback: Duration,
}

/// One step.
#[derive(Debug)]
pub struct Step {
    /// Where it begins.
    pub at: At,
    /// Its name.
    pub id: Spanned<String>,
    /// Steps that come first without being read.
    pub needs: Vec<Spanned<String>>,
    /// A condition in Rhai.
    pub when: Option<Node>,
    /// What it does.
    pub work: Work,
    /// What happens when it fails.
    pub on_error: Vec<Arm>,
}

/// What a step does.
#[derive(Debug)]
pub enum Work {
    /// Calls an action.
    Action {
        /// `connection.action`.
        action: Spanned<String>,
        /// Its input.
        with: Option<Node>,
    },
    /// Makes a value.
    Map(Node),
    /// Runs Rhai; its value is the output.
    Script(Node),
    /// Refuses data.
    Check(Vec<Rule>),
    /// Polls until a condition holds.
    Wait(Wait),
}

/// One rule of a check.
#[derive(Debug)]
pub struct Rule {
    /// Where it begins.
    pub at: At,
    /// What must hold.
    pub test: Test,
    /// The class of the failure.
    pub class: ErrorClass,
    /// What to tell a person, as a text with values.
    pub say: Option<Node>,
}

/// What must hold.
#[derive(Debug)]
pub enum Test {
    /// A field is something.
    Field {
        /// Its JSONPath.
        field: Node,
        /// What it must be.
        is: Is,
    },
    /// A condition in Rhai.
    Rhai(Node),
}

/// What a field must be.
#[derive(Debug)]
pub enum Is {
    /// There, not null, not empty.
    Present,
    /// An e-mail address.
    Email,
    /// An exact number within bounds.
    Decimal {
        /// Greater than.
        above: Option<Node>,
        /// Not greater than.
        at_most: Option<Node>,
        /// At most that many decimals.
        scale: Option<u32>,
    },
    /// One of a few values.
    OneOf(Vec<Node>),
}

/// A question that is repeated.
#[derive(Debug)]
pub struct Probe {
    /// `connection.action`.
    pub action: Spanned<String>,
    /// Its input.
    pub with: Option<Node>,
    /// How often.
    pub every: Duration,
    /// The condition in Rhai under which it ends.
    pub until: Node,
}

/// One call of an action, by the trigger, a step or a question.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// `connection.action`.
    pub action: &'a Spanned<String>,
    /// Its input.
    pub with: Option<&'a Node>,
}

/// A wait for a condition.
#[derive(Debug)]
pub struct Wait {
    /// What is asked.
    pub probe: Probe,
    /// When the step fails.
    pub timeout: Duration,
}

/// What happens on some classes of failure.
#[derive(Debug)]
pub struct Arm {
    /// Where it begins.
    pub at: At,
    /// The classes.
    pub classes: Vec<Spanned<ErrorClass>>,
    /// What happens.
    pub reaction: Reaction,
}

/// What an arm does.
#[derive(Debug)]
pub enum Reaction {
    /// Waits until a condition holds, then tries again.
    Hold {
        /// What the run waits for, as a value: the amount of money.
        what: Node,
        /// The question.
        probe: Box<Probe>,
        /// The alert channel that is told.
        alert: Option<Spanned<String>>,
    },
    /// Does steps, then ends in a way.
    Do {
        /// The steps.
        steps: Vec<Step>,
        /// How it ends.
        then: Then,
    },
}

/// How an arm's steps end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Then {
    /// As if the step had been skipped.
    Continue,
    /// The run becomes a dead letter.
    DeadLetter,
}

impl Pipeline {
    /// All steps, those of arms included, in the order of the file.
    pub fn all_steps(&self) -> Vec<&Step> {
        let mut all = Vec::new();
        collect(&self.steps, &mut all);
        all
    }

    /// All calls of actions, that of the trigger included.
    pub fn calls(&self) -> Vec<Call<'_>> {
        let poll = &self.trigger.poll;
        let trigger = Call { action: &poll.action, with: poll.with.as_ref() };
        [trigger].into_iter().chain(self.all_steps().into_iter().flat_map(step_calls)).collect()
    }
}

fn step_calls(step: &Step) -> Vec<Call<'_>> {
    let own = match &step.work {
        Work::Action { action, with } => Some(Call { action, with: with.as_ref() }),
        Work::Wait(wait) => Some(wait.probe.call()),
        Work::Map(_) | Work::Script(_) | Work::Check(_) => None,
    };
    let held = step.on_error.iter().filter_map(|arm| match &arm.reaction {
        Reaction::Hold { probe, .. } => Some(probe.call()),
        Reaction::Do { .. } => None,
    });
    own.into_iter().chain(held).collect()
}

impl Probe {
    fn call(&self) -> Call<'_> {
        Call { action: &self.action, with: self.with.as_ref() }
    }
}

fn collect<'a>(steps: &'a [Step], all: &mut Vec<&'a Step>) {
    for step in steps {
        all.push(step);
        for arm in &step.on_error {
            if let Reaction::Do { steps, .. } = &arm.reaction {
                collect(steps, all);
            }
        }
    }
}
