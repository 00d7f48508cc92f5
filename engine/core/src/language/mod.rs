//! A pipeline as it is written: every value with its place, nothing compiled.

mod arm;
mod backfill;
mod near;
mod read;
mod reconcile;
mod step;
mod trigger;
mod wait;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ferry_contract::{
    failure::ErrorClass,
    report::{At, Source, Spanned},
    schema::Kind,
    yaml::Node,
};
use serde_json::Value;

pub use arm::{Arm, Reaction};
pub use backfill::Backfill;
pub(crate) use read::KEYS;
pub(crate) use read::language_version as read_version;
pub use read::read;
pub(crate) use read::read_with;
pub use reconcile::{Reconcile, Rows as SideRows, Side};
pub use trigger::{
    Cursor, Drop, EventSource, Follow, Growing, Poll, Reconciled, Schedule, Sender, Token, Trigger, Webhook,
};
pub use wait::{Approve, Correlation, Timeout, Wait};

use crate::eval::allocate::Remainder;

/// One pipeline file.
#[derive(Debug)]
pub struct Pipeline {
    /// The file.
    pub source: Arc<Source>,
    /// The parameters that it refers to.
    pub params: BTreeSet<String>,
    /// Its name.
    pub name: Spanned<String>,
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// The alert channel of the people who own it.
    pub owner: Option<Spanned<String>>,
    /// What starts its runs.
    pub trigger: Trigger,
    /// What a run takes from a step of another pipeline.
    pub inputs: Vec<Input>,
    /// What a run gives back to it.
    pub output: Option<Node>,
    /// How long a run may take.
    pub timeout: Option<Duration>,
    /// Which runs go one after another.
    pub concurrency: Option<Concurrency>,
    /// Its steps, in the order of the file.
    pub steps: Vec<Step>,
    /// The alert channel that is told of dead letters and parked runs.
    pub alert: Option<Spanned<String>>,
}

/// One value that the event of a pipeline has.
#[derive(Debug)]
pub struct Input {
    /// Its name in `$.event`.
    pub name: Spanned<String>,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be left out.
    pub optional: bool,
    /// All that it can be; none is anything of its type.
    pub one_of: Vec<Value>,
    /// How many characters it has at the most.
    pub length_max: Option<usize>,
}

/// Which runs go one after another.
#[derive(Debug)]
pub struct Concurrency {
    /// What they have in common, from the event.
    pub key: Node,
    /// How many of them at once.
    pub limit: u64,
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
    /// Whether it is done for each item of a list.
    pub each: Option<Each>,
    /// How long it may take, all attempts together.
    pub timeout: Option<Duration>,
    /// What takes the place of the event's key in the names of its calls.
    pub once_per: Option<Node>,
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
    /// Calls a function of a Rhai module.
    Function(Function),
    /// Splits money into parts.
    Allocate(Allocate),
    /// Tells persons.
    Alert(Alert),
    /// Refuses data.
    Check(Vec<Rule>),
    /// Waits for a time, a condition or an event.
    Wait(Wait),
    /// Asks a person.
    Approve(Approve),
    /// Runs another pipeline, and takes its output.
    Pipeline {
        /// Its name.
        name: Spanned<String>,
        /// Its inputs.
        with: Option<Node>,
    },
    /// Emits an event for other pipelines.
    Emit(Emit),
    /// Records what another system calls a record.
    Link(Link),
    /// Matches two sides.
    Reconcile(Box<Reconcile>),
}

/// A function of a file in `scripts/`.
#[derive(Debug)]
pub struct Function {
    /// The file.
    pub module: Spanned<String>,
    /// Its name.
    pub name: Spanned<String>,
    /// Its arguments, by the names of its parameters.
    pub with: Option<Node>,
}

/// Money that is split into parts.
#[derive(Debug)]
pub struct Allocate {
    /// The money.
    pub amount: Node,
    /// The name of a table with rules, or the rules.
    pub by: Node,
    /// What the rules' matches are compared with, beside the currency.
    pub with: Option<Node>,
    /// Who gets the minor units that do not divide.
    pub remainder: Remainder,
}

/// Something that persons are told.
#[derive(Debug)]
pub struct Alert {
    /// The alert channel.
    pub to: Spanned<String>,
    /// The text.
    pub say: Node,
}

/// A step that is done for each item of a list.
#[derive(Debug)]
pub struct Each {
    /// The list.
    pub items: Node,
    /// What values call an item.
    pub name: Spanned<String>,
    /// What names an item for ever; never its place in the list.
    pub key: Node,
    /// How many items at once.
    pub concurrency: Option<u64>,
    /// Whether failed items are part of the output, instead of failing the step.
    pub collects: bool,
}

/// An event for other pipelines.
#[derive(Debug)]
pub struct Emit {
    /// The event's name.
    pub event: Spanned<String>,
    /// Its business key.
    pub key: Node,
    /// Its content.
    pub data: Option<Node>,
}

/// A pair of a cross-reference.
#[derive(Debug)]
pub struct Link {
    /// The cross-reference, by its name in `ferry.yaml`.
    pub table: Node,
    /// What one system calls the record.
    pub key: Node,
    /// What the other one calls it.
    pub to: Node,
    /// Whether it may take the place of another value.
    pub replace: bool,
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
        let trigger = match &self.trigger.source {
            EventSource::Poll(poll) => Some(Call { action: &poll.action, with: poll.with.as_ref() }),
            EventSource::Webhook(_)
            | EventSource::Event(_)
            | EventSource::Schedule(_)
            | EventSource::Pipeline(_)
            | EventSource::File(_)
            | EventSource::Reconciled(_)
            | EventSource::Manual => None,
        };
        trigger.into_iter().chain(self.all_steps().into_iter().flat_map(step_calls)).collect()
    }
}

fn step_calls(step: &Step) -> Vec<Call<'_>> {
    let own = match &step.work {
        Work::Action { action, with } => vec![Call { action, with: with.as_ref() }],
        Work::Wait(Wait::Poll { probe, .. }) => vec![probe.call()],
        Work::Reconcile(reconcile) => reconcile.calls().collect(),
        Work::Wait(Wait::For(_) | Wait::Event { .. })
        | Work::Map(_)
        | Work::Script(_)
        | Work::Function(_)
        | Work::Allocate(_)
        | Work::Alert(_)
        | Work::Check(_)
        | Work::Approve(_)
        | Work::Pipeline { .. }
        | Work::Emit(_)
        | Work::Link(_) => Vec::new(),
    };
    let of_arms = step.on_error.iter().filter_map(|arm| match &arm.reaction {
        Reaction::Hold { probe, .. } => Some(probe.call()),
        // Without an input of its own it takes the step's, which is looked at there.
        Reaction::Fallback { action, with } => {
            let with = with.as_ref().or(match &step.work {
                Work::Action { with, .. } => with.as_ref(),
                _ => None,
            });
            Some(Call { action, with })
        }
        Reaction::Do { .. } => None,
    });
    own.into_iter().chain(of_arms).collect()
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
