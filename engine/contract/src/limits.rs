//! Every bound of the language and of calls in general, with its unit in its name.

use std::time::Duration;

/// A YAML file that a consultant writes: pipeline, project, table, manifest.
pub const YAML_FILE_MAX_BYTES: usize = 1 << 20;
/// Nesting of maps and lists in one YAML file.
pub const YAML_DEPTH_MAX: usize = 64;
/// Lists and maps inside one another in an event, an answer or a step's output. A journal adds some, and JSON is read to 127.
pub const VALUE_DEPTH_MAX: usize = 64;
/// Names that a help line lists, all of them.
pub const NAMES_LISTED_MAX: usize = 60;
/// Names that it shows where there are more.
pub const NAMES_SHOWN: usize = 5;
/// Letters of a name of which one may be a slip: shorter ones are often one letter apart.
pub const SLIP_LETTERS_MIN: usize = 4;
/// Findings kept for one file; further ones are counted only.
pub const FINDINGS_PER_FILE_MAX: usize = 200;
/// What is kept of a body that was sent, or answered, where a call failed.
pub const EXCHANGE_BODY_MAX_BYTES: usize = 4 << 10;
/// Operations of one Rhai evaluation.
pub const SCRIPT_OPERATIONS_MAX: u64 = 500_000;
/// Nested function calls in Rhai.
pub const SCRIPT_CALLS_DEPTH_MAX: usize = 32;
/// Nesting of one Rhai expression.
pub const SCRIPT_EXPRESSION_DEPTH_MAX: usize = 64;
/// A string that Rhai makes.
pub const SCRIPT_STRING_MAX_BYTES: usize = 1 << 20;
/// An array that Rhai makes.
pub const SCRIPT_ARRAY_MAX_ITEMS: usize = 100_000;
/// A map that Rhai makes.
pub const SCRIPT_MAP_MAX_ENTRIES: usize = 10_000;
/// Stack of a thread that evaluates scripts, which may nest a value in itself with each operation.
pub const STACK_BYTES: usize = 64 << 20;
/// Real time of one Rhai evaluation; the service passes the clock in.
pub const SCRIPT_WALL_MAX_MS: u64 = 1_000;
/// Operations between two looks at that clock.
pub const SCRIPT_CLOCK_EVERY_OPERATIONS: u64 = 512;
/// How far the time of whoever signed a webhook may be from ours, where nothing else is said.
pub const WEBHOOK_SKEW: Duration = Duration::from_mins(5);
/// The most that a manifest or a trigger may say of it.
pub const WEBHOOK_SKEW_MAX: Duration = Duration::from_hours(1);
/// A string that a template makes.
pub const TEXT_MAX_BYTES: usize = 1 << 20;
/// Brackets inside brackets of one JSONPath: the time to read it doubles with each.
pub const PATH_DEPTH_MAX: usize = 8;
/// Matches of one JSONPath.
pub const PATH_MATCHES_MAX: usize = 100_000;
/// Requests of one connection at once, where neither a manifest nor a project says how many.
pub const CONNECTION_REQUESTS_DEFAULT: usize = 16;
/// Requests of one connection at once, whatever they say.
pub const CONNECTION_REQUESTS_MAX: usize = 64;
/// Requests that one window of a budget may allow.
pub const BUDGET_LIMIT_MAX: u64 = 1_000_000_000;
/// The longest window of a budget.
pub const BUDGET_WINDOW_MAX: Duration = Duration::from_hours(31 * 24);
/// Windows of one budget.
pub const BUDGET_WINDOWS_MAX: usize = 8;
/// Waits that a manifest may list between attempts.
pub const BACKOFF_WAITS_MAX: usize = 20;
/// Calls of one step for one outcome, before it fails.
pub const CALL_ATTEMPTS_MAX: u32 = 12;
/// The first wait between two attempts; it doubles.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// How long an engine lives without a sign of life; then others take its runs up.
pub const LEASE: Duration = Duration::from_secs(10);
/// How far the times of two engines on one store may be from each other: each learns the store's anew within a lease,
/// and may not write after it.
pub const CLOCK_SKEW_MAX: Duration = LEASE;
/// The longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_mins(5);
