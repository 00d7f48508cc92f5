//! What a record may hold: a body becomes a record, or says why not.
//!
//! A value is checked before anything is stored, so that a refused write changes nothing.

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::query::relation_of;
use super::records::{self, Record, Store};
use super::schema::{Field, Key, Kind, Need, Object};
use super::{Problem, ids};
use crate::wire;

/// Makes a new record of a body, with what is set by default.
pub(super) fn new(store: &Store, object: &'static Object, body: &Map<String, Value>) -> Result<Record, Problem> {
    let mut record = Record::new();
    change(store, object, &mut record, body, None)?;
    let number = store.created(object) + 1;
    for field in object.own {
        let value = match field.need {
            Need::Counted(letters) => Some(counted(letters, number)),
            Need::Or(_) | Need::Optional | Need::Required | Need::System => field.by_default(),
        };
        if let Some(value) = value {
            record.entry(field.name).or_insert(value);
        }
    }
    require(object, &record)?;
    Ok(record)
}

/// Changes the fields of a record that a body names.
pub(super) fn changed(
    store: &Store,
    object: &'static Object,
    (id, record): (&str, &Record),
    body: &Map<String, Value>,
) -> Result<Record, Problem> {
    let mut record = record.clone();
    change(store, object, &mut record, body, Some(id))?;
    require(object, &record)?;
    Ok(record)
}

fn counted(letters: &str, number: u64) -> Value {
    let digits = if letters.is_empty() { 8 } else { 4 };
    Value::from(format!("{letters}{number:0digits$}"))
}

fn change(
    store: &Store,
    object: &'static Object,
    record: &mut Record,
    body: &Map<String, Value>,
    own_id: Option<&str>,
) -> Result<(), Problem> {
    for (name, value) in body.iter().filter(|(name, _)| *name != "attributes") {
        if let Some((field, id)) = by_key(store, object, name, value)? {
            record.insert(field.name, Value::from(id));
            continue;
        }
        let field = object.field(name)?;
        if field.need == Need::System {
            let message = format!("Unable to create/update fields: {}", field.name);
            return Err(Problem::bad("INVALID_FIELD_FOR_INSERT_UPDATE", message).on(field.name));
        }
        if matches!(value, Value::Null) || value.as_str() == Some("") {
            record.remove(field.name);
            continue;
        }
        let value = checked(store, field, value)?;
        check_unique(store, object, field, &value, own_id)?;
        record.insert(field.name, value);
    }
    Ok(())
}

/// Finds the record that `"Recipient__r": {"External_Payoneer_ID__c": "P-1"}` refers to.
fn by_key(
    store: &Store,
    object: &'static Object,
    name: &str,
    value: &Value,
) -> Result<Option<(&'static Field, String)>, Problem> {
    let refers = |field: &&'static Field| relation_of(field).eq_ignore_ascii_case(name);
    let (Value::Object(keys), Some(field)) = (value, object.own.iter().find(refers)) else { return Ok(None) };
    let Kind::Reference(target) = field.kind else { return Ok(None) };
    let target = Object::named(target).ok_or_else(Problem::not_found)?;
    let mut keys = keys.iter().filter(|(name, _)| *name != "attributes");
    let (Some((key, value)), None) = (keys.next(), keys.next()) else {
        let message = format!("{name}: name the record by one external id");
        return Err(Problem::bad("INVALID_FIELD", message).on(name));
    };
    let key = target.field(key)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match &store.find(target, key, &text)[..] {
        [id] => Ok(Some((field, id.clone()))),
        found => {
            let (code, many) =
                if found.is_empty() { ("INVALID_FIELD", "not found") } else { ("DUPLICATE_EXTERNAL_ID", "ambiguous") };
            let message = format!(
                "Foreign key external ID: {} {many} for field {} in entity {}",
                text.to_lowercase(),
                key.name,
                target.name
            );
            Err(Problem::bad(code, message))
        }
    }
}

fn check_unique(
    store: &Store,
    object: &Object,
    field: &Field,
    value: &Value,
    own_id: Option<&str>,
) -> Result<(), Problem> {
    if field.key != Key::Unique {
        return Ok(());
    }
    let same = store.find(object, field, value.as_str().unwrap_or_default());
    let Some(other) = same.iter().find(|id| Some(id.as_str()) != own_id) else { return Ok(()) };
    let message = format!("duplicate value found: {} duplicates value on record with id: {other}", field.name);
    Err(Problem::bad("DUPLICATE_VALUE", message))
}

/// Checks a value that is not empty, and brings it into the form in which it is stored.
fn checked(store: &Store, field: &Field, value: &Value) -> Result<Value, Problem> {
    match field.kind {
        Kind::Number => {
            let amount = wire::decimal(value).ok_or_else(|| wrong_type(field, "double", value))?;
            Ok(wire::number(amount))
        }
        Kind::Decimal(most) => {
            let number = wire::decimal(value).ok_or_else(|| wrong_type(field, "double", value))?;
            Ok(wire::number(scaled(number, most)))
        }
        Kind::Flag => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
            _ => Err(wrong_type(field, "boolean", value)),
        },
        Kind::Date => {
            let day = value.as_str().and_then(|text| text.get(..10)?.parse::<Date>().ok());
            Ok(Value::from(day.ok_or_else(|| wrong_type(field, "date", value))?.to_string()))
        }
        Kind::DateTime => {
            let at = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            Ok(Value::from(records::stamp(at.ok_or_else(|| wrong_type(field, "datetime", value))?)))
        }
        Kind::Id => Err(wrong_type(field, "id", value)),
        Kind::Text(_) | Kind::Lines(_) | Kind::Email | Kind::Picklist(_) | Kind::Reference(_) => {
            let text = value.as_str().ok_or_else(|| wrong_type(field, "string", value))?;
            checked_text(store, field, text).map(Value::from)
        }
    }
}

/// Cuts decimals that a field has no room for, as Salesforce rounds them.
fn scaled(number: Decimal, most: u32) -> Decimal {
    if number.scale() > most {
        number.round_dp_with_strategy(most, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
    } else {
        number
    }
}

fn checked_text(store: &Store, field: &Field, text: &str) -> Result<String, Problem> {
    match field.kind {
        Kind::Text(most) | Kind::Lines(most) if text.chars().count() > most => {
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
        Kind::Reference(object) => checked_reference(store, field, object, text),
        _ => Ok(text.to_owned()),
    }
}

fn checked_reference(store: &Store, field: &Field, object: &str, text: &str) -> Result<String, Problem> {
    let prefix = Object::named(object).map_or("", |object| object.prefix);
    let id = ids::read(prefix, text).ok_or_else(|| {
        let message = format!("{}: id value of incorrect type: {text}", field.name);
        Problem::bad("MALFORMED_ID", message).on(field.name)
    })?;
    if store.get(object, &id).is_none() {
        return Err(Problem::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").on(field.name));
    }
    Ok(id)
}

fn require(object: &Object, record: &Record) -> Result<(), Problem> {
    let needed = object.own.iter().filter(|field| field.need == Need::Required);
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
