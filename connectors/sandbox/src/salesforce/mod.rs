//! Salesforce's REST API v59.0, as far as payment records need it.
//!
//! Shapes: vendors.md, sections 3.1 and 3.2. An error is always a list of problems.

mod cursors;
mod describe;
mod ids;
mod query;
pub(crate) mod records;
pub(crate) mod schema;
mod soql;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::access::{self, CLIENT_ID, CLIENT_SECRET, InForm, Tokens};
use crate::random::Random;
use crate::system::{Context, Simulated};
use crate::wire::{Answer, Request};
use crate::{assertion, limits};
use cursors::{Cursors, Page};
use records::Store;
use schema::{Key, Object};

const DATA: &str = "/services/data/v59.0";

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

    fn answer(self) -> Answer {
        let mut body = json!({ "message": self.message, "errorCode": self.code });
        if !self.fields.is_empty() {
            body["fields"] = json!(self.fields);
        }
        Answer::json(self.status, json!([body]))
    }
}

/// The state of Salesforce.
#[derive(Debug)]
pub(crate) struct Salesforce {
    tokens: Tokens,
    signatures: Random,
    store: Store,
    cursors: Cursors,
    calls: u64,
}

impl Salesforce {
    /// Starts with these records.
    pub(crate) fn new(seed: u64, store: Store) -> Self {
        Self {
            tokens: Tokens::new(seed, limits::SALESFORCE_TOKEN_S),
            signatures: Random::of(seed, "signatures"),
            store,
            cursors: Cursors::default(),
            calls: 0,
        }
    }

    /// Says the records.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    fn token(&mut self, request: &Request, now: Timestamp) -> Answer {
        let instance = format!("{}/salesforce", request.base);
        let signed = access::check_assertion(request, &instance, now);
        if let Err(denied) = signed.unwrap_or_else(|| access::check_client(request, InForm::Accepted)) {
            let (error, description) = denied.texts();
            return Answer::json(denied.status(), json!({ "error": error, "error_description": description }));
        }
        Answer::ok(json!({
            "access_token": self.tokens.issue(now),
            "instance_url": instance,
            "id": format!("{instance}/id/00D5e00000000kEAAQ/0055e00000000kEAAQ"),
            "token_type": "Bearer",
            "issued_at": now.as_millisecond().to_string(),
            "signature": format!("{:016x}", self.signatures.draw()),
            "scope": "api",
        }))
    }

    fn data(&mut self, path: &[&str], request: &Request, now: Timestamp) -> Result<Answer, Problem> {
        if !access::bearer(request).is_some_and(|token| self.tokens.accepts(token, now)) {
            let message = "Session expired or invalid";
            let problem = Problem::bad("INVALID_SESSION_ID", message);
            return Err(Problem { status: StatusCode::UNAUTHORIZED, ..problem });
        }
        match (request.method.as_str(), path) {
            ("GET", ["limits"]) => Ok(self.limits()),
            ("GET", ["query"]) => self.query(request),
            ("GET", ["query", locator]) => self.cursors.next(&self.store, locator).map(shown),
            ("POST", ["sobjects", object]) => self.create(named(object)?, request, now),
            ("GET", ["sobjects", object, "describe"]) => Ok(Answer::ok(describe::object(named(object)?))),
            ("GET", ["sobjects", object, id]) => self.retrieve(named(object)?, id, request),
            ("PATCH", ["sobjects", object, id]) => {
                let object = named(object)?;
                self.store.update(object, &id_of(object, id)?, &body(request)?, now)?;
                Ok(Answer::no_content())
            }
            ("DELETE", ["sobjects", object, id]) => {
                let object = named(object)?;
                self.store.delete(object, &id_of(object, id)?)?;
                Ok(Answer::no_content())
            }
            ("PATCH", ["sobjects", object, field, value]) => {
                self.upsert(named(object)?, (field, value), &body(request)?, now)
            }
            _ => Err(Problem::not_found()),
        }
    }

    fn limits(&self) -> Answer {
        let remaining = limits::API_CALLS_PER_DAY.saturating_sub(self.calls);
        Answer::ok(json!({
            "DailyApiRequests": { "Max": limits::API_CALLS_PER_DAY, "Remaining": remaining }
        }))
    }

    fn query(&mut self, request: &Request) -> Result<Answer, Problem> {
        let text = request.parameter("q");
        let text = text.ok_or_else(|| Problem::bad("MALFORMED_QUERY", "the parameter `q` is missing"))?;
        let found = query::run(&self.store, text)?;
        Ok(shown(self.cursors.first(&self.store, found)))
    }

    fn create(&mut self, object: &'static Object, request: &Request, now: Timestamp) -> Result<Answer, Problem> {
        let id = self.store.create(object, &body(request)?, now)?;
        Ok(Answer::json(StatusCode::CREATED, json!({ "id": id, "success": true, "errors": [] })))
    }

    fn retrieve(&self, object: &'static Object, id: &str, request: &Request) -> Result<Answer, Problem> {
        let id = id_of(object, id)?;
        let record = self.store.get(object.name, &id).ok_or_else(Problem::not_found)?;
        let names = request.parameter("fields").unwrap_or_default();
        let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        query::show_fields(&self.store, object, record, &names).map(Answer::ok)
    }

    fn upsert(
        &mut self,
        object: &'static Object,
        (name, value): (&str, &str),
        body: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Answer, Problem> {
        let field = object.field(name).ok().filter(|field| field.key != Key::No);
        let field = field.ok_or_else(|| {
            let message = format!("Provided external ID field does not exist or is not accessible: {name}");
            Problem { message, ..Problem::not_found() }
        })?;
        if body.keys().any(|key| key.eq_ignore_ascii_case(field.name)) {
            let message = format!("The {} field should not be specified in the sobject data.", field.name);
            return Err(Problem::bad("INVALID_FIELD", message).on(field.name));
        }
        match &self.store.find(object, field, value)[..] {
            [] => {
                let mut body = body.clone();
                body.insert(field.name.to_owned(), Value::from(value));
                let id = self.store.create(object, &body, now)?;
                Ok(upserted(StatusCode::CREATED, &id))
            }
            [id] => {
                self.store.update(object, id, body, now)?;
                Ok(upserted(StatusCode::OK, id))
            }
            several => {
                let urls: Vec<String> = several.iter().map(|id| record_url(object, id)).collect();
                Ok(Answer::json(StatusCode::MULTIPLE_CHOICES, json!(urls)))
            }
        }
    }
}

impl Simulated for Salesforce {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        match request.parts()[..] {
            ["services", "oauth2", "token"] => self.token(request, cx.now),
            ["services", "data", "v59.0", ref path @ ..] => {
                self.calls += 1;
                let answer = self.data(path, request, cx.now).unwrap_or_else(Problem::answer);
                let usage = format!("api-usage={}/{}", self.calls, limits::API_CALLS_PER_DAY);
                answer.with("sforce-limit-info", usage)
            }
            _ => Problem::not_found().answer(),
        }
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
        json!({
            "url": url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "username": assertion::USERNAME,
            "private_key": assertion::private_key(),
        })
    }
}

fn limit_exceeded(status: StatusCode, retry_after_s: u64) -> Answer {
    let problem = Problem::bad("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    Problem { status, ..problem }.answer().with("retry-after", retry_after_s.to_string())
}

fn named(name: &str) -> Result<&'static Object, Problem> {
    Object::named(name).ok_or_else(Problem::not_found)
}

fn id_of(object: &Object, id: &str) -> Result<String, Problem> {
    ids::read(object.prefix, id).ok_or_else(|| Problem::bad("MALFORMED_ID", format!("malformed id {id}")).on("Id"))
}

fn body(request: &Request) -> Result<Map<String, Value>, Problem> {
    let body = serde_json::from_slice(&request.body);
    body.map_err(|err| Problem::bad("JSON_PARSER_ERROR", format!("the body is not a JSON object: {err}")))
}

fn shown(page: Page) -> Answer {
    let mut body = json!({ "totalSize": page.total, "done": page.next.is_none() });
    if let Some(locator) = page.next {
        body["nextRecordsUrl"] = json!(format!("{DATA}/query/{locator}"));
    }
    body["records"] = Value::Array(page.records);
    Answer::ok(body)
}

fn upserted(status: StatusCode, id: &str) -> Answer {
    let created = status == StatusCode::CREATED;
    Answer::json(status, json!({ "id": id, "success": true, "errors": [], "created": created }))
}

fn record_url(object: &Object, id: &str) -> String {
    format!("{DATA}/sobjects/{}/{id}", object.name)
}
