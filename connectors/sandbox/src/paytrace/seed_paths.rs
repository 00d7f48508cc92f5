//! The paths that the seed names, which no public client uses: the same answers, under `/api/v1`.
//!
//! `POST payments` charges a card, or a checking account with `method: ach`; with `capture: false` it only keeps the money.
//! `GET reports/settlement` shows what was settled on days, with its batches.

use serde_json::Value;

use super::asked::Asked;
use super::book::Kind;
use super::{Paytrace, cards, customers, named, nothing_here};
use crate::system::Context;
use crate::wire::{Answer, Request};

/// Answers `/api/v1/…`.
pub(super) fn answer(paytrace: &mut Paytrace, path: &[&str], request: &Request, cx: Context) -> Result<Answer, Answer> {
    let asked = match request.method.as_str() {
        "GET" => Asked::of_query(request),
        _ => named(Asked::read(request))?,
    };
    match (request.method.as_str(), path) {
        ("POST", ["payments"]) if asked.text("method").as_deref() == Some("ach") => {
            let way = way(&asked, "check_transaction_id", "by_account");
            let answer = paytrace.checks.answer(&["sale", way], (&paytrace.vault, asked), cx.now);
            answer.unwrap_or_else(|| Err(nothing_here(request)))
        }
        ("POST", ["payments"]) => {
            let way = way(&asked, "transaction_id", "keyed");
            let is_kept = asked.value("capture") == &Value::Bool(false);
            let kind = if is_kept { Kind::Authorization } else { Kind::Sale };
            paytrace.charge((kind, way), asked, cx.now)
        }
        ("POST", ["transactions", id, what]) => {
            let asked = asked.with("transaction_id", id);
            match *what {
                "capture" => cards::capture(&mut paytrace.book, asked),
                "refund" => cards::refund(&mut paytrace.book, asked, cx.now),
                "void" => cards::void(&mut paytrace.book, asked),
                _ => Err(nothing_here(request)),
            }
        }
        ("GET", ["transactions"]) => paytrace.shown(cx).by_date_range(asked),
        ("GET", ["transactions", id]) => paytrace.shown(cx).by_id(asked.with("transaction_id", id)),
        ("POST", ["customer_vault"]) => customers::create(&mut paytrace.vault, asked, None),
        ("GET", ["customer_vault", id, "payments"]) => {
            customers::export(&paytrace.vault, asked.with("customer_id", id))
        }
        ("GET", ["reports", "settlement"]) => paytrace.shown(cx).settlement(asked),
        _ => Err(nothing_here(request)),
    }
}

/// Whom a payment of the seed's paths is of.
fn way(asked: &Asked, before: &str, else_by: &'static str) -> &'static str {
    if asked.text("customer_id").is_some() {
        "by_customer"
    } else if asked.text(before).is_some() {
        "by_transaction"
    } else {
        else_by
    }
}
