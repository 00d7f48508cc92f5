//! The v4 API of a program: its balance, payouts and payees.
//!
//! Shapes: vendors.md, sections 1.2 to 1.5.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{CURRENCY, PROGRAM, Payoneer, body_of, failure, methods, nothing_here, orders, payees, refused, result};
use crate::system::Context;
use crate::wire::{self, Answer, Request};
use crate::{clock, limits};

impl Payoneer {
    /// Answers a request of whoever has a token.
    pub(super) fn program(
        &mut self,
        program: &str,
        path: &[&str],
        request: &Request,
        cx: Context,
    ) -> Result<Answer, Answer> {
        self.caller(request, cx.now)?;
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
            ("GET", ["payees", id, "details"]) => {
                self.registry.payees.get(*id).map(|payee| result(&payee.details())).ok_or_else(payees::not_found)
            }
            ("DELETE", ["payees", id]) => self.registry.delete(id),
            ("POST", ["payees", "registration-link"]) => {
                let (link, token) = self.registry.link(&body_of(request)?, cx.now)?;
                Ok(result(&json!({ "registration_link": link, "token": token })))
            }
            ("POST", ["payees", "register-payee"]) => self.registry.register(&body_of(request)?, cx.now),
            (
                "GET",
                ["payout-methods", "bank", "account-types", kind, "countries", country, "currencies", currency],
            ) => Ok(result(&methods::fields((kind, country, currency)))),
            _ => Err(nothing_here(request)),
        }
    }

    /// Books all payouts of a request, or none.
    pub(super) fn mass_payout(&mut self, request: &Request, cx: Context) -> Result<Answer, Answer> {
        let body = body_of(request)?;
        let Some(items) = body["Payments"].as_array().filter(|items| !items.is_empty()) else {
            return Err(failure(StatusCode::BAD_REQUEST, 1000, "`Payments` must be a list of payouts"));
        };
        if items.len() > limits::PAYOUTS_PER_REQUEST_MAX {
            let most = limits::PAYOUTS_PER_REQUEST_MAX;
            let text = format!("`Payments` has {} payouts, at most {most} are allowed", items.len());
            return Err(failure(StatusCode::BAD_REQUEST, 1000, &text));
        }
        self.book_all(items, cx).map_err(|errors| refused("Invalid payout data", errors))?;
        Ok(Answer::json(StatusCode::CREATED, json!({ "result": "Payments Created" })))
    }

    /// Books payouts; one error for each thing that is wrong, and then none is booked.
    pub(super) fn book_all(&mut self, items: &[Value], cx: Context) -> Result<(), Vec<Value>> {
        let known = orders::Known { payees: &self.registry.payees, book: &self.book, duplicates: cx.duplicates };
        let orders = orders::read(items, &known);
        if let Err(errors) = &orders {
            self.refused_duplicates += orders::duplicates(errors);
        }
        for order in orders? {
            self.book.add(order, cx.now);
        }
        Ok(())
    }

    /// Says how far a payout is.
    pub(super) fn payout_status(&self, reference: &str, cx: Context) -> Result<Answer, Answer> {
        self.visible(reference, cx)?;
        self.book.status(reference, &self.registry.payees).map(|status| result(&status)).ok_or_else(no_payout)
    }

    fn cancel(&mut self, reference: &str, cx: Context) -> Result<Answer, Answer> {
        self.visible(reference, cx)?;
        self.book.ask_to_cancel(reference);
        Ok(result(&json!({
            "description": "The request was received successfully. The cancel action has not yet been performed."
        })))
    }

    /// Whether a payout can be looked up by now.
    pub(super) fn visible(&self, reference: &str, cx: Context) -> Result<(), Answer> {
        let booked_at = self.book.booked_at(reference).ok_or_else(no_payout)?;
        let visible_at = clock::add_ms(booked_at, cx.visibility_lag_ms);
        if cx.now < visible_at { Err(no_payout()) } else { Ok(()) }
    }

    fn payee_status(&self, id: &str) -> Result<Answer, Answer> {
        self.registry.payees.get(id).map(|payee| result(&payee.status())).ok_or_else(payees::not_found)
    }
}

fn no_payout() -> Answer {
    failure(StatusCode::NOT_FOUND, 2306, "Payout not found")
}
