//! The objects of the org and their fields.

use super::Problem;

/// An object of the org.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its API name.
    pub(crate) name: &'static str,
    /// The first three characters of its ids.
    pub(super) prefix: &'static str,
    /// Its fields in the order in which a record shows them.
    pub(super) fields: &'static [Field],
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    /// Its API name.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Who has to set it.
    pub(super) need: Need,
    /// Whether it identifies a record.
    pub(super) key: Key,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// The record's own id.
    Id,
    /// Text of at most so many characters.
    Text(usize),
    /// An e-mail address.
    Email,
    /// One of these values.
    Picklist(&'static [&'static str]),
    /// A number, with its scale.
    Number,
    /// A time.
    DateTime,
    /// The id of a record of this object.
    Reference(&'static str),
}

/// Who has to set a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Need {
    /// Nobody.
    Optional,
    /// Whoever creates the record.
    Required,
    /// Nobody; it is this where nobody did.
    Or(&'static str),
    /// Nobody can: the system does.
    System,
}

/// Whether a field identifies a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Key {
    /// It does not.
    No,
    /// It can be used for an upsert; several records may share a value.
    External,
    /// It can be used for an upsert, and no two records share a value.
    Unique,
}

const ID: Field = field("Id", Kind::Id).need(Need::System);
const CREATED: Field = field("CreatedDate", Kind::DateTime).need(Need::System);
const MODIFIED: Field = field("LastModifiedDate", Kind::DateTime).need(Need::System);
const STAMP: Field = field("SystemModstamp", Kind::DateTime).need(Need::System);
const NAME: Field = field("Name", Kind::Text(80));
const AMOUNT: Field = field("Amount__c", Kind::Number);
const CURRENCY: Field = field("CurrencyIsoCode", Kind::Picklist(&["USD", "EUR", "GBP"])).need(Need::Or("USD"));

const REQUEST_STATUS: Kind = Kind::Picklist(&[
    "Draft",
    "Approved for Payout",
    "Submitted",
    "Completed",
    "Cancelled",
    "Needs Correction",
    "Failed",
]);

const TRANSACTION_STATUS: Kind =
    Kind::Picklist(&["Submitted", "Pending", "Processing", "Completed", "Cancelled", "Failed"]);

/// Whom the org pays.
pub(crate) static CONTACT: Object = Object {
    name: "Contact",
    prefix: "003",
    fields: &[
        ID,
        field("FirstName", Kind::Text(40)),
        field("LastName", Kind::Text(80)).need(Need::Required),
        field("Email", Kind::Email),
        field("External_Payoneer_ID__c", Kind::Text(64)).key(Key::External),
        CREATED,
        MODIFIED,
        STAMP,
    ],
};

/// What the org wants to pay.
pub(crate) static PAYMENT_REQUEST: Object = Object {
    name: "Payment_Request__c",
    prefix: "a0P",
    fields: &[
        ID,
        NAME,
        AMOUNT.need(Need::Required),
        CURRENCY,
        field("Recipient__c", Kind::Reference("Contact")).need(Need::Required),
        field("Status__c", REQUEST_STATUS).need(Need::Or("Draft")),
        field("Payout_Error__c", Kind::Text(255)),
        CREATED,
        MODIFIED,
        STAMP,
    ],
};

/// What was paid.
pub(crate) static PAYMENT_TRANSACTION: Object = Object {
    name: "Payment_Transaction__c",
    prefix: "a0T",
    fields: &[
        ID,
        NAME,
        field("Client_Reference__c", Kind::Text(64)).need(Need::Required).key(Key::Unique),
        field("Payment_Request__c", Kind::Reference("Payment_Request__c")),
        field("Payout_ID__c", Kind::Text(64)),
        field("Status__c", TRANSACTION_STATUS),
        AMOUNT,
        CURRENCY,
        field("Payout_Date__c", Kind::DateTime),
        field("Cancel_Reason__c", Kind::Text(255)),
        CREATED,
        MODIFIED,
        STAMP,
    ],
};

/// The org itself, of which there is one.
pub(crate) static ORGANIZATION: Object =
    Object { name: "Organization", prefix: "00D", fields: &[ID, NAME.need(Need::System), CREATED, MODIFIED, STAMP] };

static OBJECTS: [&Object; 4] = [&CONTACT, &PAYMENT_REQUEST, &PAYMENT_TRANSACTION, &ORGANIZATION];

impl Object {
    /// Finds an object by its name, in any case, as Salesforce does.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        OBJECTS.into_iter().find(|object| object.name.eq_ignore_ascii_case(name))
    }

    /// Finds a field by its name, in any case.
    ///
    /// # Errors
    /// `INVALID_FIELD`, with the name.
    pub(super) fn field(&self, name: &str) -> Result<&'static Field, Problem> {
        let found = self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let message = format!("No such column '{name}' on sobject of type {}", self.name);
            Problem::bad("INVALID_FIELD", message).on(name)
        })
    }
}

impl Field {
    const fn need(mut self, need: Need) -> Self {
        self.need = need;
        self
    }

    const fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, need: Need::Optional, key: Key::No }
}
