//! The records of the org, deleted ones too.
//!
//! Times have whole seconds, as in Salesforce: changes within a second share their stamp.
//! A record is never changed in place: a change puts another in its stead, and whoever has found
//! the earlier one keeps it. What a transaction has changed can be taken back until it is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::ids;
use super::schema::{Field, Object};
use super::table::Table;

/// The fields of one record; one without a value is absent.
pub(crate) type Record = BTreeMap<&'static str, Value>;

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Store {
    tables: BTreeMap<&'static str, Table>,
    created: BTreeMap<&'static str, u64>,
    /// What was there before each change since the last mark.
    undo: Vec<(&'static Object, String, Option<Arc<Record>>)>,
    marks: usize,
}

impl Store {
    /// Puts a record in as it is, as if it had been there for long. Returns its id.
    pub(crate) fn seed(&mut self, object: &'static Object, mut record: Record, at: Timestamp) -> String {
        let number = self.created.entry(object.name).or_default();
        *number += 1;
        let id = ids::make(object.prefix, *number);
        record.insert("Id", Value::from(id.as_str()));
        record.insert("IsDeleted", Value::Bool(false));
        for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            record.insert(name, Value::from(stamp(at)));
        }
        self.put(object, &id, Some(Arc::new(record)));
        id
    }

    /// Says how many records of an object were ever created.
    pub(super) fn created(&self, object: &Object) -> u64 {
        self.created.get(object.name).copied().unwrap_or_default()
    }

    /// Says the records of an object, deleted ones too, by id.
    pub(super) fn with_deleted(&self, object: &Object) -> impl Iterator<Item = Arc<Record>> + '_ {
        self.tables.get(object.name).into_iter().flat_map(Table::all)
    }

    /// Says the records of an object, by id.
    pub(super) fn all(&self, object: &Object) -> impl Iterator<Item = Arc<Record>> + '_ {
        self.with_deleted(object).filter(|record| !is_deleted(record))
    }

    /// Finds a record by the 18 characters of its id.
    pub(crate) fn get(&self, object: &str, id: &str) -> Option<Arc<Record>> {
        self.get_any(object, id).filter(|record| !is_deleted(record))
    }

    /// The same, of deleted records too.
    pub(super) fn get_any(&self, object: &str, id: &str) -> Option<Arc<Record>> {
        self.tables.get(object)?.get(id)
    }

    /// Finds the ids of the records with this value of a key, in any case.
    pub(super) fn find(&self, object: &Object, field: &Field, value: &str) -> Vec<String> {
        self.tables.get(object.name).map(|table| table.find(field, value)).unwrap_or_default()
    }

    /// Puts a record in the stead of the one with its id, changed at `now`.
    pub(super) fn replace(&mut self, object: &'static Object, id: &str, mut record: Record, now: Timestamp) {
        for name in ["LastModifiedDate", "SystemModstamp"] {
            record.insert(name, Value::from(stamp(now)));
        }
        self.put(object, id, Some(Arc::new(record)));
    }

    /// Begins a transaction; they nest.
    pub(super) fn begin(&mut self) -> usize {
        self.marks += 1;
        self.undo.len()
    }

    /// Ends the transaction that began at `mark`; where it is not kept, nothing of it has happened.
    pub(super) fn end(&mut self, mark: usize, is_kept: bool) {
        self.marks = self.marks.saturating_sub(1);
        if !is_kept {
            for (object, id, before) in self.undo.split_off(mark).into_iter().rev() {
                self.table(object).put(object, &id, before);
            }
        }
        if self.marks == 0 {
            self.undo.clear();
        }
    }

    fn put(&mut self, object: &'static Object, id: &str, record: Option<Arc<Record>>) {
        if self.marks > 0 {
            let before = self.get_any(object.name, id);
            self.undo.push((object, id.to_owned(), before));
        }
        self.table(object).put(object, id, record);
    }

    fn table(&mut self, object: &'static Object) -> &mut Table {
        self.tables.entry(object.name).or_insert_with(|| Table::new(object))
    }
}

/// Writes a time as Salesforce does, such as `2026-04-01T10:00:00.000+0000`.
pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

/// Says whether a record is deleted.
pub(super) fn is_deleted(record: &Record) -> bool {
    record.get("IsDeleted") == Some(&Value::Bool(true))
}

/// Finds a value of a record; null where it has none.
pub(super) fn value<'a>(record: &'a Record, name: &str) -> &'a Value {
    record.get(name).unwrap_or(&Value::Null)
}

/// Finds a text of a record.
pub(crate) fn text<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    value(record, name).as_str()
}
