//! Which fields of a record a call asks for, and what is known of each.

use std::str::Split;

use ferry_contract::{
    catalog::Action,
    expression::{Expression, Made},
    record::{Field, Record, Role},
    report::{At, Report},
    schema::{Refusal, Schema},
    shape::Shape,
    suggest,
};
use serde_json::Value;

use crate::project::Described;

/// What a call asks for of a record.
pub(super) struct Asks<'a> {
    /// The fields, with their places; nothing where only a run can know them.
    names: Option<Vec<(&'a str, At)>>,
    described: Option<Described<'a>>,
}

impl<'a> Asks<'a> {
    /// The fields that stand in the input as they are.
    pub(super) fn of(action: &Action, with: &'a Expression, described: Option<Described<'a>>) -> Self {
        let names = action.selects.as_ref().and_then(|selects| literal_list(with, selects));
        // A function of the query language, such as `FIELDS(STANDARD)`, gives fields that are not named here.
        let is_field =
            |(name, _): &(&str, At)| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
        Self { names: names.filter(|names| names.iter().all(is_field)), described }
    }

    /// Reports fields that are not there.
    pub(super) fn names(&self, report: &mut Report) {
        let Some(described) = self.described else { return };
        for (name, at) in self.names.iter().flatten() {
            exists(described, &mut name.split('.'), *at, report);
        }
    }

    /// What an action gives of these fields.
    pub(super) fn selected(&self, schema: Schema) -> Shape {
        if schema.open { self.record(schema).into() } else { self.inside(schema).into() }
    }

    /// The same for the records in what it gives.
    fn inside(&self, schema: Schema) -> Schema {
        if schema.record == Some(Role::Read) {
            return self.record(schema);
        }
        let properties = schema.properties.into_iter().map(|(name, inner)| (name, self.inside(inner))).collect();
        let items = schema.items.map(|items| Box::new(self.inside(*items)));
        Schema { properties, items, ..schema }
    }

    fn record(&self, mut schema: Schema) -> Schema {
        match &self.names {
            Some(names) => {
                names.iter().for_each(|(name, _)| add(&mut schema, &mut name.split('.'), self.described));
                Schema { open: false, ..schema }
            }
            None => {
                let all = self.described.map(|described| described.record.schema(Role::Read).properties);
                schema.properties.extend(all.unwrap_or_default());
                schema
            }
        }
    }
}

/// The field, or the parent, that a name means; nothing where none is near.
fn meant<'a>(record: &'a Record, name: &str, is_field: bool) -> Option<&'a str> {
    let known = names_of(record, is_field);
    known.iter().copied().find(|known| *known == name).or_else(|| suggest::nearest(name, known))
}

fn names_of(record: &Record, is_field: bool) -> Vec<&str> {
    let fields = record.fields.iter();
    if is_field {
        fields.map(|field| field.name.as_str()).collect()
    } else {
        fields.filter_map(|field| Some(field.parent.as_ref()?.name.as_str())).collect()
    }
}

/// Reports the first name of a way through records that leads nowhere.
fn exists(described: Described<'_>, names: &mut Split<'_, char>, at: At, report: &mut Report) {
    let Some(name) = names.next() else { return };
    let record = described.record;
    let is_last = names.clone().next().is_none();
    let known = names_of(record, is_last);
    if !known.contains(&name) {
        let what = if is_last { "field" } else { "parent" };
        let message = format!("`{}` has no {what} `{name}`", record.name);
        report.unknown("unknown-field", at, message, (name, &known));
        return;
    }
    if let (Some(parent), false) = (described.parent(name), is_last) {
        exists(parent, names, at, report);
    }
}

/// A field, and those inside it where the name has dots.
fn add(schema: &mut Schema, names: &mut Split<'_, char>, described: Option<Described<'_>>) {
    let Some(name) = names.next() else { return };
    let is_last = names.clone().next().is_none();
    // A slip of the hand was found where the fields are listed: what reads it should be led to the right name.
    let Some(name) = described.map_or(Some(name), |described| meant(described.record, name, is_last)) else { return };
    if schema.property(name).is_none() {
        let field = described.filter(|_| is_last).and_then(|described| described.record.field(name));
        let unknown = || Schema { open: true, ..Schema::default() };
        schema.properties.push((name.to_owned(), field.map_or_else(unknown, Field::schema)));
    }
    let inner = schema.properties.iter_mut().find(|(known, _)| known == name);
    if let (Some((_, inner)), false) = (inner, is_last) {
        inner.open = false;
        add(inner, names, described.and_then(|described| described.parent(name)));
    }
}

/// The texts of a list that stands in the input as it is.
fn literal_list<'a>(with: &'a Expression, field: &str) -> Option<Vec<(&'a str, At)>> {
    let Made::List(items) = &entry(with, field)?.made else { return None };
    let text = |item: &'a Expression| match &item.made {
        Made::Literal(Value::String(text)) => Some((text.as_str(), item.at)),
        _ => None,
    };
    items.iter().map(text).collect()
}

/// A value that stands in the input as it is.
pub(super) fn literal<'a>(with: &'a Expression, field: &str) -> Option<&'a Value> {
    match &entry(with, field)?.made {
        Made::Literal(value) => Some(value),
        _ => None,
    }
}

fn entry<'a>(with: &'a Expression, field: &str) -> Option<&'a Expression> {
    let Made::Object(entries) = &with.made else { return None };
    entries.iter().find(|(name, _)| name.value == field).map(|(_, value)| value)
}

/// An input in which the field that names the record is not among those that are written: it is there already.
pub(super) fn without_key(mut input: Schema, with: &Expression) -> Schema {
    let keys = input.properties.iter().filter(|(_, schema)| schema.record == Some(Role::Key));
    let keys = keys.filter_map(|(place, _)| match &entry(with, place)?.made {
        Made::Object(entries) => Some(entries.iter().map(|(name, _)| (name.value.clone(), place.clone()))),
        _ => None,
    });
    let keys: Vec<(String, String)> = keys.flatten().collect();
    for (_, schema) in input.properties.iter_mut().filter(|(_, schema)| schema.record == Some(Role::Upsert)) {
        for (name, schema) in &mut schema.properties {
            if let Some((_, place)) = keys.iter().find(|(key, _)| key == name) {
                let why = format!("is in `{place}` already, and may not be written twice");
                schema.refused = Some(Refusal { why, help: "remove it here".to_owned() });
            }
        }
    }
    input
}
