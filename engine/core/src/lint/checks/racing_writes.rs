//! `racing-writes`: two steps set one field of one record, and nothing says which comes last.

use std::collections::BTreeSet;

use ferry_contract::{report::Report, yaml::Node};

use super::{Check, On};
use crate::{
    language::{self, Work},
    lint::Context,
    plan::{self, Plan, StepIndex},
};

pub(super) const CHECK: Check =
    Check { name: "racing-writes", page: include_str!("racing_writes.md"), on: On::Plan(check) };

/// The inputs by which an action names a record; where they are equal, the record is the same.
const NAMES_A_RECORD: [&str; 4] = ["object", "id", "external_id", "client_reference_id"];

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    let steps = cx.pipeline.all_steps();
    let certain: Vec<StepIndex> = (0..plan.steps.len()).filter(|index| is_certain(&plan.steps[*index])).collect();
    for (place, second) in certain.iter().enumerate() {
        for first in &certain[..place] {
            let ordered = before(plan, *second).contains(first) || before(plan, *first).contains(second);
            let field = if ordered { None } else { shared_field(steps[*first], steps[*second]) };
            if let Some(field) = field {
                let (first, second) = (&steps[*first].id.value, &steps[*second].id);
                let message =
                    format!("`{first}` and `{}` both write `{field}`, and either may be the last", second.value);
                report.warning(CHECK.name, second.at, message, format!("say which comes first: `needs: [{first}]`"));
            }
        }
    }
}

/// Whether the step runs in every run, and writes.
fn is_certain(step: &plan::Step) -> bool {
    let writes = matches!(&step.work, plan::Work::Call(call) if call.effect.is_write());
    writes && step.when.is_none() && step.each.is_none() && step.home.is_none()
}

/// All steps that come before one.
fn before(plan: &Plan, step: StepIndex) -> BTreeSet<StepIndex> {
    let mut found = BTreeSet::new();
    let mut rest = plan.steps[step].needs.clone();
    while let Some(next) = rest.pop() {
        if found.insert(next) {
            rest.extend(&plan.steps[next].needs);
        }
    }
    found
}

/// A field that both set of one record of one connection.
fn shared_field<'a>(first: &'a language::Step, second: &language::Step) -> Option<&'a str> {
    let (connection, with) = call(first)?;
    let (other_connection, other_with) = call(second)?;
    let named = |with: &Node, name: &str| with.get(name).map(Node::to_value);
    let same = |name: &&str| named(with, name) == named(other_with, name);
    let is_named = NAMES_A_RECORD[1..].iter().any(|name| with.get(name).is_some());
    if connection != other_connection || !is_named || !NAMES_A_RECORD.iter().all(same) {
        return None;
    }
    let (fields, other) = (with.get("values")?.entries()?, other_with.get("values")?);
    fields.iter().map(|(name, _)| name.value.as_str()).find(|name| other.get(name).is_some())
}

fn call(step: &language::Step) -> Option<(&str, &Node)> {
    let Work::Action { action, with: Some(with) } = &step.work else { return None };
    Some((action.value.split_once('.')?.0, with))
}
