//! The bounds of the sandbox, each with its unit in its name.

/// The largest request body that is read; a larger one is answered with 413.
pub(crate) const BODY_MAX_BYTES: usize = 8 * 1024 * 1024;

/// The payouts in one mass payout. Source: vendors.md, section 1.4.
pub(crate) const PAYOUTS_PER_REQUEST_MAX: usize = 500;

/// The length of a payout's reference.
pub(crate) const REFERENCE_MAX_CHARS: usize = 36;

/// The records in one page of a query.
pub(crate) const PAGE_RECORDS: usize = 50;

/// The data of one bulk job. Source: Bulk API 2.0 limits, content of a job.
pub(crate) const BULK_JOB_MAX_BYTES: usize = 150 * 1_000 * 1_000;

/// The rows of a bulk job that are done at once.
pub(crate) const BULK_CHUNK_RECORDS: usize = 10_000;

/// The time that a bulk job takes for each of its steps, in sandbox time.
pub(crate) const BULK_STEP_MS: u64 = 200;

/// The records in one part of the result of a bulk query that asks for no number.
pub(crate) const BULK_PAGE_RECORDS: usize = 50_000;

/// The events that are kept; the oldest go first.
pub(crate) const EVENTS_MAX: usize = 100_000;

/// How long an event can be read: 72 hours. Source: Pub/Sub API, event retention.
pub(crate) const EVENTS_KEPT_MS: u64 = 72 * 60 * 60 * 1_000;

/// The events that one request asks for at most. Source: Pub/Sub API, allocations.
pub(crate) const PUBSUB_EVENTS_MAX: usize = 100;

/// How long a stream says nothing, in sandbox time: less than 270 seconds. Source: `pubsub_api.proto`, FetchResponse.
pub(crate) const PUBSUB_SILENCE_MS: u64 = 260_000;

/// The shortest silence of a stream, in real time, however fast the sandbox's clock is.
pub(crate) const PUBSUB_SILENCE_MIN_MS: u64 = 250;

/// The open query cursors; the oldest is released first. Source: Salesforce's own limit for a user.
pub(crate) const CURSORS_MAX: usize = 10;

/// The length of one SOQL query. Source: Salesforce's SOQL limits.
pub(crate) const SOQL_MAX_CHARS: usize = 100_000;

/// The nesting of one SOQL condition.
pub(crate) const SOQL_DEPTH_MAX: usize = 50;

/// The largest `OFFSET` of a query. Source: Salesforce's SOQL limits.
pub(crate) const SOQL_OFFSET_MAX: usize = 2_000;

/// The calls a day that `Sforce-Limit-Info` speaks of.
pub(crate) const API_CALLS_PER_DAY: u64 = 100_000;

/// The requests of each system in one sandbox minute, where the faults say nothing else.
pub(crate) const BUDGET_PER_MINUTE: u32 = 6_000;

/// The time before a booked payout can be looked up, where the faults say nothing else.
pub(crate) const VISIBILITY_LAG_MS: u64 = 60_000;

/// The `Retry-After` of a `throttled` fault that names none.
pub(crate) const RETRY_AFTER_S: u32 = 2;

/// The delay of a `slow` fault that names none, in real time.
pub(crate) const DELAY_MS: u64 = 1_000;

/// The life of a Payoneer token, in sandbox time.
pub(crate) const PAYONEER_TOKEN_S: u64 = 3_600;

/// The life of a Payoneer refresh token, in sandbox time. Source: recorded answers of the token endpoint.
pub(crate) const PAYONEER_REFRESH_S: u64 = 2_592_005;

/// The life of a Payoneer authorization code, in sandbox time. The vendor publishes none; RFC 6749 allows ten minutes.
pub(crate) const PAYONEER_CODE_S: u64 = 300;

/// The life of a Payoneer quote, in sandbox time. Source: vendors.md, section 1.6.
pub(crate) const PAYONEER_QUOTE_S: u64 = 300;

/// The balances in one page of Payoneer's; so few that a client meets more than one page.
pub(crate) const PAYONEER_BALANCES_PER_PAGE: usize = 2;

/// The items in one page of any other list of Payoneer's.
pub(crate) const PAYONEER_PAGE_ITEMS: usize = 50;

/// The life of a Salesforce authorization code, in sandbox time. Source: Salesforce Help, OAuth 2.0 web server flow.
pub(crate) const SALESFORCE_CODE_S: u64 = 15 * 60;

/// The life of a Salesforce refresh token, in sandbox time: an app's policy decides, and the default is until it is revoked.
pub(crate) const SALESFORCE_REFRESH_S: u64 = 10 * 365 * 24 * 60 * 60;

/// The life of a Salesforce token, in sandbox time.
pub(crate) const SALESFORCE_TOKEN_S: u64 = 7_200;

/// The life of a PayTrace token, in sandbox time. Source: vendors.md, section 2.1.
pub(crate) const PAYTRACE_TOKEN_S: u64 = 7_200;

/// The life of a token of Clarity, in sandbox time.
pub(crate) const CLARITY_TOKEN_S: u64 = 3_600;

/// The orders of a shop; no more come about by themselves.
pub(crate) const ORDERS_MAX: usize = 2_000;

/// The rows in a page of the shop, where a client asks for no number.
pub(crate) const SHOP_PAGE_ROWS: usize = 20;

/// The most rows in a page of the shop.
pub(crate) const SHOP_PAGE_ROWS_MAX: usize = 100;

/// The life of a token of Intuit, in sandbox time. Source: Intuit, Set up OAuth 2.0.
pub(crate) const INTUIT_TOKEN_S: u64 = 3_600;

/// The life of a refresh token of Intuit, in sandbox time: 101 days, as recorded answers of the token endpoint say.
pub(crate) const INTUIT_REFRESH_S: u64 = 8_726_400;

/// The life of an authorization code of Intuit, in sandbox time. The vendor publishes none; RFC 6749 allows ten minutes.
pub(crate) const INTUIT_CODE_S: u64 = 600;

/// The life of a token of Microsoft Entra, in sandbox time.
pub(crate) const ENTRA_TOKEN_S: u64 = 3_599;

/// The webhooks of one world; more are counted and never sent.
pub(crate) const WEBHOOKS_MAX: usize = 100_000;

/// The deliveries of webhooks that are on their way at once.
pub(crate) const WEBHOOKS_AT_ONCE_MAX: usize = 16;

/// The URLs to which a webhook goes.
pub(crate) const WEBHOOK_URLS_MAX: usize = 16;

/// How often a webhook is sent that nobody takes. What Payoneer does is not published.
pub(crate) const WEBHOOK_TRIES_MAX: u32 = 12;

/// The wait before a webhook is sent again, in sandbox time; it doubles each time.
pub(crate) const WEBHOOK_AGAIN_MS: u64 = 30_000;

/// The longest wait before a webhook is sent again, in sandbox time.
pub(crate) const WEBHOOK_AGAIN_MAX_MS: u64 = 30 * 60_000;

/// How long an answer to a webhook may take, in real time.
pub(crate) const WEBHOOK_TIMEOUT_MS: u64 = 3_000;

/// How much later a late or reordered webhook is sent, in sandbox time, where the faults say nothing else.
pub(crate) const WEBHOOK_LATE_MS: u64 = 60 * 60_000;

/// How much later a stale webhook is sent again, in sandbox time, where the faults say nothing else.
pub(crate) const WEBHOOK_STALE_MS: u64 = 24 * 60 * 60_000;

/// The payment requests that one seed may ask for.
pub(crate) const REQUESTS_MAX: usize = 20_000;

/// The fastest sandbox clock, in sandbox seconds a real second.
pub(crate) const SPEED_MAX: u32 = 100_000;

/// The longest time for which the listener is closed, in real time.
pub(crate) const CLOSED_MAX_MS: u64 = 60 * 60 * 1_000;

/// The longest single jump of the sandbox clock: 366 days.
pub(crate) const ADVANCE_MAX_MS: u64 = 366 * 24 * 60 * 60 * 1_000;

/// How long what a client has signed may be used, in seconds of the sandbox's clock: Salesforce says three minutes.
pub(crate) const ASSERTION_LIFE_MAX_S: i64 = 3 * 60;

/// How far the end of what shows a client may be from its beginning, in seconds. Source: NetSuite, The Request Token Structure.
pub(crate) const CLIENT_ASSERTION_LIFE_MAX_S: i64 = 60 * 60;

/// The life of a NetSuite token, in sandbox time. Source: NetSuite, OAuth 2.0 client credentials flow.
pub(crate) const NETSUITE_TOKEN_S: u64 = 3_600;

/// How soon after one message a chat room takes another, in sandbox time. Source: Slack, rate limits of incoming webhooks.
pub(crate) const CHAT_EVERY_MS: u64 = 1_000;

/// How long a plain REST API remembers the key of a request, in sandbox time.
pub(crate) const IDEMPOTENCY_KEY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The largest body that is read at a path: the table of a bulk job is larger than anything else. A little more is read
/// than a job takes, so that it can say so.
pub(crate) fn body_max_bytes(path: &str) -> usize {
    if path.contains("/jobs/ingest/") && path.ends_with("/batches") {
        BULK_JOB_MAX_BYTES + BODY_MAX_BYTES
    } else {
        BODY_MAX_BYTES
    }
}
