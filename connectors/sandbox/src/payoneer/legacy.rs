//! The v2 API of a program, which clients still use: HTTP Basic, and every answer in one envelope.
//!
//! Shapes: vendors.md, section 1.8. The book is that of v4, so a reference is the same in both.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{CURRENCY, PROGRAM, PayeeState, Payoneer, body_of};
use crate::access::{self, InForm};
use crate::system::Context;
use crate::wire::{self, Answer, Request};

const NOT_ALLOWED: u32 = 10002;
const BAD_REQUEST: u32 = 10001;
const PAYEE_NOT_FOUND: u32 = 10005;
const NO_PAYOUT: u32 = 10311;

/// A refusal before it is written.
struct Refusal {
    status: StatusCode,
    code: u32,
    description: String,
    hint: &'static str,
}

impl Payoneer {
    /// Answers a request of v2.
    pub(super) fn legacy(&mut self, program: &str, path: &[&str], request: &Request, cx: Context) -> Answer {
        self.audits += 1;
        let audit = 49_969_000 + self.audits;
        let answer = if !access::is_client(request, InForm::Refused) {
            Err(refusal(
                StatusCode::UNAUTHORIZED,
                NOT_ALLOWED,
                "Unauthorized access",
                "Use the client id and secret by HTTP Basic",
            ))
        } else if program != PROGRAM {
            Err(refusal(StatusCode::NOT_FOUND, BAD_REQUEST, "Program was not found", ""))
        } else {
            self.answer_legacy(path, request, cx)
        };
        match answer {
            Ok(mut body) => {
                body["audit_id"] = json!(audit);
                body["code"] = json!(0);
                body["description"] = json!("Success");
                Answer::ok(body)
            }
            Err(Refusal { status, code, description, hint }) => {
                let body = json!({ "audit_id": audit, "code": code, "description": description, "hint": hint });
                Answer::json(status, body)
            }
        }
    }

    fn answer_legacy(&mut self, path: &[&str], request: &Request, cx: Context) -> Result<Value, Refusal> {
        match (&request.method, path) {
            (&Method::POST, ["payouts"]) => self.legacy_payout(request, cx),
            (&Method::GET, ["payouts", reference]) => self.legacy_status(reference, cx),
            (&Method::GET, ["balance"]) => Ok(json!({
                "balance": wire::number(self.balance()), "currency": CURRENCY, "fees_due": wire::number(wire::cents(0.into())),
            })),
            (&Method::GET, ["payees", id, "status"]) => {
                let payee = self.registry.payees.get(*id).ok_or_else(no_payee)?;
                let word = if payee.state == PayeeState::Active { "ACTIVE" } else { "INACTIVE" };
                Ok(json!({ "payee_id": id, "status": word }))
            }
            (&Method::POST, ["payees", "registration-link" | "login-link"]) => {
                let body = body_of(request).map_err(|_| not_json())?;
                let made = self.registry.link(&body, cx.now);
                let wrong = |_| refusal(StatusCode::BAD_REQUEST, BAD_REQUEST, "payee_id is required", "");
                Ok(json!({ "registration_link": made.map_err(wrong)?.0 }))
            }
            _ => Err(refusal(StatusCode::NOT_FOUND, BAD_REQUEST, "The sandbox has no such path in v2; see GET /", "")),
        }
    }

    fn legacy_payout(&mut self, request: &Request, cx: Context) -> Result<Value, Refusal> {
        let body = body_of(request).map_err(|_| not_json())?;
        self.book_all(std::slice::from_ref(&body), cx).map_err(|errors| {
            let first = errors.first().unwrap_or(&Value::Null);
            let code = first["sub_code"].as_u64().and_then(|code| u32::try_from(code).ok()).unwrap_or(BAD_REQUEST);
            let told = first["message"].as_str().unwrap_or_default();
            if code == PAYEE_NOT_FOUND { no_payee() } else { refusal(StatusCode::BAD_REQUEST, code, told, "") }
        })?;
        let name = body["client_reference_id"].as_str().and_then(|reference| self.book.name(reference));
        Ok(json!({ "payout_id": name, "amount": body["amount"], "currency": CURRENCY }))
    }

    fn legacy_status(&self, reference: &str, cx: Context) -> Result<Value, Refusal> {
        let none = || {
            let description = "Cannot find payout with specified Client Reference ID";
            refusal(StatusCode::NOT_FOUND, NO_PAYOUT, description, "")
        };
        self.visible(reference, cx).map_err(|_| none())?;
        let mut body = self.book.status(reference, &self.registry.payees).ok_or_else(none)?;
        let (word, category) = match body["status"].as_str() {
            Some("Transferred") => ("Funded", "Completed"),
            Some("Cancelled") => ("Cancelled", "Cancelled"),
            _ => ("Pending", "Pending"),
        };
        body["status"] = json!(word);
        body["status_category"] = json!(category);
        Ok(body)
    }
}

fn refusal(status: StatusCode, code: u32, description: &str, hint: &'static str) -> Refusal {
    Refusal { status, code, description: description.to_owned(), hint }
}

fn no_payee() -> Refusal {
    refusal(StatusCode::NOT_FOUND, PAYEE_NOT_FOUND, "Payee was not found", "Please ensure that the payee exists")
}

fn not_json() -> Refusal {
    refusal(StatusCode::BAD_REQUEST, BAD_REQUEST, "The body is not JSON", "")
}
