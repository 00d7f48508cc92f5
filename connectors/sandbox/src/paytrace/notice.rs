//! What the seed profile tells by itself, signed as Standard Webhooks say. The vendor publishes no webhooks: all of it is
//! an assumption.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::book::Transaction;
use super::dates::Calendar;
use super::export::Batch;
use crate::system::{Notice, Signing};
use crate::{clock, wire};

/// What is told.
pub(crate) const KINDS: [&str; 3] = ["payment_failed", "settlement_completed", "chargeback_opened"];

/// A chargeback that a person has ordered.
#[derive(Clone, Debug)]
pub(super) struct Chargeback {
    /// Its number.
    pub(super) id: u64,
    /// What the cardholder says.
    pub(super) reason: String,
}

/// Tells that a payment was not made.
pub(super) fn payment_failed(one: &Transaction, at: Timestamp) -> Notice {
    let data = json!({
        "transaction_id": one.id,
        "response_code": one.word.code,
        "reason": one.word.message.trim(),
        "amount": one.amount.to_string(),
        "invoice_id": one.invoice_id,
        "customer_id": one.customer_id,
    });
    notice(KINDS[0], one.id.to_string(), data, at)
}

/// Tells that the sales of a day were settled.
pub(super) fn settlement_completed(batch: &Batch, calendar: &Calendar) -> Notice {
    let data = json!({
        "batch_number": batch.number,
        "day": calendar.day(batch.at).to_string(),
        "transaction_count": batch.sales.0 + batch.refunds.0,
        "net_amount": wire::cents(batch.net()).to_string(),
        "sales_amount": wire::cents(batch.sales.1).to_string(),
        "refund_amount": wire::cents(batch.refunds.1).to_string(),
    });
    notice(KINDS[1], batch.number.to_string(), data, batch.at)
}

/// Tells that a cardholder wants his money back.
pub(super) fn chargeback_opened(chargeback: &Chargeback, one: &Transaction, at: Timestamp) -> Notice {
    let data = json!({
        "chargeback_id": format!("CB-{}", chargeback.id),
        "transaction_id": one.id,
        "amount": one.amount.to_string(),
        "reason": chargeback.reason,
        "invoice_id": one.invoice_id,
        "customer_id": one.customer_id,
    });
    notice(KINDS[2], one.id.to_string(), data, at)
}

fn notice(kind: &'static str, reference: String, data: Value, at: Timestamp) -> Notice {
    let body = json!({ "type": kind, "timestamp": clock::seconds_text(at), "data": data });
    Notice { signing: Signing::StandardWebhooks, kind, reference, at, body }
}
