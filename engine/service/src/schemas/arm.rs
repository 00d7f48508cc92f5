//! What happens on some classes of failure.

use std::borrow::Cow;

use ferry_contract::failure::ErrorClass;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::{
    rules::{at_most_one, call, completions},
    step::Step,
    written::{ActionName, Condition, Interval, Text, Value},
};

/// What happens on some classes of failure.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = at_most_one(&["hold", "fallback", "do"]))]
#[schemars(transform = ended)]
pub struct Arm {
    /// The class, or a list of them.
    pub class: Classes,
    /// Tries the step again before anything else; only failures that did nothing.
    pub retry: Option<Retry>,
    /// Waits until a condition holds, then tries again.
    pub hold: Option<Hold>,
    /// Calls another action in its place.
    pub fallback: Option<Fallback>,
    /// Does steps, then ends as `then` says.
    #[schemars(length(min = 1))]
    pub r#do: Option<Vec<Step>>,
    /// How the arm ends.
    pub then: Option<End>,
}

/// Steps are followed by an end; what tries again has none.
fn ended(schema: &mut Schema) {
    let any = ["hold", "fallback", "do", "then", "retry"].map(|key| json!({ "required": [key] }));
    let none = "an arm holds, falls back, or does steps: write `retry: …`, `hold: …`, `fallback: …`, `do: …` with \
                `then: …`, or `then: …` alone";
    let refused = json!({ "properties": { "then": false }, "errorMessage": "only `do` takes `then`" });
    let rules = [
        json!({ "if": { "anyOf": any }, "else": { "required": ["do"], "errorMessage": none } }),
        json!({ "if": { "required": ["do"] }, "then": { "required": ["then"] } }),
        json!({ "if": { "required": ["hold"] }, "then": refused }),
        json!({ "if": { "required": ["fallback"] }, "then": refused }),
    ];
    let all = schema.ensure_object().get_mut("allOf").and_then(serde_json::Value::as_array_mut);
    all.expect("an arm has rules").extend(rules);
}

/// A class of failures.
#[derive(Debug)]
pub struct Class;

impl JsonSchema for Class {
    fn schema_name() -> Cow<'static, str> {
        "ErrorClass".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = ErrorClass::ALL.map(ErrorClass::name);
        json_schema!({ "type": "string", "enum": names, "markdownEnumDescriptions": ErrorClass::ALL.map(ErrorClass::meaning) })
    }
}

fn offered() -> serde_json::Value {
    completions(ErrorClass::ALL.into_iter().map(|class| (class.name(), class.meaning())))
}

/// A class of failures, or a list of them.
#[derive(Debug)]
pub struct Classes;

impl JsonSchema for Classes {
    fn schema_name() -> Cow<'static, str> {
        "ErrorClasses".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let class = generator.subschema_for::<Class>();
        json_schema!({
            "if": { "type": "array" },
            "then": { "items": class, "minItems": 1 },
            "else": class,
            "defaultSnippets": offered(),
        })
    }
}

/// How an arm or a wait ends.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum End {
    /// The run goes on, as if the step had been skipped.
    Continue,
    /// The run becomes a dead letter.
    DeadLetter,
}

/// How often a step is tried again.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Retry {
    /// How many attempts, the first one included.
    #[schemars(range(min = 1))]
    pub attempts: u64,
    /// How long after the first attempt the last one may begin.
    pub within: Option<Interval>,
    /// The first wait; each is twice the one before.
    pub first: Option<Interval>,
    /// The longest wait.
    pub at_most: Option<Interval>,
}

/// A wait for money.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Hold {
    /// What the run waits for: the amount of money. It is reserved, and released in order.
    #[schemars(extend("examples" = ["$.payout.amount"]))]
    pub r#for: Value,
    /// What is asked, and when the answer ends the hold.
    pub until: Until,
    /// How often it is asked.
    pub every: Interval,
    /// The alert channel of ferry.yaml that is told.
    pub alert: Option<Text>,
}

/// What is asked while a run is held.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = call)]
pub struct Until {
    /// `connection.action`.
    pub action: ActionName,
    /// The input of the action.
    pub with: Option<Value>,
    /// The condition in Rhai on `result`, the answer, and `reserved`, the sum of all that waits.
    #[schemars(extend("examples" = ["result.available >= reserved"]))]
    pub passes: Condition,
}

/// Another call in the place of one that failed.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = fallback_call)]
pub struct Fallback {
    /// `connection.action`.
    pub action: ActionName,
    /// The input of the action; without it, the step's own.
    pub with: Option<Value>,
}

/// Without an input of its own it takes the step's.
fn fallback_call(schema: &mut Schema) {
    let mut checked = schema.clone();
    call(&mut checked);
    let rules = checked.ensure_object().remove("allOf").unwrap_or_default();
    schema.insert("if".to_owned(), json!({ "required": ["with"] }));
    schema.insert("then".to_owned(), json!({ "allOf": rules }));
}
