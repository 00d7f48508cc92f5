//! Bounds of calls, with their units in their names.

use std::time::Duration;

/// An answer's body.
pub const BODY_MAX_BYTES: usize = 16 << 20;
/// Pages that one call reads.
pub const PAGES_MAX: usize = 10_000;
/// Items that one call collects from all pages.
pub const ITEMS_MAX: usize = 100_000;
/// A call without a `timeout` of its own.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// A bundle, whatever a manifest says.
pub const BUNDLE_MAX_CALLS: usize = 2_000;
/// How long before its end a token is renewed.
pub const TOKEN_MARGIN: Duration = Duration::from_secs(30);
/// How long what a client has signed can be used. Salesforce takes three minutes at most.
pub const ASSERTION_LIFE: Duration = Duration::from_mins(3);
/// Signatures that a webhook may show; a sender that changes its secret shows two.
pub const WEBHOOK_SIGNATURES_MAX: usize = 8;
/// A message of a target, as kept.
pub const MESSAGE_MAX_CHARS: usize = 500;
/// The longest wait that a target can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// Elements inside each other in an answer in XML.
pub const XML_MAX_DEPTH: usize = 64;
/// Rows of a database that one call reads, written as JSON.
pub const ROWS_MAX_BYTES: usize = 64 << 20;
/// A file that is read.
pub const FILE_MAX_BYTES: u64 = 64 << 20;
/// Files of one folder that are listed.
pub const FILES_MAX: usize = 10_000;
/// How long one process may take to renew a token before another one does.
pub const CONSENT_BUSY: Duration = Duration::from_mins(1);
/// How often those who wait for a token look whether it is there.
pub const CONSENT_LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often they look before they give up for now.
pub const CONSENT_TRIES_MAX: usize = 300;
/// How long calls wait for a person's consent before they ask for it again.
pub const CONSENT_WAIT: Duration = Duration::from_mins(1);
/// Events that one read of the Pub/Sub API asks for. Source: Pub/Sub API, allocations.
pub const PUBSUB_EVENTS_MAX: usize = 100;
/// How long a read waits for events, where its input says nothing.
pub const PUBSUB_WAIT_DEFAULT: Duration = Duration::from_secs(20);
/// How long a read waits that has no place yet: the API says one within 270 seconds. Source: `pubsub_api.proto`.
pub const PUBSUB_FIRST_WAIT: Duration = Duration::from_secs(280);
/// How long a read that has events waits for more.
pub const PUBSUB_PAUSE: Duration = Duration::from_millis(250);
/// How long a connection to the Pub/Sub API may take.
pub const PUBSUB_CONNECT: Duration = Duration::from_secs(10);
/// One answer of the Pub/Sub API: 100 events of at most 1 MB are not all that large.
pub const PUBSUB_ANSWER_MAX_BYTES: usize = 32 << 20;
/// Schemas of events that are kept.
pub const PUBSUB_SCHEMAS_MAX: usize = 1_000;
/// How long a job waits before it looks again how far the target is, where its manifest does not say.
pub const JOB_LOOK_DEFAULT: Duration = Duration::from_secs(5);
/// The least that a part of a table may have.
pub const JOB_PART_MIN_BYTES: u64 = 1_000;
/// Rows of a table that go one by one, because they are few.
pub const JOB_ROWS_MAX: usize = 10_000;
/// How often a job asks for what came of it, where only that fails.
pub const JOB_TRIES_MAX: usize = 20;
/// Names that are tried for a file that is being written, where others have them.
pub const FILE_NAMES_TRIED_MAX: usize = 1_000;
/// A part of a file that is read at once.
pub const FILE_PART_BYTES: usize = 64 << 10;
