//! `unsafe-retry`: a retry of what may have been done; `pointless-retry`: one that cannot help.

use ferry_contract::{
    catalog::{Action, Backoff},
    failure::{ErrorClass, Failure},
    report::{Report, Spanned},
};
use jiff::Timestamp;

use super::{Check, On};
use crate::{
    language::{Step, Wait, Work},
    lint::Context,
    once::{After, Attempt, Guards, after_failure},
};

pub(super) const CHECK: Check =
    Check { name: "unsafe-retry", page: include_str!("unsafe_retry.md"), on: On::Step(check) };
/// The same look finds both.
pub(super) const POINTLESS: Check =
    Check { name: "pointless-retry", page: include_str!("pointless_retry.md"), on: On::Reading };

fn check(cx: &Context<'_>, step: &Step, report: &mut Report) {
    if cx.is_version() {
        return;
    }
    for arm in &step.on_error {
        let Some(backoff) = &arm.retry else { continue };
        match &step.work {
            Work::Action { action, .. } => {
                // `unknown-action` reports a name that is not there.
                let Some(action) = cx.action(&action.value) else { continue };
                arm.classes.iter().for_each(|class| of_call(action, backoff, class, report));
            }
            Work::Map(_)
            | Work::Script(_)
            | Work::Function(_)
            | Work::Allocate(_)
            | Work::Alert(_)
            | Work::Check(_)
            | Work::Approve(_)
            | Work::Emit(_)
            | Work::Link(_)
            | Work::Wait(Wait::For(_)) => {
                let message = format!("only a call is tried again, and `{}` makes none", step.id.value);
                report.warning(POINTLESS.name, arm.at, message, "remove `retry`, or put it on the step that calls");
            }
            // They ask and run others, which have reactions of their own.
            Work::Wait(Wait::Poll { .. } | Wait::Event { .. }) | Work::Pipeline { .. } | Work::Reconcile(_) => {}
        }
    }
}

fn of_call(action: &Action, backoff: &Backoff, class: &Spanned<ErrorClass>, report: &mut Report) {
    let follows = follows(action, backoff, class.value);
    match (class.value, follows) {
        (ErrorClass::Unknown, After::Retry { .. }) => {}
        (ErrorClass::Unknown, After::LookUp { .. }) => {
            let message = format!(
                "`{}` may have been done after an unknown outcome, so it is never just sent again",
                action.name
            );
            let help = "remove `unknown` here: ferry looks it up by itself before anything is sent again";
            report.error(CHECK.name, class.at, message, help);
        }
        (ErrorClass::Unknown, After::Park { .. } | After::Fail) => {
            let message =
                format!("`{}` may have been done after an unknown outcome, and nothing can tell", action.name);
            let help = "remove `unknown` here: the run is parked, and `on_failure` says who is told";
            report.error(CHECK.name, class.at, message, help);
        }
        (_, After::Fail | After::LookUp { .. } | After::Park { .. }) => {
            let message = format!("`{}` is not tried again after `{}`, whatever is asked", action.name, class.value);
            report.warning(POINTLESS.name, class.at, message, "remove the class here, or give it an arm of its own");
        }
        (_, After::Retry { .. }) => {
            if let Some(help) = instead(class.value) {
                let message = format!("the same call again is `{}` again", class.value);
                report.warning(POINTLESS.name, class.at, message, help);
            }
        }
    }
}

/// What the engine itself would do after a first failure of this class.
fn follows(action: &Action, backoff: &Backoff, class: ErrorClass) -> After {
    let at = Timestamp::UNIX_EPOCH;
    let attempt = Attempt {
        effect: &action.effect,
        number: 1,
        first_at: at,
        ended_at: at,
        began: at,
        is_free: false,
        // A single attempt, or no time for a second, is not what this is about.
        backoff: &Backoff { attempts_max: u32::MAX, within: None, ..backoff.clone() },
        is_asked: true,
        seed: &action.name,
    };
    after_failure(Guards::ALL, attempt, &Failure::new(class, "asked by lint"))
}

/// What to write for a class that time alone does not mend.
fn instead(class: ErrorClass) -> Option<&'static str> {
    match class {
        ErrorClass::InsufficientFunds => {
            Some("write `hold: …`: it asks for the balance, and sends when it covers the amount")
        }
        ErrorClass::Invalid | ErrorClass::Rejected | ErrorClass::Declined => {
            Some("tell who can correct it, with `do: …` and `then: dead_letter`; a replay sends it again")
        }
        ErrorClass::Config | ErrorClass::Bug => {
            Some("remove the class: a person must mend it first, and then replays the run")
        }
        // A record may appear, a credential may be renewed, and the others are what retries are for.
        ErrorClass::NotFound
        | ErrorClass::Auth
        | ErrorClass::Conflict
        | ErrorClass::Throttled
        | ErrorClass::Unavailable
        | ErrorClass::Unknown => None,
    }
}
