//! `untaken-arm`: an arm for a class that its step never fails with.

use ferry_contract::{
    catalog::{Action, Effect, Repeat},
    failure::ErrorClass,
    report::{Report, Spanned},
};

use super::{Check, On};
use crate::{
    language::{Arm, Reaction, Step, Then, Work},
    limits::{STRAIN_MAX, UNWELL_WEIGHT},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "untaken-arm", page: include_str!("untaken_arm.md"), on: On::Step(check) };

fn check(cx: &Context<'_>, step: &Step, report: &mut Report) {
    if cx.is_version() {
        return;
    }
    for arm in &step.on_error {
        for class in &arm.classes {
            match &step.work {
                Work::Action { action, .. } => {
                    // `unknown-action` reports a name that is not there.
                    let Some(action) = cx.action(&action.value) else { continue };
                    of_call(action, arm, class, report);
                    let is_timed = step.timeout.or(cx.pipeline.timeout).is_some();
                    if class.value == ErrorClass::Unavailable && !is_timed && !gives_up(arm) && is_instead(arm) {
                        outage(action, class, report);
                    }
                }
                Work::Map(_) | Work::Script(_) | Work::Function(_) | Work::Allocate(_) => of_value(step, class, report),
                Work::Check(rules) => {
                    if !rules.iter().any(|rule| rule.class == class.value) {
                        of_value(step, class, report);
                    }
                }
                Work::Alert(_)
                | Work::Wait(_)
                | Work::Approve(_)
                | Work::Pipeline { .. }
                | Work::Emit(_)
                | Work::Link(_)
                | Work::Reconcile(_) => {}
            }
        }
    }
}

/// Whether an arm ends the attempts before a circuit opens, behind which they are not counted.
fn gives_up(arm: &Arm) -> bool {
    arm.retry.as_ref().is_some_and(|retry| retry.within.is_some() || retry.attempts_max <= STRAIN_MAX / UNWELL_WEIGHT)
}

/// Whether the run goes on without the step's own call.
fn is_instead(arm: &Arm) -> bool {
    matches!(arm.reaction, Reaction::Fallback { .. } | Reaction::Do { then: Then::Continue, .. })
}

/// A write of which nobody knows whether it was done is looked up, sent again or parked: it never just fails.
fn of_call(action: &Action, arm: &Arm, class: &Spanned<ErrorClass>, report: &mut Report) {
    let only_retries = arm.retry.is_some()
        && matches!(&arm.reaction, Reaction::Do { steps, then: Then::DeadLetter } if steps.is_empty());
    let Effect::Write(repeat) = &action.effect else { return };
    // `unsafe-retry` says what is wrong with a retry.
    if class.value != ErrorClass::Unknown || only_retries {
        return;
    }
    let becomes = match repeat {
        Repeat::Lookup(_) => "looked up, and parked where that gives no answer",
        Repeat::Keyed { .. } | Repeat::Upsert => "sent again, and parked at last",
        Repeat::Never => "parked",
    };
    let message = format!("this is never taken: after an unknown outcome `{}` is {becomes}", action.name);
    report.warning(
        CHECK.name,
        class.at,
        message,
        "remove `unknown` here; `on_failure` says who is told of a parked run",
    );
}

/// What waits behind an open circuit uses up no attempt.
fn outage(action: &Action, class: &Spanned<ErrorClass>, report: &mut Report) {
    let message = format!("in an outage this is not taken: `{}` waits until it can be reached again", action.name);
    let help = "say how long it is tried, with `retry: { attempts: 5, within: 10m }` here or a `timeout` of the step";
    report.warning(CHECK.name, class.at, message, help);
}

/// What makes a value asks no system, so that none refuses it.
fn of_value(step: &Step, class: &Spanned<ErrorClass>, report: &mut Report) {
    match class.value {
        ErrorClass::Auth
        | ErrorClass::Rejected
        | ErrorClass::Declined
        | ErrorClass::Conflict
        | ErrorClass::Throttled
        | ErrorClass::InsufficientFunds
        | ErrorClass::Unknown => {
            let message =
                format!("this is never taken: `{}` calls no system, and cannot be `{}`", step.id.value, class.value);
            let help =
                "write `invalid`, which is what data that does not fit is, or put the arm on the step that calls";
            report.warning(CHECK.name, class.at, message, help);
        }
        // A time-out is `unavailable`, a cross-reference without the pair `not_found`.
        ErrorClass::Config | ErrorClass::Invalid | ErrorClass::NotFound | ErrorClass::Unavailable | ErrorClass::Bug => {
        }
    }
}
