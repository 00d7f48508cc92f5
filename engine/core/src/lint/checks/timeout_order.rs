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

/// The nearest end of what stands inside.
struct Bound {
    most: Duration,
    whose: &'static str,
}

impl Bound {
    fn look(&self, at: At, what: &str, time: Duration, report: &mut Report) {
        if time >= self.most {
            let message = format!("{what} {}, and {} ends after {}", shown(time), self.whose, shown(self.most));
            let help = format!("make it shorter, or the `timeout` of {} longer", self.whose);
            report.warning(CHECK.name, at, message, help);
        }
    }
}

fn check(cx: &Context<'_>, step: &Step, report: &mut Report) {
    let of_run = cx.pipeline.timeout.map(|most| Bound { most, whose: "the pipeline" });
    let of_step = step.timeout.map(|most| Bound { most, whose: "the step" });
    if let (Some(run), Some(own)) = (&of_run, &of_step) {
        run.look(step.id.at, &format!("`{}` may take", step.id.value), own.most, report);
    }
    if let Some(bound) = [of_step, of_run].into_iter().flatten().min_by_key(|bound| bound.most) {
        of_work(step, &bound, report);
        of_arms(step, &bound, report);
    }
}

fn of_work(step: &Step, bound: &Bound, report: &mut Report) {
    let at = step.id.at;
    match &step.work {
        Work::Wait(Wait::For(time)) => bound.look(at, "the wait is", *time, report),
        Work::Wait(Wait::Poll { timeout, .. } | Wait::Event { timeout, .. }) => {
            bound.look(at, "the wait may take", timeout.after, report);
        }
        Work::Approve(approve) => bound.look(at, "the question stands for", approve.expires, report),
        Work::Action { .. }
        | Work::Map(_)
        | Work::Script(_)
        | Work::Function(_)
        | Work::Allocate(_)
        | Work::Alert(_)
        | Work::Check(_)
        | Work::Pipeline { .. }
        | Work::Emit(_)
        | Work::Link(_)
        | Work::Reconcile(_) => {}
    }
}

fn of_arms(step: &Step, bound: &Bound, report: &mut Report) {
    for arm in &step.on_error {
        if let Some(retry) = &arm.retry {
            bound.look(arm.at, "the waits of this `retry` are at least", least(retry), report);
        }
        if let Reaction::Hold { probe, .. } = &arm.reaction {
            bound.look(probe.action.at, "the hold asks every", probe.every, report);
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
