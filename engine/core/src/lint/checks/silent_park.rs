//! `silent-park`: a step may have to wait for a person, and no one is told.

use ferry_contract::{
    catalog::{Effect, Repeat},
    report::Report,
};

use super::{Check, On};
use crate::{
    language::{Step, Work},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "silent-park", page: include_str!("silent_park.md"), on: On::Step(check) };

fn check(cx: &Context<'_>, step: &Step, report: &mut Report) {
    let Work::Action { action, .. } = &step.work else { return };
    let Some(known) = cx.action(&action.value) else { return };
    let parks = matches!(known.effect, Effect::Write(Repeat::Never | Repeat::Lookup(_)));
    if parks && cx.pipeline.alert.is_none() {
        report.error(
            CHECK.name,
            action.at,
            format!("`{}` may have to wait for a person, and no one is told", action.value),
            "say whom to tell with `on_failure: { alert: … }`",
        );
    }
}
