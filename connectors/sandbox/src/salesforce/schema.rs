//! The objects of the org and their fields.

use serde_json::Value;

use super::Problem;
use super::objects::OBJECTS;
use crate::wire;

/// An object of the org.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its API name.
    pub(crate) name: &'static str,
    /// The first three characters of its ids.
    pub(super) prefix: &'static str,
    /// The fields that only it has.
    pub(super) own: &'static [Field],
    /// How its records are kept.
    pub(super) keeping: Keeping,
}

/// How the records of an object are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Keeping {
    /// Each as it is, and each change is told.
    Told,
    /// Each as it is; changes are not told.
    Silent,
    /// Packed, for a million of them; changes are not told.
    Packed,
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
    /// The same, of several lines.
    Lines(usize),
    /// Yes or no.
    Flag,
    /// An e-mail address.
    Email,
    /// One of these values.
    Picklist(&'static [&'static str]),
    /// An amount of money, with its scale.
    Number,
    /// Another number, of at most so many decimals.
    Decimal(u32),
    /// A day.
    Date,
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
    /// Nobody; it is counted up, after these letters, where nobody did.
    Counted(&'static str),
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

static HEAD: [Field; 1] = [field("Id", Kind::Id).need(Need::System)];

static TAIL: [Field; 4] = [
    field("IsDeleted", Kind::Flag).need(Need::System),
    field("CreatedDate", Kind::DateTime).need(Need::System),
    field("LastModifiedDate", Kind::DateTime).need(Need::System),
    field("SystemModstamp", Kind::DateTime).need(Need::System),
];

impl Object {
    /// Says its fields in the order in which a record shows them.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        HEAD.iter().chain(self.own).chain(TAIL.iter())
    }

    /// Finds an object by the id of one of its records.
    pub(super) fn of_id(id: &str) -> Option<&'static Self> {
        OBJECTS.into_iter().find(|object| id.starts_with(object.prefix))
    }

    /// Says whether Salesforce itself has it, and no org has made it.
    pub(super) fn is_standard(&self) -> bool {
        !self.name.ends_with("__c")
    }

    /// Finds an object by its name, in any case, as Salesforce does.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        OBJECTS.into_iter().find(|object| object.name.eq_ignore_ascii_case(name))
    }

    /// Finds a field by its name, in any case.
    ///
    /// # Errors
    /// `INVALID_FIELD`, with the name.
    pub(super) fn field(&self, name: &str) -> Result<&'static Field, Problem> {
        let found = self.fields().find(|field| field.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let message = format!("No such column '{name}' on sobject of type {}", self.name);
            Problem::bad("INVALID_FIELD", message).on(name)
        })
    }
}

impl Field {
    /// Says what it is where nobody says so.
    pub(super) fn by_default(&self) -> Option<Value> {
        match (self.need, self.kind) {
            (Need::Or(text), Kind::Flag) => Some(Value::Bool(text == "true")),
            (Need::Or(text), Kind::Number | Kind::Decimal(_)) => text.parse().ok().map(wire::number),
            (Need::Or(text), _) => Some(Value::from(text)),
            (Need::Optional, Kind::Flag) => Some(Value::Bool(false)),
            (Need::Optional | Need::Required | Need::System | Need::Counted(_), _) => None,
        }
    }

    pub(super) const fn need(mut self, need: Need) -> Self {
        self.need = need;
        self
    }

    pub(super) const fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }
}

/// A field that nobody has to set, and that identifies no record.
pub(super) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, need: Need::Optional, key: Key::No }
}
