//! Items of reconciliations, as rows.

use std::collections::BTreeSet;

use ferry_contract::key::Digest;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    limits::ITEM_NAME_INDEXED_MAX_BYTES,
    store::{Item, ItemName, StoreError, StoredItem, printable},
};

/// What is kept of an item.
#[derive(Clone, Debug)]
pub(in crate::store) struct ItemRecord {
    pub(in crate::store) kind: String,
    pub(in crate::store) state: String,
    pub(in crate::store) what: String,
    /// The names of its rows, of each side a list as JSON.
    pub(in crate::store) lefts: String,
    pub(in crate::store) rights: String,
    pub(in crate::store) data: String,
    pub(in crate::store) by: String,
    pub(in crate::store) reason: String,
    pub(in crate::store) at_ms: i64,
    /// Its last change, among those of all items.
    pub(in crate::store) number: i64,
}

/// A name by which an item is found.
pub(in crate::store) type Finding = (ItemName, String);

impl ItemRecord {
    pub(in crate::store) fn of(item: &Item, number: i64) -> Result<Self, StoreError> {
        Ok(Self {
            kind: item.kind.name().to_owned(),
            state: item.state.name().to_owned(),
            what: printable(&item.what),
            lefts: json(&item.left)?,
            rights: json(&item.right)?,
            data: json(&item.data)?,
            by: printable(&item.by),
            reason: printable(&item.reason),
            at_ms: item.at.as_millisecond(),
            number,
        })
    }

    /// Whether it says the same, whoever said it and when.
    pub(in crate::store) fn says(&self, item: &Item) -> Result<bool, StoreError> {
        let is = |read: &[String], text: &str| Ok::<_, StoreError>(value::<Vec<String>>(text)? == read);
        Ok(self.kind == item.kind.name()
            && self.state == item.state.name()
            && self.what == printable(&item.what)
            && is(&item.left, &self.lefts)?
            && is(&item.right, &self.rights)?
            // Not as text: members may stand in another order.
            && value::<Value>(&self.data)? == item.data)
    }

    /// The names by which it is found: its key, and those of its rows.
    pub(in crate::store) fn findings(&self, name: &ItemName) -> Result<BTreeSet<Finding>, StoreError> {
        let rows = [value::<Vec<String>>(&self.lefts)?, value(&self.rights)?].concat();
        let names = rows.iter().chain([&name.key]);
        Ok(names.map(|text| (name.clone(), found_by(text))).collect())
    }

    pub(in crate::store) fn stored(self, name: ItemName) -> Result<StoredItem, StoreError> {
        let item = Item {
            kind: named(self.kind)?,
            state: named(self.state)?,
            what: self.what,
            left: value(&self.lefts)?,
            right: value(&self.rights)?,
            data: value(&self.data)?,
            by: self.by,
            reason: self.reason,
            at: Timestamp::from_millisecond(self.at_ms).map_err(failed)?,
        };
        Ok(StoredItem {
            project: name.project,
            book: name.book,
            key: name.key,
            number: self.number.unsigned_abs(),
            item,
        })
    }
}

/// A name as it is looked for: a long one by its digest, because no index takes it whole in every store.
pub(in crate::store) fn found_by(name: &str) -> String {
    let name = printable(name);
    if name.len() > ITEM_NAME_INDEXED_MAX_BYTES { Digest::of(name).as_str().to_owned() } else { name }
}

fn named<T: DeserializeOwned>(name: String) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(name)).map_err(failed)
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(failed)
}

fn value<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}
