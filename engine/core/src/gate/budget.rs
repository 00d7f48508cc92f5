//! How many requests a connection may make: one token bucket for each window. A pure function of time.
//!
//! The crate `governor` keeps such states in memory only, behind its own clock. This one must be in
//! the store, where several processes share it, and give tokens in slices; that is all it does.

use std::{collections::BTreeMap, time::Duration};

use ferry_contract::{catalog::Window, port::Level};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::BUDGET_SLICES;

/// The state of all windows of a connection's budget.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Budget {
    buckets: Vec<Bucket>,
    /// Hosts to which nothing goes before a time, because they said so.
    blocked: BTreeMap<String, Timestamp>,
}

/// The tokens of one window. A level counts tokens times the milliseconds of the window, so that
/// refilling needs no fractions.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Bucket {
    limit: u64,
    per_ms: u64,
    level: u64,
    filled_at: Timestamp,
    /// The limit in the manifest, which a target may have corrected since; 0 in states of before it was kept.
    #[serde(default)]
    written: u64,
}

impl Budget {
    /// Starts full: the burst of a whole window is allowed.
    pub fn new(windows: &[Window], now: Timestamp) -> Self {
        Self { buckets: windows.iter().map(|window| Bucket::full(window, now)).collect(), blocked: BTreeMap::new() }
    }

    /// The state for these windows; a manifest may have changed since it was kept. What was counted in a window of
    /// the same length stays counted, under the limit that is written now.
    #[must_use]
    pub fn refit(self, windows: &[Window], now: Timestamp) -> Self {
        let mut kept: Vec<Option<Bucket>> = self.buckets.into_iter().map(Some).collect();
        let bucket = |(index, window): (usize, &Window)| {
            let full = Bucket::full(window, now);
            let same = |bucket: &Option<Bucket>| bucket.is_some_and(|bucket| bucket.per_ms == full.per_ms);
            let at = Some(index).filter(|index| kept.get(*index).is_some_and(same));
            let at = at.or_else(|| kept.iter().position(same));
            at.and_then(|at| kept[at].take()).map_or(full, |bucket| bucket.limited_to(full.written, now))
        };
        Self { buckets: windows.iter().enumerate().map(bucket).collect(), blocked: self.blocked }
    }

    /// Takes a slice of a window: some tokens, or none where it is used up.
    pub fn take_slice(&mut self, window: usize, now: Timestamp) -> u64 {
        let Some(bucket) = self.buckets.get_mut(window) else { return 0 };
        bucket.fill(now);
        let taken = (bucket.level / bucket.per_ms).min(bucket.limit.div_ceil(BUDGET_SLICES));
        bucket.level -= taken * bucket.per_ms;
        taken
    }

    /// How long until a window has a token.
    pub fn wait(&self, window: usize, now: Timestamp) -> Duration {
        let Some(mut bucket) = self.buckets.get(window).copied() else { return Duration::ZERO };
        bucket.fill(now);
        let missing_ms = bucket.per_ms.saturating_sub(bucket.level).div_ceil(bucket.limit);
        // After a reset that a target has named, filling begins later.
        let begins_ms = u64::try_from(bucket.filled_at.duration_since(now).as_millis()).unwrap_or(0);
        Duration::from_millis(if missing_ms == 0 { 0 } else { begins_ms.saturating_add(missing_ms) })
    }

    /// The time in which a window gains a token.
    pub fn pace(&self, window: usize) -> Duration {
        let bucket = self.buckets.get(window);
        bucket.map_or(Duration::ZERO, |bucket| Duration::from_millis(bucket.per_ms.div_ceil(bucket.limit)))
    }

    /// Tokens that a window has now, and its limit.
    pub fn left(&self, window: usize, now: Timestamp) -> (u64, u64) {
        let Some(mut bucket) = self.buckets.get(window).copied() else { return (0, 0) };
        bucket.fill(now);
        (bucket.level / bucket.per_ms, bucket.limit)
    }

    /// Takes what a target says of a window. It may lower the level and never raises it: calls that
    /// are under way are not in what it says.
    pub fn learn(&mut self, window: usize, level: Level, now: Timestamp) -> bool {
        let Some(bucket) = self.buckets.get_mut(window) else { return false };
        let before = *bucket;
        bucket.fill(now);
        if let Some(limit) = level.limit.filter(|limit| *limit > 0) {
            bucket.limit = limit;
            bucket.level = bucket.level.min(limit.saturating_mul(bucket.per_ms));
        }
        if let Some(remaining) = level.remaining {
            bucket.level = bucket.level.min(remaining.saturating_mul(bucket.per_ms));
        }
        if let Some(reset) = level.reset.filter(|_| level.remaining == Some(0)) {
            // Nothing comes before the reset: filling begins so late that one token is there then.
            let first = Duration::from_millis(bucket.per_ms.div_ceil(bucket.limit));
            bucket.filled_at = bucket.filled_at.max(now + signed(reset.saturating_sub(first)));
        }
        bucket.limit != before.limit || bucket.level < before.level
    }

    /// Nothing goes to a host before a time. Says whether that is later than was known.
    pub fn block(&mut self, host: &str, until: Timestamp) -> bool {
        let known = self.blocked.get(host).is_some_and(|known| *known >= until);
        if !known {
            self.blocked.insert(host.to_owned(), until);
        }
        !known
    }

    /// Until when nothing goes to a host.
    pub fn blocked_until(&self, host: &str, now: Timestamp) -> Option<Timestamp> {
        self.blocked.get(host).copied().filter(|until| *until > now)
    }
}

impl Bucket {
    fn full(window: &Window, now: Timestamp) -> Self {
        let (limit, per_ms) = (window.limit.max(1), millis(window.per).max(1));
        Self { limit, per_ms, level: limit.saturating_mul(per_ms), filled_at: now, written: limit }
    }

    /// The same, where the manifest says this limit: what was taken is taken of the new one.
    fn limited_to(mut self, written: u64, now: Timestamp) -> Self {
        if self.written != written && self.written > 0 {
            self.fill(now);
            let taken = self.limit.saturating_mul(self.per_ms).saturating_sub(self.level);
            self.limit = written;
            self.level = written.saturating_mul(self.per_ms).saturating_sub(taken);
        }
        Self { written, ..self }
    }

    fn fill(&mut self, now: Timestamp) {
        // Nothing begins that late: the clock was set back.
        let latest = now + SignedDuration::from_millis(i64::try_from(self.per_ms).unwrap_or(i64::MAX));
        self.filled_at = if self.filled_at > latest { now } else { self.filled_at };
        let passed_ms = u64::try_from(now.as_millisecond() - self.filled_at.as_millisecond()).unwrap_or(0);
        let full = self.limit.saturating_mul(self.per_ms);
        self.level = self.level.saturating_add(passed_ms.saturating_mul(self.limit)).min(full);
        self.filled_at = self.filled_at.max(now);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_772_000_000_000 + ms).unwrap()
    }

    fn window(limit: u64, per_s: u64) -> Window {
        Window { limit, per: Duration::from_secs(per_s), host: None }
    }

    /// What slices give at each time, in milliseconds.
    fn slices(limit: u64, per_s: u64, times_ms: &[i64]) -> Vec<u64> {
        let mut budget = Budget::new(&[window(limit, per_s)], at_ms(0));
        times_ms.iter().map(|ms| budget.take_slice(0, at_ms(*ms))).collect()
    }

    #[test]
    fn slices_are_a_tenth_until_a_window_is_used_up_and_come_back_with_time() {
        for (limit, per_s, times, expected) in [
            (20, 60, &[0, 0, 0][..], &[2, 2, 2][..]),
            (5, 60, &[0; 7], &[1, 1, 1, 1, 1, 0, 0]),
            (3, 3, &[0, 0, 0, 0, 999, 1_000, 1_000, 2_000], &[1, 1, 1, 0, 0, 1, 0, 1]),
            // A clock that goes back gives nothing, and takes no longer than a window to come back.
            (1, 60, &[0, -60_000, 59_999, 60_000], &[1, 0, 0, 1]),
            (1, 60, &[0, -90_000, -30_001, -30_000], &[1, 0, 0, 1]),
            (1_000_000_000, 2_678_400, &[0], &[100_000_000]),
        ] {
            assert_eq!(slices(limit, per_s, times), expected, "{limit} in {per_s} s");
        }
    }

    #[test]
    fn no_window_gives_more_than_its_limit_and_what_comes_back() {
        for (limit, per_s) in [(7, 60), (600, 60), (1, 1), (33, 10)] {
            let mut budget = Budget::new(&[window(limit, per_s)], at_ms(0));
            let mut taken = 0;
            for ms in (0..20_000).step_by(7) {
                taken += budget.take_slice(0, at_ms(ms));
                let back = u64::try_from(ms).unwrap() * limit / (per_s * 1_000);
                assert!(taken <= limit + back, "{taken} of {limit} after {ms} ms");
            }
        }
    }

    #[test]
    fn a_wait_is_just_long_enough() {
        for (limit, per_s) in [(7, 60), (600, 60), (1, 1), (33, 10)] {
            let mut budget = Budget::new(&[window(limit, per_s)], at_ms(0));
            while budget.take_slice(0, at_ms(0)) > 0 {}
            let wait = i64::try_from(budget.wait(0, at_ms(0)).as_millis()).unwrap();
            assert_eq!(budget.clone().take_slice(0, at_ms(wait - 1)), 0, "{limit} in {per_s} s");
            assert_eq!(budget.take_slice(0, at_ms(wait)), 1, "{limit} in {per_s} s");
        }
    }

    #[test]
    fn what_a_target_says_lowers_a_level_and_never_raises_it() {
        let level = |limit, remaining, reset_s: Option<u64>| Level {
            limit,
            remaining,
            reset: reset_s.map(Duration::from_secs),
        };
        for (said, left, wait_s) in [
            (level(None, None, None), (60, 60), 0),
            (level(None, Some(10), None), (10, 60), 0),
            (level(None, Some(1_000), None), (60, 60), 0),
            (level(Some(30), None, None), (30, 30), 0),
            (level(Some(120), Some(120), None), (60, 120), 0),
            (level(None, Some(0), None), (0, 60), 1),
            (level(None, Some(0), Some(40)), (0, 60), 40),
            (level(Some(0), Some(5), Some(40)), (5, 60), 0),
        ] {
            let mut budget = Budget::new(&[window(60, 60)], at_ms(0));
            budget.learn(0, said, at_ms(0));
            let wait = budget.wait(0, at_ms(0)).as_secs();
            assert_eq!((budget.left(0, at_ms(0)), wait), (left, wait_s), "{said:?}");
        }
    }

    #[test]
    fn nothing_goes_to_a_host_that_asked_for_a_pause() {
        let mut budget = Budget::new(&[], at_ms(0));
        assert!(budget.block("api", at_ms(2_000)));
        assert!(!budget.block("api", at_ms(1_000)), "a shorter pause is known already");
        assert_eq!(budget.blocked_until("api", at_ms(1_999)), Some(at_ms(2_000)));
        assert_eq!(budget.blocked_until("api", at_ms(2_000)), None);
        assert_eq!(budget.blocked_until("login", at_ms(0)), None);
    }

    #[test]
    fn what_was_counted_stays_counted_where_a_manifest_changes() {
        let mut budget = Budget::new(&[window(60, 60), window(100, 3_600)], at_ms(0));
        let text = serde_json::to_string(&budget).unwrap();
        assert_eq!(serde_json::from_str::<Budget>(&text).unwrap(), budget);
        // What the target says of its limit is not undone by a manifest that is as it was.
        budget.learn(0, Level { limit: Some(50), ..Level::default() }, at_ms(0));
        let taken: u64 = (0..4).map(|_| budget.take_slice(0, at_ms(0)) + budget.take_slice(1, at_ms(0))).sum();
        assert_eq!(taken, 60, "20 of the first window, and 40 of the second");
        for (windows, left) in [
            (vec![window(60, 60), window(100, 3_600)], vec![(30, 50), (60, 100)]),
            (vec![window(40, 60), window(300, 3_600)], vec![(20, 40), (260, 300)]),
            (vec![window(10, 60)], vec![(0, 10)]),
            (vec![window(100, 3_600), window(7, 1)], vec![(60, 100), (7, 7)]),
            (vec![], vec![]),
        ] {
            let fitted = budget.clone().refit(&windows, at_ms(0));
            let found: Vec<_> = (0..windows.len()).map(|index| fitted.left(index, at_ms(0))).collect();
            assert_eq!(found, left, "{windows:?}");
        }
    }
}
