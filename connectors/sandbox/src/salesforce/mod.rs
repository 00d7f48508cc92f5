//! Salesforce's REST API v59.0, as far as payment records need it.
//!
//! Shapes: vendors.md, sections 3.1 to 3.3. An error is always a list of problems.
//!
//! Orders, at `POST /_sandbox/salesforce`, are what administrators and others do, one in each:
//! - `{"validation": {"object", "field", "above": "1000" | "equals": …, "message"}}` adds a validation rule;
//! - `{"lock": {"object", "parent", "one_in", "times", "in_trigger"}}` makes writes meet a lock that others hold;
//! - `{"rules": "none"}` takes all of both away;
//! - `{"api_calls": {"used", "max"}}` sets what the org has used of its calls in 24 hours;
//! - `{"sessions": "end"}` ends every session, `"revoke"` the consents too, `"consent"` gives that of the start again;
//! - `{"rotation": true}` gives another refresh token with each renewal, and none twice;
//! - `{"dated_rates": true}` turns on Advanced Currency Management;
//! - `{"events": {"topic", "after": 0}}` says what was told;
//! - `{"gap": {"id", "kind": "GAP_UPDATE"}}` tells that something happened to a record, and no more;
//! - `{"again": {"topic", "count": 1}}` tells the last events of a topic once more, with new replay ids;
//! - `{"streams": "cut"}` cuts the streams of the Pub/Sub API.

mod avro;
mod bulk;
pub(crate) mod bus;
mod checked;
mod collections;
mod composite;
mod cursors;
mod describe;
mod events;
mod ids;
mod objects;
mod org;
mod packed;
mod query;
pub(crate) mod records;
mod rest;
mod rules;
pub(crate) mod schema;
pub(crate) mod session;
mod soql;
mod start;
mod table;
mod usage;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::system::{Context, Simulated};
use crate::wire::{Answer, Request};
use bulk::Jobs;
use cursors::{Cursors, Page};
use events::ChangeKind;
use org::{By, Org};
use query::Deleted;
use records::Store;
use rules::{Lock, Validation};
use session::Sessions;
use usage::Usage;

pub(crate) use objects::{CONTACT, ORGANIZATION, PAYMENT_REQUEST};
pub(crate) use start::add as add_org;

const DATA: &str = "/services/data/v59.0";

/// Who all changes are made by.
const USER_ID: &str = "0055e00000000kEAAQ";

/// Why a request is refused, as one entry of the error list.
#[derive(Clone, Debug)]
struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    fields: Vec<String>,
}

impl Problem {
    fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into(), fields: Vec::new() }
    }

    fn not_found() -> Self {
        let message = "The requested resource does not exist";
        Self { status: StatusCode::NOT_FOUND, ..Self::bad("NOT_FOUND", message) }
    }

    fn on(mut self, field: &str) -> Self {
        self.fields.push(field.to_owned());
        self
    }

    /// Says it as of one record among others: there it is no address that is not found.
    fn among_others(self) -> Self {
        if self.code == "NOT_FOUND" {
            return Self::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
        }
        self
    }

    fn body(&self) -> Value {
        let mut body = json!({ "message": self.message, "errorCode": self.code });
        if !self.fields.is_empty() {
            body["fields"] = json!(self.fields);
        }
        json!([body])
    }

    fn answer(self) -> Answer {
        Answer::json(self.status, self.body())
    }
}

/// The state of Salesforce.
#[derive(Debug)]
pub(crate) struct Salesforce {
    sessions: Sessions,
    usage: Usage,
    org: Org,
    cursors: Cursors,
    jobs: Jobs,
    /// How often the streams of all readers were cut.
    cuts: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    Validation(Validation),
    Lock(Lock),
    Rules(NoRules),
    ApiCalls { used: Option<u64>, max: Option<u64> },
    Sessions(SessionOrder),
    Rotation(bool),
    DatedRates(bool),
    Events { topic: String, after: Option<u64> },
    Gap { id: String, kind: Option<ChangeKind> },
    Again { topic: String, count: Option<usize> },
    Streams(StreamOrder),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StreamOrder {
    Cut,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NoRules {
    None,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SessionOrder {
    End,
    Revoke,
    Consent,
}

impl Salesforce {
    /// Starts with these records.
    pub(crate) fn new(seed: u64, store: Store) -> Self {
        Self {
            sessions: Sessions::new(seed),
            usage: Usage::new(),
            org: Org::new(seed, store),
            cursors: Cursors::default(),
            jobs: Jobs::default(),
            cuts: 0,
        }
    }

    /// Says the records.
    pub(crate) fn store(&self) -> &Store {
        &self.org.store
    }

    fn api(&mut self, path: &[&str], request: &Request, now: Timestamp) -> Result<Answer, Problem> {
        self.sessions.check(request, now)?;
        self.usage.count(now)?;
        let mut by = self.org.by(now, client(request));
        self.route(path, request, &mut by)
    }

    fn route(&mut self, path: &[&str], request: &Request, by: &mut By<'_>) -> Result<Answer, Problem> {
        match (request.method.as_str(), path) {
            ("GET", []) => Ok(rest::resources()),
            ("GET", ["limits"]) => Ok(Answer::ok(self.usage.limits())),
            ("GET", ["query"]) => self.query(request, Deleted::Left),
            ("GET", ["queryAll"]) => self.query(request, Deleted::Shown),
            ("GET", ["query" | "queryAll", locator]) => self.cursors.next(&self.org.store, locator).map(shown),
            (_, ["sobjects", path @ ..]) => self.org.sobjects(path, request, by),
            ("POST", ["composite"]) => self.composite(request, by),
            (_, ["composite", "sobjects", path @ ..]) => self.org.collections(path, request, by),
            (_, ["jobs", path @ ..]) => self.jobs.answer(&self.org, path, request, by.now),
            _ => Err(Problem::not_found()),
        }
    }

    fn query(&mut self, request: &Request, deleted: Deleted) -> Result<Answer, Problem> {
        let text = request.parameter("q");
        let text = text.ok_or_else(|| Problem::bad("MALFORMED_QUERY", "the parameter `q` is missing"))?;
        let found = query::run(&self.org, text, deleted)?;
        Ok(shown(self.cursors.first(&self.org.store, found)))
    }
}

impl Simulated for Salesforce {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        match (request.method.as_str(), &request.parts()[..]) {
            ("GET" | "POST", ["services", "oauth2", "authorize"]) => self.sessions.authorize(request, cx.now),
            (_, ["services", "oauth2", "token"]) => self.sessions.token(request, cx.now),
            ("POST", ["services", "oauth2", "revoke"]) => self.sessions.revoke(request),
            ("GET", ["services", "data"]) => rest::versions(),
            (_, ["services", "data", "v59.0", path @ ..]) => {
                let answer = self.api(path, request, cx.now).unwrap_or_else(Problem::answer);
                answer.with("sforce-limit-info", self.usage.told())
            }
            _ => Problem::not_found().answer(),
        }
    }

    fn settle(&mut self, now: Timestamp) {
        self.org.events.forget(now);
        self.jobs.work(&mut self.org, now);
    }

    fn is_busy(&self) -> bool {
        self.jobs.is_busy()
    }

    /// As a gateway: 429.
    fn throttled(&self, retry_after_s: u64) -> Answer {
        limit_exceeded(StatusCode::TOO_MANY_REQUESTS, retry_after_s)
    }

    /// As the org's own limit: 403.
    fn over_budget(&self, retry_after_s: u64) -> Answer {
        limit_exceeded(StatusCode::FORBIDDEN, retry_after_s)
    }

    fn server_error(&self) -> Answer {
        let problem = Problem::bad("UNKNOWN_EXCEPTION", "An unexpected error occurred");
        Problem { status: StatusCode::INTERNAL_SERVER_ERROR, ..problem }.answer()
    }

    fn credentials(&self, url: &str) -> Value {
        session::credentials(url)
    }

    fn order(&mut self, order: &Value, now: Timestamp) -> Result<Value, String> {
        match Order::deserialize(order).map_err(|err| err.to_string())? {
            Order::Validation(rule) => self.org.rules.validate(rule)?,
            Order::Lock(lock) => self.org.rules.lock(lock)?,
            Order::Rules(NoRules::None) => self.org.rules.clear(),
            Order::ApiCalls { used, max } => self.usage.set(used, max, now),
            Order::Sessions(SessionOrder::End) => self.sessions.log_out(),
            Order::Sessions(SessionOrder::Revoke) => self.sessions.end_all(),
            Order::Sessions(SessionOrder::Consent) => self.sessions.consent(),
            Order::Rotation(is_on) => self.sessions.set_rotating(is_on),
            Order::DatedRates(is_on) => self.org.has_dated_rates = is_on,
            order @ (Order::Events { .. } | Order::Gap { .. } | Order::Again { .. } | Order::Streams(_)) => {
                return self.order_events(order, now);
            }
        }
        Ok(json!({ "done": true }))
    }
}

fn limit_exceeded(status: StatusCode, retry_after_s: u64) -> Answer {
    let problem = Problem::bad("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    Problem { status, ..problem }.answer().with("retry-after", retry_after_s.to_string())
}

/// The client, as `Sforce-Call-Options: client=ferry` names it.
fn client(request: &Request) -> Option<&str> {
    let mut options = request.header("sforce-call-options")?.split(',');
    options.find_map(|option| option.trim().strip_prefix("client="))
}

fn shown(page: Page) -> Answer {
    let mut body = json!({ "totalSize": page.total, "done": page.next.is_none() });
    if let Some(locator) = page.next {
        body["nextRecordsUrl"] = json!(format!("{DATA}/query/{locator}"));
    }
    body["records"] = Value::Array(page.records);
    Answer::ok(body)
}
