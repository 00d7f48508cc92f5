//! Payoneer's v4 program API, as far as mass payouts need it.
//!
//! Shapes: vendors.md, sections 1.1 to 1.5. Nothing is answered before the book is settled, so
//! that every answer shows the state at the sandbox time of its request.

mod book;
mod notice;
mod orders;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::access::{self, CLIENT_ID, CLIENT_SECRET, Denied, InForm, Tokens};
use crate::system::{Context, Notice, Simulated};
use crate::wire::{self, Answer, Request};
use crate::{clock, limits};

use book::Book;
pub(crate) use book::Standing;
pub(crate) use notice::KINDS;

/// The one program.
pub(crate) const PROGRAM: &str = "100086190";

/// The one currency of the program.
pub(crate) const CURRENCY: &str = "USD";

/// The most that one payout may be. Two decimals: 20,000.00.
pub(crate) const PAYOUT_MAX: Decimal = Decimal::from_parts(2_000_000, 0, 0, false, 2);

/// A person or company that is paid.
#[derive(Clone, Debug)]
pub(crate) struct Payee {
    /// Its account number.
    pub(crate) account: String,
    /// Whether it can be paid.
    pub(crate) state: PayeeState,
    /// When it registered.
    pub(crate) registered: Timestamp,
}

/// Whether a payee can be paid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PayeeState {
    /// Type 0: has not finished the registration.
    Pending,
    /// Type 1.
    Active,
    /// Type 99.
    Inactive,
}

impl PayeeState {
    /// Reads a payee type.
    pub(crate) fn of(kind: u8) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Inactive].into_iter().find(|state| state.kind().0 == kind)
    }

    fn kind(self) -> (u8, &'static str) {
        match self {
            Self::Pending => (0, "Pending"),
            Self::Active => (1, "Active"),
            Self::Inactive => (99, "Inactive"),
        }
    }
}

/// The state of Payoneer.
#[derive(Debug)]
pub(crate) struct Payoneer {
    tokens: Tokens,
    payees: BTreeMap<String, Payee>,
    book: Book,
    refused_duplicates: usize,
}

impl Payoneer {
    /// Starts with the payees by id and the balance of the program.
    pub(crate) fn new(seed: u64, payees: BTreeMap<String, Payee>, balance: Decimal) -> Self {
        let tokens = Tokens::new(seed, limits::PAYONEER_TOKEN_S);
        Self { tokens, payees, book: Book::new(seed, balance), refused_duplicates: 0 }
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
        self.payees.get_mut(id)
    }

    /// Says all bookings, by reference.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        self.book.standings()
    }

    /// Says how many payouts were refused because their reference was booked already.
    pub(crate) fn refused_duplicates(&self) -> usize {
        self.refused_duplicates
    }

    fn token(&mut self, request: &Request, now: Timestamp) -> Answer {
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

    fn program(&mut self, program: &str, path: &[&str], request: &Request, cx: Context) -> Result<Answer, Answer> {
        let Some(token) = access::bearer(request) else {
            return Err(failure(StatusCode::UNAUTHORIZED, 4012, "Access token is missing"));
        };
        if !self.tokens.accepts(token, cx.now) {
            return Err(failure(StatusCode::UNAUTHORIZED, 4016, "Access token is invalid (expired)"));
        }
        if program != PROGRAM {
            return Err(failure(StatusCode::NOT_FOUND, 1004, "Program not found"));
        }
        match (request.method.as_str(), path) {
            ("GET", ["balance"]) => Ok(result(&json!({
                "balance": wire::number(self.balance()),
                "currency": CURRENCY,
            }))),
            ("POST", ["masspayouts"]) => self.mass_payout(request, cx),
            ("GET", ["payouts", reference, "status"]) => self.payout_status(reference, cx),
            ("PUT", ["payouts", reference, "cancel"]) => self.cancel(reference, cx),
            ("GET", ["payees", id, "status"]) => self.payee_status(id),
            _ => Err(nothing_here(request)),
        }
    }

    fn mass_payout(&mut self, request: &Request, cx: Context) -> Result<Answer, Answer> {
        let body: Value = serde_json::from_slice(&request.body)
            .map_err(|err| failure(StatusCode::BAD_REQUEST, 1000, &format!("The body is not JSON: {err}")))?;
        let Some(items) = body["Payments"].as_array().filter(|items| !items.is_empty()) else {
            return Err(failure(StatusCode::BAD_REQUEST, 1000, "`Payments` must be a list of payouts"));
        };
        if items.len() > limits::PAYOUTS_PER_REQUEST_MAX {
            let most = limits::PAYOUTS_PER_REQUEST_MAX;
            let text = format!("`Payments` has {} payouts, at most {most} are allowed", items.len());
            return Err(failure(StatusCode::BAD_REQUEST, 1000, &text));
        }
        let known = orders::Known { payees: &self.payees, book: &self.book, duplicates: cx.duplicates };
        let orders = orders::read(items, &known).map_err(|errors| {
            self.refused_duplicates += orders::duplicates(&errors);
            refused(errors)
        })?;
        for order in orders {
            self.book.add(order, cx.now);
        }
        Ok(Answer::json(StatusCode::CREATED, json!({ "result": "Payments Created" })))
    }

    fn payout_status(&self, reference: &str, cx: Context) -> Result<Answer, Answer> {
        self.visible(reference, cx)?;
        self.book.status(reference, &self.payees).map(|status| result(&status)).ok_or_else(no_payout)
    }

    fn cancel(&mut self, reference: &str, cx: Context) -> Result<Answer, Answer> {
        self.visible(reference, cx)?;
        self.book.ask_to_cancel(reference);
        Ok(result(&json!({
            "description": "The request was received successfully. The cancel action has not yet been performed."
        })))
    }

    fn visible(&self, reference: &str, cx: Context) -> Result<(), Answer> {
        let booked_at = self.book.booked_at(reference).ok_or_else(no_payout)?;
        let visible_at = clock::add_ms(booked_at, cx.visibility_lag_ms);
        if cx.now < visible_at { Err(no_payout()) } else { Ok(()) }
    }

    fn payee_status(&self, id: &str) -> Result<Answer, Answer> {
        let Some(payee) = self.payees.get(id) else {
            return Err(failure(StatusCode::NOT_FOUND, 10005, "Payee not found"));
        };
        let (kind, description) = payee.state.kind();
        Ok(result(&json!({
            "account_id": payee.account,
            "status": { "type": kind, "description": description },
            "registration_date": clock::seconds_text(payee.registered),
            "payout_method": { "type": "BANK", "currency": CURRENCY },
        })))
    }
}

impl Simulated for Payoneer {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        self.settle(cx.now);
        match request.parts()[..] {
            ["api", "v2", "oauth2", "token"] => self.token(request, cx.now),
            ["v4", "programs", program, ref path @ ..] => {
                self.program(program, path, request, cx).unwrap_or_else(|failure| failure)
            }
            _ => nothing_here(request),
        }
    }

    fn settle(&mut self, now: Timestamp) {
        self.book.settle(now, &self.payees);
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        self.book.take_notices()
    }

    fn throttled(&self, retry_after_s: u64) -> Answer {
        let body = failure(StatusCode::TOO_MANY_REQUESTS, 429, "Too many requests");
        body.with("retry-after", retry_after_s.to_string())
    }

    fn server_error(&self) -> Answer {
        failure(StatusCode::INTERNAL_SERVER_ERROR, 500, "An internal error occurred")
    }

    fn credentials(&self, url: &str) -> Value {
        json!({ "url": url, "program_id": PROGRAM, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET })
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

fn refused(errors: Vec<Value>) -> Answer {
    let mut body = failure_body(StatusCode::BAD_REQUEST, 1000, "Invalid payout data");
    body["error_details"]["errors"] = Value::Array(errors);
    Answer::json(StatusCode::BAD_REQUEST, body)
}

fn no_payout() -> Answer {
    failure(StatusCode::NOT_FOUND, 2306, "Payout not found")
}

fn nothing_here(request: &Request) -> Answer {
    let text = format!("The sandbox has no `{} {}`; see GET /", request.method, request.path);
    failure(StatusCode::NOT_FOUND, 404, &text)
}

fn token_denied(denied: Denied) -> Answer {
    let (error, description) = denied.texts();
    Answer::json(denied.status(), json!({ "error": error, "error_description": description }))
}
