//! What the suite is told of each connector: one YAML file of its name beside this one, and nothing in code.
//!
//! A text that is `$` and a path is the value there; `$name` inside a text is its text. What is known: `sandbox`, `profile`,
//! `folder`, `today`, `far_hour`, `name` (new in each walk), and what earlier steps gave.

use std::{collections::BTreeMap, path::Path};

use ferry_contract::number;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Values by name.
pub(super) type Known = BTreeMap<String, Value>;

/// What is known of one connector, for all its profiles.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// The sandbox's system, as its faults name it; nothing where no fault of it reaches the connector.
    #[serde(default)]
    pub(super) system: Option<String>,
    /// Why no fault of the sandbox reaches it, and who shows instead what they would.
    #[serde(default)]
    pub(super) native: Option<String>,
    /// The connection's environment; the first where nothing is said.
    #[serde(default)]
    pub(super) environment: Option<String>,
    /// How its tokens are taken back; where nothing is said, they end by themselves.
    #[serde(default)]
    pub(super) withdraw: Option<Step>,
    /// What happens once, before everything.
    #[serde(default)]
    pub(super) begin: Vec<Step>,
    /// Each way to say who we are; the first one is that of all walks.
    #[serde(default)]
    pub(super) ways: Vec<Way>,
    /// Every action.
    #[serde(default)]
    pub(super) actions: BTreeMap<String, Row>,
    /// Refusals that look like a success.
    #[serde(default)]
    pub(super) refusals: Vec<Refusal>,
    /// What it lacks, each in a sentence.
    #[serde(default)]
    pub(super) lacks: Vec<String>,
}

/// One way to say who we are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Way {
    /// The fields with their values; none is the sandbox's own.
    pub(super) fields: BTreeMap<String, Option<String>>,
    /// What is changed in them so that they are wrong; empty where nobody is asked who he is.
    #[serde(default)]
    pub(super) wrong: BTreeMap<String, String>,
    /// A part of what is said to that.
    #[serde(default)]
    pub(super) says: String,
    /// Reads without an input that say who we are in another way, by the name of it.
    #[serde(default)]
    pub(super) others: BTreeMap<String, String>,
    /// Whether a person is asked; he says yes also where the fields are wrong, which then name something else than what he allows.
    #[serde(default)]
    pub(super) consent: bool,
    /// Why a call with a token that is refused cannot be shown.
    #[serde(default)]
    pub(super) no_token: Option<String>,
}

/// One action.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// The input.
    #[serde(default = "nothing")]
    pub(super) with: Value,
    /// Why no fault of the sandbox reaches it, other than the rest of its connector.
    #[serde(default)]
    pub(super) native: Option<String>,
    /// What must have happened before.
    #[serde(default)]
    pub(super) given: Vec<Step>,
    /// What is cleared away after each walk.
    #[serde(default)]
    pub(super) after: Vec<Step>,
    /// How the effects of a write are counted.
    #[serde(default)]
    pub(super) effects: Option<Effects>,
    /// Why a repeat of what was done ends with a person, although the manifest calls it harmless.
    #[serde(default)]
    pub(super) person: Option<String>,
    /// How all pages of a list are compared with what is there.
    #[serde(default)]
    pub(super) whole: Option<Whole>,
    /// The fields of the output that are new in each answer.
    #[serde(default)]
    pub(super) varies: Vec<String>,
    /// Why it is not walked.
    #[serde(default)]
    pub(super) not: Option<String>,
    /// The test that shows it in the place of a walk.
    #[serde(default)]
    pub(super) shown_by: Option<String>,
}

/// One thing that happens before a walk.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The name of what it gives.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// The action that is called …
    #[serde(default)]
    pub(super) action: Option<String>,
    /// … with this input; …
    #[serde(default = "nothing")]
    pub(super) with: Value,
    /// … or an order to the sandbox's own side of that name …
    #[serde(default)]
    pub(super) to: Option<String>,
    /// … which says this.
    #[serde(default)]
    pub(super) order: Value,
    /// The one row of a list that is given on, instead of all.
    #[serde(default)]
    pub(super) pick: Option<Pick>,
}

/// The first row of a list whose texts contain these.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pick {
    /// The list.
    pub(super) list: String,
    /// Fields with a part of their text.
    #[serde(rename = "where")]
    pub(super) condition: BTreeMap<String, Value>,
}

/// How often something happened.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Effects {
    /// A place in the sandbox's ledger …
    #[serde(default)]
    pub(super) ledger: Option<String>,
    /// … or what an action …
    #[serde(default)]
    pub(super) read: Option<String>,
    /// … with this input says …
    #[serde(default = "nothing")]
    pub(super) with: Value,
    /// … or the answer to an order to the sandbox's own side of this name …
    #[serde(default)]
    pub(super) to: Option<String>,
    /// … which says this; …
    #[serde(default)]
    pub(super) order: Value,
    /// … at this place of it, where it is not all.
    #[serde(default)]
    pub(super) list: String,
    /// The rows that count.
    #[serde(default, rename = "where")]
    pub(super) condition: BTreeMap<String, Value>,
    /// The field whose numbers are added up; each row counts as one where there is none.
    #[serde(default)]
    pub(super) sum: Option<String>,
    /// Whether the effect is that no row is left.
    #[serde(default)]
    pub(super) gone: bool,
    /// Why there is nothing to count.
    #[serde(default)]
    pub(super) none: Option<String>,
}

/// What a list must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whole {
    /// The list in the output.
    pub(super) list: String,
    /// What is different in each of its rows.
    pub(super) id: String,
    /// The place in the sandbox's ledger, or `requests`, where the same rows are …
    #[serde(default)]
    pub(super) theirs: Option<String>,
    /// … and what its rows call the id; …
    #[serde(default)]
    pub(super) their_id: Option<String>,
    /// … or how many there are.
    #[serde(default)]
    pub(super) count: Option<usize>,
    /// Why one page holds all of it.
    #[serde(default)]
    pub(super) one_page: Option<String>,
}

/// A refusal that looks like a success.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    /// The action.
    pub(super) action: String,
    /// What must have happened before.
    #[serde(default)]
    pub(super) given: Vec<Step>,
    /// The input.
    #[serde(default = "nothing")]
    pub(super) with: Value,
    /// What happens after it; a rule of the org is taken away.
    #[serde(default)]
    pub(super) after: Vec<Step>,
    /// The class that it must have.
    pub(super) class: String,
    /// The status that looks like a success; 200 where nothing is said.
    #[serde(default = "ok")]
    pub(super) status: u16,
    /// The profile in which it is, where it is not in all.
    #[serde(default)]
    pub(super) profile: Option<String>,
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

fn ok() -> u16 {
    200
}

/// The table of a connector; nothing where it has none.
pub(super) fn of(connector: &str) -> Option<Table> {
    let path = folder().join(format!("{connector}.yaml"));
    let text = std::fs::read_to_string(&path).ok()?;
    Some(serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The connectors that have a table.
pub(super) fn all() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let tables = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let mut names: Vec<_> = tables.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it/conformance")
}

/// A value with what is known in its place.
pub(super) fn filled(value: &Value, known: &Known) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => in_text(text, known)?,
        Value::Array(items) => items.iter().map(|item| filled(item, known)).collect::<Result<_, _>>()?,
        Value::Object(entries) => {
            let entry = |(name, value): (&String, &Value)| Ok((text(name, known)?, filled(value, known)?));
            Value::Object(entries.iter().map(entry).collect::<Result<_, String>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn in_text(text: &str, known: &Known) -> Result<Value, String> {
    let is_path = |path: &str| path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    match text.strip_prefix('$').filter(|path| is_path(path)) {
        Some(path) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            let value = known.get(name).and_then(|value| at(value, rest));
            value.cloned().ok_or_else(|| format!("`${path}` is not known"))
        }
        None => self::text(text, known).map(Value::from),
    }
}

/// A text with the texts that are known in their places.
pub(super) fn text(text: &str, known: &Known) -> Result<String, String> {
    let mut made = text.to_owned();
    // The longest name first, so that none is taken for the beginning of another.
    for (name, value) in known.iter().rev() {
        if let Some(value) = value.as_str() {
            made = made.replace(&format!("${name}"), value);
        }
    }
    Ok(made)
}

/// What is at a path of names and indices with dots; the value itself where it is empty.
pub(super) fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let mut parts = path.split('.').filter(|part| !part.is_empty());
    parts.try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

/// The rows at a place: those of a list, or the one thing that is there; behind `*`, those of each row.
pub(super) fn rows<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    if let Some((path, rest)) = path.split_once(".*.") {
        return rows(value, path).into_iter().flat_map(|row| rows(row, rest)).collect();
    }
    match at(value, path) {
        Some(Value::Array(items)) => items.iter().collect(),
        None | Some(Value::Null) => Vec::new(),
        Some(one) => vec![one],
    }
}

/// Whether a row has these values.
pub(super) fn agrees(row: &Value, condition: &BTreeMap<String, Value>) -> bool {
    condition.iter().all(|(path, wanted)| at(row, path).is_some_and(|found| number::equal(found, wanted)))
}

/// Whether a row's texts contain these.
pub(super) fn contains(row: &Value, condition: &BTreeMap<String, Value>) -> bool {
    let part = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    condition.iter().all(|(path, wanted)| at(row, path).is_some_and(|found| part(found).contains(&part(wanted))))
}
