//! The objects that an org makes for its payments; they are the project's own.

use super::super::schema::{Field, Keeping, Key, Kind, Need, Object, field};
use super::{AMOUNT, CURRENCY, NAME};

const BASE_AMOUNT: Field = field("Base_Amount__c", Kind::Number);
const BASE_CURRENCY: Field = field("Base_Currency__c", Kind::Text(3));
const RATE: Field = field("Exchange_Rate__c", Kind::Decimal(10));
const RATE_DATE: Field = field("Rate_Date__c", Kind::Date);
const RATE_SOURCE: Field = field("Rate_Source__c", Kind::Text(80));
const FEE: Field = field("Fee_Amount__c", Kind::Number);
const OPPORTUNITY_REF: Field = field("Opportunity__c", Kind::Reference("Opportunity"));
const ORDER_REF: Field = field("Order__c", Kind::Reference("Order"));
const REQUEST_STATUS: Kind = Kind::Picklist(&[
    "Draft",
    "Approved for Payout",
    "Released for Payout",
    "Submitted",
    "Completed",
    "Cancelled",
    "Needs Correction",
    "Failed",
]);
const TRANSACTION_STATUS: Kind =
    Kind::Picklist(&["Submitted", "Pending", "Processing", "Completed", "Cancelled", "Failed"]);

/// A payment that was received or taken back.
pub(crate) static PAYMENT: Object = Object {
    name: "Payment__c",
    prefix: "a0Y",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("PAY-")),
        field("Payment_ID__c", Kind::Text(64)).key(Key::Unique),
        AMOUNT,
        FEE,
        CURRENCY,
        field("Transaction_Type__c", Kind::Picklist(&["Sale", "Refund", "Void", "Payout", "Received", "Withdrawal"])),
        field(
            "Status__c",
            Kind::Picklist(&[
                "Pending",
                "Completed",
                "Declined",
                "Failed",
                "Refunded",
                "Voided",
                "Settled",
                "Disputed",
                "Cancelled",
            ]),
        ),
        field("TransactionDate__c", Kind::DateTime),
        field("PaymentMethodType__c", Kind::Text(40)),
        field("Last4Digits__c", Kind::Text(4)),
        field("CustomerVaultID__c", Kind::Text(64)),
        field("Source__c", Kind::Text(40)),
        field("Settled_On__c", Kind::DateTime),
        field("Decline_Reason__c", Kind::Text(255)),
        field("Account__c", Kind::Reference("Account")),
        OPPORTUNITY_REF,
        ORDER_REF,
        field("Counterparty__c", Kind::Text(255)),
        field("Reference__c", Kind::Text(128)),
        BASE_AMOUNT,
        BASE_CURRENCY,
        RATE,
        RATE_DATE,
        RATE_SOURCE,
        field("Refunded_Amount__c", Kind::Number),
        field("Subscription__c", Kind::Reference("Subscription__c")),
        field("PaymentMethodDetails__c", Kind::Text(255)),
        field("Subscription_Term__c", Kind::Text(80)),
        field("Sales_Rep_ID__c", Kind::Text(18)),
        field("Campaign_Source__c", Kind::Text(80)),
        field("AVS_Response__c", Kind::Text(40)),
        field("CSC_Response__c", Kind::Text(40)),
        field("Fraud_Flags__c", Kind::Text(255)),
        field("ERP_Invoice__c", Kind::Text(40)),
        field("Refund_Of__c", Kind::Reference("Payment__c")),
        field("Settlement_Batch__c", Kind::Text(40)),
        field("Settlement_Day__c", Kind::Date),
    ],
};

/// What is to be given back of a payment.
pub(crate) static REFUND: Object = Object {
    name: "Refund__c",
    prefix: "a0F",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("RF-")),
        field("Payment__c", Kind::Reference("Payment__c")).need(Need::Required),
        AMOUNT,
        CURRENCY,
        field("Reason__c", Kind::Text(255)),
        field("Status__c", Kind::Picklist(&["Draft", "Approved", "Refunded", "Needs Correction"])),
        field("Refund_Error__c", Kind::Text(255)),
        field("Taken_Back_As__c", Kind::Text(10)),
        field("Transaction_ID__c", Kind::Text(64)),
    ],
};

/// What a customer pays for again and again.
pub(crate) static SUBSCRIPTION: Object = Object {
    name: "Subscription__c",
    prefix: "a0S",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("SUB-")),
        field("Account__c", Kind::Reference("Account")),
        field("OwnerId", Kind::Reference("User")),
        AMOUNT,
        CURRENCY,
        field("Status__c", Kind::Picklist(&["Active", "Past Due", "Suspended", "Cancelled"])),
        field("Start_Date__c", Kind::Date),
        field("Next_Charge__c", Kind::Date),
        field("Next_Attempt__c", Kind::Date),
        field("Attempt__c", Kind::Decimal(0)),
        field("Interval_Months__c", Kind::Decimal(0)),
        field("Payment_Error__c", Kind::Text(255)),
    ],
};

/// What the org wants to pay.
pub(crate) static PAYMENT_REQUEST: Object = Object {
    name: "Payment_Request__c",
    prefix: "a0P",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("PR-")),
        AMOUNT.need(Need::Required),
        CURRENCY,
        field("Recipient__c", Kind::Reference("Contact")).need(Need::Required),
        field("Status__c", REQUEST_STATUS).need(Need::Or("Draft")),
        field("Payout_Error__c", Kind::Text(255)),
        field("Released_By__c", Kind::Text(80)),
        OPPORTUNITY_REF,
    ],
};

/// What was paid.
pub(crate) static PAYMENT_TRANSACTION: Object = Object {
    name: "Payment_Transaction__c",
    prefix: "a0T",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("PT-")),
        field("Client_Reference__c", Kind::Text(64)).need(Need::Required).key(Key::Unique),
        field("Payment_Request__c", Kind::Reference("Payment_Request__c")),
        field("Payout_ID__c", Kind::Text(64)),
        field("Status__c", TRANSACTION_STATUS),
        AMOUNT,
        CURRENCY,
        field("Payout_Date__c", Kind::DateTime),
        field("Cancel_Reason__c", Kind::Text(255)),
        FEE,
        field("Target_Amount__c", Kind::Number),
        field("Target_Currency__c", Kind::Text(3)),
        OPPORTUNITY_REF,
        ORDER_REF,
    ],
};

/// A payee's share of a payout.
pub(crate) static PAYOUT_LINE: Object = Object {
    name: "Payout_Line__c",
    prefix: "a0L",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("PL-")),
        field("Line_Key__c", Kind::Text(128)).need(Need::Required).key(Key::Unique),
        field("Transaction__c", Kind::Reference("Payment_Transaction__c")),
        ORDER_REF,
        AMOUNT,
        CURRENCY,
    ],
};

/// A fee, on the account that bears it.
pub(crate) static EXPENSE_LINE: Object = Object {
    name: "Expense_Line__c",
    prefix: "a0E",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("EX-")),
        field("Line_Key__c", Kind::Text(128)).need(Need::Required).key(Key::Unique),
        field("Transaction__c", Kind::Reference("Payment_Transaction__c")),
        field("Payment__c", Kind::Reference("Payment__c")),
        field("Fee_Type__c", Kind::Text(40)),
        field("Expense_Account__c", Kind::Text(40)),
        AMOUNT,
        CURRENCY,
    ],
};

/// What was earned.
pub(crate) static REVENUE: Object = Object {
    name: "Revenue__c",
    prefix: "a0R",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("RV-")),
        field("Source_ID__c", Kind::Text(64)).need(Need::Required).key(Key::Unique),
        AMOUNT,
        FEE,
        CURRENCY,
        field("Received_On__c", Kind::DateTime),
        field("Account__c", Kind::Reference("Account")),
        OPPORTUNITY_REF,
        field("Payment__c", Kind::Reference("Payment__c")),
        BASE_AMOUNT,
        BASE_CURRENCY,
        RATE,
        RATE_DATE,
        RATE_SOURCE,
    ],
};

/// What a balance was at a time.
pub(crate) static CASH_POSITION: Object = Object {
    name: "Cash_Position__c",
    prefix: "a0C",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("CP-")),
        field("Snapshot_Key__c", Kind::Text(128)).need(Need::Required).key(Key::Unique),
        field("Balance_ID__c", Kind::Text(64)),
        AMOUNT,
        BASE_AMOUNT,
        CURRENCY,
        field("As_Of__c", Kind::DateTime),
        BASE_CURRENCY,
        RATE,
        RATE_DATE,
        RATE_SOURCE,
    ],
};

/// A line of what a marketplace has settled.
pub(crate) static SETTLEMENT_LINE: Object = Object {
    name: "Settlement_Line__c",
    prefix: "a0N",
    keeping: Keeping::Told,
    own: &[
        NAME.need(Need::Counted("SL-")),
        field("Line_Key__c", Kind::Text(128)).need(Need::Required).key(Key::Unique),
        field("Settlement_ID__c", Kind::Text(64)),
        field("Marketplace__c", Kind::Text(80)),
        field("Order_Reference__c", Kind::Text(80)),
        field("Line_Type__c", Kind::Picklist(&["Sale", "Refund", "Fee", "Adjustment", "Reserve"])),
        AMOUNT,
        FEE,
        field("Net_Amount__c", Kind::Number),
        CURRENCY,
        field("Booked_On__c", Kind::Date),
        field("Account__c", Kind::Reference("Account")),
        field("Payment__c", Kind::Reference("Payment__c")),
    ],
};

/// Where very many records are loaded.
pub(crate) static BULK_TARGET: Object = Object {
    name: "Bulk_Target__c",
    prefix: "a0B",
    keeping: Keeping::Packed,
    own: &[
        field("Key__c", Kind::Text(64)).need(Need::Required).key(Key::Unique),
        AMOUNT,
        CURRENCY,
        field("Status__c", Kind::Text(40)),
        field("Booked_On__c", Kind::Date),
    ],
};
