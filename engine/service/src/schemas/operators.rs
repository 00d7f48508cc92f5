//! The mapping operators as they are written: the builders, and what tells an operator from data.

use std::borrow::Cow;

use ferry_core::eval::operators::{Example, PAGES, Page};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json, json};

use super::{
    from::From,
    rules::needs,
    written::{Condition, Duration, Text, Value},
};

/// Money of an amount and a currency.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Money {
    /// The amount in major units.
    pub amount: Value,
    /// The ISO 4217 code.
    pub currency: Value,
    /// Rounds to the minor units of the currency, instead of refusing what has more decimals.
    pub round: Option<Round>,
}

/// How money is rounded.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Round {
    /// To the nearest; a half goes to the even digit.
    HalfEven,
}

/// Money in another currency, with rate, source and date beside it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = needs("max_age", "at"), transform = needs("at", "max_age"))]
pub struct Convert {
    /// The money.
    pub money: Value,
    /// The ISO 4217 code of the other currency.
    pub to: Value,
    /// A table of rates by its name, with rows such as `EUR/USD: 1.0825`, or a rate that an earlier step read.
    pub rates: Value,
    /// Refuses a rate that is older at the time `at`.
    pub max_age: Option<Duration>,
    /// The time at which `max_age` counts.
    pub at: Option<Value>,
}

/// The fee of an amount by a table of rules.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Fee {
    /// The money.
    pub of: Value,
    /// The table's name.
    pub schedule: Text,
    /// What the rules' matches are compared with, beside the currency.
    pub with: Option<Value>,
}

/// One case of a `switch`, or its end.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Case {
    /// The condition in Rhai.
    pub when: Condition,
    /// The value where it holds.
    pub value: Value,
}

/// The end of a `switch`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Otherwise {
    /// The value where no case holds.
    pub r#else: Value,
}

/// A list made of another one, item by item.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EachItem {
    /// The list.
    pub r#in: Value,
    /// What values call an item; `item` where nothing is said.
    pub r#as: Option<Text>,
    /// What is made of an item.
    pub map: Value,
}

/// Two records made one, field by field.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Merge {
    /// The records, by the names of their sides.
    pub sides: std::collections::BTreeMap<String, Value>,
    /// Which side each field is taken from; `else` for all others.
    #[schemars(extend("required" = ["else"]))]
    pub master: std::collections::BTreeMap<String, Text>,
}

/// What the other system calls a record.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Xref {
    /// A cross-reference of ferry.yaml.
    pub table: Text,
    /// What one system calls the record.
    pub key: Value,
    /// What stands for a key without a pair; else that is a failure of the class `not_found`.
    pub r#else: Option<Value>,
}

/// A builder: the key that names it, what its value looks like, and what may stand beside it.
struct Builder {
    name: &'static str,
    /// What tells it from a map with a field of that name.
    form: fn() -> Json,
    beside: &'static [(&'static str, Make)],
    value: Make,
}

type Make = fn(&mut SchemaGenerator) -> Schema;

const BUILDERS: [Builder; 13] = [
    Builder { name: "rhai", form: any, beside: &[], value: |_| json_schema!({ "type": ["string", "number"] }) },
    Builder { name: "text", form: any, beside: &[], value: |_| json_schema!({ "type": ["string", "number"] }) },
    Builder {
        name: "object",
        form: map,
        beside: &[],
        value: |generator| json_schema!({ "additionalProperties": generator.subschema_for::<Value>() }),
    },
    Builder {
        name: "concat",
        form: list,
        beside: &[("with", between)],
        value: SchemaGenerator::subschema_for::<Vec<Value>>,
    },
    Builder { name: "money", form: data, beside: &[], value: SchemaGenerator::subschema_for::<Money> },
    Builder { name: "convert", form: data, beside: &[], value: SchemaGenerator::subschema_for::<Convert> },
    Builder { name: "fee", form: data, beside: &[], value: SchemaGenerator::subschema_for::<Fee> },
    Builder { name: "first_of", form: list, beside: &[], value: SchemaGenerator::subschema_for::<Vec<Value>> },
    Builder { name: "switch", form: list, beside: &[], value: switch },
    Builder { name: "each", form: data, beside: &[], value: SchemaGenerator::subschema_for::<EachItem> },
    Builder { name: "use", form: text, beside: &[("with", roots)], value: SchemaGenerator::subschema_for::<Text> },
    Builder { name: "xref", form: data, beside: &[], value: SchemaGenerator::subschema_for::<Xref> },
    Builder { name: "merge", form: data, beside: &[], value: SchemaGenerator::subschema_for::<Merge> },
];

/// What is said of builders that every language has, and that have no page.
const COMMON: [(&str, &str); 3] = [
    ("rhai", "A Rhai expression over the same names as JSONPath: `{ rhai: \"payout.amount * vars.rate\" }`."),
    ("text", "A text with values in braces: `{ text: \"Payout {$.event.Name} failed\" }`."),
    ("object", "Writes a map that only looks like an operator."),
];

fn any() -> Json {
    json!({})
}

fn map() -> Json {
    json!({ "type": "object" })
}

fn list() -> Json {
    json!({ "type": "array" })
}

fn text() -> Json {
    json!({ "type": "string", "pattern": "^[^$]" })
}

/// A map that is not itself an operator, because `{ fee: { from: … } }` is a map with the field `fee`.
fn data() -> Json {
    let common = BUILDERS.iter().filter(|builder| COMMON.iter().any(|(name, _)| *name == builder.name));
    let operators: Vec<Json> = [json!({ "required": ["from"] })].into_iter().chain(common.map(Builder::form)).collect();
    json!({ "type": "object", "not": { "anyOf": operators } })
}

fn between(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "description": "What stands between the parts.", "type": ["string", "number"] })
}

fn roots(generator: &mut SchemaGenerator) -> Schema {
    let value = generator.subschema_for::<Value>();
    json_schema!({
        "description": "What the roots of the mapping are, by name; without it they are those of this place.",
        "type": "object",
        "additionalProperties": value,
    })
}

fn switch(generator: &mut SchemaGenerator) -> Schema {
    let (case, end) = (generator.subschema_for::<Case>(), generator.subschema_for::<Otherwise>());
    let item = json!({ "if": { "required": ["else"] }, "then": end, "else": case });
    json_schema!({ "minItems": 1, "items": item })
}

impl Builder {
    /// What holds of a map that is this operator.
    fn form(&self) -> Json {
        let known: Vec<&str> = [self.name].into_iter().chain(self.beside.iter().map(|(name, _)| *name)).collect();
        let value = (self.form)();
        json!({
            "required": [self.name],
            "properties": { self.name: value },
            "propertyNames": { "enum": known },
        })
    }
}

/// What tells a map that is an operator from one that is data.
#[derive(Debug)]
pub struct Form;

impl JsonSchema for Form {
    fn schema_name() -> Cow<'static, str> {
        "OperatorForm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let builders = BUILDERS.iter().map(Builder::form);
        let all: Vec<Json> = [json!({ "required": ["from"] })].into_iter().chain(builders).collect();
        json_schema!({ "type": "object", "anyOf": all })
    }
}

/// A map that makes a value.
#[derive(Debug)]
pub struct Operator;

impl JsonSchema for Operator {
    fn schema_name() -> Cow<'static, str> {
        "Operator".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let from = generator.subschema_for::<From>();
        let from = json!({ "if": { "required": ["from"] }, "then": from });
        let builders = BUILDERS.iter().map(|builder| {
            let mut properties = Map::from_iter([(builder.name.to_owned(), (builder.value)(generator).to_value())]);
            for (name, make) in builder.beside {
                properties.insert((*name).to_owned(), make(generator).to_value());
            }
            json!({ "if": builder.form(), "then": { "properties": properties } })
        });
        let rules: Vec<Json> = [from].into_iter().chain(builders).collect();
        let (form, keys) = (generator.subschema_for::<Form>(), generator.subschema_for::<Keys>());
        let unknown = "a map here is an operator: `{ from: … }` with modifiers, or one builder such as `{ rhai: … }`, \
                       `{ text: … }`, `{ money: … }`, `{ switch: … }`";
        json_schema!({
            "if": form,
            "then": { "allOf": rules },
            "else": { "required": ["from"], "errorMessage": unknown },
            "allOf": [{ "if": { "required": ["from"] }, "else": keys }],
        })
    }
}

/// The keys by which an operator begins, with their pages.
#[derive(Debug)]
pub struct Keys;

impl JsonSchema for Keys {
    fn schema_name() -> Cow<'static, str> {
        "OperatorKeys".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = ["from"].into_iter().chain(BUILDERS.iter().map(|builder| builder.name));
        let keys = names.map(|name| (name.to_owned(), json!({ "markdownDescription": page(name) })));
        json_schema!({ "properties": keys.collect::<Map<_, _>>() })
    }
}

/// What a person reads of an operator.
fn page(name: &str) -> String {
    match (PAGES.iter().find(|page| page.name == name), COMMON.iter().find(|(known, _)| *known == name)) {
        (Some(page), _) => without_heading(page),
        (None, Some((_, text))) => (*text).to_owned(),
        (None, None) => String::new(),
    }
}

fn without_heading(page: &Page) -> String {
    let example = |example: &Example| {
        format!("- `{}` with `$.event` = `{}` gives `{}`\n", example.written, example.event, example.gives)
    };
    let examples: String = page.examples.iter().map(example).collect();
    format!("{}\n\n{examples}", page.text)
}
