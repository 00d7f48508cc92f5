//! The older generation, CEF: orders under `/Ordering/SalesOrder`.
//!
//! Source: vendors.md, section 4. Its answers are 200 with `ActionSucceeded`, also where nothing was done; the fields of an
//! order are our assumption.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::orders::{Orders, Refused};
use super::{body_of, failure};
use crate::wire::{Answer, Request};

/// Answers a request under `/Ordering/SalesOrder`; nothing where there is no such route.
pub(super) fn answer(orders: &mut Orders, path: &[&str], request: &Request, now: Timestamp) -> Option<Answer> {
    match (request.method.as_str(), path) {
        ("GET", [id]) => {
            Some(orders.get(id).map_or_else(|| refused(&no_order(id)), |order| Answer::ok(order.shown_as_cef())))
        }
        ("PATCH", ["PendingSalesOrders", id, "Update"]) => Some(update(orders, id, request, now)),
        _ => None,
    }
}

fn update(orders: &mut Orders, id: &str, request: &Request, now: Timestamp) -> Answer {
    let body = match body_of(request) {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let Some(status) = body["StatusUpdate"].as_str() else {
        return failure(StatusCode::BAD_REQUEST, "StatusUpdate is required");
    };
    match orders.set(id, status, now) {
        Ok(_) => Answer::ok(json!({ "ActionSucceeded": true, "Messages": [] })),
        Err(Refused::NoOrder) => refused(&no_order(id)),
        Err(Refused::NoStatus) => refused(&format!("ERROR! There is no status '{status}'")),
        Err(Refused::Final(now)) => refused(&format!("ERROR! Sales order {id} is {} and cannot change", now.name())),
    }
}

fn no_order(id: &str) -> String {
    format!("ERROR! Sales order {id} was not found")
}

fn refused(message: &str) -> Answer {
    Answer::ok(json!({ "ActionSucceeded": false, "Messages": [message], "Result": Value::Null }))
}
