//! Payoneer: programs that pay many (v4 and v2), accounts of those who consent (v4), and the paths of the customer's brief.
//!
//! Shapes: vendors.md, sections 1.1 to 1.8. Nothing is answered before the book is settled, so
//! that every answer shows the state at the sandbox time of its request. `portal` has what people do in the vendor's own
//! pages, as orders of the sandbox.

mod program;

mod book;
mod notice;
mod orders;

mod methods;
mod payees;

mod oauth;

mod account;
mod accounts;
mod activity;
mod pdf;
mod quote;
mod quotes;
mod requests;

mod legacy;
mod portal;

mod fields;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::access::{self, CLIENT_ID, CLIENT_SECRET, Denied, InForm, Tokens};
use crate::consent::{self, Consents, Worth};
use crate::limits;
use crate::system::{Context, Notice, Simulated};
use crate::wire::{Answer, Request};

use accounts::Accounts;
use book::Book;
pub(crate) use book::Standing;
pub(crate) use methods::Method;
pub(crate) use notice::KINDS;
use payees::Registry;
pub(crate) use payees::{Holder, Payee, PayeeState};
use quotes::Quotes;
use requests::Requests;

/// The one program.
pub(crate) const PROGRAM: &str = "100086190";

/// The one currency of the program.
pub(crate) const CURRENCY: &str = "USD";

/// The most that one payout may be. Two decimals: 20,000.00.
pub(crate) const PAYOUT_MAX: Decimal = Decimal::from_parts(2_000_000, 0, 0, false, 2);

/// The state of Payoneer.
#[derive(Debug)]
pub(crate) struct Payoneer {
    tokens: Tokens,
    consents: Consents,
    is_trusted: bool,
    registry: Registry,
    book: Book,
    refused_duplicates: usize,
    accounts: Accounts,
    quotes: Quotes,
    requests: Requests,
    audits: u64,
    notices: Vec<Notice>,
}

/// Whose token a request has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Caller<'a> {
    /// That of the application itself.
    Application,
    /// That of the holder of an account.
    Holder(&'a str),
}

impl Payoneer {
    /// Starts with the payees by id and the balance of the program.
    pub(crate) fn new((seed, now): (u64, Timestamp), payees: BTreeMap<String, Payee>, balance: Decimal) -> Self {
        Self {
            tokens: Tokens::new(seed, limits::PAYONEER_TOKEN_S),
            consents: Consents::new(seed, oauth::MANNER),
            is_trusted: false,
            registry: Registry::new(seed, payees),
            book: Book::new(seed, balance),
            refused_duplicates: 0,
            accounts: Accounts::new(seed, now),
            quotes: Quotes::new(seed),
            requests: Requests::new(seed),
            audits: 0,
            notices: Vec::new(),
        }
    }

    /// Says the balance of the program.
    pub(crate) fn balance(&self) -> Decimal {
        self.book.balance()
    }

    /// Sets the balance of the program.
    pub(crate) fn set_balance(&mut self, balance: Decimal) {
        self.book.set_balance(balance);
    }

    /// Finds a payee.
    pub(crate) fn payee_mut(&mut self, id: &str) -> Option<&mut Payee> {
        self.registry.payees.get_mut(id)
    }

    /// Says all bookings, by reference.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        self.book.standings()
    }

    /// Says how many payouts were refused because their reference was booked already.
    pub(crate) fn refused_duplicates(&self) -> usize {
        self.refused_duplicates
    }

    fn oauth(&mut self, path: &[&str], request: &Request, now: Timestamp) -> Answer {
        match (request.method.as_str(), path) {
            (_, ["token"]) => self.token(request, now),
            ("GET" | "POST", ["authorize"]) => {
                let id = request.parameter("account_id").filter(|id| !id.is_empty()).unwrap_or(accounts::MAIN);
                let holder = consent::Holder { id, is_known: self.accounts.get(id).is_some(), said: &[] };
                self.consents.authorize(request, holder, now)
            }
            ("POST", ["revoke"]) => self.revoke(request),
            ("GET", ["jwks"]) => oauth::keys(),
            _ => nothing_here(request),
        }
    }

    fn token(&mut self, request: &Request, now: Timestamp) -> Answer {
        match self.consents.token(request, now) {
            Some(Ok(granted)) => return oauth::answer(&granted, now),
            Some(Err(denied)) => return token_denied(denied),
            None => {}
        }
        if let Err(denied) = access::check_client(request, InForm::Refused) {
            return token_denied(denied);
        }
        let form = request.form();
        let scope = form.iter().find(|(key, _)| key == "scope").map_or("read write", |(_, value)| value);
        Answer::ok(json!({
            "token_type": "Bearer",
            "access_token": self.tokens.issue(now),
            "expires_in": limits::PAYONEER_TOKEN_S,
            "consented_on": now.as_second(),
            "scope": scope,
            "refresh_token": null,
            "refresh_token_expires_in": 0,
            "id_token": null,
            "error": null,
            "error_description": null,
        }))
    }

    /// Revokes a token; one that is not known is revoked already.
    fn revoke(&mut self, request: &Request) -> Answer {
        if !access::is_client(request, InForm::Refused) {
            return token_denied(Denied::Client);
        }
        let form = request.form();
        let Some((_, token)) = form.iter().find(|(name, _)| name == "token") else {
            let body =
                json!({ "error": "invalid_request", "error_description": "send the `token` to revoke, as a form" });
            return Answer::json(StatusCode::BAD_REQUEST, body);
        };
        self.consents.revoke(token);
        Answer::ok(json!({ "status": "success" }))
    }

    /// Says whose token a request has.
    fn caller(&self, request: &Request, now: Timestamp) -> Result<Caller<'_>, Answer> {
        let refused = |sub_code, text| Err(failure(StatusCode::UNAUTHORIZED, sub_code, text));
        let Some(token) = access::bearer(request) else { return refused(4012, "Access token is missing") };
        match self.consents.worth(token, now) {
            Worth::Opens(account) => Ok(Caller::Holder(account)),
            Worth::Withdrawn => refused(4012, "The access token is not valid for this account"),
            Worth::Nothing if self.tokens.accepts(token, now) => Ok(Caller::Application),
            Worth::Nothing => refused(4016, "Access token is invalid (expired)"),
        }
    }
}

impl Simulated for Payoneer {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        self.settle(cx.now);
        match request.parts()[..] {
            ["api", "v2", "oauth2", ref path @ ..] => self.oauth(path, request, cx.now),
            ["v4", "programs", program, ref path @ ..] => {
                self.program(program, path, request, cx).unwrap_or_else(|failure| failure)
            }
            ["v4", "accounts", account, ref path @ ..] => {
                self.account(account, path, request, cx).unwrap_or_else(|failure| failure)
            }
            ["v2", "programs", program, ref path @ ..] => self.legacy(program, path, request, cx),
            ["v2", ref path @ ..] => self.brief(path, request, cx).unwrap_or_else(|failure| failure),
            _ => nothing_here(request),
        }
    }

    fn settle(&mut self, now: Timestamp) {
        self.notices.extend(self.registry.settle(now));
        self.book.settle(now, &self.registry.payees);
        self.quotes.settle(&mut self.accounts, now);
        self.notices.extend(self.requests.settle(&mut self.accounts, now));
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = self.book.take_notices();
        notices.append(&mut self.notices);
        notices
    }

    fn throttled(&self, retry_after_s: u64) -> Answer {
        let body = failure(StatusCode::TOO_MANY_REQUESTS, 429, "Too many requests");
        body.with("retry-after", retry_after_s.to_string())
    }

    fn server_error(&self) -> Answer {
        failure(StatusCode::INTERNAL_SERVER_ERROR, 500, "An internal error occurred")
    }

    fn credentials(&self, url: &str) -> Value {
        json!({
            "url": url,
            "program_id": PROGRAM,
            "account_id": accounts::MAIN,
            "bank_id": self.accounts.get(accounts::MAIN).and_then(|account| account.banks.first()),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        })
    }

    fn ledger(&self) -> Value {
        let (payments, requests) = (self.quotes.ledger(), self.requests.ledger());
        let is_empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
        if is_empty(&payments) && is_empty(&requests) {
            return Value::Null;
        }
        json!({
            "payments": payments,
            "payment_requests": requests,
            "duplicates_refused": self.quotes.refused() + self.requests.refused(),
        })
    }

    fn order(&mut self, order: &Value, now: Timestamp) -> Result<Value, String> {
        self.ordered(order, now)
    }
}

fn result(result: &Value) -> Answer {
    Answer::ok(json!({ "result": result }))
}

fn failure(status: StatusCode, sub_code: u32, description: &str) -> Answer {
    Answer::json(status, failure_body(status, sub_code, description))
}

fn failure_body(status: StatusCode, sub_code: u32, description: &str) -> Value {
    json!({
        "error": status.canonical_reason(),
        "error_description": description,
        "error_details": { "code": status.as_u16(), "sub_code": sub_code },
    })
}

fn refused(description: &str, errors: Vec<Value>) -> Answer {
    let mut body = failure_body(StatusCode::BAD_REQUEST, 1000, description);
    body["error_details"]["errors"] = Value::Array(errors);
    Answer::json(StatusCode::BAD_REQUEST, body)
}

fn body_of(request: &Request) -> Result<Value, Answer> {
    serde_json::from_slice(&request.body)
        .map_err(|err| failure(StatusCode::BAD_REQUEST, 1000, &format!("The body is not JSON: {err}")))
}

fn nothing_here(request: &Request) -> Answer {
    let text = format!("The sandbox has no `{} {}`; see GET /", request.method, request.path);
    failure(StatusCode::NOT_FOUND, 404, &text)
}

fn token_denied(denied: Denied) -> Answer {
    let (error, description) = denied.texts();
    Answer::json(denied.status(), json!({ "error": error, "error_description": description }))
}
