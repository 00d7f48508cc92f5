//! The records of the org, and what a record may hold.
//!
//! A value is checked before anything is stored, so that a refused write changes nothing.
//! Times have whole seconds, as in Salesforce: changes within a second share their stamp.
//! A record is never changed in place: a change puts another in its stead, and whoever has found
//! the earlier one keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::schema::{Field, Key, Kind, Need, Object};
use super::{Problem, ids};
use crate::wire;

/// The fields of one record; one without a value is absent.
pub(crate) type Record = BTreeMap<&'static str, Value>;

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Store {
    tables: BTreeMap<&'static str, BTreeMap<String, Arc<Record>>>,
    created: BTreeMap<&'static str, u64>,
}

impl Store {
    /// Puts a record in as it is, as if it had been there for long. Returns its id.
    pub(crate) fn seed(&mut self, object: &'static Object, mut record: Record, at: Timestamp) -> String {
        let number = self.created.entry(object.name).or_default();
        *number += 1;
        let id = ids::make(object.prefix, *number);
        record.insert("Id", Value::from(id.as_str()));
        for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            record.insert(name, Value::from(stamp(at)));
        }
        self.tables.entry(object.name).or_default().insert(id.clone(), Arc::new(record));
        id
    }

    /// Says the records of an object, by id.
    pub(super) fn all(&self, object: &Object) -> impl Iterator<Item = &Arc<Record>> {
        self.tables.get(object.name).into_iter().flat_map(BTreeMap::values)
    }

    /// Finds a record by the 18 characters of its id.
    pub(crate) fn get(&self, object: &str, id: &str) -> Option<&Record> {
        self.tables.get(object)?.get(id).map(Arc::as_ref)
    }

    /// Finds the ids of the records with this value, in any case.
    pub(super) fn find(&self, object: &Object, field: &Field, value: &str) -> Vec<String> {
        let same = |record: &&Arc<Record>| text(record, field.name).is_some_and(|one| one.eq_ignore_ascii_case(value));
        self.all(object).filter(same).filter_map(|record| text(record, "Id")).map(str::to_owned).collect()
    }

    /// Creates a record and returns its id.
    pub(super) fn create(
        &mut self,
        object: &'static Object,
        body: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<String, Problem> {
        let mut record = Record::new();
        self.change(object, &mut record, body, None)?;
        for field in object.fields {
            if let Need::Or(value) = field.need {
                record.entry(field.name).or_insert_with(|| Value::from(value));
            }
        }
        require(object, &record)?;
        if object.fields.iter().any(|field| field.name == "Name") {
            let number = self.created.get(object.name).unwrap_or(&0) + 1;
            let letters = if object.name.starts_with("Payment_Request") { "PR" } else { "PT" };
            record.entry("Name").or_insert_with(|| Value::from(format!("{letters}-{number:04}")));
        }
        Ok(self.seed(object, record, now))
    }

    /// Changes the fields that the body names.
    pub(super) fn update(
        &mut self,
        object: &'static Object,
        id: &str,
        body: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let mut record = self.get(object.name, id).ok_or_else(Problem::not_found)?.clone();
        self.change(object, &mut record, body, Some(id))?;
        require(object, &record)?;
        for name in ["LastModifiedDate", "SystemModstamp"] {
            record.insert(name, Value::from(stamp(now)));
        }
        self.tables.entry(object.name).or_default().insert(id.to_owned(), Arc::new(record));
        Ok(())
    }

    /// Deletes a record.
    pub(super) fn delete(&mut self, object: &Object, id: &str) -> Result<(), Problem> {
        let gone = self.tables.get_mut(object.name).and_then(|table| table.remove(id));
        gone.map(drop).ok_or_else(Problem::not_found)
    }

    fn change(
        &self,
        object: &Object,
        record: &mut Record,
        body: &Map<String, Value>,
        own_id: Option<&str>,
    ) -> Result<(), Problem> {
        for (name, value) in body.iter().filter(|(name, _)| *name != "attributes") {
            let field = object.field(name)?;
            if field.need == Need::System {
                let message = format!("Unable to create/update fields: {}", field.name);
                return Err(Problem::bad("INVALID_FIELD_FOR_INSERT_UPDATE", message).on(field.name));
            }
            if matches!(value, Value::Null) || value.as_str() == Some("") {
                record.remove(field.name);
                continue;
            }
            let value = self.checked(field, value)?;
            self.check_unique(object, field, &value, own_id)?;
            record.insert(field.name, value);
        }
        Ok(())
    }

    fn check_unique(&self, object: &Object, field: &Field, value: &Value, own_id: Option<&str>) -> Result<(), Problem> {
        if field.key != Key::Unique {
            return Ok(());
        }
        let same = self.find(object, field, value.as_str().unwrap_or_default());
        let Some(other) = same.iter().find(|id| Some(id.as_str()) != own_id) else { return Ok(()) };
        let message = format!("duplicate value found: {} duplicates value on record with id: {other}", field.name);
        Err(Problem::bad("DUPLICATE_VALUE", message))
    }

    /// Checks a value that is not empty, and brings it into the form in which it is stored.
    fn checked(&self, field: &Field, value: &Value) -> Result<Value, Problem> {
        match field.kind {
            Kind::Number => {
                let amount = wire::decimal(value).ok_or_else(|| wrong_type(field, "double", value))?;
                Ok(wire::number(amount))
            }
            Kind::DateTime => {
                let at = value.as_str().and_then(|text| text.parse().ok());
                Ok(Value::from(stamp(at.ok_or_else(|| wrong_type(field, "datetime", value))?)))
            }
            Kind::Id => Err(wrong_type(field, "id", value)),
            Kind::Text(_) | Kind::Email | Kind::Picklist(_) | Kind::Reference(_) => {
                let text = value.as_str().ok_or_else(|| wrong_type(field, "string", value))?;
                self.checked_text(field, text).map(Value::from)
            }
        }
    }

    fn checked_text(&self, field: &Field, text: &str) -> Result<String, Problem> {
        match field.kind {
            Kind::Text(most) if text.chars().count() > most => {
                let message = format!("{}: data value too large: {text} (max length={most})", field.name);
                Err(Problem::bad("STRING_TOO_LONG", message).on(field.name))
            }
            Kind::Email if !is_email(text) => {
                let message = format!("{}: invalid email address: {text}", field.name);
                Err(Problem::bad("INVALID_EMAIL_ADDRESS", message).on(field.name))
            }
            Kind::Picklist(values) if !values.contains(&text) => {
                let message = format!("{}: bad value for restricted picklist field: {text}", field.name);
                Err(Problem::bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message).on(field.name))
            }
            Kind::Reference(object) => self.checked_reference(field, object, text),
            Kind::Id | Kind::Text(_) | Kind::Email | Kind::Picklist(_) | Kind::Number | Kind::DateTime => {
                Ok(text.to_owned())
            }
        }
    }

    fn checked_reference(&self, field: &Field, object: &str, text: &str) -> Result<String, Problem> {
        let prefix = Object::named(object).map_or("", |object| object.prefix);
        let id = ids::read(prefix, text).ok_or_else(|| {
            let message = format!("{}: id value of incorrect type: {text}", field.name);
            Problem::bad("MALFORMED_ID", message).on(field.name)
        })?;
        if self.get(object, &id).is_none() {
            return Err(Problem::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").on(field.name));
        }
        Ok(id)
    }
}

/// Writes a time as Salesforce does, such as `2026-04-01T10:00:00.000+0000`.
pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

/// Finds a value of a record; null where it has none.
pub(super) fn value<'a>(record: &'a Record, name: &str) -> &'a Value {
    record.get(name).unwrap_or(&Value::Null)
}

/// Finds a text of a record.
pub(crate) fn text<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    value(record, name).as_str()
}

fn require(object: &Object, record: &Record) -> Result<(), Problem> {
    let needed = object.fields.iter().filter(|field| field.need == Need::Required);
    let missing: Vec<_> = needed.map(|field| field.name).filter(|name| !record.contains_key(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(missing.into_iter().fold(Problem::bad("REQUIRED_FIELD_MISSING", message), Problem::on))
}

fn wrong_type(field: &Field, wanted: &str, value: &Value) -> Problem {
    let message = format!("{}: cannot deserialize instance of {wanted} from {value}", field.name);
    Problem { status: StatusCode::BAD_REQUEST, code: "JSON_PARSER_ERROR", message, fields: Vec::new() }
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    let plain = !text.contains(char::is_whitespace) && text.len() <= 80;
    plain && parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
}
