//! An engine's time: the store's, which all engines on it share.
//!
//! It is learnt with each sign of life, and runs on in between on the clock of leases, which nobody sets and which
//! runs during suspension. An engine writes only within a lease of a sign of life, so its time is never further
//! from the store's than that. It never goes back. The machine's own clock counts for nothing but what an engine is
//! told before its first sign of life; a sandbox's clock is that of all engines of its world already.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry_contract::port::{Boxed, Clock};
use jiff::{SignedDuration, Timestamp};

use super::{Terms, locked};

/// Whose time an engine goes by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Time {
    /// The store's.
    Store,
    /// That of the clock it is given, which all engines of its world follow.
    Clock,
}

pub(super) struct EngineClock {
    time: Time,
    given: Arc<dyn Clock>,
    /// By which leases are counted.
    steady: Arc<dyn Clock>,
    /// How far what is learnt may be from what is known before the time counts as set.
    tolerance: Duration,
    face: Mutex<Face>,
}

struct Face {
    /// What the store said last, and when that was on the steady clock.
    learnt: Option<(Timestamp, Timestamp)>,
    /// When the time was last set, or began: what any engine has sent before may be younger than it seems.
    steady_since: Timestamp,
}

impl EngineClock {
    pub(super) fn new(time: Time, given: Arc<dyn Clock>, terms: &Terms) -> Self {
        let (steady, tolerance) = (Arc::clone(&terms.clock), terms.lease);
        let face = Face { learnt: None, steady_since: given.now() };
        Self { time, given, steady, tolerance, face: Mutex::new(face) }
    }

    /// Since when this time has run as time does.
    pub(super) fn steady_since(&self) -> Timestamp {
        locked(&self.face).steady_since
    }

    /// Takes what the store has just said. One that is behind was set back while no engine lived to know
    /// better, and others may have gone by it since.
    pub(super) fn learn(&self, told: Timestamp) {
        if self.time == Time::Clock {
            return;
        }
        let now = self.steady.now();
        let mut face = locked(&self.face);
        let own = face.learnt.map(|learnt| shown(learnt, now));
        let is_set = own.is_none_or(|own| told.duration_since(own).abs() > signed(self.tolerance));
        let latest = own.map_or(told, |own| own.max(told));
        if is_set {
            face.steady_since = latest;
        }
        face.learnt = Some((latest, now));
    }
}

fn shown((told, at): (Timestamp, Timestamp), now: Timestamp) -> Timestamp {
    told + now.duration_since(at)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or_default()
}

impl Clock for EngineClock {
    fn now(&self) -> Timestamp {
        let learnt = locked(&self.face).learnt;
        learnt.map_or_else(|| self.given.now(), |learnt| shown(learnt, self.steady.now()))
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        match self.time {
            Time::Store => self.steady.sleep(duration),
            Time::Clock => self.given.sleep(duration),
        }
    }
}
