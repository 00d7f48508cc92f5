//! Questions that are asked again and again: waits, and the conditions of holds.

use std::{sync::Arc, time::Duration};

use ferry_connectors::connection::Connection;
use ferry_contract::{
    failure::{ErrorClass, Failure},
    number,
};

use ferry_core::{
    plan::{Probe, Reaction, Step, Wait, Work},
    run::{Entry, Status, UnitIndex},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Engine, bound, journal::Driven};

impl Engine {
    /// Asks once; an entry where the condition holds, or where asking again cannot help. What the gate
    /// holds back is asked later, even where the time is over: nobody has said no.
    pub(super) async fn ask_question(
        &self,
        driven: &Driven,
        (step, id): (&Step, String),
        (unit, arm): (UnitIndex, Option<usize>),
        ready: Result<(Value, Arc<Connection>), Failure>,
        late: Option<Entry>,
    ) -> Option<Entry> {
        let probe = question(step, arm)?;
        let place = match self.place(driven, unit).await {
            Ok(place) => place,
            Err(error) => {
                tracing::debug!(run = %driven.id, step = id, %error, "its place in the queue is not known");
                return late;
            }
        };
        if matches!(&place, Some(place) if !place.is_first) {
            return late;
        }
        let answer = match ready {
            Ok((input, connection)) => self.ask((driven, &id), &connection, (&probe.call.action, None), &input).await?,
            Err(failure) => Err(failure),
        };
        let what = driven.with(|run| match run.status(unit) {
            Status::Held { what, .. } => Some(what.clone()),
            _ => None,
        });
        let reserved = place.as_ref().map(|place| number::from_decimal(place.reserved)).or(what);
        let holds = answer.and_then(|result| {
            let holds = driven.with(|run| self.holds(run, (unit, &probe.until), &result, reserved.as_ref()))?;
            if arm.is_none() && holds { bound::read(result).map(Some) } else { Ok(holds.then_some(result)) }
        });
        match holds {
            Ok(Some(output)) if arm.is_none() => Some(Entry::Arrived { step: id, output }),
            Ok(Some(_)) => {
                if let Some(place) = place {
                    self.release(driven, unit, place);
                }
                Some(Entry::Released { step: id })
            }
            Ok(None) => late,
            Err(failure) if is_passing(failure.class) => {
                tracing::debug!(run = %driven.id, step = id, %failure, "asked in vain");
                late
            }
            Err(failure) => Some(Entry::Failed { step: id, failure }),
        }
    }
}

/// Whether the same question may be answered next time.
fn is_passing(class: ErrorClass) -> bool {
    match class {
        ErrorClass::Throttled | ErrorClass::Unavailable | ErrorClass::Unknown | ErrorClass::NotFound => true,
        ErrorClass::Config
        | ErrorClass::Auth
        | ErrorClass::Invalid
        | ErrorClass::Rejected
        | ErrorClass::Declined
        | ErrorClass::Conflict
        | ErrorClass::InsufficientFunds
        | ErrorClass::Bug => false,
    }
}

/// The question that a step asks, or one of its arms.
pub(super) fn question(step: &Step, arm: Option<usize>) -> Option<&Probe> {
    match (arm, &step.work) {
        (None, Work::Wait(Wait::Poll { probe, .. })) => Some(probe),
        (None, _) => None,
        (Some(arm), _) => match &step.arms.get(arm)?.reaction {
            Reaction::Hold { probe, .. } => Some(probe),
            Reaction::Fallback(_) | Reaction::Do { .. } => None,
        },
    }
}

/// The first of `since`, `since + every` … that is after `now`.
pub(super) fn next_time(since: Timestamp, every: Duration, now: Timestamp) -> Timestamp {
    if since > now {
        return since;
    }
    let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
    let passed = (now.as_millisecond() - since.as_millisecond()) / every_ms + 1;
    since + SignedDuration::from_millis(passed.saturating_mul(every_ms))
}

/// What a checked plan makes impossible.
pub(super) fn bug(message: &str) -> Failure {
    Failure::new(ErrorClass::Bug, message)
}
