//! Bounds of pipelines and runs, with their units in their names.

use std::time::Duration;

/// Steps of one pipeline, those of `on_error` included.
pub const STEPS_MAX: usize = 200;
/// Look-ups of one unknown outcome that get no answer, before the run is parked.
pub const LOOK_UPS_MAX: u32 = 12;
/// How much goes wrong in a row before a circuit opens: a failure counts [`UNWELL_WEIGHT`], a refusal
/// for too many calls 1, because a few of those are how a target asks to be called more slowly.
pub const STRAIN_MAX: u32 = 20;
/// What a failure of a target that is not well counts.
pub const UNWELL_WEIGHT: u32 = 4;
/// The first wait of an open circuit; it doubles.
pub const CIRCUIT_FIRST: Duration = Duration::from_secs(5);
/// The longest wait of an open circuit.
pub const CIRCUIT_MAX: Duration = Duration::from_mins(5);
/// How long the end of a probe is waited for, before another one may go.
pub const PROBE_MAX: Duration = Duration::from_mins(2);
/// How long a due probe waits for a read, before a write may be the probe.
pub const PROBE_READ_FIRST: Duration = Duration::from_secs(5);
/// A budget is taken in slices: one in so many of a window, so that a slice is one access to the store.
pub const BUDGET_SLICES: u64 = 10;
/// An event or a step's output, as JSON.
pub const VALUE_MAX_BYTES: usize = 1 << 20;
/// Cells of a line in a box of a picture.
pub const GRAPH_LINE_CELLS_MAX: i32 = 20;
/// Lines of one fact in a box of a picture; what is longer ends with `…`.
pub const GRAPH_DETAIL_LINES_MAX: usize = 3;
/// How often a picture's layers are ordered and moved, downwards and upwards in turn.
pub const GRAPH_SWEEPS: usize = 12;
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
/// Rows of one table.
pub const TABLE_ROWS_MAX: usize = 100_000;
/// A number in a rule of a table, such as a share or a fixed part; with its decimals, sums of them are exact.
pub const RULE_NUMBER_MAX: u64 = 1_000_000_000_000;
/// Decimals of a number in a rule.
pub const RULE_DECIMALS_MAX: u32 = 9;
/// Cross-references of one project.
pub const XREF_TABLES_MAX: usize = 64;
/// A key or a value of a cross-reference.
pub const XREF_TEXT_MAX_BYTES: usize = 500;
/// Pairs that one step reads; those of each item for themselves.
pub const XREF_READS_MAX: usize = 1_000;
/// The shortest window of a backfill.
pub const BACKFILL_WINDOW_MIN: Duration = Duration::from_mins(1);
/// Map files that one pipeline uses, those inside of others counted each time.
pub const USES_MAX: usize = 1_000;
/// A compiled `pattern`, in memory.
pub const PATTERN_MAX_BYTES: usize = 1 << 20;
/// Times of a schedule that are made up for after a stop; earlier ones are not.
pub const CATCH_UP_MAX: usize = 1_000;
/// How long a test of a pipeline lasts at most, and whatever is waited for in it.
pub const TEST_LASTS_MAX: Duration = Duration::from_hours(366 * 24);
/// The first moment at which a test may not begin any more: what is reckoned from then on must be moments still.
pub const TEST_NOW_BEFORE: &str = "9000-01-01T00:00:00Z";
/// How long the story of a run is kept at least.
pub const RETENTION_MIN: Duration = Duration::from_hours(24);
/// Parameters of a project.
pub const PARAMS_MAX: usize = 100;
/// The value of a parameter.
pub const PARAM_MAX_BYTES: usize = 4 << 10;
/// Environments of a project: each is checked on its own.
pub const ENVIRONMENTS_MAX: usize = 8;
/// Further addresses of one host of a connection.
pub const FALLBACKS_MAX: usize = 4;
/// Rows of one side of a reconciliation.
pub const RECON_ROWS_MAX: usize = 5_000_000;
/// A text of a row, such as its reference.
pub const RECON_TEXT_MAX_BYTES: usize = 2_000;
/// Rules of one reconciliation.
pub const RECON_RULES_MAX: usize = 32;
/// Rows that a rule of sums puts together.
pub const RECON_ITEMS_MAX: usize = 4;
/// Rows that a rule of sums chooses from.
pub const RECON_CANDIDATES_MAX: usize = 100;
/// Letters by which references may differ.
pub const RECON_EDITS_MAX: usize = 2;
/// Days by which rows may lie apart.
pub const RECON_DAYS_MAX: i32 = 3_660;
/// How often a book is looked at, unless it is said.
pub const RECONCILED_EVERY: Duration = Duration::from_secs(5);
/// How far amounts of a match may be apart, in hundredths.
pub const RECON_PERCENT_MAX: u32 = 50;
/// How far amounts of a match may be apart, in major units.
pub const RECON_WITHIN_MAX: u32 = 1_000_000;
