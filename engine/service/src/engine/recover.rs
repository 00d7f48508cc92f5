//! What a run is told that another engine, or another start of this one, has left in the middle.

use std::time::Duration;

use ferry_contract::failure::{ErrorClass, Failure};
use ferry_core::{
    once,
    run::{Entry, UnitIndex},
};
use jiff::{SignedDuration, Timestamp};

use super::{Engine, calling::look_up_of, journal::Driven};

/// What the journal says of a call whose engine is gone.
pub(super) fn stopped(step: String) -> Entry {
    Entry::Failed { step, failure: Failure::new(ErrorClass::Unknown, "the engine stopped before an answer came") }
}

impl Engine {
    /// A call without an answer is what a crash leaves: its outcome is unknown.
    ///
    /// It ends now, when the run is taken up, which is after the end of the lease of whoever sent it: the
    /// store gives a run to nobody else before, and the engine that sent it sends nothing after. So a look-up
    /// begins `visible_after` after the later of the call's end and the lease's end.
    pub(super) fn recover(&self, driven: &Driven) {
        for unit in driven.with(ferry_core::run::Run::interrupted) {
            self.note(driven, stopped(driven.unit_id(unit)));
        }
    }

    /// When a write must be visible that was sent before this engine began, or before the store's clock was
    /// set: the wait counts from then. That a call ends when it is taken up does not cover this: its end may be
    /// in the journal already, in the time before.
    pub(super) fn visible_since_steady(&self, driven: &Driven, unit: UnitIndex) -> Timestamp {
        let wait = driven.with(|run| {
            let look_up = run.call(unit).and_then(look_up_of);
            look_up.map_or(Duration::ZERO, |look_up| once::wait_before_look_up(run.guards(), look_up))
        });
        self.time.steady_since() + SignedDuration::try_from(wait).unwrap_or_default()
    }
}
