//! From a file to a [`Pipeline`], with findings.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ferry_contract::{
    report::{Report, Source, Spanned},
    schema::{Kind, Schema},
    yaml::{
        self, Node,
        read::{Fields, duration, flag, list, map, one_of, text, whole},
    },
};

use super::{Concurrency, Input, Pipeline, near, step, trigger};
use crate::{
    limits::CONCURRENCY_MAX,
    project::{Params, has_reference},
};

/// In the order in which they are written.
pub(crate) const KEYS: [&str; 11] = [
    "ferry",
    "pipeline",
    "description",
    "owner",
    "trigger",
    "inputs",
    "output",
    "timeout",
    "concurrency",
    "steps",
    "on_failure",
];

/// The version of the language that this ferry reads.
const LANGUAGE: &str = "1";

/// Reads a pipeline; nothing where its shape is wrong, which the report then says.
pub fn read(source: &Arc<Source>, report: &mut Report) -> Option<Pipeline> {
    yaml::parse(source, report).and_then(|root| read_tree(&root, report))
}

/// Reads the pipeline of a tree with the parameters of its project; nothing too where one of them has no value.
pub(crate) fn read_with(root: &Node, params: &Params, report: &mut Report) -> Option<Pipeline> {
    if !has_reference(root) {
        return read_tree(root, report);
    }
    let mut root = root.clone();
    let params = params.replace(&mut root, report)?;
    Some(Pipeline { params, ..read_tree(&root, report)? })
}

/// Reads the pipeline of a tree, which is that of the report's file.
fn read_tree(root: &Node, report: &mut Report) -> Option<Pipeline> {
    let fields = Fields::open_near(root, "a pipeline", (&KEYS, near::PIPELINE), report)?;
    language_version(fields, report);
    let name = fields.need("pipeline", "mass-payouts", report).and_then(|node| text(node, "`pipeline`", report));
    let trigger = fields.need("trigger", "{ poll: … }", report).and_then(|node| trigger::read(node, report));
    let concurrency = fields.get("concurrency").map(|node| concurrency(node, report));
    let steps = fields.need("steps", "[ … ]", report).and_then(|node| step::steps(node, "`steps`", report));
    let on_failure = fields.get("on_failure").and_then(|node| Fields::open(node, "`on_failure`", &["alert"], report));
    let alert = on_failure.and_then(|fields| fields.need("alert", "finance-ops", report));
    Some(Pipeline {
        source: Arc::clone(&report.source),
        params: BTreeSet::new(),
        description: text_of(fields, "description", report),
        owner: text_of(fields, "owner", report),
        alert: alert.and_then(|node| text(node, "`alert`", report)),
        inputs: fields.get("inputs").map_or_else(Vec::new, |node| inputs(node, report)),
        output: fields.get("output").cloned(),
        timeout: fields.get("timeout").and_then(|node| interval(node, "`timeout`", report)),
        concurrency: concurrency.map_or(Some(None), |concurrency| concurrency.map(Some))?,
        name: name?,
        trigger: trigger?,
        steps: steps?,
    })
}

/// Reads `ferry: 1`.
pub(crate) fn language_version(fields: Fields<'_>, report: &mut Report) {
    let Some(node) = fields.need("ferry", LANGUAGE, report) else { return };
    let Some(version) = text(node, "`ferry`", report) else { return };
    if version.value != LANGUAGE {
        let message =
            format!("this ferry reads version {LANGUAGE} of the language, and the file says `{}`", version.value);
        let number = |text: &str| text.parse::<u32>().ok();
        let help = if number(&version.value) > number(LANGUAGE) {
            format!("the file is for a newer ferry: install that one, or write the file for `ferry: {LANGUAGE}`")
        } else {
            format!("write `ferry: {LANGUAGE}`")
        };
        report.error("invalid-value", node.at, message, help);
    }
}

/// `amount: number`, or `amount: { type: number, optional: true }`.
fn inputs(node: &Node, report: &mut Report) -> Vec<Input> {
    let entries = map(node, "`inputs`", report).unwrap_or_default();
    entries.iter().filter_map(|(name, node)| input(name, node, report)).collect()
}

fn input(name: &Spanned<String>, node: &Node, report: &mut Report) -> Option<Input> {
    let kind = |node: &Node, report: &mut Report| one_of(node, "a JSON type", &Kind::ALL, report);
    if node.entries().is_none() {
        let kind = kind(node, report)?;
        return Some(Input { name: name.clone(), kind, optional: false, one_of: Vec::new(), length_max: None });
    }
    let fields = Fields::open(node, "an input", &["type", "optional", "one_of", "max_length"], report)?;
    let kind = fields.need("type", "number", report).and_then(|node| kind(node, report))?;
    let optional = fields.get("optional").and_then(|node| flag(node, "`optional`", report));
    let one_of = fields.get("one_of").and_then(|node| filled(node, "`one_of`", report)).unwrap_or_default();
    let of_kind = Schema { kind: Some(kind), ..Schema::default() };
    for node in one_of.iter().filter(|node| !of_kind.violations(&node.to_value()).is_empty()) {
        let message = format!("`{}` is no `{}`, as the input's `type` says", node.to_value(), kind.name());
        report.error("wrong-type", node.at, message, "write values of that type");
    }
    if kind != Kind::String {
        let help = "remove it: only a text has a length";
        fields.refuse("max_length", "only a `string` takes `max_length`", help, report);
    }
    let length_max = fields.get("max_length").and_then(|node| whole(node, "`max_length`", report));
    Some(Input {
        name: name.clone(),
        kind,
        optional: optional.unwrap_or(false),
        one_of: one_of.iter().map(Node::to_value).collect(),
        length_max: length_max.and_then(|length| usize::try_from(length).ok()),
    })
}

fn concurrency(node: &Node, report: &mut Report) -> Option<Concurrency> {
    let fields = Fields::open(node, "`concurrency`", &["key", "limit"], report)?;
    let key = fields.need("key", "$.AccountId", report);
    let limit = fields.need("limit", "1", report).and_then(|node| count(node, "`limit`", CONCURRENCY_MAX, report));
    Some(Concurrency { key: key?.clone(), limit: limit? })
}

/// A whole number from 1 to a bound.
pub(super) fn count(node: &Node, what: &str, most: u64, report: &mut Report) -> Option<u64> {
    let count = whole(node, what, report)?;
    if (1..=most).contains(&count) {
        return Some(count);
    }
    let help = format!("write a whole number from 1 to {most}");
    report.error("invalid-value", node.at, format!("{what} is {count}"), help);
    None
}

/// The text of an optional key.
pub(super) fn text_of(fields: Fields<'_>, key: &str, report: &mut Report) -> Option<Spanned<String>> {
    fields.get(key).and_then(|node| text(node, &format!("`{key}`"), report))
}

/// The time between two questions.
pub(super) fn interval(node: &Node, what: &str, report: &mut Report) -> Option<Duration> {
    let interval = duration(node, what, report)?;
    if interval.is_zero() {
        report.error("invalid-value", node.at, format!("{what} must be longer than no time"), "write `1m` or longer");
    }
    Some(interval)
}

/// The items of a list that must have one.
pub(super) fn filled<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
    match list(node, what, report)? {
        [] => {
            report.error("wrong-type", node.at, format!("{what} has no item"), "write at least one item");
            None
        }
        items => Some(items),
    }
}
