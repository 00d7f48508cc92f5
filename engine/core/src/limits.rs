//! Bounds of pipelines and runs, with their units in their names.

use std::time::Duration;

/// Steps of one pipeline, those of `on_error` included.
pub const STEPS_MAX: usize = 200;
/// Calls of one step for one outcome, before it fails.
pub const CALL_ATTEMPTS_MAX: u32 = 12;
/// Look-ups of one unknown outcome that get no answer, before the run is parked.
pub const LOOK_UPS_MAX: u32 = 12;
/// The first wait between two attempts; it doubles.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_mins(5);
/// An event or a step's output, as JSON.
pub const VALUE_MAX_BYTES: usize = 1 << 20;
/// Attempts that a `retry` may ask for.
pub const RETRY_ATTEMPTS_MAX: u32 = 100;
/// Items of one `each`.
pub const EACH_ITEMS_MAX: usize = 10_000;
/// Items of one `each` at once, unless it says otherwise.
pub const EACH_CONCURRENCY_DEFAULT: u64 = 8;
/// Items of one `each` at once.
pub const EACH_CONCURRENCY_MAX: u64 = 100;
/// Runs with one `concurrency` key at once.
pub const CONCURRENCY_MAX: u64 = 1_000;
/// Pipelines inside pipelines, and events from events, one from another.
pub const NESTING_MAX: u32 = 16;
/// Generations of one call, each begun because the target had cancelled the one before.
pub const GENERATIONS_MAX: u32 = 100;
