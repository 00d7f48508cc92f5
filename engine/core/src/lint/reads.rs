//! The fields that values read, each with its place, and what is known of where they come from.

use ferry_contract::{
    catalog::Action,
    expression::{Expression, Made},
    path::{Path, Step as PathStep},
    report::At,
    schema::Schema,
    script::Script,
    template::Template,
};
use serde_json::Value;

use super::Context;
use crate::plan::{Call, EventSource, Plan, Step, Wait, Work};

/// A field that is read: the root, and the names behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Read {
    pub(crate) names: Vec<String>,
    pub(crate) at: At,
}

impl Read {
    /// The name of the field itself.
    pub(crate) fn last(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// What has the field, as it is written.
    pub(crate) fn parent(&self) -> &[String] {
        self.names.split_last().map_or(&[], |(_, parent)| parent)
    }

    /// As a person writes it.
    pub(crate) fn text(&self) -> String {
        self.names.join(".")
    }
}

/// All fields that a value reads.
pub(crate) fn of(value: &Expression) -> Vec<Read> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

/// All fields that a script reads; the place is that of the field's name.
pub(crate) fn of_script(script: &Script) -> Vec<Read> {
    let accesses = script.reads().accesses.iter().filter(|access| access.names.len() > 1);
    let read = accesses.map(|access| Read {
        names: access.names.iter().map(|(name, _)| name.clone()).collect(),
        at: access.names.iter().rev().find(|(_, at)| at.line > 0).map_or(At::START, |(_, at)| *at),
    });
    read.collect()
}

/// All fields in a text.
pub(crate) fn of_text(text: &Template) -> Vec<Read> {
    text.paths().filter_map(of_path).collect()
}

fn collect(value: &Expression, found: &mut Vec<Read>) {
    match &value.made {
        Made::Literal(_) => {}
        Made::Path(path) => found.extend(of_path(path).map(|read| Read { at: value.at, ..read })),
        Made::Rhai(script) => found.extend(of_script(script)),
        Made::Text(text) => found.extend(of_text(text)),
        Made::List(items) => items.iter().for_each(|item| collect(item, found)),
        Made::Object(entries) => entries.iter().for_each(|(_, item)| collect(item, found)),
        Made::Operator(operator) => operator.parts().into_iter().for_each(|part| collect(part, found)),
    }
}

/// Places in lists are left out: each item has the same fields.
pub(crate) fn of_path(path: &Path) -> Option<Read> {
    let names = path.steps()?.iter().filter_map(|step| match step {
        PathStep::Name(name) => Some(name.clone()),
        PathStep::Index(_) => None,
    });
    Some(Read { names: names.collect(), at: path.at() })
}

/// What is known of the roots of a plan: what their actions say, and what their inputs ask for.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    cx: &'a Context<'a>,
    plan: &'a Plan,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(cx: &'a Context<'a>, plan: &'a Plan) -> Self {
        Self { cx, plan }
    }

    /// The schema of a field, where its action describes it.
    pub(crate) fn schema(&self, names: &[String]) -> Option<&'a Schema> {
        let (root, fields) = names.split_first()?;
        let (_, schema, _) = self.source(root)?;
        fields.iter().try_fold(schema?, |schema, name| schema.property(name))
    }

    /// The names of the fields beside each other in what is named; nothing where nothing is known.
    pub(crate) fn fields(&self, names: &[String]) -> Vec<String> {
        let described = self.schema(names).into_iter().flat_map(|schema| &schema.properties);
        let described = described.map(|(name, _)| name.clone());
        let [root] = names else { return described.collect() };
        let asked = match self.source(root) {
            Some((action, _, with)) => asked_for(action, with),
            None => Vec::new(),
        };
        let made = self.step(root).map_or(Vec::new(), made);
        described.chain(asked).chain(made).collect()
    }

    fn step(&self, id: &str) -> Option<&'a Step> {
        self.plan.index.get(id).map(|index| &self.plan.steps[*index])
    }

    /// The call that a root is the answer of: its action, the schema of the answer, and its input.
    fn source(&self, root: &str) -> Option<(&'a Action, Option<&'a Schema>, &'a Expression)> {
        if root == "event" {
            let EventSource::Poll(poll) = &self.plan.trigger.source else { return None };
            let action = self.cx.action(&format!("{}.{}", poll.connection, poll.action))?;
            return Some((action, action.item.as_ref(), &poll.with));
        }
        let step = self.step(root).filter(|step| step.each.is_none())?;
        let call = match &step.work {
            Work::Call(call) => call,
            Work::Wait(Wait::Poll { probe, .. }) => &probe.call,
            _ => return None,
        };
        let action = self.action(call)?;
        Some((action, Some(&action.output), &call.with))
    }

    /// The action of a call.
    pub(crate) fn action(&self, call: &Call) -> Option<&'a Action> {
        self.cx.action(&format!("{}.{}", call.connection, call.action))
    }
}

/// The fields that an input names, where its action gives those that are asked for.
fn asked_for(action: &Action, with: &Expression) -> Vec<String> {
    let (Some(selects), Made::Object(entries)) = (&action.selects, &with.made) else { return Vec::new() };
    let list = entries.iter().find(|(name, _)| name.value == *selects).map(|(_, list)| &list.made);
    let Some(Made::List(items)) = list else { return Vec::new() };
    let text = |item: &Expression| match &item.made {
        Made::Literal(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

/// The names in a map that a step makes.
fn made(step: &Step) -> Vec<String> {
    match &step.work {
        Work::Map(Expression { made: Made::Object(entries), .. }) if step.each.is_none() => {
            entries.iter().map(|(name, _)| name.value.clone()).collect()
        }
        _ => Vec::new(),
    }
}

/// A name without case and signs: `Access_Token__c` is `accesstoken`.
pub(crate) fn plain(name: &str) -> String {
    let name = name.strip_suffix("__c").unwrap_or(name).to_lowercase();
    name.replace(['_', '-', ' '], "")
}

/// All scripts in a value.
pub(crate) fn scripts<'e>(value: &'e Expression, found: &mut Vec<&'e Script>) {
    match &value.made {
        Made::Rhai(script) => found.push(script),
        Made::List(items) => items.iter().for_each(|item| scripts(item, found)),
        Made::Object(entries) => entries.iter().for_each(|(_, item)| scripts(item, found)),
        Made::Operator(operator) => operator.parts().into_iter().for_each(|part| scripts(part, found)),
        Made::Literal(_) | Made::Path(_) | Made::Text(_) => {}
    }
}
