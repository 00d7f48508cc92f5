//! What persons allowed, kept in the store: rows that processes share.

use std::sync::Arc;

use ferry_connectors::auth::Consents;
use ferry_contract::port::Boxed;
use serde_json::Value;

use crate::store::{Change, Store, StoreError};

/// The consents of a store.
pub struct StoreConsents {
    store: Arc<dyn Store>,
}

impl StoreConsents {
    /// Those of this store.
    pub fn new(store: &Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store: Arc::clone(store) })
    }
}

impl Consents for StoreConsents {
    fn read<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<(u64, Value)>, String>> {
        Box::pin(async move {
            let row = self.store.shared(name).await.map_err(|error| error.to_string())?;
            Ok(row.map(|row| (row.version, row.value)))
        })
    }

    fn write<'a>(&'a self, name: &'a str, expected: u64, value: Value) -> Boxed<'a, Result<bool, String>> {
        Box::pin(async move {
            let change = Change::Share { name: name.to_owned(), expected, value };
            match self.store.commit(vec![change]).await {
                Ok(_) => Ok(true),
                Err(StoreError::Stale(_)) => Ok(false),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}
