//! `racing-writes`: two steps set one field of one record, and nothing says which comes last; `overwritten-field`: one does
//! for nothing, because the other comes right after it.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    report::{Report, Spanned},
    yaml::Node,
};

use super::{Check, On, reading};
use crate::{
    language::{self, Work},
    lint::{Context, written},
    plan::{self, Plan, StepIndex},
};

pub(super) const CHECK: Check =
    Check { name: "racing-writes", page: include_str!("racing_writes.md"), on: On::Plan(check) };

/// The inputs by which an action names a record; where they are equal, the record is the same.
const NAMES_A_RECORD: [&str; 4] = ["object", "id", "external_id", "client_reference_id"];

/// The same look finds both.
pub(super) const OVERWRITTEN: Check = reading("overwritten-field", include_str!("overwritten_field.md"));

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    let steps = cx.pipeline.all_steps();
    steps.iter().filter_map(|step| call(step)).for_each(|(_, with)| twice(with, report));
    let certain: Vec<StepIndex> = (0..plan.steps.len()).filter(|index| is_certain(&plan.steps[*index])).collect();
    for (place, second) in certain.iter().enumerate() {
        for first in &certain[..place] {
            let Some(field) = shared_field(steps[*first], steps[*second]) else { continue };
            let (before_second, before_first) = (before(plan, *second), before(plan, *first));
            if before_second.contains(first) {
                overwritten(plan, (*first, *second), (field, steps[*second]), report);
            } else if before_first.contains(second) {
                overwritten(plan, (*second, *first), (field, steps[*first]), report);
            } else {
                let (first, second) = (&steps[*first].id.value, &steps[*second].id);
                let message =
                    format!("`{first}` and `{}` both write `{field}`, and either may be the last", second.value);
                report.warning(CHECK.name, second.at, message, format!("say which comes first: `needs: [{first}]`"));
            }
        }
    }
}

/// A write of a field that a later step writes again, where nothing happens between the two.
fn overwritten(
    plan: &Plan,
    (first, second): (StepIndex, StepIndex),
    (field, step): (&str, &language::Step),
    report: &mut Report,
) {
    let between =
        before(plan, second).into_iter().filter(|index| *index != first && before(plan, *index).contains(&first));
    let happens = |step: &plan::Step| match &step.work {
        plan::Work::Map(_) | plan::Work::Script(_) => false,
        plan::Work::Call(_)
        | plan::Work::Check(_)
        | plan::Work::Wait(_)
        | plan::Work::Approve(_)
        | plan::Work::Pipeline { .. }
        | plan::Work::Alert { .. }
        | plan::Work::Emit { .. }
        | plan::Work::Link { .. }
        | plan::Work::Reconcile(_) => true,
    };
    if between.into_iter().any(|index| happens(&plan.steps[index])) {
        return;
    }
    let first = &plan.steps[first].id;
    let message = format!("`{}` writes `{field}` again, right after `{first}` has written it", step.id.value);
    report.warning(
        OVERWRITTEN.name,
        step.id.at,
        message,
        format!("write `{field}` in one of the two, or all in one step"),
    );
}

/// Two fields of one map that many targets take for one.
fn twice(with: &Node, report: &mut Report) {
    for entries in written::maps(with) {
        let mut seen: BTreeMap<String, &Spanned<String>> = BTreeMap::new();
        for (name, _) in entries {
            let first = seen.insert(name.value.to_ascii_lowercase(), name);
            if let Some(first) = first {
                let message = format!(
                    "only capitals tell `{}` from `{}`, and the target may take both for one field",
                    name.value, first.value
                );
                report.warning(
                    OVERWRITTEN.name,
                    name.at,
                    message,
                    format!("remove one of them; the first is at line {}", first.at.line),
                );
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
pub(super) fn before(plan: &Plan, step: StepIndex) -> BTreeSet<StepIndex> {
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
