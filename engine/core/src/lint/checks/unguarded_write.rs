//! `unguarded-write`: a check, a question or a wait that nothing is kept back by, and a write that does not wait for it.

use std::collections::BTreeSet;

use ferry_contract::report::Report;

use super::{Check, On, racing_writes::before, unused_step::is_needed};
use crate::{
    language::{self, Pipeline, Then},
    limits::NESTING_MAX,
    lint::Context,
    plan::{Plan, Reaction, Step, StepIndex, Work},
};

pub(super) const CHECK: Check =
    Check { name: "unguarded-write", page: include_str!("unguarded_write.md"), on: On::Plan(check) };

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    if !plan.steps.iter().any(|step| says(step).is_some()) {
        return;
    }
    let before: Vec<BTreeSet<StepIndex>> = (0..plan.steps.len()).map(|step| before(plan, step)).collect();
    for (guard, written) in cx.pipeline.all_steps().into_iter().enumerate() {
        let step = &plan.steps[guard];
        let Some(says) = says(step).filter(|_| !goes_on(step)) else { continue };
        let is_after = |other: &StepIndex| before[*other].contains(&guard);
        if (0..plan.steps.len()).filter(is_after).any(|after| is_kept_back(step, &plan.steps[after])) {
            continue;
        }
        // What stands at the end may be about what was done; a question is never asked for nothing.
        let is_last_word = before[guard].iter().any(|step| writes(&plan.steps[*step]));
        if is_last_word && !matches!(step.work, Work::Approve(_)) || is_read_wait(plan, guard) {
            continue;
        }
        let is_beside = |other: &StepIndex| {
            let home = &plan.steps[*other].home;
            writes(&plan.steps[*other]) && *home == step.home && !before[guard].contains(other)
        };
        let beside: Vec<StepIndex> = (0..plan.steps.len()).filter(is_beside).collect();
        let is_sure = |write: &&StepIndex| is_surely_sent(cx, (step, &plan.steps[**write]));
        let sent = beside.iter().find(is_sure);
        let Some(&write) = sent.or(beside.first()) else { continue };
        let (is_sent, write) = (sent.is_some(), &plan.steps[write].id);
        let message = format!("nothing waits for `{}`, so `{write}` is done {says}", step.id);
        let help = format!("write `needs: [{}]` in `{write}`, or in a step that it waits for", step.id);
        if !is_sent || matches!(step.work, Work::Wait(_)) {
            report.warning(CHECK.name, written.id.at, message, help);
        } else {
            report.error(CHECK.name, written.id.at, message, help);
        }
    }
}

/// How a write beside a guard is done; nothing for a step that is none.
fn says(step: &Step) -> Option<&'static str> {
    match &step.work {
        Work::Check(_) => Some("whatever it finds"),
        Work::Approve(_) => Some("before anybody has approved it"),
        Work::Wait(_) => Some("without the wait"),
        Work::Call(_)
        | Work::Map(_)
        | Work::Script(_)
        | Work::Pipeline { .. }
        | Work::Alert { .. }
        | Work::Emit { .. }
        | Work::Link { .. }
        | Work::Reconcile(_) => None,
    }
}

/// Whether the run goes on where the step refuses: then it only notes something.
fn goes_on(step: &Step) -> bool {
    step.arms.iter().any(|arm| matches!(arm.reaction, Reaction::Do { then: Then::Continue, .. }))
}

/// Whether a step that comes after a guard is what the guard is there for. Another guard is looked at itself; a text that
/// is sent after a wait is a reminder.
fn is_kept_back(guard: &Step, step: &Step) -> bool {
    let is_reminder = matches!(step.work, Work::Alert { .. }) && matches!(guard.work, Work::Wait(_));
    writes(step) || says(step).is_some() || is_reminder
}

/// What a wait has waited for may be what the run gives.
fn is_read_wait(plan: &Plan, guard: StepIndex) -> bool {
    matches!(plan.steps[guard].work, Work::Wait(_)) && is_needed(plan, guard)
}

/// Whether a write beside a guard is surely one that it is there for. One that is not always done may have its own condition
/// instead; pipelines of this engine may be meant to hear of what is refused.
fn is_surely_sent(cx: &Context<'_>, (guard, write): (&Step, &Step)) -> bool {
    let condition = |step: &Step| step.when.as_ref().map(|when| when.text().to_owned());
    if condition(write).is_some() && condition(write) != condition(guard) {
        return false;
    }
    match &write.work {
        Work::Pipeline { name, .. } => may_send(cx, name, NESTING_MAX),
        _ => !matches!(write.work, Work::Emit { .. } | Work::Link { .. }),
    }
}

/// Whether a run of a pipeline of this project may send a write.
fn may_send(cx: &Context<'_>, name: &str, depth: u32) -> bool {
    let called = cx.siblings.unwrap_or_default().iter().find(|sibling| sibling.name.value == name);
    let sends = |pipeline: &Pipeline| {
        let calls = pipeline
            .calls()
            .iter()
            .any(|call| cx.action(&call.action.value).is_none_or(|action| action.effect.is_write()));
        calls
            || pipeline.all_steps().iter().any(|step| match (&step.work, depth.checked_sub(1)) {
                (language::Work::Pipeline { name, .. }, Some(depth)) => may_send(cx, &name.value, depth),
                _ => false,
            })
    };
    called.is_none_or(sends)
}

/// Whether something is another way afterwards.
fn writes(step: &Step) -> bool {
    step.calls().any(|call| call.effect.is_write())
        || matches!(step.work, Work::Emit { .. } | Work::Link { .. } | Work::Pipeline { .. })
}
