//! `silent-dead-letter`: a pipeline writes, and nobody is told when it cannot.

use ferry_contract::{
    catalog::{Effect, Repeat},
    report::Report,
};

use super::{Check, On};
use crate::{language::Work, lint::Context};

pub(super) const CHECK: Check =
    Check { name: "silent-dead-letter", page: include_str!("silent_dead_letter.md"), on: On::Pipeline(check) };

fn check(cx: &Context<'_>, report: &mut Report) {
    if cx.pipeline.alert.is_some() || is_called(cx) {
        return;
    }
    let steps = cx.pipeline.all_steps().into_iter();
    let written =
        steps.filter_map(|step| if let Work::Action { action, .. } = &step.work { Some(action) } else { None });
    let writes: Vec<_> = written
        .filter_map(|action| Some((action, &cx.action(&action.value)?.effect)))
        .filter(|(_, effect)| effect.is_write())
        .collect();
    // `silent-park` says it of these, and more loudly.
    let parks = |effect: &Effect| matches!(effect, Effect::Write(Repeat::Never | Repeat::Lookup(_)));
    let Some((action, _)) = writes.first().filter(|_| !writes.iter().any(|(_, effect)| parks(effect))) else { return };
    let message = format!("nobody is told when `{}` cannot be done, and the event becomes a dead letter", action.value);
    report.warning(CHECK.name, action.at, message, "say whom to tell with `on_failure: { alert: … }`");
}

/// Whoever calls it is told of its failure, and has an alert of its own.
fn is_called(cx: &Context<'_>) -> bool {
    let name = &cx.pipeline.name.value;
    let calls = |work: &Work| matches!(work, Work::Pipeline { name: called, .. } if called.value == *name);
    let siblings = cx.siblings.unwrap_or_default();
    // One that cannot be read may call it.
    !cx.pipeline.inputs.is_empty()
        || !cx.all_are_read
        || siblings.iter().any(|sibling| sibling.all_steps().iter().any(|step| calls(&step.work)))
}
