//! `timeout-order`: what is inside may take longer than what is around it.

use std::time::Duration;

use ferry_contract::{
    catalog::Backoff,
    report::{At, Report},
};

use super::{Check, On};
use crate::{
    language::{Reaction, Step, Wait, Work},
    lint::Context,
};

pub(super) const CHECK: Check =
    Check { name: "timeout-order", page: include_str!("timeout_order.md"), on: On::Step(check) };

fn check(cx: &Context<'_>, step: &Step, report: &mut Report) {
    let of_run = cx.pipeline.timeout.map(|time| (time, "the pipeline"));
    if let (Some(time), Some((most, _))) = (step.timeout, of_run)
        && time >= most
    {
        let message =
            format!("`{}` may take {}, and the pipeline ends after {}", step.id.value, shown(time), shown(most));
        report.warning(CHECK.name, step.id.at, message, "make the step's `timeout` shorter, or the pipeline's longer");
    }
    let own = step.timeout.map(|time| (time, "the step"));
    let Some((most, whose)) = [own, of_run].into_iter().flatten().min_by_key(|(time, _)| *time) else { return };
    let mut too_long = |at: At, what: &str, time: Duration| {
        if time >= most {
            let message = format!("{what} {}, and {whose} ends after {}", shown(time), shown(most));
            report.warning(CHECK.name, at, message, format!("make it shorter, or the `timeout` of {whose} longer"));
        }
    };
    match &step.work {
        Work::Wait(Wait::For(time)) => too_long(step.id.at, "the wait is", *time),
        Work::Wait(Wait::Poll { timeout, .. } | Wait::Event { timeout, .. }) => {
            too_long(step.id.at, "the wait may take", timeout.after);
        }
        Work::Approve(approve) if approve.expires < Duration::MAX => {
            too_long(step.id.at, "the question stands for", approve.expires);
        }
        Work::Action { .. }
        | Work::Map(_)
        | Work::Script(_)
        | Work::Check(_)
        | Work::Approve(_)
        | Work::Pipeline { .. }
        | Work::Emit(_) => {}
    }
    for arm in &step.on_error {
        if let Some(retry) = &arm.retry {
            too_long(arm.at, "the waits of this `retry` are at least", least(retry));
        }
        if let Reaction::Hold { probe, .. } = &arm.reaction {
            too_long(probe.action.at, "the hold asks every", probe.every);
        }
    }
}

/// What all waits together come to at the least, as the engine itself makes them.
fn least(retry: &Backoff) -> Duration {
    let waits = (1..retry.attempts_max).map(|attempt| retry.least_wait(attempt));
    waits.fold(Duration::ZERO, Duration::saturating_add).min(retry.within.unwrap_or(Duration::MAX))
}

/// As YAML writes it, with the largest unit that is exact to the second.
fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60)];
    let exact = units.into_iter().find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
    match exact {
        Some((unit, size)) => format!("{}{unit}", seconds / size),
        None if seconds < 10 => format!("{}ms", time.as_millis()),
        None => format!("{seconds}s"),
    }
}
