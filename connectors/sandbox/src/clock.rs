//! The sandbox clock: real time from the start, times the speed, plus every advance.
//!
//! This is the only file that reads the real time or waits for it.

#![allow(clippy::disallowed_methods, reason = "this file is where the sandbox meets the real time")]

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A clock that can be faster than real time and can jump ahead.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Timestamp,
    anchor: Instant,
    at_anchor: Timestamp,
    speed: u32,
}

impl Clock {
    /// Starts a clock at the real now. A speed of 0 makes it stand still.
    pub(crate) fn new(speed: u32) -> Self {
        let now = Timestamp::now();
        Self { started: now, anchor: Instant::now(), at_anchor: now, speed }
    }

    /// Says the sandbox time, in whole milliseconds.
    pub(crate) fn now(&self) -> Timestamp {
        let real_ms = u64::try_from(self.anchor.elapsed().as_millis()).unwrap_or(u64::MAX);
        add_ms(self.at_anchor, real_ms.saturating_mul(u64::from(self.speed)))
    }

    /// Says how much sandbox time has passed since the start.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        ms_between(self.started, self.now())
    }

    /// Says the sandbox seconds of one real second.
    pub(crate) fn speed(&self) -> u32 {
        self.speed
    }

    /// Changes the speed from now on; time does not jump.
    pub(crate) fn set_speed(&mut self, speed: u32) {
        self.at_anchor = self.now();
        self.anchor = Instant::now();
        self.speed = speed;
    }

    /// Jumps ahead.
    pub(crate) fn advance(&mut self, ms: u64) {
        self.at_anchor = add_ms(self.at_anchor, ms);
    }

    /// Says how many real seconds a stretch of sandbox time takes: rounded up, at least 1.
    pub(crate) fn real_s(&self, sandbox_ms: u64) -> u64 {
        sandbox_ms.div_ceil(u64::from(self.speed.max(1)) * 1_000).max(1)
    }
}

/// Waits in real time.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Adds milliseconds; the end of the calendar is not passed.
pub(crate) fn add_ms(at: Timestamp, ms: u64) -> Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(at.as_millisecond().saturating_add(ms)).unwrap_or(Timestamp::MAX)
}

/// Says the milliseconds from `start` to `end`; 0 where `end` is not later.
pub(crate) fn ms_between(start: Timestamp, end: Timestamp) -> u64 {
    u64::try_from(end.as_millisecond() - start.as_millisecond()).unwrap_or(0)
}

/// Writes a time as Payoneer does, such as `2026-04-01T10:00:00Z`.
pub(crate) fn seconds_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
