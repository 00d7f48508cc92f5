//! What a test expects: of the outcome, of steps, of the calls that were made, and of the time that it took.

use std::time::Duration;

use ferry_contract::{
    failure::ErrorClass,
    report::{At, Report, Spanned},
    yaml::{
        Node,
        read::{Fields, duration, list, map, one_of, text, texts, whole},
    },
};

use super::{
    field::{Field, fields, whole_or_fields},
    state::{self, Pairs},
};
use crate::run::State;

/// What is to come of a run.
#[derive(Debug, Default)]
pub struct Expect {
    /// How it is in the end.
    pub outcome: Option<Spanned<State>>,
    /// What it gives to the step that began it.
    pub output: Vec<Field>,
    /// Calls that are made.
    pub calls: Vec<CallExpected>,
    /// Calls that are made one after another, perhaps with others between.
    pub in_order: Vec<CallExpected>,
    /// Actions that are not called.
    pub not_called: Vec<Spanned<String>>,
    /// How its steps are.
    pub steps: Vec<StepExpected>,
    /// As what dead letter it ends.
    pub dead_letter: Option<DeadLetterExpected>,
    /// What it tells other pipelines.
    pub emitted: Vec<EmittedExpected>,
    /// What the store knows after it.
    pub state: Vec<Pairs>,
    /// How long it takes, in its own time.
    pub takes: Option<Takes>,
}

/// A call that is to be made.
#[derive(Debug)]
pub struct CallExpected {
    /// `connection.action`.
    pub action: Spanned<String>,
    /// How often; at least once where nothing is said.
    pub times: Option<Spanned<usize>>,
    /// Its input.
    pub with: Vec<Field>,
}

/// How a step is to be.
#[derive(Debug)]
pub struct StepExpected {
    /// Its name, or `step[key]` for one item.
    pub id: Spanned<String>,
    /// Where it is.
    pub status: Option<Spanned<StepStatus>>,
    /// What it gave.
    pub output: Vec<Field>,
    /// How it failed last.
    pub error: Vec<Field>,
    /// What it is held for.
    pub held_for: Vec<Field>,
    /// How often its call was sent.
    pub attempts: Option<Spanned<usize>>,
}

impl StepExpected {
    /// Whether it says nothing of its step.
    fn is_empty(&self) -> bool {
        let fields = [&self.output, &self.error, &self.held_for];
        self.status.is_none() && self.attempts.is_none() && fields.into_iter().all(Vec::is_empty)
    }
}

/// Where a step is, in the words of tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StepStatus {
    /// It has its output.
    Done,
    /// It was not to run, or it failed and the run goes on without it.
    Skipped,
    /// It failed, and nothing mended it.
    Failed,
    /// It is held.
    Held,
    /// It waits.
    Waiting,
    /// A person decides.
    Parked,
    /// It has not come to it.
    NotReached,
}

/// The dead letter that a run is to end as.
#[derive(Debug)]
pub struct DeadLetterExpected {
    /// Where it is written.
    pub at: At,
    /// The class of its failure.
    pub class: Option<Spanned<ErrorClass>>,
    /// The step that failed.
    pub step: Option<Spanned<String>>,
    /// What its message contains.
    pub message: Option<Spanned<String>>,
}

/// An event that is to be told to others.
#[derive(Debug)]
pub struct EmittedExpected {
    /// Its name.
    pub event: Spanned<String>,
    /// Its business key.
    pub key: Option<Spanned<String>>,
    /// Its content.
    pub data: Vec<Field>,
}

/// How long a run takes.
#[derive(Debug)]
pub struct Takes {
    /// Where it is written.
    pub at: At,
    /// At least so long.
    pub at_least: Option<Duration>,
    /// At most so long.
    pub at_most: Option<Duration>,
}

impl StepStatus {
    /// All of them, as tests write them.
    pub const ALL: [(&'static str, Self); 7] = [
        ("done", Self::Done),
        ("skipped", Self::Skipped),
        ("failed", Self::Failed),
        ("held", Self::Held),
        ("waiting", Self::Waiting),
        ("parked", Self::Parked),
        ("not_reached", Self::NotReached),
    ];

    /// As tests write it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, status)| *status == self).map_or("", |(name, _)| name)
    }
}

/// The ends that a test may expect, and the rests in which it may leave a run.
const OUTCOMES: [(&str, State); 6] = [
    ("finished", State::Finished),
    ("dead_letter", State::DeadLettered),
    ("parked", State::Parked),
    ("held", State::Held),
    ("waiting", State::Waiting),
    ("cancelled", State::Cancelled),
];

/// The word of tests for how a run is.
pub(super) fn outcome_name(state: State) -> &'static str {
    OUTCOMES.iter().find(|(_, known)| *known == state).map_or("running", |(name, _)| name)
}

const KEYS: [&str; 10] =
    ["outcome", "output", "calls", "calls_in_order", "not_called", "steps", "dead_letter", "emitted", "state", "takes"];

impl Expect {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        let steps = self.steps.iter().all(StepExpected::is_empty);
        let takes = self.takes.as_ref().is_none_or(|takes| takes.at_least.is_none() && takes.at_most.is_none());
        let none = [self.output.is_empty(), self.calls.is_empty(), self.in_order.is_empty(), steps, takes];
        let state = self.state.iter().all(|pairs| pairs.pairs.is_empty());
        let others = self.outcome.is_none() && self.dead_letter.is_none() && state;
        others && none.into_iter().all(|none| none) && self.not_called.is_empty() && self.emitted.is_empty()
    }
}

/// Reads `expect`.
pub(super) fn read(node: &Node, report: &mut Report) -> Expect {
    let Some(open) = Fields::open(node, "`expect`", &KEYS, report) else { return Expect::default() };
    let outcome = open.get("outcome").and_then(|node| spanned(node, "an outcome", &OUTCOMES, report));
    let calls = |key: &str, may_count: bool, report: &mut Report| {
        let items = open.get(key).and_then(|node| list(node, &format!("`{key}`"), report)).unwrap_or_default();
        items.iter().filter_map(|item| call(item, may_count, report)).collect()
    };
    let (made, in_order) = (calls("calls", true, report), calls("calls_in_order", false, report));
    let not_called = open.get("not_called").and_then(|node| texts(node, "`not_called`", report));
    let emitted = open.get("emitted").and_then(|node| list(node, "`emitted`", report)).unwrap_or_default();
    Expect {
        outcome,
        output: open.get("output").map_or_else(Vec::new, |node| whole_or_fields(node, "`output`", report)),
        calls: made,
        in_order,
        not_called: not_called.unwrap_or_default(),
        steps: open.get("steps").map_or_else(Vec::new, |node| steps(node, report)),
        dead_letter: open.get("dead_letter").and_then(|node| dead_letter(node, report)),
        emitted: emitted.iter().filter_map(|item| emission(item, report)).collect(),
        state: open.get("state").map_or_else(Vec::new, |node| state::read(node, true, report)),
        takes: open.get("takes").and_then(|node| takes(node, report)),
    }
}

fn spanned<T: Copy>(node: &Node, what: &str, words: &[(&str, T)], report: &mut Report) -> Option<Spanned<T>> {
    one_of(node, what, words, report).map(|value| Spanned::new(value, node.at))
}

fn count(fields: Fields<'_>, key: &str, report: &mut Report) -> Option<Spanned<usize>> {
    let node = fields.get(key)?;
    let count = usize::try_from(whole(node, &format!("`{key}`"), report)?).unwrap_or(usize::MAX);
    Some(Spanned::new(count, node.at))
}

/// `{ action, times, with }`, or the action alone.
fn call(node: &Node, may_count: bool, report: &mut Report) -> Option<CallExpected> {
    if node.entries().is_none() {
        return Some(CallExpected { action: text(node, "a call", report)?, times: None, with: Vec::new() });
    }
    let keys: &[&str] = if may_count { &["action", "times", "with"] } else { &["action", "with"] };
    let open = Fields::open(node, "a call", keys, report)?;
    let action = open.need("action", "payoneer.create_payout", report).and_then(|node| text(node, "`action`", report));
    let times = count(open, "times", report);
    let with = open.get("with").map_or_else(Vec::new, |node| fields(node, "`with`", report));
    Some(CallExpected { action: action?, times, with })
}

fn steps(node: &Node, report: &mut Report) -> Vec<StepExpected> {
    let entries = map(node, "`steps`", report).unwrap_or_default();
    entries.iter().filter_map(|(id, node)| step(id, node, report)).collect()
}

/// `{ status, output, error, held_for, attempts }`, or the status alone.
fn step(id: &Spanned<String>, node: &Node, report: &mut Report) -> Option<StepExpected> {
    let status = |node: &Node, report: &mut Report| spanned(node, "the status of a step", &StepStatus::ALL, report);
    let (output, error, held_for) = (Vec::new(), Vec::new(), Vec::new());
    if node.entries().is_none() {
        let status = Some(status(node, report)?);
        return Some(StepExpected { id: id.clone(), status, output, error, held_for, attempts: None });
    }
    let open = Fields::open(node, "a step's part", &["status", "output", "error", "held_for", "attempts"], report)?;
    let part = |key: &str, report: &mut Report| {
        open.get(key).map_or_else(Vec::new, |node| whole_or_fields(node, &format!("`{key}`"), report))
    };
    Some(StepExpected {
        id: id.clone(),
        status: open.get("status").and_then(|node| status(node, report)),
        output: part("output", report),
        error: part("error", report),
        held_for: part("held_for", report),
        attempts: count(open, "attempts", report),
    })
}

fn dead_letter(node: &Node, report: &mut Report) -> Option<DeadLetterExpected> {
    let open = Fields::open(node, "`dead_letter`", &["class", "step", "message"], report)?;
    let classes: Vec<_> = ErrorClass::ALL.into_iter().map(|class| (class.name(), class)).collect();
    Some(DeadLetterExpected {
        at: open.at(),
        class: open.get("class").and_then(|node| spanned(node, "an error class", &classes, report)),
        step: open.get("step").and_then(|node| text(node, "`step`", report)),
        message: open.get("message").and_then(|node| text(node, "`message`", report)),
    })
}

fn emission(node: &Node, report: &mut Report) -> Option<EmittedExpected> {
    let open = Fields::open(node, "an emitted event", &["event", "key", "data"], report)?;
    let event = open.need("event", "order.paid", report).and_then(|node| text(node, "`event`", report));
    Some(EmittedExpected {
        key: open.get("key").and_then(|node| text(node, "`key`", report)),
        data: open.get("data").map_or_else(Vec::new, |node| whole_or_fields(node, "`data`", report)),
        event: event?,
    })
}

fn takes(node: &Node, report: &mut Report) -> Option<Takes> {
    let open = Fields::open(node, "`takes`", &["at_least", "at_most"], report)?;
    Some(Takes {
        at: open.at(),
        at_least: open.get("at_least").and_then(|node| duration(node, "`at_least`", report)),
        at_most: open.get("at_most").and_then(|node| duration(node, "`at_most`", report)),
    })
}
