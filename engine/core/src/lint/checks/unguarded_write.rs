//! `unguarded-write`: a check, a question or a wait that nothing is kept back by, and a write that does not wait for it.

use std::collections::BTreeSet;

use ferry_contract::report::Report;

use super::{Check, On, racing_writes::before, unused_step::is_needed};
use crate::{
    language::Then,
    lint::Context,
    plan::{Plan, Reaction, Step, StepIndex, Work},
};

pub(super) const CHECK: Check =
    Check { name: "unguarded-write", page: include_str!("unguarded_write.md"), on: On::Plan(check) };

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
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
        let sends = beside.iter().find(|write| !is_only_told(&plan.steps[**write]));
        let Some(&write) = sends.or(beside.first()) else { continue };
        let (tells, write) = (is_only_told(&plan.steps[write]), &plan.steps[write].id);
        let message = format!("nothing waits for `{}`, so `{write}` is done {says}", step.id);
        let help = format!("write `needs: [{}]` in `{write}`, or in a step that it waits for", step.id);
        if tells || matches!(step.work, Work::Wait(_)) {
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
        | Work::Link { .. } => None,
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

/// Whether it tells only pipelines of this engine, which may be meant to hear of what is refused.
fn is_only_told(step: &Step) -> bool {
    matches!(step.work, Work::Emit { .. } | Work::Link { .. })
}

/// Whether something is another way afterwards.
fn writes(step: &Step) -> bool {
    step.calls().any(|call| call.effect.is_write())
        || matches!(step.work, Work::Emit { .. } | Work::Link { .. } | Work::Pipeline { .. })
}
