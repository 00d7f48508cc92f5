//! The objects of Salesforce itself.
//!
//! Source: Object Reference for Salesforce, v59.0, as far as pipelines write or read them.

use super::super::schema::{Field, Keeping, Key, Kind, Need, Object, field};
use super::{CURRENCY, NAME};

const PAYEE_KEY: Field = field("External_Payoneer_ID__c", Kind::Text(64)).key(Key::External);
const PAYEE_STATUS: Field = field("Payee_Status__c", Kind::Picklist(&["Pending", "Active", "Inactive", "Declined"]));
const ONBOARD: Field = field("Onboard_to_Payoneer__c", Kind::Flag);
const PAYEE_ACCOUNT: Field = field("Payoneer_Account_ID__c", Kind::Text(64));
const DECLINE_REASON: Field = field("Payee_Decline_Reason__c", Kind::Text(255));
const REGISTRATION_LINK: Field = field("Registration_Link__c", Kind::Text(255));
const PAYOUT_ERROR: Field = field("Payout_Error__c", Kind::Text(255));
const ACCOUNT_ID: Field = field("AccountId", Kind::Reference("Account"));
const CONTACT_ID: Field = field("ContactId", Kind::Reference("Contact"));
const DESCRIPTION: Field = field("Description", Kind::Lines(32_000));
const PAYMENT_STATUS: Field = field(
    "Payment_Status__c",
    Kind::Picklist(&["Requested", "Submitted", "Paid", "Declined", "Failed", "Refunded", "Disputed", "Reconciled"]),
);
const PAYMENT_METHOD: Field = field("Payment_Method__c", Kind::Picklist(&["Card", "ACH"]));
const PAYMENT_ERROR: Field = field("Payment_Error__c", Kind::Text(255));
const STAGES: Kind = Kind::Picklist(&[
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Id. Decision Makers",
    "Perception Analysis",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Lost",
]);

/// Whom the org sells to or buys from.
pub(crate) static ACCOUNT: Object = Object {
    name: "Account",
    prefix: "001",
    keeping: Keeping::Told,
    own: &[
        field("Name", Kind::Text(255)).need(Need::Required),
        field("Type", Kind::Picklist(&["Customer", "Partner", "Vendor", "Other"])),
        field("Phone", Kind::Text(40)),
        field("Website", Kind::Text(255)),
        field("BillingStreet", Kind::Lines(255)),
        field("BillingCity", Kind::Text(40)),
        field("BillingState", Kind::Text(80)),
        field("BillingPostalCode", Kind::Text(20)),
        field("BillingCountry", Kind::Text(80)),
        DESCRIPTION,
        CURRENCY,
        PAYEE_KEY,
        PAYEE_STATUS,
        field("Customer_Vault_ID__c", Kind::Text(64)).key(Key::External),
        field("Account_Segment__c", Kind::Text(80)),
        field("Payments_Total__c", Kind::Number),
        REGISTRATION_LINK,
        ONBOARD,
        PAYEE_ACCOUNT,
        DECLINE_REASON,
        field("Fees_Total__c", Kind::Number),
        field("Earnings_Total__c", Kind::Number),
        field("Payouts_Total__c", Kind::Number),
        field("Totals_Currency__c", Kind::Text(3)),
        field("Last_Payment_On__c", Kind::DateTime),
    ],
};

/// Whom the org pays.
pub(crate) static CONTACT: Object = Object {
    name: "Contact",
    prefix: "003",
    keeping: Keeping::Told,
    own: &[
        field("FirstName", Kind::Text(40)),
        field("LastName", Kind::Text(80)).need(Need::Required),
        field("Email", Kind::Email),
        PAYEE_KEY,
        ACCOUNT_ID,
        field("Phone", Kind::Text(40)),
        field("MailingStreet", Kind::Lines(255)),
        field("MailingCity", Kind::Text(40)),
        field("MailingState", Kind::Text(80)),
        field("MailingPostalCode", Kind::Text(20)),
        field("MailingCountry", Kind::Text(80)),
        PAYEE_STATUS,
        REGISTRATION_LINK,
        field("Bank_Account_Last4__c", Kind::Text(4)),
        ONBOARD,
        PAYEE_ACCOUNT,
        DECLINE_REASON,
        field("Customer_Vault_ID__c", Kind::Text(64)).key(Key::External),
    ],
};

/// A sale on its way.
pub(crate) static OPPORTUNITY: Object = Object {
    name: "Opportunity",
    prefix: "006",
    keeping: Keeping::Told,
    own: &[
        field("Name", Kind::Text(120)).need(Need::Required),
        ACCOUNT_ID,
        field("StageName", STAGES).need(Need::Required),
        field("CloseDate", Kind::Date).need(Need::Required),
        field("Amount", Kind::Number),
        CURRENCY,
        DESCRIPTION,
        field("OwnerId", Kind::Reference("User")),
        CONTACT_ID,
        PAYMENT_STATUS,
        field("Payout_ID__c", Kind::Text(64)),
        field("Received_Amount__c", Kind::Number),
        field("Campaign_Source__c", Kind::Text(80)),
        field("Subscription_Term__c", Kind::Text(80)),
        PAYOUT_ERROR,
        PAYMENT_METHOD,
        field("PaymentMethodDetails__c", Kind::Text(255)),
        PAYMENT_ERROR,
    ],
};

/// What was sold.
pub(crate) static ORDER: Object = Object {
    name: "Order",
    prefix: "801",
    keeping: Keeping::Told,
    own: &[
        field("OrderNumber", Kind::Text(30)).need(Need::Counted("")),
        field("AccountId", Kind::Reference("Account")).need(Need::Required),
        field("OpportunityId", Kind::Reference("Opportunity")),
        field("EffectiveDate", Kind::Date).need(Need::Required),
        field("Status", Kind::Picklist(&["Draft", "Activated", "Completed", "Cancelled"])).need(Need::Or("Draft")),
        field("TotalAmount", Kind::Number).need(Need::System),
        CURRENCY,
        DESCRIPTION,
        field("OrderReferenceNumber", Kind::Text(80)),
        PAYMENT_STATUS,
        PAYOUT_ERROR,
        PAYMENT_METHOD,
        field("Received_Amount__c", Kind::Number),
        PAYMENT_ERROR,
        field("OwnerId", Kind::Reference("User")),
    ],
};

/// A line of what was sold.
pub(crate) static ORDER_ITEM: Object = Object {
    name: "OrderItem",
    prefix: "802",
    keeping: Keeping::Told,
    own: &[
        field("OrderId", Kind::Reference("Order")).need(Need::Required),
        field("Quantity", Kind::Decimal(2)).need(Need::Required),
        field("UnitPrice", Kind::Number).need(Need::Required),
        field("TotalPrice", Kind::Number).need(Need::System),
        DESCRIPTION,
        field("Payee__c", Kind::Reference("Contact")),
    ],
};

/// What somebody has to look after.
pub(crate) static CASE: Object = Object {
    name: "Case",
    prefix: "500",
    keeping: Keeping::Told,
    own: &[
        field("CaseNumber", Kind::Text(30)).need(Need::Counted("")),
        field("Subject", Kind::Text(255)),
        field("Status", Kind::Picklist(&["New", "Working", "Escalated", "Closed"])).need(Need::Or("New")),
        field("Origin", Kind::Picklist(&["Phone", "Email", "Web", "Integration"])),
        field("Priority", Kind::Picklist(&["High", "Medium", "Low"])).need(Need::Or("Medium")),
        field("Reason", Kind::Text(80)),
        DESCRIPTION,
        ACCOUNT_ID,
        CONTACT_ID,
        field("External_Reference__c", Kind::Text(128)).key(Key::Unique),
    ],
};

/// Who works in the org.
pub(crate) static USER: Object = Object {
    name: "User",
    prefix: "005",
    keeping: Keeping::Silent,
    own: &[
        field("Username", Kind::Text(80)).need(Need::Required).key(Key::Unique),
        field("FirstName", Kind::Text(40)),
        field("LastName", Kind::Text(80)).need(Need::Required),
        field("Email", Kind::Email),
        field("IsActive", Kind::Flag).need(Need::Or("true")),
    ],
};

/// A currency of the org.
pub(crate) static CURRENCY_TYPE: Object = Object {
    name: "CurrencyType",
    prefix: "01L",
    keeping: Keeping::Silent,
    own: &[
        field("IsoCode", Kind::Text(3)).need(Need::Required),
        field("ConversionRate", Kind::Decimal(6)).need(Need::Required),
        field("DecimalPlaces", Kind::Decimal(0)).need(Need::Or("2")),
        field("IsActive", Kind::Flag),
        field("IsCorporate", Kind::Flag),
    ],
};

/// The rate of a currency from a day on.
pub(crate) static DATED_CONVERSION_RATE: Object = Object {
    name: "DatedConversionRate",
    prefix: "04w",
    keeping: Keeping::Silent,
    own: &[
        field("IsoCode", Kind::Text(3)).need(Need::Required),
        field("StartDate", Kind::Date).need(Need::Required),
        field("NextStartDate", Kind::Date).need(Need::System),
        field("ConversionRate", Kind::Decimal(6)).need(Need::Required),
    ],
};

/// The org itself, of which there is one.
pub(crate) static ORGANIZATION: Object = Object {
    name: "Organization",
    prefix: "00D",
    keeping: Keeping::Silent,
    own: &[NAME.need(Need::System), field("DefaultCurrencyIsoCode", Kind::Text(3)).need(Need::System)],
};
