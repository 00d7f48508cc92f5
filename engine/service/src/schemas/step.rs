//! Steps: what each does, and what is around it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value as Json, json};

use super::{
    arm::Arm,
    reconcile::Reconcile,
    rules::{call, exactly_one, only_beside, or_else},
    wait::{Approve, Wait},
    written::{ActionName, Condition, Interval, Plain, Text, Texts, Value},
};

/// One step of a run: an id, what it does, and what happens when that fails.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = call)]
#[schemars(transform = exactly_one(&["action", "map", "check", "script", "allocate", "reconcile", "wait", "approve", "pipeline", "emit", "link", "alert"], "this step does nothing: add one of `action`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert`"))]
#[schemars(transform = only_beside("with", &["action", "pipeline"], "only an action or a pipeline takes `with`: move it into the step's own map, or remove it"))]
#[schemars(transform = only_beside("once_per", &["action"], "only an action takes `once_per`: nothing else has a key at a target"))]
pub struct Step {
    /// The step's name: others read its output as `$.ID`.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]*$"))]
    #[schemars(extend("patternErrorMessage" = "write small letters, digits and `_`, such as `payout_status`"))]
    pub id: Text,
    /// Steps that come first without being read; those that are read need not be named.
    pub needs: Option<Texts>,
    /// A condition in Rhai; where it does not hold the step is skipped.
    #[schemars(extend("examples" = ["event.Amount__c > 0"]))]
    pub when: Option<Condition>,
    /// Does the step for each item of a list.
    pub each: Option<Each>,
    /// How long it may take, all attempts together.
    pub timeout: Option<Interval>,
    /// What takes the place of the event's key in the names of its calls.
    pub once_per: Option<Value>,
    /// `connection.action`.
    pub action: Option<ActionName>,
    /// The input of the action or the pipeline.
    pub with: Option<Value>,
    /// Makes a value: a map of fields, or one operator. It is the step's output.
    pub map: Option<Value>,
    /// Refuses data: each rule has to hold. A failure is of the class `invalid`, and nothing was sent.
    #[schemars(length(min = 1))]
    pub check: Option<Vec<Rule>>,
    /// Runs Rhai; its value is the step's output. Either the script itself, or a function of a file in `scripts/`.
    pub script: Option<Function>,
    /// Splits money into parts that always sum to the whole.
    pub allocate: Option<Allocate>,
    /// Matches the rows of two sides.
    pub reconcile: Option<Reconcile>,
    /// Waits for a time, for an answer, or for an event.
    pub wait: Option<Wait>,
    /// Asks a person.
    pub approve: Option<Approve>,
    /// Runs another pipeline, by its name, and takes its output.
    pub pipeline: Option<Text>,
    /// Emits an event for other pipelines.
    pub emit: Option<Emit>,
    /// Records what another system calls a record, once and for ever.
    pub link: Option<Link>,
    /// Tells persons.
    pub alert: Option<Alert>,
    /// What happens on some classes of failure. Without an arm, the run becomes a dead letter.
    #[schemars(length(min = 1))]
    pub on_error: Option<Vec<Arm>>,
}

/// A list, and how its items are taken.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Each {
    /// The list.
    pub r#in: Value,
    /// What values call an item; `item` where nothing is said.
    pub r#as: Option<Text>,
    /// What names an item for ever, never its place in the list.
    #[schemars(extend("examples" = ["$.item.id"]))]
    pub key: Value,
    /// How many items at once.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u64>,
    /// Whether a failed item fails the step, or is part of its output.
    pub errors: Option<Errors>,
}

/// What a failed item does.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Errors {
    /// It fails the step.
    Fail,
    /// It is part of the output.
    Collect,
}

/// One rule of a check: a field that is something, or a condition in Rhai.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["field", "rhai"], "a rule tests one field, or one Rhai condition: write `{ field: $.event.Id, is: present }` or `{ rhai: …, say: … }`"))]
#[schemars(transform = tested)]
pub struct Rule {
    /// The field.
    pub field: Option<Value>,
    /// What the field must be: `present`, `email`, `{ decimal: … }` or `{ one_of: […] }`.
    pub is: Option<Is>,
    /// The condition in Rhai.
    pub rhai: Option<Condition>,
    /// The class of the failure; `invalid` where nothing is said.
    pub class: Option<super::arm::Class>,
    /// What a person reads when it fails; a text with values in braces.
    pub say: Option<Text>,
}

/// A field takes `is`, and a condition what to say.
fn tested(schema: &mut schemars::Schema) {
    let message = "only a `field` takes `is`: say it in the Rhai, or remove it";
    let rhai = json!({ "required": ["say"], "properties": { "is": false }, "errorMessage": message });
    let rhai = json!({ "if": { "required": ["is"] }, "then": rhai, "else": { "required": ["say"] } });
    let rule = json!({ "if": { "required": ["rhai"] }, "then": rhai, "else": { "required": ["is"] } });
    let all = schema.ensure_object().get_mut("allOf").and_then(Json::as_array_mut);
    all.expect("a rule has rules").push(rule);
}

/// What a field must be.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["one_of", "decimal"], "write `decimal: { … }` or `one_of: [ … ]`"))]
#[schemars(transform = or_else(|| json!({ "enum": ["present", "email"] })))]
pub struct Is {
    /// An exact number within bounds.
    pub decimal: Option<Decimal>,
    /// One of a few values.
    #[schemars(length(min = 1))]
    pub one_of: Option<Vec<Plain>>,
}

/// Bounds of a number.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Decimal {
    /// Greater than.
    #[schemars(extend("type" = "number"))]
    pub above: Option<Plain>,
    /// Not greater than.
    #[schemars(extend("type" = "number"))]
    pub at_most: Option<Plain>,
    /// At most that many decimals.
    pub scale: Option<u64>,
}

/// A function of a file in `scripts/`, or Rhai as a text.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| json!({ "type": ["string", "number"] })))]
pub struct Function {
    /// The file.
    #[schemars(extend("examples" = ["scripts/fees.rhai"]))]
    pub r#use: Text,
    /// The function.
    pub call: Text,
    /// Its arguments, by the names of its parameters.
    pub with: Option<BTreeMap<String, Value>>,
}

/// Money that is split into parts.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Allocate {
    /// The money.
    pub amount: Value,
    /// The name of a table with rules, or the rules.
    pub by: By,
    /// What the rules' matches are compared with, beside the currency.
    pub with: Option<Value>,
    /// Who gets the minor units that do not divide; `largest` where nothing is said.
    pub remainder: Option<Remainder>,
}

/// The name of a table, or the rules.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
#[schemars(transform = or_else(|| json!({ "type": ["string", "number", "array"], "items": { "type": "object" } })))]
pub struct By(pub BTreeMap<String, Plain>);

/// Who gets the minor units that do not divide.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Remainder {
    /// The parts that lose most by rounding down.
    Largest,
    /// The first share.
    First,
    /// The last share.
    Last,
}

/// An event for other pipelines.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Emit {
    /// Its name.
    #[schemars(extend("examples" = ["order.paid"]))]
    pub event: Text,
    /// Its business key.
    pub key: Value,
    /// Its content.
    pub data: Option<Value>,
}

/// A pair of a cross-reference. The same pair again is nothing; another value for a known key fails as `conflict`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Link {
    /// A cross-reference of ferry.yaml.
    pub table: Text,
    /// What one system calls the record.
    pub key: Value,
    /// What the other one calls it.
    pub to: Value,
    /// Whether it may take the place of another value; `false` where nothing is said.
    pub replace: Option<bool>,
}

/// Something that persons are told.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Alert {
    /// An alert channel of ferry.yaml.
    pub to: Text,
    /// What they are told; a text with values in braces.
    pub say: Text,
}
