//! `swallowed-error`: an arm goes on as if nothing had happened after what fails every run.

use ferry_contract::{failure::ErrorClass, report::Report};

use super::{Check, On};
use crate::{
    language::{Reaction, Step, Then},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "swallowed-error", page: include_str!("swallowed_error.md"), on: On::Step(check) };

fn check(cx: &Context<'_>, step: &Step, report: &mut Report) {
    if cx.is_version() {
        return;
    }
    for arm in &step.on_error {
        let Reaction::Do { then: Then::Continue, .. } = arm.reaction else { continue };
        for class in arm.classes.iter().filter(|class| concerns_every_run(class.value)) {
            let message = format!("`{}` fails every run until somebody mends it, and nobody would notice", class.value);
            let help = "remove the class here: the events become dead letters, and are replayed once it is mended";
            report.error(CHECK.name, class.at, message, help);
        }
    }
}

/// These say nothing of the event in hand.
fn concerns_every_run(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Auth | ErrorClass::Config | ErrorClass::Bug)
}
