//! Very many records in little memory: each is one text, and is made whole when somebody looks at it.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::ids;
use super::records::{self, Record};
use super::schema::{Field, Key, Kind, Object};

/// What stands between two values; no value that a CSV file or JSON would hold.
const BETWEEN: char = '\u{1f}';

/// The records of one object, whose numbers count from 1 without a gap.
#[derive(Debug)]
pub(super) struct Packed {
    object: &'static Object,
    rows: Vec<Row>,
    /// Where the row with a key is, in lower case.
    keys: HashMap<Box<str>, u32>,
}

#[derive(Clone, Debug)]
struct Row {
    values: Box<str>,
    created_s: u32,
    changed_s: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    There,
    Deleted,
    /// It was never there: its transaction was rolled back.
    Gone,
}

impl Packed {
    /// An empty one.
    pub(super) fn new(object: &'static Object) -> Self {
        Self { object, rows: Vec::new(), keys: HashMap::new() }
    }

    /// Finds a record, deleted or not.
    pub(super) fn get(&self, id: &str) -> Option<Record> {
        let index = self.index(id)?;
        self.whole(index, self.rows.get(index)?)
    }

    /// Says all records, by id.
    pub(super) fn all(&self) -> impl Iterator<Item = Record> + '_ {
        self.rows.iter().enumerate().filter_map(|(index, row)| self.whole(index, row))
    }

    /// Finds the id of the record with a key.
    pub(super) fn find(&self, key: &str) -> Option<String> {
        let index = *self.keys.get(key.to_lowercase().as_str())?;
        Some(self.id(usize::try_from(index).ok()?))
    }

    /// Puts a record in, in the stead of the one with its id; nothing takes it away.
    pub(super) fn put(&mut self, id: &str, record: Option<&Record>) {
        let Some(index) = self.index(id) else { return };
        if let Some(key) = self.get(id).and_then(|record| self.key(&record)) {
            self.keys.remove(&key);
        }
        let row = match record {
            Some(record) => self.row(record),
            None => Row { values: "".into(), created_s: 0, changed_s: 0, state: State::Gone },
        };
        if row.state == State::There
            && let Some(key) = record.and_then(|record| self.key(record))
            && let Ok(index) = u32::try_from(index)
        {
            self.keys.insert(key, index);
        }
        if index < self.rows.len() {
            self.rows[index] = row;
        } else {
            let gap = Row { values: "".into(), created_s: 0, changed_s: 0, state: State::Gone };
            self.rows.resize(index, gap);
            self.rows.push(row);
        }
    }

    fn key(&self, record: &Record) -> Option<Box<str>> {
        let field = self.object.own.iter().find(|field| field.key != Key::No)?;
        records::text(record, field.name).map(|key| key.to_lowercase().into_boxed_str())
    }

    fn index(&self, id: &str) -> Option<usize> {
        let number = ids::number(self.object.prefix, id)?.checked_sub(1)?;
        usize::try_from(number).ok()
    }

    fn id(&self, index: usize) -> String {
        ids::make(self.object.prefix, index as u64 + 1)
    }

    fn row(&self, record: &Record) -> Row {
        let mut values = String::new();
        for (index, field) in self.object.own.iter().enumerate() {
            if index > 0 {
                values.push(BETWEEN);
            }
            match records::value(record, field.name) {
                Value::Null => {}
                Value::String(text) => values.push_str(text),
                other => values.push_str(&other.to_string()),
            }
        }
        let seconds = |name: &str| {
            let at = records::text(record, name).and_then(|text| text.parse::<Timestamp>().ok());
            at.and_then(|at| u32::try_from(at.as_second()).ok()).unwrap_or_default()
        };
        Row {
            values: values.into_boxed_str(),
            created_s: seconds("CreatedDate"),
            changed_s: seconds("SystemModstamp"),
            state: if records::is_deleted(record) { State::Deleted } else { State::There },
        }
    }

    fn whole(&self, index: usize, row: &Row) -> Option<Record> {
        if row.state == State::Gone {
            return None;
        }
        let stamp =
            |seconds: u32| Value::from(records::stamp(Timestamp::from_second(i64::from(seconds)).unwrap_or_default()));
        let mut record = Record::from([
            ("Id", Value::from(self.id(index))),
            ("IsDeleted", Value::Bool(row.state == State::Deleted)),
            ("CreatedDate", stamp(row.created_s)),
            ("LastModifiedDate", stamp(row.changed_s)),
            ("SystemModstamp", stamp(row.changed_s)),
        ]);
        for (field, text) in self.object.own.iter().zip(row.values.split(BETWEEN)) {
            if !text.is_empty() {
                record.insert(field.name, unpacked(field, text));
            }
        }
        Some(record)
    }
}

fn unpacked(field: &Field, text: &str) -> Value {
    match field.kind {
        Kind::Number | Kind::Decimal(_) | Kind::Flag => serde_json::from_str(text).unwrap_or(Value::Null),
        Kind::Id
        | Kind::Text(_)
        | Kind::Lines(_)
        | Kind::Email
        | Kind::Picklist(_)
        | Kind::Date
        | Kind::DateTime
        | Kind::Reference(_) => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::objects::BULK_TARGET;
    use super::*;

    #[test]
    fn a_record_comes_out_as_it_went_in() {
        let mut table = Packed::new(&BULK_TARGET);
        let at = json!("2026-04-01T10:00:00.000+0000");
        let amount: Value = serde_json::from_str("12.50").expect("it is a number");
        let record = |id: &str, key: &str, deleted: bool| {
            Record::from([
                ("Id", json!(id)),
                ("Key__c", json!(key)),
                ("Amount__c", amount.clone()),
                ("IsDeleted", json!(deleted)),
                ("CreatedDate", at.clone()),
                ("LastModifiedDate", at.clone()),
                ("SystemModstamp", at.clone()),
            ])
        };
        let (first, second) = (ids::make("a0B", 1), ids::make("a0B", 2));
        table.put(&first, Some(&record(&first, "K-1", false)));
        table.put(&second, Some(&record(&second, "K-2", false)));
        assert_eq!(table.get(&first), Some(record(&first, "K-1", false)));
        assert_eq!((table.find("k-2"), table.find("K-3")), (Some(second.clone()), None));
        table.put(&second, Some(&record(&second, "K-3", false)));
        assert_eq!((table.find("k-2"), table.find("K-3")), (None, Some(second.clone())));
        table.put(&first, Some(&record(&first, "K-1", true)));
        assert_eq!((table.find("K-1"), table.all().count()), (None, 2), "a deleted one is kept and not found");
        table.put(&second, None);
        assert_eq!((table.find("K-3"), table.all().count()), (None, 1));
    }
}
