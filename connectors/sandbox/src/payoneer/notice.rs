//! What Payoneer tells by itself: how a payout ended, who has registered, who will pay what was requested.
//!
//! Shapes: vendors.md, section 1.7, and the recorded bodies. All values are texts; those of a cancelled payout are
//! encoded as in a query string, as they were recorded. `IntPaymentId` is the client's reference.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::json;

use super::CURRENCY;
use super::methods::Method;
use crate::system::{Notice, Signing};
use crate::{clock, wire};

/// What is told, by the vendor's names.
pub(crate) const KINDS: [&str; 6] =
    ["SentToBank", "CancelPayout", "AccountCardLoaded", "PayeeApproved", "PayeeDeclined", "PaymentRequestAccepted"];

impl Notice {
    /// Tells that the money has left, or is on the payee's card.
    pub(in crate::payoneer) fn paid(
        method: Method,
        reference: &str,
        (payee_id, amount): (&str, Decimal),
        at: Timestamp,
    ) -> Self {
        let body = json!({
            "Payee Id": payee_id,
            "Amount": wire::cents(amount).to_string(),
            "IntPaymentId": reference,
            "Currency": CURRENCY,
            "Transaction Date": clock::seconds_text(at),
        });
        let kind = match method {
            Method::Bank => KINDS[0],
            Method::Card => KINDS[2],
        };
        Self { signing: Signing::Hmacauth, kind, reference: reference.to_owned(), at, body }
    }

    /// Tells that a payee was approved, or why he was not.
    pub(in crate::payoneer) fn payee(
        (payee_id, payoneer_id, session): (&str, &str, &str),
        reason: Option<&str>,
        at: Timestamp,
    ) -> Self {
        let mut body = json!({ "Payee Id": payee_id, "Payoneer Id": payoneer_id, "Session Id": session });
        if let Some(reason) = reason {
            body["Reason Description"] = json!(reason);
        }
        let kind = if reason.is_none() { KINDS[3] } else { KINDS[4] };
        Self { signing: Signing::Hmacauth, kind, reference: payee_id.to_owned(), at, body }
    }

    /// Tells that somebody will pay what was requested of him.
    pub(in crate::payoneer) fn payment_request_accepted(reference: &str, payee_id: &str, at: Timestamp) -> Self {
        let body = json!({ "Payee Id": payee_id, "IntPaymentId": reference });
        Self { signing: Signing::Hmacauth, kind: KINDS[5], reference: reference.to_owned(), at, body }
    }

    /// Tells that a payout will not be made.
    pub(in crate::payoneer) fn cancel_payout(
        reference: &str,
        (payee_id, amount): (&str, Decimal),
        (code, description): (u32, &str),
        at: Timestamp,
    ) -> Self {
        let body = json!({
            "Payee Id": payee_id,
            "IntPaymentId": reference,
            "Reason Code": code.to_string(),
            "Reason Description": description.replace(' ', "+"),
            "Payment Amount": wire::cents(amount).to_string(),
            "Canceled Payment Date": clock::seconds_text(at).replace(':', "%3a"),
        });
        Self { signing: Signing::Hmacauth, kind: KINDS[1], reference: reference.to_owned(), at, body }
    }
}
