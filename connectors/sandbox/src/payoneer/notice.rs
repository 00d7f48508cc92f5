//! What Payoneer tells when a payout has ended: `SentToBank` and `CancelPayout`.
//!
//! Shapes: vendors.md, section 1.7, and the recorded bodies. All values are texts; those of a cancelled payout are
//! encoded as in a query string, as they were recorded. `IntPaymentId` is the client's reference.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::json;

use super::CURRENCY;
use crate::system::{Notice, Signing};
use crate::{clock, wire};

/// What is told, by the vendor's names.
pub(crate) const KINDS: [&str; 2] = ["SentToBank", "CancelPayout"];

impl Notice {
    /// Tells that the money has left.
    pub(in crate::payoneer) fn sent_to_bank(
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
        Self { signing: Signing::Hmacauth, kind: KINDS[0], reference: reference.to_owned(), at, body }
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
