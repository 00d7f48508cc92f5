//! A token bucket on the sandbox clock: how many requests a system takes in a minute.

use jiff::Timestamp;

use crate::clock;

/// The cost of one request. A level counts requests times the milliseconds of a minute, so that
/// refilling needs no fractions.
const COST: u64 = 60_000;

/// The requests that one system still takes.
#[derive(Debug)]
pub(crate) struct Budget {
    per_minute: u64,
    level: u64,
    filled_at: Timestamp,
}

impl Budget {
    /// Starts full: a burst of a whole minute is allowed.
    pub(crate) fn new(per_minute: u32, now: Timestamp) -> Self {
        let per_minute = u64::from(per_minute);
        Self { per_minute, level: per_minute * COST, filled_at: now }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// The sandbox milliseconds until the next request is taken, where the budget is used up.
    pub(crate) fn take(&mut self, now: Timestamp) -> Result<(), u64> {
        let refill = clock::ms_between(self.filled_at, now).saturating_mul(self.per_minute);
        self.level = self.level.saturating_add(refill).min(self.per_minute * COST);
        self.filled_at = now;
        if self.level < COST {
            return Err((COST - self.level).div_ceil(self.per_minute.max(1)));
        }
        self.level -= COST;
        Ok(())
    }
}
