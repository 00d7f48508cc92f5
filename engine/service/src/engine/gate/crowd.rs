//! Those who wait at a gate for others to be done: a crowd that is bounded, so that runs of other connections always
//! find room in memory.
//!
//! Whom a slow target would keep waiting for long waits in the store, behind those of its pipeline that went there
//! before. So many as go at once stay in any case: no slot is free for want of somebody who waits for it.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;

use super::{Gate, State, locked, signed};
use crate::limits::{CROWD_PACE_DEFAULT, GATE_CROWD_MAX, GATE_PUT_OFF_MAX, GATE_WAIT_MAX, GATES_CROWD_MAX};

/// A place among those who wait; given back when it is dropped.
pub(in crate::engine) struct Place {
    gate: Arc<Gate>,
    pipeline: String,
    calls: usize,
    /// Whether it is one of those who stay, however long it takes.
    is_patient: bool,
}

impl Gate {
    /// A place for calls that go together.
    ///
    /// # Errors
    /// When to come again: too many wait already, and it would take long.
    pub(in crate::engine) fn join(self: &Arc<Self>, pipeline: &str, calls: usize) -> Result<Place, Timestamp> {
        let now = self.now();
        let mut state = locked(&self.state);
        let own = state.crowd.get(pipeline).copied().unwrap_or_default();
        let is_patient = own < state.at_once;
        let here: usize = state.crowd.values().sum();
        let is_full = here >= GATE_CROWD_MAX || self.crowds.load(Ordering::Relaxed) >= GATES_CROWD_MAX;
        if is_full && !is_patient && state.is_slow(here, now) {
            return Err(state.come_again(pipeline, now));
        }
        *state.crowd.entry(pipeline.to_owned()).or_default() += calls;
        drop(state);
        self.crowds.fetch_add(calls, Ordering::Relaxed);
        Ok(Place { gate: Arc::clone(self), pipeline: pipeline.to_owned(), calls, is_patient })
    }
}

impl Place {
    /// Waits for what others have to give back.
    ///
    /// # Errors
    /// When to come again: it would take long.
    pub(in crate::engine) async fn wait<T>(&self, turn: impl Future<Output = T>) -> Result<T, Timestamp> {
        if self.is_patient {
            return Ok(turn.await);
        }
        tokio::select! {
            biased;
            given = turn => Ok(given),
            () = self.gate.clock.sleep(GATE_WAIT_MAX) => {
                Err(locked(&self.gate.state).come_again(&self.pipeline, self.gate.now()))
            }
        }
    }

    /// The same place of one that is the next: it stays.
    #[must_use]
    pub(in crate::engine) fn at_the_front(mut self) -> Self {
        self.is_patient = true;
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = locked(&self.gate.state);
        if let Some(own) = state.crowd.get_mut(&self.pipeline) {
            *own = own.saturating_sub(self.calls);
            if *own == 0 {
                state.crowd.remove(&self.pipeline);
            }
        }
        drop(state);
        self.gate.crowds.fetch_sub(self.calls, Ordering::Relaxed);
    }
}

impl State {
    /// A call is done that had its slot for so long. What grows is believed at once, what shrinks little by little.
    pub(super) fn lasted(&mut self, time: Duration) {
        let shrunk = |before: Duration| before.saturating_sub(before.saturating_sub(time) / 8);
        self.lasts = Some(self.lasts.map_or(time, shrunk).max(time));
    }

    /// How long a call has its slot: as those that are done, or as the first of those that are not.
    fn lasts(&self, now: Timestamp) -> Option<Duration> {
        let oldest = self.under_way.values().next();
        let age = oldest.map(|began| Duration::try_from(now.duration_since(*began)).unwrap_or_default());
        self.lasts.map(|lasts| lasts.max(age.unwrap_or_default()))
    }

    /// Whether the last of a crowd waits for long, as far as is known.
    fn is_slow(&self, crowd: usize, now: Timestamp) -> bool {
        let crowd = u32::try_from(crowd).unwrap_or(u32::MAX);
        self.lasts(now).is_none_or(|lasts| lasts.saturating_mul(crowd) / self.width() > GATE_WAIT_MAX)
    }

    /// When one whom it takes too long may come again: behind those of its pipeline that went before.
    fn come_again(&mut self, pipeline: &str, now: Timestamp) -> Timestamp {
        self.coming.retain(|_, at| *at > now);
        let pace = self.lasts(now).map_or(CROWD_PACE_DEFAULT, |lasts| lasts / self.width());
        let last = self.coming.get(pipeline).copied().unwrap_or(now);
        let at = (last + signed(pace.max(Duration::from_millis(1)))).min(now + signed(GATE_PUT_OFF_MAX));
        self.coming.insert(pipeline.to_owned(), at);
        at
    }

    fn width(&self) -> u32 {
        u32::try_from(self.at_once).unwrap_or(u32::MAX).max(1)
    }
}
