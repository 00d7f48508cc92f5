//! How events travel over the Pub/Sub API: Avro, each kind of event with a schema of its own.
//!
//! Unchanged fields are null, and the header says as bitmaps which have changed: the header is field 0, and a compound
//! field has a bitmap of its own. Source: Change Data Capture Developer Guide, ChangeEventHeader; Pub/Sub API, event
//! deserialization considerations.

use std::sync::LazyLock;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Error, Schema};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::USER_ID;
use super::events::{self, Change, ChangeKind, Event, Told};
use super::objects::{self, OBJECTS};
use super::schema::{Field, Keeping, Kind, Object};

/// The parts of the compound fields, by the names that they have in REST.
const PARTS: [(&str, &str, &str); 12] = [
    ("FirstName", "Name", "FirstName"),
    ("LastName", "Name", "LastName"),
    ("BillingStreet", "BillingAddress", "Street"),
    ("BillingCity", "BillingAddress", "City"),
    ("BillingState", "BillingAddress", "State"),
    ("BillingPostalCode", "BillingAddress", "PostalCode"),
    ("BillingCountry", "BillingAddress", "Country"),
    ("MailingStreet", "MailingAddress", "Street"),
    ("MailingCity", "MailingAddress", "City"),
    ("MailingState", "MailingAddress", "State"),
    ("MailingPostalCode", "MailingAddress", "PostalCode"),
    ("MailingCountry", "MailingAddress", "Country"),
];

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let changes = OBJECTS.into_iter().filter(|object| object.keeping == Keeping::Told);
    changes.map(Known::change).chain(objects::platform_events().map(Known::published)).collect()
});

/// One kind of event.
#[derive(Debug)]
pub(super) struct Known {
    /// Where it is told.
    pub(super) topic: String,
    /// The schema's id, which is made of the schema.
    pub(super) id: String,
    /// The schema.
    pub(super) text: String,
    /// What it is about.
    pub(super) object: &'static Object,
    /// Whether anybody may publish it.
    pub(super) is_published: bool,
    schema: Schema,
    slots: Vec<Slot>,
}

/// A field of the schema of a change event.
#[derive(Debug)]
struct Slot {
    name: &'static str,
    /// The fields of REST, each with its name here; one of the slot's own name is no compound.
    parts: Vec<(&'static str, &'static Field)>,
}

impl Known {
    /// Finds one by its topic.
    pub(super) fn of_topic(topic: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.topic == topic)
    }

    /// Finds one by the id of its schema.
    pub(super) fn of_id(id: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.id == id)
    }

    /// Writes an event of its kind.
    ///
    /// # Errors
    /// That of the library, where an event does not fit its schema.
    pub(super) fn written(&self, event: &Event) -> Result<Vec<u8>, Error> {
        let record = match &event.told {
            Told::Change(change) => self.change_event(change, event.at),
            Told::Published(fields) => self.published_event(fields, event.at),
        };
        GenericDatumWriter::builder(&self.schema).build()?.write_value_to_vec(Avro::Record(record))
    }

    /// Reads what somebody publishes: its own fields.
    ///
    /// # Errors
    /// That of the library, where it does not fit its schema.
    pub(super) fn read(&self, mut payload: &[u8]) -> Result<Map<String, Value>, Error> {
        let read = GenericDatumReader::builder(&self.schema).build()?.read_value(&mut payload)?;
        let Avro::Record(fields) = read else { return Ok(Map::new()) };
        let own = fields.into_iter().filter(|(name, _)| self.object.own.iter().any(|field| field.name == name));
        Ok(own.map(|(name, value)| (name, json_of(value))).collect())
    }

    fn change(object: &'static Object) -> Self {
        let mut slots: Vec<Slot> = Vec::new();
        for field in object.own {
            let part = PARTS.iter().find(|(name, _, _)| *name == field.name);
            let (name, part) = part.map_or((field.name, field.name), |(_, name, part)| (*name, *part));
            match slots.iter_mut().find(|slot| slot.name == name) {
                Some(slot) => slot.parts.push((part, field)),
                None => slots.push(Slot { name, parts: vec![(part, field)] }),
            }
        }
        let name = events::change_topic(object.name);
        let event = name.trim_start_matches("/data/");
        let fields = slots.iter().map(Slot::schema);
        let stamps = ["CreatedDate", "LastModifiedDate"].map(|name| nullable(name, &json!("long"), "DateTime"));
        let fields: Vec<Value> = [header()].into_iter().chain(fields).chain(stamps).collect();
        let schema = json!({ "type": "record", "name": event, "namespace": "com.sforce.eventbus", "fields": fields });
        Self::new(object, &schema, name.clone(), slots)
    }

    fn published(object: &'static Object) -> Self {
        let created = json!({ "name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime" });
        let by = json!({ "name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId" });
        let own = object.own.iter().map(|field| field_schema(field.name, field));
        let fields: Vec<Value> = [created, by].into_iter().chain(own).collect();
        let schema =
            json!({ "type": "record", "name": object.name, "namespace": "com.sforce.eventbus", "fields": fields });
        Self { is_published: true, ..Self::new(object, &schema, format!("/event/{}", object.name), Vec::new()) }
    }

    fn new(object: &'static Object, schema: &Value, topic: String, slots: Vec<Slot>) -> Self {
        let text = schema.to_string();
        let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(&text)[..16]);
        let schema = Schema::parse_str(&text).expect("the schemas of the sandbox are valid");
        Self { topic, id, text, object, is_published: false, schema, slots }
    }

    fn change_event(&self, change: &Change, at: Timestamp) -> Vec<(String, Avro)> {
        let is_update = change.kind == ChangeKind::Update;
        let fields = |names: &[&str]| self.bitmaps(if is_update { names } else { &[] }, is_update);
        let header = Avro::Record(vec![
            ("entityName".to_owned(), text(change.entity)),
            ("recordIds".to_owned(), Avro::Array(vec![text(&change.id)])),
            ("changeType".to_owned(), Avro::Enum(change.kind as u32, change.kind.name().to_owned())),
            ("changeOrigin".to_owned(), text(&change.origin)),
            ("transactionKey".to_owned(), text(&change.transaction)),
            ("sequenceNumber".to_owned(), Avro::Int(i32::try_from(change.sequence).unwrap_or(i32::MAX))),
            ("commitTimestamp".to_owned(), Avro::Long(at.as_millisecond())),
            ("commitNumber".to_owned(), Avro::Long(i64::try_from(change.commit).unwrap_or(i64::MAX))),
            ("commitUser".to_owned(), text(USER_ID)),
            ("nulledFields".to_owned(), self.bitmaps(&change.nulled, false)),
            ("diffFields".to_owned(), Avro::Array(Vec::new())),
            ("changedFields".to_owned(), fields(&change.changed)),
        ]);
        let slot = |slot: &Slot| (slot.name.to_owned(), slot.value(change));
        let stamp = |is_there: bool| optional(is_there.then(|| Avro::Long(at.as_millisecond())));
        let stamps = [
            ("CreatedDate".to_owned(), stamp(change.kind == ChangeKind::Create)),
            ("LastModifiedDate".to_owned(), stamp(matches!(change.kind, ChangeKind::Create | ChangeKind::Update))),
        ];
        let header = ("ChangeEventHeader".to_owned(), header);
        [header].into_iter().chain(self.slots.iter().map(slot)).chain(stamps).collect()
    }

    fn published_event(&self, fields: &Map<String, Value>, at: Timestamp) -> Vec<(String, Avro)> {
        let created = ("CreatedDate".to_owned(), Avro::Long(at.as_millisecond()));
        let by = ("CreatedById".to_owned(), text(USER_ID));
        let own = self.object.own.iter();
        let own = own.map(|field| (field.name.to_owned(), optional(fields.get(field.name).map(|it| avro(field, it)))));
        [created, by].into_iter().chain(own).collect()
    }

    /// The places of fields: those of the schema itself, then those of each compound field after its own place.
    fn bitmaps(&self, names: &[&str], with_stamp: bool) -> Avro {
        // The stamps stand behind all slots; the second of them is that of the last change.
        let mut top = if with_stamp { 1u128 << (self.slots.len() + 2) } else { 0 };
        let mut nested = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let parts = slot.parts.iter().enumerate().filter(|(_, (_, field))| names.contains(&field.name));
            let bits: u128 = parts.map(|(bit, _)| 1 << bit).sum();
            if bits > 0 && slot.is_compound() {
                nested.push(format!("{}-0x{bits:02X}", index + 1));
            } else if bits > 0 {
                top |= 1 << (index + 1);
            }
        }
        let top = (top > 0).then(|| format!("0x{top:02X}"));
        Avro::Array(top.into_iter().chain(nested).map(Avro::String).collect())
    }
}

impl Slot {
    fn is_compound(&self) -> bool {
        self.parts.iter().any(|(part, _)| *part != self.name)
    }

    fn schema(&self) -> Value {
        if !self.is_compound() {
            return field_schema(self.name, self.parts[0].1);
        }
        let (record, kind) = if self.name == "Name" {
            ("PersonName".to_owned(), "PersonName")
        } else {
            (self.name.to_owned(), "Address")
        };
        let parts: Vec<Value> = self.parts.iter().map(|(part, field)| field_schema(part, field)).collect();
        nullable(self.name, &json!({ "type": "record", "name": record, "fields": parts }), kind)
    }

    fn value(&self, change: &Change) -> Avro {
        let value = |field: &Field| optional(change.values.get(field.name).map(|value| avro(field, value)));
        if !self.is_compound() {
            return value(self.parts[0].1);
        }
        let is_there = self.parts.iter().any(|(_, field)| change.values.contains_key(field.name));
        let parts = self.parts.iter().map(|(part, field)| ((*part).to_owned(), value(field)));
        optional(is_there.then(|| Avro::Record(parts.collect())))
    }
}

fn header() -> Value {
    let texts = json!({ "type": "array", "items": "string" });
    let kinds: Vec<&str> = ChangeKind::ALL.into_iter().map(ChangeKind::name).collect();
    let field = |name: &str, kind: &Value| json!({ "name": name, "type": kind });
    let (string, long) = (json!("string"), json!("long"));
    let fields = [
        field("entityName", &string),
        field("recordIds", &texts),
        field("changeType", &json!({ "type": "enum", "name": "ChangeType", "symbols": kinds })),
        field("changeOrigin", &string),
        field("transactionKey", &string),
        field("sequenceNumber", &json!("int")),
        field("commitTimestamp", &long),
        field("commitNumber", &long),
        field("commitUser", &string),
        field("nulledFields", &texts),
        field("diffFields", &texts),
        field("changedFields", &texts),
    ];
    let record = json!({ "type": "record", "name": "ChangeEventHeader", "fields": fields });
    json!({ "name": "ChangeEventHeader", "type": record })
}

fn field_schema(name: &str, field: &Field) -> Value {
    let (kind, said) = match field.kind {
        Kind::Number => ("double", "Currency"),
        Kind::Decimal(_) => ("double", "Double"),
        Kind::Flag => ("boolean", "Boolean"),
        Kind::Date => ("long", "DateOnly"),
        Kind::DateTime => ("long", "DateTime"),
        Kind::Reference(_) | Kind::Id => ("string", "EntityId"),
        Kind::Email => ("string", "Email"),
        Kind::Picklist(_) => ("string", "DynamicEnum"),
        Kind::Text(_) | Kind::Lines(_) => ("string", "Text"),
    };
    nullable(name, &json!(kind), said)
}

fn nullable(name: &str, kind: &Value, said: &str) -> Value {
    json!({ "name": name, "type": ["null", kind], "doc": format!("Data:{said}"), "default": null })
}

fn text(text: &str) -> Avro {
    Avro::String(text.to_owned())
}

fn optional(value: Option<Avro>) -> Avro {
    value.map_or_else(|| Avro::Union(0, Box::new(Avro::Null)), |value| Avro::Union(1, Box::new(value)))
}

/// A value of REST; times are milliseconds since 1970.
fn avro(field: &Field, value: &Value) -> Avro {
    let said = value.as_str().unwrap_or_default();
    match field.kind {
        Kind::Number | Kind::Decimal(_) => Avro::Double(value.to_string().parse().unwrap_or_default()),
        Kind::Flag => Avro::Boolean(value == &Value::Bool(true)),
        Kind::Date => {
            let day = said.parse::<Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok());
            Avro::Long(day.map_or(0, |day| day.timestamp().as_millisecond()))
        }
        Kind::DateTime => Avro::Long(said.parse::<Timestamp>().map_or(0, Timestamp::as_millisecond)),
        Kind::Id | Kind::Text(_) | Kind::Lines(_) | Kind::Email | Kind::Picklist(_) | Kind::Reference(_) => text(said),
    }
}

/// What is published, as in a body of REST.
fn json_of(value: Avro) -> Value {
    match value {
        Avro::Union(_, value) => json_of(*value),
        Avro::Boolean(flag) => Value::Bool(flag),
        Avro::Int(number) => json!(number),
        Avro::Long(number) => json!(number),
        // The shortest text that is this number: what somebody wrote.
        Avro::Double(number) => serde_json::from_str(&number.to_string()).unwrap_or_default(),
        Avro::String(text) => Value::from(text),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_name_fields_by_their_places_and_parts_of_compounds_by_theirs() {
        let contact = Known::of_topic("/data/ContactChangeEvent").unwrap();
        let shown = |names: &[&str]| format!("{:?}", contact.bitmaps(names, false));
        // The name is field 1, and Email field 2.
        assert_eq!(shown(&["Email"]), r#"Array([String("0x04")])"#);
        assert_eq!(shown(&["LastName", "Email"]), r#"Array([String("0x04"), String("1-0x02")])"#);
        assert_eq!(shown(&["MailingCity"]), r#"Array([String("6-0x02")])"#);
        assert_eq!(shown(&[]), "Array([])");
    }
}
