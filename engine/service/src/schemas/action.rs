//! An action of a `connector.yaml` as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value as Json, json};

use super::{
    arm::Class,
    connector::ErrorRule,
    job::Job,
    request::Request,
    rules::{exactly_one, needed_unless, or_word},
    verify::Grade,
    written::{Condition, Duration, JsonPath, Made, Plain, Text, Texts},
};

/// One thing that the system can do.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = needed_unless("success", "request", "native"))]
#[schemars(transform = exactly_one(&["request", "job"], "write a `request`, or a `job` of several actions"))]
pub struct Action {
    /// What it does, in one sentence.
    pub summary: Text,
    /// Where the facts come from.
    pub source: Text,
    /// How well they are known.
    pub evidence: Option<Grade>,
    /// What to use instead, where it is not to be used any more.
    #[schemars(extend("examples" = ["use `create_payout`"]))]
    pub deprecated: Option<Text>,
    /// What it does to the target, and what a repeat would do.
    pub effect: Effect,
    /// The way in `auth` of that name, in the place of the connection's own.
    pub auth: Option<Text>,
    /// What is asked before it is sent.
    pub preflight: Option<Preflight>,
    /// How many calls travel as one request.
    pub bundle: Option<Bundle>,
    /// How long until the whole answer is there.
    pub timeout: Option<Duration>,
    /// The request, from the action's input (`$`, `input`).
    pub request: Option<Request>,
    /// Work that the system does by itself: several actions, one after the other.
    pub job: Option<Job>,
    /// The condition in Rhai on `status`, `body` and `headers` under which it succeeded; a native says itself.
    pub success: Option<Condition>,
    /// Rules before those of the connector.
    pub errors: Option<Vec<ErrorRule>>,
    /// The output, from the response's body (`$`, `body`).
    pub result: Made,
    /// How an answer leads to the next page.
    pub paginate: Option<Paginate>,
    /// How a trigger polls it.
    pub poll: Option<PollItems>,
    /// The input that lists the fields which the output has.
    pub selects: Option<Text>,
    /// The input that names the kind of record, which a snapshot in `describe/` may describe.
    pub record: Option<Text>,
    /// What it takes.
    pub input: Described,
    /// What it gives.
    pub output: Described,
    /// A recorded answer, such as `samples/get_thing.json`.
    pub sample: Text,
}

/// `read`, or what a write does.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_word(&["read"]))]
pub struct Effect {
    /// It changes the target.
    pub write: Write,
}

/// What a second call of the same write would do.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = told)]
pub struct Write {
    /// What a repeat does.
    pub repeat: Repeat,
    /// The header with the call's key.
    pub header: Option<Text>,
    /// How long the target remembers keys.
    pub remembers: Option<Duration>,
    /// The action that finds the write again.
    pub by: Option<By>,
    /// What must agree: fields of the look-up's output with JSONPaths into the write's input.
    pub found: Option<BTreeMap<String, JsonPath>>,
    /// How the look-up says that there is none.
    pub absence: Option<Absence>,
    /// How the target says that a write is cancelled for good.
    pub void: Option<Void>,
}

/// A key needs its header, and a look-up what it compares.
fn told(schema: &mut schemars::Schema) {
    let of = |word: &str| json!({ "properties": { "repeat": { "const": word } }, "required": ["repeat"] });
    let rules: Json = json!([
        { "if": of("keyed"), "then": { "required": ["header"] } },
        { "if": of("lookup"), "then": { "required": ["by", "found"] } },
    ]);
    schema.insert("allOf".to_owned(), rules);
}

/// What a repeat does.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Repeat {
    /// The target knows the key and answers without acting again.
    Keyed,
    /// The same content again changes nothing.
    Upsert,
    /// It would act again, and a look-up can tell whether the first one arrived.
    Lookup,
    /// It would act again, and nothing can tell.
    Never,
}

/// The action that finds a write again.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct By {
    /// Its name in this connector.
    pub action: Text,
    /// Its input, as JSONPaths into the write's input.
    pub with: Option<BTreeMap<String, JsonPath>>,
}

/// How a look-up says that there is none.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Absence {
    /// The class with which it fails then.
    pub class: Class,
    /// Whether that proves that the write did not arrive.
    pub proves: bool,
    /// How long after the call a write can be seen.
    pub visible_after: Duration,
}

/// How a target says that a write is cancelled for good.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Void {
    /// The field of the look-up's output.
    pub field: Text,
    /// The values that say it.
    pub values: Vec<Plain>,
    /// The field of the write's input that names it; later generations add `-2`, `-3` ….
    pub reference: Text,
}

/// What is asked before a write is sent.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Preflight {
    /// The action of this connector that answers.
    pub action: Text,
    /// The amount in the write's input that adds up over a bundle.
    pub sums: JsonPath,
    /// What must hold, in order.
    pub rules: Vec<PreflightRule>,
}

/// One condition of a preflight.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PreflightRule {
    /// The condition in Rhai on `result`, `input` and `total`.
    pub passes: Condition,
    /// The class of a call that does not pass; nothing was sent.
    pub class: Class,
    /// Why, in words.
    pub message: Text,
}

/// How many calls travel as one request.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Bundle {
    /// The most calls in one request.
    pub max: u64,
    /// How long the first call waits for others.
    pub within: Option<Duration>,
    /// The list in the request's body that grows.
    pub items: JsonPath,
    /// What the items of one request are sorted by, from a call's input: such as the record above it, which the target locks.
    pub order: Option<Made>,
    /// Whether the target does nothing of a request that it refuses: the items that it names are refused, and the others
    /// go again. Without it, a refusal of many says nothing of those that it does not name: they may have been done.
    pub atomic: Option<bool>,
    /// How a refusal names the items that are wrong.
    pub refused: Option<Refused>,
    /// Where an answer has a result for each call: `success`, `errors` and `result` then read one of these. Without it, an
    /// answer means the same for all calls.
    pub results: Option<Results>,
}

/// Where an answer has a result for each call.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Results {
    /// Rhai on `status`, `body` and `headers`: when an answer has results.
    pub when: Condition,
    /// The list of results in the body.
    pub items: JsonPath,
    /// Whose each is: `index` where they are in the order of the calls.
    pub by: Whose,
}

/// A key that a result and its call have.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = or_word(&["index"]))]
pub struct Whose {
    /// In the result.
    pub theirs: JsonPath,
    /// In the call's input.
    pub ours: JsonPath,
}

/// How a refusal of a whole bundle names the wrong items.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Refused {
    /// The list of errors in the body.
    pub errors: JsonPath,
    /// In an error: the item's index.
    pub index: JsonPath,
    /// In an error: what is wrong, in words.
    pub message: JsonPath,
    /// In an error: the target's code.
    pub code: JsonPath,
    /// Classes by code; all others are `rejected`.
    pub classes: Option<BTreeMap<String, Class>>,
}

/// How an answer leads to the next page.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["next", "cursor", "offset", "page"], "say where the next page is: write `next`, `cursor`, `offset` or `page`"))]
pub struct Paginate {
    /// The list of items in the body.
    pub items: JsonPath,
    /// The next page's URL in the body; absent or null on the last page.
    pub next: Option<JsonPath>,
    /// A cursor in the body, which the next request gives back.
    pub cursor: Option<CursorOfPages>,
    /// A number in the query: how many items are before the page.
    pub offset: Option<OffsetOfPages>,
    /// A number in the query: which page.
    pub page: Option<NumberOfPages>,
    /// How many items there are on all pages.
    pub total: Option<JsonPath>,
}

/// A cursor in the body, which the next request gives back.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CursorOfPages {
    /// Where it is; absent, null or empty on the last page.
    pub at: JsonPath,
    /// The parameter of the query that takes it.
    #[schemars(extend("examples" = ["cursor", "starting_after"]))]
    pub parameter: Text,
}

/// A number in the query: how many items are before the page.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OffsetOfPages {
    /// The parameter of the query.
    #[schemars(extend("examples" = ["offset", "skip"]))]
    pub parameter: Text,
}

/// A number in the query: which page.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NumberOfPages {
    /// The parameter of the query.
    #[schemars(extend("examples" = ["page", "pageIndex"]))]
    pub parameter: Text,
    /// The number of the first page; 1 without it.
    pub first: Option<u64>,
}

/// How a trigger polls an action.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PollItems {
    /// The events in the action's output.
    pub items: JsonPath,
    /// How a time is written into `cursor.from`, in the letters of strftime.
    pub time_format: Option<Text>,
}

/// The part of JSON Schema in which inputs and outputs are described.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Described {
    /// The JSON type.
    #[schemars(extend("enum" = super::actions::kinds()))]
    pub r#type: Option<Text>,
    /// What it is, with its unit and source.
    pub description: Option<Text>,
    /// The fields of a map.
    pub properties: Option<BTreeMap<String, Described>>,
    /// The fields that have to be there.
    pub required: Option<Texts>,
    /// Whether there may be others.
    #[schemars(rename = "additionalProperties")]
    pub additional_properties: Option<bool>,
    /// What is in a list.
    pub items: Option<Box<Described>>,
    /// The values that it can have.
    pub r#enum: Option<Vec<Plain>>,
    /// The most characters.
    #[schemars(rename = "maxLength")]
    pub length_max: Option<u64>,
    /// The standard that a text is a code of.
    pub format: Option<Format>,
    /// Whether nobody needs to see it whole, such as an account number.
    pub sensitive: Option<bool>,
    /// What it is to the kind of record that the action's `record` names.
    pub record: Option<Role>,
    /// What it looks like.
    pub example: Option<Plain>,
    /// What to write instead, where it is to be left out from now on.
    #[schemars(extend("examples" = ["use `payee_id`"]))]
    pub deprecated: Option<Text>,
}

/// What a part of an input or an output is to a record.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Role {
    /// The record as it is read.
    Read,
    /// The fields with which one is made.
    Create,
    /// The fields that are changed.
    Update,
    /// The fields with which one is made or changed, whichever it comes to.
    Upsert,
    /// One field that names a record, with its value.
    Key,
}

/// A standard whose codes are texts.
#[derive(Debug, JsonSchema)]
pub enum Format {
    /// A currency of ISO 4217, such as `USD`.
    #[schemars(rename = "currency")]
    Currency,
    /// A country of ISO 3166-1 by two letters, such as `NO`.
    #[schemars(rename = "country-alpha-2")]
    Country2,
    /// A country of ISO 3166-1 by three letters, such as `NOR`.
    #[schemars(rename = "country-alpha-3")]
    Country3,
}
