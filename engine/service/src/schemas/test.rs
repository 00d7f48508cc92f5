//! A file of tests as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::{
    arm::Class,
    rules::{exactly_one, only_beside, or_else},
    written::{Duration, Plain, PlainMap, Text, Texts, Version},
};

/// Tests of a pipeline of ferry: an event, the answers of its targets, and what is to come of it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tests {
    /// The version of the language: `1`.
    pub ferry: Option<Version>,
    /// The pipeline's name; without it, the one in the file beside it.
    pub pipeline: Option<Text>,
    /// The tests.
    pub tests: Vec<Test>,
}

/// One test, or a table of cases.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = begun)]
pub struct Test {
    /// What holds, in a sentence.
    pub name: Text,
    /// What begins the run: the event itself, or `{ file: samples/x.json, with: { … } }`.
    pub event: Option<Plain>,
    /// The business key of a run that a person begins.
    pub key: Option<Text>,
    /// When it begins; always the same where nothing is said.
    #[schemars(extend("examples" = ["2026-03-01T10:00:00Z"]))]
    pub now: Option<Text>,
    /// How long it lasts, where the run does not end before.
    pub r#for: Option<Duration>,
    /// What the store knows before it.
    pub state: Option<State>,
    /// What targets answer, by `connection.action`; the last answer stays. A call without one fails the test.
    pub mocks: Option<BTreeMap<String, Answers>>,
    /// What persons answer to steps with `approve`.
    pub approvals: Option<Vec<Approval>>,
    /// What persons find out about calls that are parked.
    pub decisions: Option<Vec<Decision>>,
    /// Events that come while the run waits.
    pub events: Option<Vec<Posted>>,
    /// The same test with some keys written anew.
    pub cases: Option<Vec<Case>>,
    /// What is to come of it.
    pub expect: Option<Expect>,
}

/// A test without a table needs its event.
fn begun(schema: &mut schemars::Schema) {
    let rule = json!({ "if": { "not": { "required": ["cases"] } }, "then": { "required": ["event"] } });
    schema.insert("allOf".to_owned(), json!([rule]));
}

/// A case of a table: what differs.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Case {
    /// What is different.
    pub name: Text,
    /// Fields that differ, or another sample.
    pub event: Option<Plain>,
    /// The business key of a run that a person begins.
    pub key: Option<Text>,
    /// When it begins.
    pub now: Option<Text>,
    /// How long it lasts, where the run does not end before.
    pub r#for: Option<Duration>,
    /// What the store knows before it, where that differs.
    pub state: Option<State>,
    /// Answers that differ.
    pub mocks: Option<BTreeMap<String, Answers>>,
    /// What persons answer to steps with `approve`.
    pub approvals: Option<Vec<Approval>>,
    /// What persons find out about calls that are parked.
    pub decisions: Option<Vec<Decision>>,
    /// Events that come while the run waits.
    pub events: Option<Vec<Posted>>,
    /// What is expected otherwise.
    pub expect: Option<Expect>,
}

/// What a store knows.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct State {
    /// Pairs by cross-reference and key. An expectation writes `null` where there is to be no pair.
    #[schemars(extend("examples" = [{ "contacts": { "003": "P-1" } }]))]
    pub xref: Option<BTreeMap<String, PlainMap>>,
}

/// An answer, or several in order.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
#[schemars(transform = one_or_several)]
pub struct Answers(pub Answer);

fn one_or_several(schema: &mut schemars::Schema) {
    let one = schema.clone().to_value();
    let several = json!({ "if": { "type": "array" }, "then": { "items": one, "minItems": 1 }, "else": one });
    *schema = schemars::Schema::try_from(several).expect("a map is a schema");
}

/// What a target answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["return", "fail", "timeout"], "an answer gives one thing: write `return`, `fail` or `timeout`"))]
#[schemars(transform = only_beside("message", &["fail"], "only `fail` takes `message`"))]
#[schemars(transform = only_beside("code", &["fail"], "only `fail` takes `code`"))]
#[schemars(transform = only_beside("wait", &["fail"], "only `fail` takes `wait`"))]
pub struct Answer {
    /// Which calls it answers, by fields of their input.
    pub with: Option<PlainMap>,
    /// The action's output.
    pub r#return: Option<Plain>,
    /// The class of a failure.
    pub fail: Option<Class>,
    /// What the target says of it.
    pub message: Option<Text>,
    /// The target's code of it.
    pub code: Option<Text>,
    /// How long the target asks to wait.
    pub wait: Option<Duration>,
    /// No answer: whether the request had left before.
    pub timeout: Option<NoAnswer>,
}

/// When a request got no answer.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum NoAnswer {
    /// It never left.
    BeforeSend,
    /// It left, and perhaps arrived.
    AfterSend,
}

/// What a person answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Approval {
    /// The step that asks.
    pub step: Text,
    /// Who.
    pub by: Text,
    /// Yes or no.
    pub decision: YesNo,
    /// Why.
    pub reason: Option<Text>,
    /// How long after the question.
    pub after: Option<Duration>,
}

/// Yes or no.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum YesNo {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// What a person finds out about a call that is parked.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = output_of_done)]
pub struct Decision {
    /// The step.
    pub step: Text,
    /// Who.
    pub by: Option<Text>,
    /// What became of it.
    pub decision: Found,
    /// What the call gave.
    pub output: Option<Plain>,
    /// How long after it was parked.
    pub after: Option<Duration>,
}

fn output_of_done(schema: &mut schemars::Schema) {
    let message = "only what was done has an output: remove it, or write `decision: done`";
    let refused = json!({ "properties": { "output": false }, "errorMessage": message });
    let rule = json!({ "if": { "properties": { "decision": { "const": "done" } } }, "else": refused });
    schema.insert("allOf".to_owned(), json!([rule]));
}

/// What became of a parked call.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Found {
    /// It was done.
    Done,
    /// It was not done, and may be sent again.
    NotDone,
    /// Nobody knows; the run becomes a dead letter.
    GiveUp,
}

/// An event that comes while the run waits.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Posted {
    /// Its name.
    pub event: Text,
    /// Its key.
    pub key: Option<Text>,
    /// Its content.
    pub data: Plain,
    /// How long after the run waits for it.
    pub after: Option<Duration>,
}

/// What is to come of a run.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Expect {
    /// How it is in the end.
    pub outcome: Option<Outcome>,
    /// What it gives to the step that began it.
    pub output: Option<Plain>,
    /// Calls that are made.
    pub calls: Option<Vec<Call>>,
    /// Calls that are made one after another, perhaps with others between.
    pub calls_in_order: Option<Vec<OrderedCall>>,
    /// Actions that are not called.
    pub not_called: Option<Texts>,
    /// How its steps are, by id, or `id[key]` for one item.
    pub steps: Option<BTreeMap<String, StepPart>>,
    /// As what dead letter it ends.
    pub dead_letter: Option<DeadLetter>,
    /// What it tells other pipelines.
    pub emitted: Option<Vec<Emitted>>,
    /// What the store knows after it.
    pub state: Option<State>,
    /// How long it takes, in its own time.
    pub takes: Option<Takes>,
}

/// How a run is in the end.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Outcome {
    /// All is done.
    Finished,
    /// It failed.
    DeadLetter,
    /// A person decides.
    Parked,
    /// It waits for money.
    Held,
    /// It waits for something else.
    Waiting,
    /// A person ended it.
    Cancelled,
}

/// A call that is to be made: the action, or a map with more.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| json!({ "type": "string" })))]
pub struct Call {
    /// `connection.action`.
    pub action: Text,
    /// How often; at least once where nothing is said.
    pub times: Option<u64>,
    /// Fields of its input: `values.Status__c: Completed`.
    pub with: Option<PlainMap>,
}

/// A call in its order: the action, or a map with its input.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| json!({ "type": "string" })))]
pub struct OrderedCall {
    /// `connection.action`.
    pub action: Text,
    /// Fields of its input.
    pub with: Option<PlainMap>,
}

/// How a step is to be: its status, or a map with more.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| json!({ "enum": STATUS })))]
pub struct StepPart {
    /// Where it is.
    #[schemars(extend("enum" = STATUS))]
    pub status: Option<Text>,
    /// What it gave.
    pub output: Option<Plain>,
    /// How it failed last.
    pub error: Option<Plain>,
    /// What it is held for.
    pub held_for: Option<Plain>,
    /// How often its call was sent.
    pub attempts: Option<u64>,
}

/// Where a step is, in the words of tests.
const STATUS: [&str; 7] = ["done", "skipped", "failed", "held", "waiting", "parked", "not_reached"];

/// The dead letter that a run ends as.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DeadLetter {
    /// The class of its failure.
    pub class: Option<Class>,
    /// The step that failed.
    pub step: Option<Text>,
    /// What its message contains.
    pub message: Option<Text>,
}

/// An event that is told to others.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Emitted {
    /// Its name.
    pub event: Text,
    /// Its business key.
    pub key: Option<Text>,
    /// Its content.
    pub data: Option<Plain>,
}

/// How long a run takes.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Takes {
    /// At least so long.
    pub at_least: Option<Duration>,
    /// At most so long.
    pub at_most: Option<Duration>,
}
