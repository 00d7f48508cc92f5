//! `params`: values that are given from outside when a project is loaded.
//!
//! They take the place of `${param:name}` after YAML was parsed, so no value changes what a file is made of; and what
//! would mean something else in its place, a path or a reference, is no value.

mod kind;
mod replace;

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    number,
    report::{At, Report, Spanned},
    suggest,
    yaml::{
        Node,
        read::{Fields, list, map, one_of, text},
    },
};
use serde_json::{Map, Value};

use self::kind::text_of;
pub(crate) use kind::ParamKind;
pub(crate) use replace::{has_reference, references};

use super::{
    environments::Environment,
    given::{self, Given},
};
use crate::limits::PARAMS_MAX;

/// The parameters of a project, each with its value.
#[derive(Clone, Debug, Default)]
pub struct Params {
    all: BTreeMap<String, Param>,
    /// Nobody knows them, because `ferry.yaml` cannot be read.
    are_unread: bool,
}

#[derive(Clone, Debug)]
struct Param {
    kind: ParamKind,
    /// What it may be; anything where there is no list.
    allowed: Vec<Value>,
    found: Found,
}

/// What is known of a parameter's value.
#[derive(Clone, Debug)]
enum Found {
    Value(Value),
    /// Nobody gives one.
    Missing,
    /// What was given is none, as the report says.
    Wrong,
}

impl Params {
    /// Reads `params`, and finds the value of each.
    pub(super) fn read(root: &Node, given: &Given, chosen: Option<&Environment<'_>>, report: &mut Report) -> Self {
        let entries = root.get("params").and_then(|node| map(node, "`params`", report)).unwrap_or_default();
        if let Some((name, _)) = entries.get(PARAMS_MAX) {
            let message = format!("a project has at most {PARAMS_MAX} parameters");
            report.error("invalid-value", name.at, message, "write what does not differ between uses into `vars`");
        }
        let entries = entries.iter().take(PARAMS_MAX);
        let all = entries.map(|(name, node)| (name.value.clone(), param(name, node, (given, chosen), report)));
        Self { all: all.collect(), are_unread: false }
    }

    /// Those of a `ferry.yaml` that cannot be read: what refers to one is not judged.
    pub(crate) fn unread() -> Self {
        Self { all: BTreeMap::new(), are_unread: true }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// The values that there are, as texts: what has to be kept to read the same files again.
    pub fn values(&self) -> BTreeMap<String, String> {
        let value = |param: &Param| match &param.found {
            Found::Value(value) => Some(text_of(value)),
            Found::Missing | Found::Wrong => None,
        };
        self.all.iter().filter_map(|(name, param)| Some((name.clone(), value(param)?))).collect()
    }

    /// The values of some of them, one line; nothing where there are none.
    pub(crate) fn fingerprint(&self, names: &BTreeSet<String>) -> Option<String> {
        let values = self.values();
        let used = names.iter().filter_map(|name| Some((name.clone(), Value::from(values.get(name)?.as_str()))));
        let used: Map<String, Value> = used.collect();
        (!used.is_empty()).then(|| Value::Object(used).to_string())
    }

    /// Reports the names in an environment that are no parameters, and values that are none.
    pub(super) fn check(&self, environment: &Environment<'_>, report: &mut Report) {
        for (name, node) in environment.params {
            match self.all.get(&name.value) {
                Some(param) => drop(param.value_of(node, &name.value, report)),
                None => self.unknown(&name.value, name.at, report),
            }
        }
    }

    fn unknown(&self, name: &str, at: At, report: &mut Report) {
        if self.are_unread {
            return;
        }
        let known: Vec<&str> = self.names().collect();
        let message = format!("`{name}` is not a parameter of ferry.yaml");
        if known.is_empty() {
            let help = format!("declare it: `params: {{ {name}: {{ type: string, doc: … }} }}`");
            report.error("unknown-param", at, message, help);
            return;
        }
        report.unknown("unknown-param", at, message, (name, &known));
    }
}

fn param(
    name: &Spanned<String>,
    node: &Node,
    (given, chosen): (&Given, Option<&Environment<'_>>),
    report: &mut Report,
) -> Param {
    if !is_name(&name.value) {
        let message = format!("`{}` is no name of a parameter: it must match `[a-z][a-z0-9_]*`", name.value);
        report.error("invalid-id", name.at, message, "choose a short name in lower case, such as `limit`");
    }
    let wrong = Param { kind: ParamKind::String, allowed: Vec::new(), found: Found::Wrong };
    let Some(fields) = Fields::open(node, "a parameter", &["type", "default", "allowed", "doc"], report) else {
        return wrong;
    };
    if let Some(doc) = fields.get("doc") {
        text(doc, "`doc`", report);
    }
    let kind = fields.get("type").map(|node| one_of(node, "a type of a parameter", &ParamKind::ALL, report));
    let Some(kind) = kind.unwrap_or(Some(ParamKind::String)) else { return wrong };
    let mut param = Param { kind, ..wrong };
    let allowed = fields.get("allowed").and_then(|node| list(node, "`allowed`", report)).unwrap_or_default();
    for node in allowed {
        match kind.read_node(node) {
            Ok(value) => param.allowed.push(value),
            Err(wanted) => {
                let message = format!("what `allowed` has for `{}` must be {wanted}", name.value);
                report.error("invalid-param", node.at, message, format!("write {wanted}"));
            }
        }
    }
    let default = fields.get("default").map(|node| param.value_of(node, &name.value, report));
    param.found = match given.param(&name.value) {
        Some((value, from)) => param.taken(value, &from, name, report),
        None => match chosen.and_then(|environment| environment.param(&name.value)) {
            // What is wrong with it is said once for all environments.
            Some(node) => {
                kind.read_node(node).ok().filter(|value| param.allows(value)).map_or(Found::Wrong, Found::Value)
            }
            None => default.map_or(Found::Missing, |default| default.map_or(Found::Wrong, Found::Value)),
        },
    };
    param
}

impl Param {
    fn allows(&self, value: &Value) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|allowed| number::equal(allowed, value))
    }

    /// A value that is written in `ferry.yaml`.
    fn value_of(&self, node: &Node, name: &str, report: &mut Report) -> Option<Value> {
        let read = self.kind.read_node(node);
        self.checked(read, ("the value", name), node.at, report)
    }

    /// A value that is given from outside, whose place is the declaration.
    fn taken(&self, text: &str, from: &str, name: &Spanned<String>, report: &mut Report) -> Found {
        let from = format!("what {from} gives");
        let read = self.kind.read(text);
        self.checked(read, (&from, &name.value), name.at, report).map_or(Found::Wrong, Found::Value)
    }

    fn checked(
        &self,
        read: Result<Value, &'static str>,
        (what, name): (&str, &str),
        at: At,
        report: &mut Report,
    ) -> Option<Value> {
        match read {
            Ok(value) if self.allows(&value) => Some(value),
            Ok(value) => {
                let allowed: Vec<String> = self.allowed.iter().map(text_of).collect();
                let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
                let message = format!("{what} is `{}`, and `{name}` allows other values only", text_of(&value));
                report.error("invalid-param", at, message, suggest::help(&text_of(&value), &allowed));
                None
            }
            Err(wanted) => {
                let message = format!("{what} is no value of the parameter `{name}`: it must be {wanted}");
                report.error("invalid-param", at, message, format!("give {wanted}"));
                None
            }
        }
    }
}

/// How a value is given, for whoever has none.
fn to_give(name: &str) -> String {
    format!(
        "give `--param {name}=VALUE`, set {}, write it under `params` of the environment, or give it a `default`",
        given::variable(name)
    )
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
