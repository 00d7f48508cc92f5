//! What a request asks for, with everything that is wrong with it.
//!
//! Numbers 30, 45, 46, 58, 80, 171, 817, 818 and 981 and the texts of the recorded ones are the vendor's (vendors.md,
//! section 2.1); the others are ours.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::wire::{self, Answer, Request};

pub(super) const NO_CUSTOMER: u32 = 30;
pub(super) const NO_CARD: u32 = 35;
pub(super) const ACCOUNT: u32 = 45;
pub(super) const ROUTING: u32 = 46;
pub(super) const AMOUNT: u32 = 51;
pub(super) const TRANSACTION: u32 = 58;
pub(super) const CHECK: u32 = 80;
pub(super) const DATE: u32 = 90;
pub(super) const BATCH: u32 = 91;
pub(super) const DUPLICATE_CUSTOMER: u32 = 171;
pub(super) const CUSTOMER_ID: u32 = 172;
pub(super) const RECURRENCE: u32 = 240;
pub(super) const INTEGRATOR: u32 = 701;
pub(super) const NOT_SETTLED: u32 = 817;
pub(super) const SETTLED: u32 = 818;
pub(super) const NO_PERMISSION: u32 = 981;

/// What is wrong, by number.
pub(super) type Errors = BTreeMap<u32, String>;

/// The body of a request, and what is wrong with it so far.
#[derive(Debug)]
pub(super) struct Asked {
    body: Map<String, Value>,
    errors: Errors,
}

impl Asked {
    /// Reads a body of JSON; one that is none asks for nothing.
    pub(super) fn read(request: &Request) -> Self {
        let body: Option<Map<String, Value>> = serde_json::from_slice(&request.body).ok();
        Self { body: body.unwrap_or_default(), errors: Errors::new() }
    }

    /// Asks for what the sandbox itself does.
    pub(super) fn of_fields<const N: usize>(fields: [(&str, String); N]) -> Self {
        let body = fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
        Self { body: body.collect(), errors: Errors::new() }
    }

    /// Asks for a page of the seed, whose parameters are in the query.
    pub(super) fn of_query(request: &Request) -> Self {
        let body = request.query.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        Self { body: body.collect(), errors: Errors::new() }
    }

    /// The same with one more field.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.body.insert(name.to_owned(), Value::from(value));
        self
    }

    /// Finds a field, or one inside of another: `credit_card.number`.
    pub(super) fn value(&self, path: &str) -> &Value {
        let mut parts = path.split('.');
        let first = parts.next().and_then(|name| self.body.get(name));
        parts.fold(first.unwrap_or(&Value::Null), |value, name| &value[name])
    }

    /// Finds a text that is not empty; a number is one too.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let text = match self.value(path) {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// Finds an id that is a number, written as one or as a text.
    pub(super) fn id(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// Finds a switch, written as `true` or as a text.
    pub(super) fn is_on(&self, path: &str) -> bool {
        matches!(self.text(path).as_deref(), Some("true" | "1")) || self.value(path) == &Value::Bool(true)
    }

    /// Keeps a part of the request as it is, where it is an object.
    pub(super) fn object(&self, path: &str) -> Value {
        self.value(path).as_object().map_or_else(|| json!({}), |object| Value::Object(object.clone()))
    }

    /// Reads the amount; what is none is wrong.
    pub(super) fn amount(&mut self) -> Option<Decimal> {
        let amount = self.optional_amount();
        if amount.is_none() {
            self.wrong(AMOUNT, "Please provide a valid amount.");
        }
        amount
    }

    /// Reads the amount where there is one; one that cannot be is wrong.
    pub(super) fn optional_amount(&mut self) -> Option<Decimal> {
        if self.value("amount").is_null() {
            return None;
        }
        let amount = wire::decimal(self.value("amount")).map(|amount| amount.normalize());
        let amount = amount.filter(|amount| *amount > Decimal::ZERO && amount.scale() <= 2);
        if amount.is_none() {
            self.wrong(AMOUNT, "Please provide a valid amount.");
        }
        amount.map(wire::cents)
    }

    /// Notes what is wrong.
    pub(super) fn wrong(&mut self, number: u32, message: &str) {
        self.errors.insert(number, message.to_owned());
    }

    /// Goes on only where nothing is wrong.
    ///
    /// # Errors
    /// The answer with all that is wrong.
    pub(super) fn check(&mut self) -> Result<(), Answer> {
        if self.errors.is_empty() { Ok(()) } else { Err(refused(&std::mem::take(&mut self.errors))) }
    }

    /// Refuses for one reason, beside those that are noted.
    pub(super) fn refuse(mut self, number: u32, message: &str) -> Answer {
        self.wrong(number, message);
        refused(&self.errors)
    }
}

/// Answers what is wrong with a request: code 1, with HTTP 400.
fn refused(errors: &Errors) -> Answer {
    let errors: Map<String, Value> =
        errors.iter().map(|(number, message)| (number.to_string(), json!([message]))).collect();
    let body = json!({
        "success": false,
        "response_code": 1,
        "status_message": "One or more errors has occurred.",
        "errors": errors,
        "external_transaction_id": "",
    });
    Answer::json(StatusCode::BAD_REQUEST, body)
}

/// Answers for one reason.
pub(super) fn wrong(number: u32, message: &str) -> Answer {
    refused(&Errors::from([(number, message.to_owned())]))
}

/// Says what became of a request: everything but code 1 comes with HTTP 200, a decline too.
pub(super) fn answered(success: bool, code: u32, message: &str, rest: Value) -> Answer {
    let mut body = json!({ "success": success, "response_code": code, "status_message": message });
    if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), rest) {
        body.extend(rest);
    }
    Answer::ok(body)
}
