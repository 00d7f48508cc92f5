//! An event as a pipeline sees it. Source: Change Data Capture Developer Guide, ChangeEventHeader.

use apache_avro::{Error, reader::datum::GenericDatumReader, types::Value as Avro, writer::datum::GenericDatumWriter};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    schema::{Field, Known},
    value,
};

/// The field of a change event that says what happened.
const HEADER: &str = "ChangeEventHeader";

/// Reads the payload of an event.
///
/// # Errors
/// That of the library, where it does not fit its schema.
pub(super) fn read(known: &Known, mut payload: &[u8]) -> Result<Avro, Error> {
    GenericDatumReader::builder(&known.schema).build()?.read_value(&mut payload)
}

/// An event, with what its header says in plain words.
pub(super) fn shown(known: &Known, event: Avro, (replay, id): (&str, &str)) -> Value {
    let Avro::Record(mut record) = event else { return Value::Null };
    let header = record.iter().position(|(name, _)| name == HEADER).map(|place| record.remove(place).1);
    let fields = value::fields(record, &known.fields);
    let header = header.map(|header| value::json_of(header, &Field::default())).unwrap_or_default();
    let names = |name: &str| {
        let bitmaps = header[name].as_array().into_iter().flatten();
        known.named(bitmaps.filter_map(Value::as_str))
    };
    let committed = header["commitTimestamp"].as_i64().and_then(value::moment).map(|at| at.to_string());
    let at = committed.map_or_else(|| fields.get("CreatedDate").cloned().unwrap_or_default(), Value::from);
    let change = header["changeType"].as_str();
    let mut shown = json!({
        "replay_id": replay,
        "schema_id": known.id,
        "id": id,
        "is_gap": change.is_some_and(|change| change.starts_with("GAP_")),
        "entity": header["entityName"].as_str().unwrap_or(&known.name),
        "commit_at": at,
        "record_ids": header["recordIds"].as_array().cloned().unwrap_or_default(),
        "changed_fields": names("changedFields"),
        "nulled_fields": names("nulledFields"),
    });
    if let Some(change) = change {
        shown["change_type"] = json!(change);
        shown["origin"] = header["changeOrigin"].clone();
        shown["transaction_key"] = header["transactionKey"].clone();
        shown["sequence"] = header["sequenceNumber"].clone();
    }
    shown["fields"] = Value::Object(fields);
    shown
}

/// The client that made a change, as it named itself: `com/salesforce/api/rest/59.0;client=ferry`.
pub(super) fn client_of(origin: &str) -> Option<&str> {
    origin.split(';').find_map(|part| part.trim().strip_prefix("client="))
}

/// The payload of a platform event: our fields, and what Salesforce demands of each.
///
/// # Errors
/// A field that the event does not have, or that has another kind of value.
pub(super) fn written(
    known: &Known,
    fields: &Map<String, Value>,
    (now, user): (Timestamp, &str),
) -> Result<Vec<u8>, String> {
    if let Some(unknown) = fields.keys().find(|name| known.fields.iter().all(|field| field.name != **name)) {
        return Err(format!("`{}` has no field `{unknown}`", known.name));
    }
    let (created, by) = (json!(now.as_millisecond()), json!(user));
    let mut record = Vec::new();
    for field in &known.fields {
        let value = match (fields.get(&field.name), field.name.as_str()) {
            (None, "CreatedDate") => Some(&created),
            (None, "CreatedById") => Some(&by),
            (value, _) => value,
        };
        record.push((field.name.clone(), value::avro(field, value)?));
    }
    let writer = GenericDatumWriter::builder(&known.schema).build().map_err(|error| error.to_string())?;
    writer.write_value_to_vec(Avro::Record(record)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_of_a_change_is_the_one_that_named_itself() {
        for (origin, expected) in [
            ("com/salesforce/api/rest/59.0;client=ferry", Some("ferry")),
            ("com/salesforce/api/soap/59.0;client=Loader; x=1", Some("Loader")),
            ("com/salesforce/api/rest/59.0", None),
            ("", None),
        ] {
            assert_eq!(client_of(origin), expected, "{origin}");
        }
    }

    #[test]
    fn a_field_that_an_event_does_not_have_is_refused_before_it_goes() {
        let schema = r#"{"type":"record","name":"P__e","fields":[{"name":"CreatedDate","type":"long"},
            {"name":"CreatedById","type":"string"},{"name":"Amount__c","type":["null","double"]}]}"#;
        let known = Known::read("id", schema).unwrap();
        let written = |fields: Value| {
            let payload = written(&known, fields.as_object().unwrap(), (Timestamp::UNIX_EPOCH, "005"))?;
            Ok::<_, String>(shown(&known, read(&known, &payload).unwrap(), ("r", "i"))["fields"].clone())
        };
        let amount = json!({ "CreatedDate": 0, "CreatedById": "005", "Amount__c": 12.5 });
        assert_eq!(written(json!({ "Amount__c": "12.50" })).unwrap(), amount);
        assert_eq!(written(json!({ "Amuont__c": 1 })), Err("`P__e` has no field `Amuont__c`".to_owned()));
        assert_eq!(written(json!({ "Amount__c": "x" })), Err("`Amount__c` is no double: \"x\"".to_owned()));
    }
}
