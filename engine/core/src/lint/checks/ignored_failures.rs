//! `ignored-failures`: items that fail are collected, and nothing looks at them.

use ferry_contract::report::Report;

use super::{Check, On, unused_step::is_needed};
use crate::{lint::Context, plan::Plan};

pub(super) const CHECK: Check =
    Check { name: "ignored-failures", page: include_str!("ignored_failures.md"), on: On::Plan(check) };

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    for (index, (step, written)) in plan.steps.iter().zip(cx.pipeline.all_steps()).enumerate() {
        let collects = step.each.as_ref().is_some_and(|each| each.collects);
        if collects && !is_needed(plan, index) {
            let message = format!("items of `{}` that fail are a part of its output, and nothing reads that", step.id);
            let help =
                "read the output in a later step, or remove `errors: collect`, so that a failed item fails the step";
            report.warning(CHECK.name, written.id.at, message, help);
        }
    }
}
