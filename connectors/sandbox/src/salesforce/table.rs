//! The records of one object, deleted ones too, and the index of the fields that identify them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::packed::Packed;
use super::records::{self, Record};
use super::schema::{Field, Keeping, Key, Object};

/// The records of one object.
#[derive(Debug)]
pub(super) enum Table {
    /// Each as it is.
    Whole(Whole),
    /// Packed.
    Packed(Packed),
}

/// Records that are kept as they are.
#[derive(Debug, Default)]
pub(super) struct Whole {
    rows: BTreeMap<String, Arc<Record>>,
    /// By field, then by value in lower case.
    keys: BTreeMap<&'static str, HashMap<String, Vec<String>>>,
}

impl Table {
    /// An empty one.
    pub(super) fn new(object: &'static Object) -> Self {
        match object.keeping {
            Keeping::Told | Keeping::Silent => Self::Whole(Whole::default()),
            Keeping::Packed => Self::Packed(Packed::new(object)),
        }
    }

    /// Finds a record, deleted or not.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Record>> {
        match self {
            Self::Whole(table) => table.rows.get(id).cloned(),
            Self::Packed(table) => table.get(id).map(Arc::new),
        }
    }

    /// Says all records, deleted ones too, by id.
    pub(super) fn all(&self) -> Box<dyn Iterator<Item = Arc<Record>> + '_> {
        match self {
            Self::Whole(table) => Box::new(table.rows.values().cloned()),
            Self::Packed(table) => Box::new(table.all().map(Arc::new)),
        }
    }

    /// Finds the ids of the records with this value of a key, in any case; not of deleted ones.
    pub(super) fn find(&self, field: &Field, value: &str) -> Vec<String> {
        match self {
            Self::Whole(table) => {
                let of_field = table.keys.get(field.name);
                of_field.and_then(|values| values.get(&value.to_lowercase())).cloned().unwrap_or_default()
            }
            Self::Packed(table) => table.find(value).into_iter().collect(),
        }
    }

    /// Puts a record in, in the stead of the one with its id; nothing takes it away.
    pub(super) fn put(&mut self, object: &Object, id: &str, record: Option<Arc<Record>>) {
        match self {
            Self::Whole(table) => table.put(object, id, record),
            Self::Packed(table) => table.put(id, record.as_deref()),
        }
    }
}

impl Whole {
    fn put(&mut self, object: &Object, id: &str, record: Option<Arc<Record>>) {
        let before = match &record {
            Some(record) => self.rows.insert(id.to_owned(), Arc::clone(record)),
            None => self.rows.remove(id),
        };
        for field in object.own.iter().filter(|field| field.key != Key::No) {
            let value = |record: &Option<Arc<Record>>| {
                let record = record.as_ref().filter(|record| !records::is_deleted(record))?;
                records::text(record, field.name).map(str::to_lowercase)
            };
            let (old, new) = (value(&before), value(&record));
            if old == new {
                continue;
            }
            let values = self.keys.entry(field.name).or_default();
            if let Some(ids) = old.and_then(|old| values.get_mut(&old)) {
                ids.retain(|one| one != id);
            }
            if let Some(new) = new {
                values.entry(new).or_default().push(id.to_owned());
            }
        }
    }
}
