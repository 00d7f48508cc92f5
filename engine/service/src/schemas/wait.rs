//! Steps that wait, and questions to persons.

use schemars::JsonSchema;
use serde_json::{Value as Json, json};

use super::{
    arm::End,
    rules::{call, exactly_one, only_beside, or_else},
    written::{ActionName, Condition, Duration, Interval, JsonPath, Text, Texts, Value},
};

/// A wait for a time, for an answer, or for an event.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["for", "poll", "event"], "a wait is for a time, for an answer or for an event: write `for`, `poll` or `event`"))]
#[schemars(transform = only_beside("until", &["poll"], "only a wait with `poll` takes `until`"))]
#[schemars(transform = only_beside("wake", &["poll"], "only a wait with `poll` takes `wake`"))]
#[schemars(transform = only_beside("match", &["event"], "only a wait with `event` takes `match`"))]
#[schemars(transform = bounded)]
pub struct Wait {
    /// For that long.
    pub r#for: Option<Interval>,
    /// Until the answer of an action fulfils `until`.
    pub poll: Option<Question>,
    /// For an event of this name.
    #[schemars(extend("examples" = ["payoneer.payout_status"]))]
    pub event: Option<Text>,
    /// Which event of that name: the one whose value equals this run's.
    pub r#match: Option<Match>,
    /// The condition in Rhai on `result`, the answer, under which the wait ends.
    #[schemars(extend("examples" = ["result.status == \"Transferred\""]))]
    pub until: Option<Condition>,
    /// An event that makes it ask at once.
    pub wake: Option<Wake>,
    /// How long it waits before the step fails, or goes on.
    pub timeout: Option<Timeout>,
}

/// What waits for others ends some day, and what it waits for is named.
fn bounded(schema: &mut schemars::Schema) {
    let message = "a wait for a time has no other time-out";
    let timed = json!({ "properties": { "timeout": false }, "errorMessage": message });
    let rules = [
        json!({ "if": { "required": ["for"] }, "then": timed, "else": { "required": ["timeout"] } }),
        json!({ "if": { "required": ["poll"] }, "then": { "required": ["until"] } }),
        json!({ "if": { "required": ["event"] }, "then": { "required": ["match"] } }),
    ];
    let all = schema.ensure_object().get_mut("allOf").and_then(Json::as_array_mut);
    all.expect("a wait has rules").extend(rules);
}

/// A question that is repeated.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = call)]
pub struct Question {
    /// `connection.action`.
    pub action: ActionName,
    /// The input of the action.
    pub with: Option<Value>,
    /// How often it is asked.
    pub every: Interval,
}

/// An event that makes a wait ask at once.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Wake {
    /// Its name.
    pub event: Text,
    /// Which one: the one whose value equals this run's.
    pub r#match: Match,
}

/// What an event and a run have in common.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Match {
    /// The JSONPath into the event.
    #[schemars(extend("examples" = ["$.client_reference_id"]))]
    pub event: JsonPath,
    /// The run's value that must equal it.
    pub run: Value,
}

/// How long a wait lasts, and how it ends then.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| {
    let message = "write a duration such as `5d`, or `{ after: 5d, then: continue }`";
    json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "patternErrorMessage": message, "errorMessage": message })
}))]
pub struct Timeout {
    /// After this time.
    pub after: Duration,
    /// How: the run becomes a dead letter, or goes on without the step's output.
    pub then: End,
}

/// A question to a person.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Approve {
    /// Who may answer: persons, or groups of ferry.yaml.
    pub by: Texts,
    /// Who may not: the one who made what is to be approved. Null is nobody where `default: null` says so, else a failure.
    pub not: Option<Value>,
    /// What the person sees.
    pub show: Option<Value>,
    /// How long the question stands.
    pub expires: Option<Interval>,
}
