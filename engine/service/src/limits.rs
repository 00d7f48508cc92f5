//! Bounds of the service, with their units in their names.

use std::time::Duration;

/// Runs that are in memory at once; all others wait in the store.
pub const RUNS_ACTIVE_MAX: usize = 1_024;
/// Refused calls that are remembered until their runs are told.
pub const TAKEN_CALLS_MAX: usize = RUNS_ACTIVE_MAX;
/// Places in memory that due runs leave free for events that come now.
pub const RUNS_ROOM_KEPT: usize = 64;
/// Calls that wait at one gate in memory for those before them, where that takes long.
pub const GATE_CROWD_MAX: usize = RUNS_ACTIVE_MAX / 4;
/// The same at all gates together.
pub const GATES_CROWD_MAX: usize = RUNS_ACTIVE_MAX / 2;
/// The pace at which those come again whom a gate has sent away, while nothing is known of how long calls take.
pub const CROWD_PACE_DEFAULT: Duration = Duration::from_millis(100);
/// How long the scheduler sleeps at most before it looks for due runs of other processes.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a call waits in memory for its budget, or for those before it; for longer it waits in the store.
pub const GATE_WAIT_MAX: Duration = Duration::from_secs(2);
/// How far ahead a call is put off for want of budget, however many wait before it.
pub const GATE_PUT_OFF_MAX: Duration = Duration::from_mins(1);
/// How long a read waits for its next page, for want of budget, before it fails.
pub const PAGE_WAIT_MAX: Duration = Duration::from_secs(30);
/// How old the knowledge of what other processes have shared may be.
pub const SHARED_AGE_MAX: Duration = Duration::from_secs(10);
/// How often a shared row that another process has changed is read again, before it is given up.
pub const SHARED_TRIES_MAX: u32 = 8;
/// How often whoever waits for a turn looks whether it has been given back.
pub const TURN_LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long an engine goes on taking a turn, before it leaves it to others that may wait.
pub const TURN_SLICE: Duration = Duration::from_secs(2);
/// How long one engine may keep all others from asking how much there is before they pay; one that is gone keeps nobody.
pub const PAYING_TURN_MAX: Duration = Duration::from_mins(2);
/// Groups that one transaction of the store takes.
pub const COMMIT_GROUPS_MAX: usize = 1_000;
/// Statements that a connection to a file keeps ready: more than there are.
pub const STATEMENTS_KEPT: usize = 64;
/// How long a write waits for another process that writes to the same file.
pub const STORE_BUSY_MAX: Duration = Duration::from_secs(10);
/// Files of one project folder.
pub const PROJECT_FILES_MAX: usize = 10_000;
/// How often `ferry lint --watch` looks at the files.
pub const FILES_LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long a stopping service waits for calls that are under way.
pub const DRAIN_MAX: Duration = Duration::from_secs(30);
/// How long connecting to a target takes at most.
pub const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Rows that a list prints unless asked for more.
pub const LIST_ROWS_DEFAULT: usize = 50;
/// Runs that changed last, among which `ferry why` looks for a value that nothing indexes.
pub const SEARCHED_RUNS_MAX: usize = 10_000;
/// Reservations of one queue that are released at a time: while there are as many, nobody else is.
pub const QUEUE_ROWS_MAX: usize = 10_000;
/// Runs that such a search gives.
pub const FOUND_ROWS_MAX: usize = 20;
/// How long a run that could not be driven is put off, so that it does not starve the others.
pub const RETRY_BROKEN_AFTER: Duration = Duration::from_secs(30);
/// How often a bulk of replays looks whether those before have ended.
pub const REPLAY_LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a posted event waits for a run that claims it, before it is a dead letter.
pub const UNCLAIMED_AFTER: Duration = Duration::from_hours(7 * 24);
/// Steps that are told of an event at once; whoever else waits for it is told by the next changes.
pub const TOLD_AT_ONCE_MAX: usize = 128;
/// Events of which not all are told yet, that one look goes on with.
pub const UNTOLD_EVENTS_MAX: usize = 16;
/// Events that nobody has claimed, of which one look makes dead letters in one transaction.
pub const UNCLAIMED_ROWS_MAX: usize = 64;
/// How long an engine sleeps at most before it looks for such events: they are due at a known time, unless the
/// store's time is set.
pub const UNCLAIMED_LOOK_EVERY: Duration = Duration::from_hours(1);
/// How long an engine sleeps before it looks again for what is too old to be kept.
pub const RETENTION_LOOK_EVERY: Duration = Duration::from_hours(1);
/// Runs or events that are forgotten in one transaction.
pub const FORGOTTEN_AT_ONCE_MAX: usize = 256;
/// The body of a webhook.
pub const WEBHOOK_BODY_MAX_BYTES: usize = 1 << 20;
/// Webhooks that are taken at once; the others are told to come again.
pub const WEBHOOKS_AT_ONCE_MAX: usize = 1_024;
/// How long the sender of a webhook waits for the output of a step.
pub const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Signs of life in one lease: so many may fail before it ends.
pub const SIGNS_PER_LEASE: u32 = 3;
/// How long a server may take for one answer before its connection counts as lost.
pub const STORE_ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long the first pause before a new connection to the store is; each is twice the one before.
pub const STORE_RECONNECT_FIRST: Duration = Duration::from_millis(100);
/// How long such a pause is at most.
pub const STORE_RECONNECT_MAX: Duration = Duration::from_secs(5);
/// How often a batch that others were in the way of is tried, before its groups go one by one.
pub const STORE_BATCH_ATTEMPTS_MAX: u32 = 2;
/// The longest time between two looks at a schedule: a clock may be set, and a machine may sleep.
pub const SCHEDULE_LOOK_MAX: Duration = Duration::from_mins(1);
/// Calls of one test, before it counts as one without an end.
pub const TEST_CALLS_MAX: usize = 1_000;
/// Rows of a dropped file that become durable together.
pub const FILE_BATCH_ROWS: usize = 200;
/// How much of a dropped row is kept in a dead letter where it is too long for an event; the whole stays in the file.
pub const FILE_ROW_SHOWN_CHARS: usize = 1_000;
/// How old the events of a closed window of a backfill are at least: those that a target shows late, or stamps by a clock
/// that is behind, must be there by then.
pub const BACKFILL_SETTLES: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
/// A part of a body that is read from a file while it is sent.
pub const TRANSFER_PART_BYTES: usize = 64 << 10;
/// Parts of a body between a file and a socket.
pub const TRANSFER_PARTS_WAITING: usize = 8;
/// Items of a reconciliation that are read, or kept, at once.
pub const RECON_BATCH_ITEMS: usize = 1_000;
/// How often rows are read anew because the book has changed meanwhile.
pub const RECON_TRIES_MAX: u32 = 5;
/// A name of a row by which items of a reconciliation are looked for; a longer one is looked for by its digest.
pub const ITEM_NAME_INDEXED_MAX_BYTES: usize = 500;
