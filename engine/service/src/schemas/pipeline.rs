//! A pipeline as it is written: its head, its trigger, and what is around its steps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::{
    reconcile::Reconciled,
    rules::{call, exactly_one, or_else, or_word},
    step::Step,
    written::{ActionName, Duration, Interval, JsonPath, Plain, Text, Value, Version},
};

/// A pipeline of ferry: what starts its runs, and the steps of each.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Pipeline {
    /// The version of the language: `1`.
    pub ferry: Version,
    /// The pipeline's name, as commands and other pipelines call it.
    pub pipeline: Text,
    /// What it is for, in one sentence.
    pub description: Option<Text>,
    /// The alert channel of ferry.yaml of the people who own it.
    pub owner: Option<Text>,
    /// What starts its runs: one event is one run.
    pub trigger: Trigger,
    /// What each event has, from whatever begins the run; it is `$.event` here. An event that does not fit is kept as a
    /// dead letter.
    pub inputs: Option<BTreeMap<String, Input>>,
    /// What a run gives back to the step that began it.
    pub output: Option<Value>,
    /// How long a run may take, all in all.
    pub timeout: Option<Interval>,
    /// Which runs go one after another.
    pub concurrency: Option<Concurrency>,
    /// What is done. A step that reads another one comes behind it; all others run at once.
    #[schemars(length(min = 1))]
    pub steps: Vec<Step>,
    /// Who is told of dead letters and parked runs.
    pub on_failure: Option<OnFailure>,
}

/// Who is told of dead letters and parked runs.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OnFailure {
    /// An alert channel of ferry.yaml.
    pub alert: Text,
}

/// What starts runs: one of `poll`, `webhook`, `event`, `schedule`, `pipeline`, `file` and `reconciled`, or the word `manual`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["poll", "webhook", "event", "schedule", "pipeline", "file", "reconciled"], "a trigger has one source of events: write `poll`, `webhook`, `event`, `schedule`, `pipeline`, `file` or `reconciled`, or `trigger: manual`"))]
#[schemars(transform = keyed)]
#[schemars(transform = or_word(&["manual"]))]
pub struct Trigger {
    /// An action that is asked for new events.
    pub poll: Option<Poll>,
    /// Requests that others send to `/hooks/PATH`.
    pub webhook: Option<Webhook>,
    /// The name of an event that steps of other pipelines emit.
    pub event: Option<Text>,
    /// Times of a cron expression.
    pub schedule: Option<Schedule>,
    /// Ends of another pipeline's runs.
    pub pipeline: Option<Follow>,
    /// Files that others drop into a folder; each row is an event.
    pub file: Option<Drop>,
    /// What reconciliations say of a book: each match, or each row that is left, is an event.
    pub reconciled: Option<Reconciled>,
    /// The JSONPath of the event's business key: one run for each, ever.
    #[schemars(extend("examples" = ["$.Id"]))]
    pub key: Option<JsonPath>,
    /// The JSONPath of what tells two versions of an event apart: a corrected one reopens a run that is a dead letter.
    #[schemars(extend("examples" = ["$.SystemModstamp"]))]
    pub revision: Option<JsonPath>,
}

/// A schedule has its times as keys, what follows another pipeline its keys, and a book its own; every other source needs one.
fn keyed(schema: &mut schemars::Schema) {
    let message = "a schedule has its times as keys, what follows a pipeline the keys of its runs, and a book its own";
    let refused = json!({ "properties": { "key": false, "revision": false }, "errorMessage": message });
    let rule = json!({ "if": { "anyOf": [{ "required": ["schedule"] }, { "required": ["pipeline"] }, { "required": ["reconciled"] }] }, "then": refused, "else": { "required": ["key"] } });
    let all = schema.ensure_object().get_mut("allOf").and_then(serde_json::Value::as_array_mut);
    all.expect("a trigger has rules").push(rule);
}

/// An action that is asked for new events.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = call)]
pub struct Poll {
    /// `connection.action`.
    pub action: ActionName,
    /// The input of the action; the poll adds the cursor.
    pub with: Option<Value>,
    /// How often it is asked.
    pub every: Interval,
    /// How far it has come: the place up to which all events are on disk.
    pub cursor: Cursor,
    /// Where the first poll begins, and how far one query reaches; without it, the first poll asks for all that there is.
    pub backfill: Option<Backfill>,
}

/// Where the first poll begins: from there, the poll walks in windows.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Backfill {
    /// The first moment whose events are taken.
    #[schemars(extend("examples" = ["2026-01-01T00:00:00Z"]))]
    pub from: Text,
    /// The moment from which on events are not taken any more; without it, the poll goes on with what is new.
    pub to: Option<Text>,
    /// How far one query reaches.
    pub window: Interval,
}

/// The place up to which all events are on disk: the last value of a growing field, or a token that the target gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["field", "tie_break", "lookback"] }, { "required": ["token", "into"] }]))]
pub struct Cursor {
    /// The JSONPath of the growing field.
    pub field: Option<JsonPath>,
    /// The JSONPath of what orders events with the same value.
    pub tie_break: Option<JsonPath>,
    /// How far before the last value each poll begins; longer than events come late.
    pub lookback: Option<Duration>,
    /// The JSONPath of the place in the answer, as the target calls it.
    #[schemars(extend("examples" = ["$.replay_id"]))]
    pub token: Option<JsonPath>,
    /// The field of the action's input that the token becomes.
    #[schemars(extend("examples" = ["replay_id"]))]
    pub into: Option<Text>,
}

/// Requests that others send.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Webhook {
    /// The last part of the URL, `/hooks/PATH`.
    #[schemars(regex(pattern = "^[a-z0-9_-]+$"))]
    #[schemars(extend("patternErrorMessage" = "write small letters, digits and `-`, such as `payout-status`"))]
    pub path: Text,
    /// `connection.webhook`: a webhook that a connector describes and verifies.
    #[schemars(extend("examples" = ["payoneer.payout_sent"]))]
    pub from: Option<Text>,
    /// How a request shows who sent it; `none` has to be written, because an open address is a decision. Beside `from` there is
    /// only `none`, for senders that sign nothing.
    pub verify: Option<Verify>,
    /// The step whose output is the answer; without it, the answer comes as soon as the event is on disk.
    pub respond: Option<Text>,
}

/// How a request shows who sent it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_word(&["none"]))]
pub struct Verify {
    /// The way; `hmac_sha256` without it.
    pub scheme: Option<Scheme>,
    /// The header with the proof, for `hmac_sha256` (perhaps after `sha256=`) and `shared_secret`.
    #[schemars(extend("examples" = ["X-Signature"]))]
    pub header: Option<Text>,
    /// The reference to the secret.
    #[schemars(extend("examples" = ["${env:HOOK_SECRET}", "${secret:hooks/payouts}"]))]
    pub secret: Text,
    /// How far the sender's time may be from ours, for schemes that sign it; 5 minutes without it.
    pub skew: Option<Duration>,
}

/// Ways to show who sent a request.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Scheme {
    /// HMAC-SHA256 of the body in a header, in hexadecimal digits or Base64.
    HmacSha256,
    /// The secret itself in a header.
    SharedSecret,
    /// Standard Webhooks: HMAC-SHA256 over id, time and body.
    StandardWebhooks,
    /// Payoneer's `Authorization: hmacauth` over method, URL, time, nonce and body.
    PayoneerHmacauth,
}

/// Times of a cron expression.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Schedule {
    /// Minute, hour, day of the month, month, day of the week.
    #[schemars(extend("examples" = ["0 6 * * 1-5"]))]
    pub cron: Text,
    /// The IANA zone in which it is meant.
    #[schemars(extend("examples" = ["Europe/Berlin", "UTC"]))]
    pub zone: Text,
    /// What a time does while a run of an earlier one has not ended.
    pub overlap: Overlap,
    /// What becomes of times at which nothing ran.
    pub catch_up: CatchUp,
}

/// Ends of another pipeline's runs. The event has the other run's `key`, `event`, `output` and `failure`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Follow {
    /// The other pipeline of this project.
    pub name: Text,
    /// Which ends begin a run.
    pub on: Ended,
}

/// How a run has ended.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Ended {
    /// It has done all it was to do.
    Finished,
    /// It is a dead letter.
    DeadLetter,
}

/// A folder into which others drop files.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Drop {
    /// The folder, from that of the project; files whose rows are all on disk go into `done` in it.
    pub folder: Text,
    /// How rows are written.
    pub format: Rows,
    /// How often it is looked at; a file is taken when it has not changed between two looks.
    pub every: Interval,
}

/// How the rows of a file are written.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Rows {
    /// CSV with a header, in files that end with `.csv`; cells are texts.
    Csv,
    /// A JSON value a line, in files that end with `.jsonl`.
    JsonLines,
}

/// What a time does while a run of an earlier one has not ended.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Overlap {
    /// It is left out.
    Skip,
    /// It waits for the earlier one.
    Queue,
    /// Both run.
    Allow,
}

/// What becomes of times at which nothing ran.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are left out.
    None,
    /// The last of them runs.
    Last,
    /// All of them run.
    All,
}

/// One value that a sub-pipeline takes: a JSON type, or a map with one.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_else(|| json!({ "enum": super::actions::kinds() })))]
pub struct Input {
    /// The JSON type.
    #[schemars(extend("enum" = super::actions::kinds()))]
    pub r#type: Text,
    /// Whether it may be left out.
    pub optional: Option<bool>,
    /// All that it can be; what is written here is never anything else.
    #[schemars(length(min = 1))]
    pub one_of: Option<Vec<Plain>>,
    /// How many characters a text has at the most.
    pub max_length: Option<u64>,
}

/// Which runs go one after another.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Concurrency {
    /// What they have in common, from the event. Events without it have that in common.
    #[schemars(extend("examples" = ["$.AccountId"]))]
    pub key: JsonPath,
    /// How many of them run at once.
    #[schemars(range(min = 1))]
    pub limit: u64,
}
