//! `missing-input` and `unknown-input`: what an action takes, against what a step gives it.

use ferry_contract::{
    catalog::Action,
    report::{At, Report},
    suggest,
    yaml::{Kind, Node},
};

use super::{Check, On};
use crate::{
    language::{Reaction, Step, Work},
    lint::Context,
};

pub(super) const MISSING: Check =
    Check { name: "missing-input", page: include_str!("missing_input.md"), on: On::Step(step) };
/// The same look finds both.
pub(super) const UNKNOWN: Check =
    Check { name: "unknown-input", page: include_str!("unknown_input.md"), on: On::Reading };

fn step(cx: &Context<'_>, step: &Step, report: &mut Report) {
    match &step.work {
        Work::Action { action, with } => call(cx, &action.value, action.at, with.as_ref(), report),
        Work::Wait(wait) => call(cx, &wait.probe.action.value, wait.probe.action.at, wait.probe.with.as_ref(), report),
        Work::Map(_) | Work::Script(_) | Work::Check(_) => {}
    }
    for arm in &step.on_error {
        if let Reaction::Hold { probe, .. } = &arm.reaction {
            call(cx, &probe.action.value, probe.action.at, probe.with.as_ref(), report);
        }
    }
}

fn call(cx: &Context<'_>, name: &str, at: At, with: Option<&Node>, report: &mut Report) {
    // `unknown-connection` and `unknown-action` report a name that is not there.
    let Some((connection, action)) = name.split_once('.') else { return };
    let Some(connection) = cx.project.connections.get(connection) else { return };
    let Some(action) = cx.catalog.action(&connection.connector.value, action) else { return };
    match with.map(|node| resolved(cx, node)) {
        None => fields(action, at, &[], report),
        Some(Some(entries)) => fields(action, at, entries, report),
        // What another step gives is not known here.
        Some(None) => {}
    }
}

type Entries<'a> = &'a [(ferry_contract::report::Spanned<String>, Node)];

/// The map that is written here, or that `$.step` leads to.
fn resolved<'a>(cx: &Context<'a>, node: &'a Node) -> Option<Entries<'a>> {
    match &node.kind {
        Kind::Map(entries) => Some(entries).filter(|_| !is_operator(node)).map(Vec::as_slice),
        Kind::Text(text) => {
            let id = text.value.strip_prefix("$.")?;
            let step = cx.pipeline.all_steps().into_iter().find(|step| step.id.value == id)?;
            match &step.work {
                Work::Map(value) if !is_operator(value) => value.entries(),
                Work::Map(_) | Work::Action { .. } | Work::Script(_) | Work::Check(_) | Work::Wait(_) => None,
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) => None,
    }
}

fn is_operator(node: &Node) -> bool {
    let single = node.entries().filter(|entries| entries.len() == 1).map(|entries| entries[0].0.value.as_str());
    node.get("from").is_some() || single.is_some_and(|key| ["money", "rhai", "text", "object"].contains(&key))
}

fn fields(action: &Action, at: At, entries: Entries<'_>, report: &mut Report) {
    let known: Vec<&str> = action.input.properties.iter().map(|(name, _)| name.as_str()).collect();
    for (name, _) in entries.iter().filter(|(name, _)| !known.contains(&name.value.as_str()) && !action.input.open) {
        let message = format!("`{}` takes no `{}`", action.name, name.value);
        report.error(UNKNOWN.name, name.at, message, suggest::help(&name.value, &known));
    }
    for required in &action.input.required {
        let given = entries.iter().find(|(name, _)| name.value == *required).map(|(_, node)| node);
        if given.is_none_or(|node| matches!(node.kind, Kind::Null)) {
            let schema = action.input.property(required);
            let example =
                schema.and_then(|schema| schema.example.as_ref()).map_or_else(String::new, ToString::to_string);
            let doc = schema.map_or("", |schema| schema.description.as_str());
            let message = format!("`{}` needs `{required}`", action.name);
            report.error(MISSING.name, at, message, format!("add `{required}: {example}` to `with`: {doc}"));
        }
    }
}
