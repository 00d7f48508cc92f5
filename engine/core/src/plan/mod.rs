//! A checked pipeline: only [`crate::lint`] makes one, so what runs was checked.

mod compile;
mod graph;
mod promised;
pub mod reconcile;
mod schedule;
mod siblings;
mod trigger;
mod typing;

use std::{collections::BTreeMap, time::Duration};

use ferry_contract::schema::Schema;
use ferry_contract::{
    catalog::{Backoff, Effect},
    expression::Expression,
    failure::ErrorClass,
    key::Digest,
    money::{Money, currency_beside},
    path::{Document, Path},
    script::Script,
    template::Template,
};
use serde_json::Value;

pub(crate) use compile::{Around, Roots, compile, repeated_class};
pub(crate) use siblings::Siblings;

pub use crate::language::Timeout;
use crate::{eval::check::Rule, language::Then};
pub use promised::Promises;
pub(crate) use schedule::first_times;
pub use schedule::{CatchUp, Overlap, Schedule};
pub use trigger::{
    Concurrency, Cursor, Drop, Ended, EventSource, Growing, Poll, Reconciled, Rows, Sender, Settled, Trigger, Webhook,
};

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
    /// What each of its events has: the schema that those who begin a run, and the trigger, hold it against.
    pub inputs: Schema,
    /// What a run gives back to it.
    pub output: Option<Expression>,
    /// How long a run may take.
    pub timeout: Option<Duration>,
    /// Which runs go one after another.
    pub concurrency: Option<Concurrency>,
    /// Its steps, those of arms included.
    pub steps: Vec<Step>,
    /// The number of each step.
    pub index: BTreeMap<String, StepIndex>,
    /// `$.vars`.
    pub vars: Value,
    /// The alert channel of its dead letters.
    pub alert: Option<String>,
    /// What its calls were promised when the version was made.
    pub promises: Promises,
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
    /// Whether it is done for each item of a list.
    pub each: Option<Each>,
    /// How long it may take, all attempts together.
    pub timeout: Option<Duration>,
    /// What it does.
    pub work: Work,
    /// What happens when it fails; the first arm with the class.
    pub arms: Vec<Arm>,
    /// The step and the arm that it belongs to; nothing for the pipeline's own steps.
    pub home: Option<(StepIndex, usize)>,
}

/// A step that is done for each item of a list.
#[derive(Debug)]
pub struct Each {
    /// The list.
    pub items: Expression,
    /// What values call an item.
    pub name: String,
    /// What names an item for ever.
    pub key: Expression,
    /// How many items at once.
    pub concurrency: usize,
    /// Whether failed items are part of the output, instead of failing the step.
    pub collects: bool,
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
    /// Waits for a time, an answer or an event.
    Wait(Wait),
    /// Asks a person.
    Approve(Approve),
    /// Runs another pipeline.
    Pipeline {
        /// Its name.
        name: String,
        /// Its inputs.
        with: Expression,
    },
    /// Tells persons.
    Alert {
        /// The alert channel.
        to: String,
        /// The text.
        say: Template,
    },
    /// Emits an event.
    Emit {
        /// Its name.
        event: String,
        /// Its business key.
        key: Expression,
        /// Its content.
        data: Expression,
    },
    /// Records a pair of a cross-reference.
    Link {
        /// The cross-reference.
        table: String,
        /// What one system calls the record.
        key: Expression,
        /// What the other one calls it.
        to: Expression,
        /// Whether it may take the place of another value.
        replace: bool,
    },
    /// Matches two sides.
    Reconcile(Box<reconcile::Reconcile>),
}

/// A wait.
#[derive(Debug)]
pub enum Wait {
    /// For a time.
    For(Duration),
    /// Until a question has its answer.
    Poll {
        /// What is asked.
        probe: Box<Probe>,
        /// An event that makes it ask at once.
        wake: Option<Correlation>,
        /// How long it waits.
        timeout: Timeout,
    },
    /// For an event.
    Event {
        /// Which one.
        event: Correlation,
        /// How long it waits.
        timeout: Timeout,
    },
}

/// What a wait needs an event for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    /// Its content: without it, the step does not go on.
    Claim,
    /// To ask at once what it asks anyway: an event that nobody waits for any more is no loss.
    Wake,
}

/// An event that belongs to a run.
#[derive(Debug)]
pub struct Correlation {
    /// The event's name.
    pub event: String,
    /// What is looked at in the event.
    pub theirs: Path,
    /// The run's value that must equal it.
    pub ours: Expression,
}

/// A question to a person.
#[derive(Debug)]
pub struct Approve {
    /// Persons who may; groups are resolved.
    pub by: Vec<String>,
    /// Who may not: the one who made what is to be approved.
    pub maker: Option<Expression>,
    /// Whether nobody may have made it, as its `default: null` says.
    pub may_lack_maker: bool,
    /// What the person sees.
    pub show: Expression,
    /// How long the question stands.
    pub expires: Duration,
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
    /// The amount in its input that is summed before it is sent.
    pub sums: Option<Path>,
    /// What takes the place of the event's key in the names of its calls.
    pub once_per: Option<Expression>,
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
    /// Whether the step is tried again before that.
    pub retry: Option<Backoff>,
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
    /// Calls another action in its place.
    Fallback(Box<Call>),
    /// Does steps, then ends in a way.
    Do {
        /// The steps.
        steps: Vec<StepIndex>,
        /// How it ends.
        then: Then,
    },
}

impl Plan {
    /// The events that its steps wait for, and what for.
    pub fn correlations(&self) -> impl Iterator<Item = (&Correlation, Use)> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Wait(Wait::Event { event, .. }) => Some((event, Use::Claim)),
            Work::Wait(Wait::Poll { wake: Some(event), .. }) => Some((event, Use::Wake)),
            _ => None,
        })
    }
}

impl Work {
    /// The call that it is.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Call(call) => Some(call),
            Self::Map(_)
            | Self::Script(_)
            | Self::Check(_)
            | Self::Wait(_)
            | Self::Approve(_)
            | Self::Pipeline { .. }
            | Self::Alert { .. }
            | Self::Emit { .. }
            | Self::Link { .. }
            | Self::Reconcile(_) => None,
        }
    }
}

impl Call {
    /// The money that it moves with an input: the amount that is summed before it is sent, or else an amount with its
    /// currency in the input or one level below.
    pub fn money(&self, input: &Value) -> Option<Money> {
        let own = |value: &Value| Money::read(value.get("amount")?, value.get("currency")?).ok();
        let Some(sums) = &self.sums else {
            return own(input).or_else(|| input.as_object()?.values().find_map(own));
        };
        let amount = sums.one(Document::Value(input)).ok()?;
        Money::read(amount, &Value::from(currency_beside(sums, input)?)).ok()
    }
}

impl Step {
    /// The calls that it may make: its own, and those that may take its place.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        let own = self.work.call();
        let instead = self.arms.iter().filter_map(|arm| match &arm.reaction {
            Reaction::Fallback(call) => Some(&**call),
            Reaction::Hold { .. } | Reaction::Do { .. } => None,
        });
        own.into_iter().chain(instead)
    }

    /// The arm for a class.
    pub fn arm(&self, class: ErrorClass) -> Option<usize> {
        self.arms.iter().position(|arm| arm.classes.contains(&class))
    }
}
