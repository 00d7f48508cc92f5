//! `missing-input` and `unknown-input`: what an action takes, against what a step gives it.

use ferry_contract::{
    catalog::Action,
    report::{Report, Spanned},
    yaml::{Kind, Node},
};
use serde_json::Value;

use super::{Check, On};
use crate::{
    eval::operators,
    language::{Call, Work},
    lint::Context,
};

pub(super) const MISSING: Check =
    Check { name: "missing-input", page: include_str!("missing_input.md"), on: On::Pipeline(check) };
/// The same look finds both.
pub(super) const UNKNOWN: Check =
    Check { name: "unknown-input", page: include_str!("unknown_input.md"), on: On::Reading };

fn check(cx: &Context<'_>, report: &mut Report) {
    for call in cx.pipeline.calls() {
        if let (Some(action), Some(given)) = (cx.action(&call.action.value), given(cx, call.with)) {
            unknown(action, &given, report);
            missing(action, &call, &given, report);
        }
    }
}

/// The input of a call, as far as it is written in the file.
pub(super) struct Given<'a> {
    pub(super) entries: &'a [(Spanned<String>, Node)],
    /// The map in which it is written, for help.
    pub(super) place: String,
}

/// The map that is written here, or that `$.step` leads to; nothing where only a run can know.
pub(super) fn given<'a>(cx: &Context<'a>, with: Option<&'a Node>) -> Option<Given<'a>> {
    let Some(node) = with else { return Some(Given { entries: &[], place: "`with`".to_owned() }) };
    match &node.kind {
        Kind::Map(_) => entries(node, "`with`".to_owned()),
        Kind::Text(text) => {
            let id = text.value.strip_prefix("$.")?;
            let step = cx.pipeline.all_steps().into_iter().find(|step| step.id.value == id)?;
            match &step.work {
                Work::Map(value) => entries(value, format!("the map of `{id}`")),
                Work::Action { .. }
                | Work::Script(_)
                | Work::Function(_)
                | Work::Allocate(_)
                | Work::Alert(_)
                | Work::Check(_)
                | Work::Wait(_)
                | Work::Approve(_)
                | Work::Pipeline { .. }
                | Work::Emit(_)
                | Work::Link(_)
                | Work::Reconcile(_) => None,
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) => None,
    }
}

fn entries(node: &Node, place: String) -> Option<Given<'_>> {
    let entries = node.entries().filter(|_| !operators::is_operator(node))?;
    Some(Given { entries, place })
}

fn unknown(action: &Action, given: &Given<'_>, report: &mut Report) {
    let known: Vec<&str> = action.input.properties.iter().map(|(name, _)| name.as_str()).collect();
    for (name, _) in given.entries.iter().filter(|(name, _)| !known.contains(&name.value.as_str())) {
        if !action.input.open {
            let message = format!("`{}` takes no `{}`", action.name, name.value);
            report.unknown(UNKNOWN.name, name.at, message, (&name.value, &known));
        }
    }
}

fn missing(action: &Action, call: &Call<'_>, given: &Given<'_>, report: &mut Report) {
    for required in &action.input.required {
        let value = given.entries.iter().find(|(name, _)| name.value == *required).map(|(_, node)| node);
        if value.is_none_or(|node| matches!(node.kind, Kind::Null)) {
            let schema = action.input.property(required);
            let example = schema.and_then(|schema| schema.example.as_ref()).map_or_else(String::new, Value::to_string);
            let doc = schema.map_or("", |schema| schema.description.trim_end_matches('.'));
            let message = format!("`{}` needs `{required}`", action.name);
            let help = format!("add `{required}: {example}` to {}: {doc}", given.place);
            report.error(MISSING.name, call.action.at, message, help);
        }
    }
}
