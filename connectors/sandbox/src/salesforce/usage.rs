//! How many calls the org has had in the last 24 hours, and how many it may have.
//!
//! Source: Salesforce Developer Limits and Allocations, total requests of a rolling 24-hour period.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Problem;
use crate::limits;

const HOUR_S: i64 = 60 * 60;
const HOURS: i64 = 24;

/// The calls of an org.
#[derive(Debug)]
pub(super) struct Usage {
    by_hour: BTreeMap<i64, u64>,
    max: u64,
}

impl Usage {
    /// None so far.
    pub(super) fn new() -> Self {
        Self { by_hour: BTreeMap::new(), max: limits::API_CALLS_PER_DAY }
    }

    /// Says and sets how many calls there were, and how many there may be.
    pub(super) fn set(&mut self, used: Option<u64>, max: Option<u64>, now: Timestamp) {
        if let Some(used) = used {
            self.by_hour = BTreeMap::from([(hour(now), used)]);
        }
        self.max = max.unwrap_or(self.max);
    }

    /// Counts a call.
    ///
    /// # Errors
    /// `REQUEST_LIMIT_EXCEEDED` where there were too many.
    pub(super) fn count(&mut self, now: Timestamp) -> Result<(), Problem> {
        let first = hour(now) - HOURS + 1;
        self.by_hour.retain(|hour, _| *hour >= first);
        if self.used() >= self.max {
            let problem = Problem::bad("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
            return Err(Problem { status: StatusCode::FORBIDDEN, ..problem });
        }
        *self.by_hour.entry(hour(now)).or_default() += 1;
        Ok(())
    }

    /// Says both, as the header `Sforce-Limit-Info` does.
    pub(super) fn told(&self) -> String {
        format!("api-usage={}/{}", self.used(), self.max)
    }

    /// Says what is left, as `GET …/limits` does.
    pub(super) fn limits(&self) -> Value {
        let left = |max: u64, used: u64| json!({ "Max": max, "Remaining": max.saturating_sub(used) });
        json!({
            "DailyApiRequests": left(self.max, self.used()),
            "DailyBulkApiBatches": left(15_000, 0),
            "DailyBulkV2QueryJobs": left(10_000, 0),
            "HourlyPublishedPlatformEvents": left(50_000, 0),
        })
    }

    fn used(&self) -> u64 {
        self.by_hour.values().sum()
    }
}

fn hour(now: Timestamp) -> i64 {
    now.as_second().div_euclid(HOUR_S)
}
