//! `unknown-channel`: an alert that nobody would get.

use ferry_contract::report::{Report, Spanned};

use super::{Check, On};
use crate::{
    language::{Pipeline, Reaction, Work},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "unknown-channel", page: include_str!("unknown_channel.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    let known: Vec<&str> = cx.project.alerts.keys().map(String::as_str).collect();
    for channel in channels(cx.pipeline).filter(|channel| !cx.project.alerts.contains_key(&channel.value)) {
        let message = format!("there is no alert channel `{}` in ferry.yaml", channel.value);
        report.unknown(CHECK.name, channel.at, message, (&channel.value, &known));
    }
}

/// The channels that a pipeline names.
pub(super) fn channels(pipeline: &Pipeline) -> impl Iterator<Item = &Spanned<String>> {
    let steps = pipeline.all_steps();
    let holds = steps.iter().flat_map(|step| &step.on_error).filter_map(|arm| match &arm.reaction {
        Reaction::Hold { alert, .. } => alert.as_ref(),
        Reaction::Fallback { .. } | Reaction::Do { .. } => None,
    });
    let told = steps.iter().filter_map(|step| match &step.work {
        Work::Alert(alert) => Some(&alert.to),
        _ => None,
    });
    let of_steps: Vec<_> = told.chain(holds).collect();
    pipeline.owner.iter().chain(&pipeline.alert).chain(of_steps)
}
