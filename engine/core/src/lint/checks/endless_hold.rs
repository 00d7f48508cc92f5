//! `endless-hold`: a run waits for money, nothing ends that, and nobody is told.

use ferry_contract::report::Report;

use super::{Check, On};
use crate::{
    language::{Reaction, Step},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "endless-hold", page: include_str!("endless_hold.md"), on: On::Step(check) };

fn check(cx: &Context<'_>, step: &Step, report: &mut Report) {
    if step.timeout.is_some() || cx.pipeline.timeout.is_some() {
        return;
    }
    for arm in &step.on_error {
        if let Reaction::Hold { probe, alert: None, .. } = &arm.reaction {
            let message = format!("nobody is told when `{}` is held, and nothing ends the hold", step.id.value);
            let help = "say whom to tell with `alert: …` in the hold, or give the step a `timeout`";
            report.warning(CHECK.name, probe.action.at, message, help);
        }
    }
}
