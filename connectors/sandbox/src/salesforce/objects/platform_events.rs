//! What an org publishes: it has no records.

use super::super::schema::{Keeping, Kind, Need, Object, field};
use super::AMOUNT;

/// What others are told of a payout: it has no records, and is published.
pub(super) static PAYOUT_STATUS_EVENT: Object = Object {
    name: "Payout_Status__e",
    prefix: "e00",
    keeping: Keeping::Silent,
    own: &[
        field("Reference__c", Kind::Text(128)).need(Need::Required),
        field("Status__c", Kind::Text(40)),
        field("Payout_ID__c", Kind::Text(64)),
        field("Record_ID__c", Kind::Text(18)),
        AMOUNT,
        field("Currency__c", Kind::Text(3)),
    ],
};

/// The same of a payment that was received.
pub(super) static PAYMENT_RECEIVED_EVENT: Object = Object {
    name: "Payment_Received__e",
    prefix: "e01",
    keeping: Keeping::Silent,
    own: &[
        field("Reference__c", Kind::Text(128)).need(Need::Required),
        field("Status__c", Kind::Text(40)),
        field("Record_ID__c", Kind::Text(18)),
        AMOUNT,
        field("Currency__c", Kind::Text(3)),
    ],
};
