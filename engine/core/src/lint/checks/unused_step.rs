//! `unused-step`: a step that changes nothing, and whose output nothing reads.

use ferry_contract::report::Report;

use super::{Check, On};
use crate::{
    lint::Context,
    plan::{EventSource, Plan, Step, StepIndex, Work},
};

pub(super) const CHECK: Check =
    Check { name: "unused-step", page: include_str!("unused_step.md"), on: On::Plan(check) };

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    // A pipeline that does nothing yet is being written, or shows something to whoever starts it.
    if !plan.steps.iter().any(has_effect) {
        return;
    }
    for (index, (step, written)) in plan.steps.iter().zip(cx.pipeline.all_steps()).enumerate() {
        // A function of a module may be there to refuse.
        let may_refuse = matches!(written.work, crate::language::Work::Function(_));
        if is_idle(step) && !may_refuse && !is_needed(plan, index) {
            let message = format!("nothing reads `{}` or waits for it, and it changes nothing", step.id);
            report.warning(CHECK.name, written.id.at, message, "remove it, or name it in a value or in `needs`");
        }
    }
}

fn has_effect(step: &Step) -> bool {
    match &step.work {
        Work::Call(call) => call.effect.is_write(),
        // What a reconciliation finds is kept in its book.
        Work::Emit { .. } | Work::Link { .. } | Work::Pipeline { .. } | Work::Alert { .. } | Work::Reconcile(_) => true,
        Work::Map(_) | Work::Script(_) | Work::Check(_) | Work::Wait(_) | Work::Approve(_) => false,
    }
}

/// Whether all that it does is make a value. What an arm makes is a note to whoever looks at the run.
fn is_idle(step: &Step) -> bool {
    let makes_a_value = match &step.work {
        Work::Call(call) => !call.effect.is_write(),
        Work::Map(_) => true,
        // It may be there to refuse.
        Work::Script(script) => !script.text().contains("throw"),
        Work::Check(_)
        | Work::Wait(_)
        | Work::Approve(_)
        | Work::Pipeline { .. }
        | Work::Alert { .. }
        | Work::Emit { .. }
        | Work::Link { .. }
        | Work::Reconcile(_) => false,
    };
    makes_a_value && step.arms.is_empty() && step.home.is_none()
}

/// Whether something reads a step's output, or waits for it.
pub(super) fn is_needed(plan: &Plan, index: StepIndex) -> bool {
    let mut is_output = false;
    plan.output.iter().for_each(|output| output.roots(&mut |root| is_output |= root == plan.steps[index].id));
    let answers = match &plan.trigger.source {
        EventSource::Webhook(webhook) => webhook.respond == Some(index),
        EventSource::Poll(_)
        | EventSource::Event(_)
        | EventSource::Schedule(_)
        | EventSource::Pipeline { .. }
        | EventSource::File(_)
        | EventSource::Reconciled(_)
        | EventSource::Manual => false,
    };
    is_output || answers || plan.steps.iter().any(|step| step.needs.contains(&index))
}
